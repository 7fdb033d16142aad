import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch

from eegdae.alignment import Alignment, AlignmentSpec
from eegdae.coder import CodeModel
from eegdae.errors import EegdaeError
from eegdae.evaluation.heads import LogisticHead
from eegdae.features import View, compute_views
from eegdae.models import (
    CodeClassifier,
    Convolution,
    PassThrough,
    StackedAutoencoder,
    ViewStacks,
    new_stack,
)
from eegdae.randomness import Stream
from eegdae.recentring import Recentring
from eegdae.scaling import Scaler
from eegdae.windows import Windows

VIEWS = (View("raw", "raw", hidden=(5, 2)), View("power", "power", {"alpha": (8.0, 13.0)}))
NAMES, UNITS = ("Fz", "Cz", "acc"), ("uV", "uV", "g")


def windows(n=8, **changes):
    x = np.random.default_rng(0).normal(size=(n, 3, 64)).astype(np.float32)
    metadata = pd.DataFrame({"subject": [str(k % 2) for k in range(n)], "session": "s", "run": "r"})
    return dataclasses.replace(Windows(x, metadata, 64.0, NAMES, UNITS), **changes)


def model(head="logistic", **changes):
    features = compute_views(windows(), VIEWS)
    stacks = ViewStacks(
        {
            "raw": StackedAutoencoder(192, hidden=(5, 2), activation="tanh", code_activation="linear").reset(
                Stream(0)
            ),
            "power": StackedAutoencoder(3, hidden=(2,), code_activation="linear").reset(Stream(1)),
        }
    )
    scalers = {
        "raw": Scaler.fit(features["raw"], "standard", n_groups=3),
        "power": Scaler.fit(features["power"], "minmax"),
    }
    rng = np.random.default_rng(1)
    heads = {
        "none": None,
        "logistic": LogisticHead.fit(rng.normal(size=(30, 4)), np.arange(30) % 3, n_classes=3),
        "linear": CodeClassifier({"x": PassThrough(4)}, n_outputs=3).reset_head(Stream(2)),
        "mlp": CodeClassifier({"x": PassThrough(4)}, n_outputs=3, width=6, dropout=0.5).reset_head(Stream(2)),
    }
    if isinstance(heads[head], CodeClassifier):
        heads[head].fit_code_scale(
            {"x": torch.randn(9, 4, generator=torch.Generator().manual_seed(0)) * 3 + 1}
        )
    for module in (*stacks.values(), heads[head]):
        if isinstance(module, torch.nn.Module):
            module.requires_grad_(False)
    return CodeModel(
        VIEWS, scalers, stacks, 64.0, 64, NAMES, UNITS, classes=("go", "left", "stop"), head=heads[head],
        corruption="gaussian", **changes,
    )  # fmt: skip


def test_codes_are_those_of_each_view_side_by_side():
    m, w = model(), windows()
    codes = m.transform(w)
    assert codes.dtype == np.float32
    assert codes.shape == (8, 4) == (8, m.n_codes)
    x = (torch.from_numpy(w.x).flatten(1) - m.scalers["raw"].center) / m.scalers["raw"].scale
    np.testing.assert_allclose(codes[:, :2], m.stacks["raw"].encode(x), atol=1e-6)
    np.testing.assert_allclose(m.transform(windows(n=3)), m.transform(windows(n=3)), atol=0)


def test_reconstruction_is_in_the_unit_of_the_features():
    m, w = model(), windows()
    back = m.reconstruct(w)
    assert back["raw"].shape == w.x.shape
    assert back["power"].shape == (8, 3)
    z = m.stacks["raw"](m.scaled(w)["raw"])
    expected = (z * m.scalers["raw"].scale + m.scalers["raw"].center).reshape(8, 3, 64)
    np.testing.assert_allclose(back["raw"], expected, rtol=1e-5)


def test_an_alignment_is_taken_back_in_a_reconstruction():
    m, w = model(alignment=AlignmentSpec("zscore")), windows()
    who = w.metadata["subject"].to_numpy()
    for view in VIEWS:
        x = view.features(w)
        alignment = Alignment.fit(x, who, "zscore", n_groups=3 if view.is_raw else None)
        z = m.scalers[view.name].transform(alignment.transform(x, who))
        torch.testing.assert_close(z, m.scaled(w)[view.name])
        back = m.scalers[view.name].inverse_transform(m.stacks[view.name](z))
        expected = torch.stack(
            [
                row * alignment.scalers[s].scale + alignment.scalers[s].center
                for row, s in zip(back, who, strict=True)
            ]
        )
        np.testing.assert_allclose(m.reconstruct(w)[view.name].reshape(8, -1), expected, rtol=1e-4, atol=1e-5)


def tangent_model(**changes):
    """A model of two views of covariances, nothing trained."""
    views = (
        View("whole", "covariance_tangent", options={"n_components": 2}),
        View(
            "bands",
            "filter_bank_tangent",
            {"low": (2.0, 9.0), "high": (9.0, 30.0)},
            options={"metric": "logeuclid"},
        ),
    )
    w = windows(40)
    spaces = {view.name: view.fit_projection(view.features(w), 3) for view in views}
    v = {view.name: spaces[view.name].transform(view.features(w)) for view in views}
    stacks = ViewStacks(
        {
            name: StackedAutoencoder(x.shape[1], hidden=(2,), code_activation="linear")
            .reset(Stream(1))
            .requires_grad_(False)
            for name, x in v.items()
        }
    )
    scalers = {name: Scaler.fit(x, "standard") for name, x in v.items()}
    return CodeModel(views, scalers, stacks, 64.0, 64, NAMES, UNITS, projections=spaces, **changes)


@pytest.mark.parametrize("alignment", ["none", "zscore"])
def test_codes_and_reconstructions_of_covariances(alignment, tmp_path):
    m, w = tangent_model(alignment=AlignmentSpec(alignment)), windows(20)
    who = w.metadata["subject"].to_numpy()
    view = m.views[0]
    v = m.projections["whole"].transform(view.features(w))
    aligned = Alignment.fit(v, who, alignment)
    z = m.scalers["whole"].transform(aligned.transform(v, who))
    assert z.shape == (20, 3)
    assert torch.equal(z, m.scaled(w)["whole"])
    np.testing.assert_array_equal(m.transform(w)[:, :2], m.stacks["whole"].encode(z))
    back = aligned.inverse_transform(m.scalers["whole"].inverse_transform(m.stacks["whole"](z)), who)
    expected = m.projections["whole"].inverse_transform(back)
    found = m.reconstruct(w)
    np.testing.assert_allclose(found["whole"], expected, rtol=1e-6)
    assert found["whole"].shape == view.features(w).shape
    for view in m.views:
        c = view.matrices(torch.from_numpy(found[view.name]), 3)
        assert (np.linalg.eigvalsh(c) > 0).all()
    torch.save(m.state(), tmp_path / "model.ckpt")
    state = torch.load(tmp_path / "model.ckpt", weights_only=True)
    twin = CodeModel.from_state(state)
    assert np.array_equal(twin.transform(w), m.transform(w))
    assert all(np.array_equal(twin.reconstruct(w)[name], x) for name, x in found.items())
    assert twin.views == m.views
    del state["projections"]["bands"]
    with pytest.raises(ValueError, match=r"projections \['whole'\] for the views \['bands', 'whole'\]"):
        CodeModel.from_state(state)


def test_a_checkpoint_from_before_there_were_options_is_read():
    state = model().state()
    del state["projections"], state["joint"]
    for view in state["views"]:
        del view["options"]
    assert np.array_equal(CodeModel.from_state(state).transform(windows()), model().transform(windows()))


@pytest.mark.parametrize("head", ["none", "logistic", "linear", "mlp"])
@pytest.mark.parametrize("alignment", ["none", "zscore"])
def test_state_round_trip_through_a_file_of_tensors_and_plain_data(head, alignment, tmp_path):
    m, w = model(head, alignment=AlignmentSpec(alignment)), windows()
    torch.save(m.state(), tmp_path / "model.ckpt")
    twin = CodeModel.from_state(torch.load(tmp_path / "model.ckpt", weights_only=True))
    assert np.array_equal(twin.transform(w), m.transform(w))
    assert all(np.array_equal(twin.reconstruct(w)[view], x) for view, x in m.reconstruct(w).items())
    for field in ("views", "sfreq", "n_times", "ch_names", "units", "classes", "alignment", "corruption"):
        assert getattr(twin, field) == getattr(m, field), field
    if head != "none":
        proba = m.predict_proba(w)
        np.testing.assert_allclose(proba.sum(1), 1)
        assert np.array_equal(twin.predict_proba(w), proba)
        assert twin.predict(w).tolist() == [m.classes[k] for k in proba.argmax(1)]
        assert m.predict(windows(n=0)).tolist() == [] if alignment == "none" else True


def deep_model(joint=7):
    """Raw windows and a matrix convolved, power dense, all fused; nothing trained."""
    views = (VIEWS[0], View("wpli", "wpli", {"low": (4.0, 16.0)}), VIEWS[1])
    w = windows()
    features = compute_views(w, views)
    options = {"hidden": (4,), "residual": True, "layer_norm": True, "tied": True}
    of_views = (Convolution("1d", (3, 5), 3, 3), Convolution("2d", (3,), 3), None)
    stacks = {}
    for view, convolution in zip(views, of_views, strict=True):
        layout = view.layout(features[view.name], n_chans=3, sfreq=64.0)
        stack = new_stack(layout, convolution=convolution, **options)
        stacks[view.name] = stack.reset(Stream(view.name)).requires_grad_(False)
    fused = StackedAutoencoder(12, hidden=(joint,)).reset(Stream(9)).requires_grad_(False) if joint else None
    scalers = {name: Scaler.fit(x, "standard") for name, x in features.items()}
    return CodeModel(views, scalers, ViewStacks(stacks, fused), 64.0, 64, NAMES, UNITS)


@pytest.mark.parametrize("joint", [None, 7])
def test_convolutions_and_a_joint_layer_through_a_file(joint, tmp_path):
    m, w = deep_model(joint), windows()
    torch.save(m.state(), tmp_path / "model.ckpt")
    twin = CodeModel.from_state(torch.load(tmp_path / "model.ckpt", weights_only=True))
    codes = m.transform(w)
    assert codes.shape == (8, joint or 12) == (8, m.n_codes)
    assert np.array_equal(twin.transform(w), codes)
    back, again = m.reconstruct(w), twin.reconstruct(w)
    assert all(np.array_equal(again[name], x) for name, x in back.items())
    assert back["raw"].shape == w.x.shape
    c = m.views[1].matrices(torch.from_numpy(back["wpli"]), 3)
    np.testing.assert_array_equal(c, c.swapaxes(-1, -2))
    # what comes back is what the codes say: through the joint layer, where there is one
    decoded = m.stacks.decode(torch.from_numpy(codes))
    expected = m.scalers["power"].inverse_transform(decoded["power"])
    np.testing.assert_allclose(back["power"], expected, rtol=1e-5)


def test_a_joint_layer_needs_all_views():
    m, who = deep_model(), windows().metadata["subject"].to_numpy()
    power = {"power": VIEWS[1].features(windows())}
    with pytest.raises(EegdaeError, match="the joint layer needs every view; raw, wpli is missing"):
        m.reconstruct_features(power, who)
    assert set(deep_model(None).reconstruct_features(power, who)) == {"power"}


def test_no_head_no_classes():
    with pytest.raises(EegdaeError, match=r"^head: the run was trained without labels"):
        model("none").predict(windows())


@pytest.mark.parametrize("order", [(2, 1, 0), (1, 0, 2)])
def test_channels_in_another_order_give_the_same_codes(order):
    w, at = windows(mask=None, ch_pos=np.arange(9.0).reshape(3, 3)), list(order)
    shuffled = windows(
        x=w.x[:, at],
        ch_names=tuple(NAMES[k] for k in at),
        units=tuple(UNITS[k] for k in at),
        ch_pos=w.ch_pos[at],
    )
    m = model()
    assert np.array_equal(m.transform(shuffled), m.transform(w))
    back = m.fit_channels(shuffled)
    assert back.ch_names == NAMES
    assert back.units == UNITS
    assert np.array_equal(back.ch_pos, w.ch_pos)
    assert m.fit_channels(w) is w


def test_missing_samples_follow_their_channel_and_do_not_count():
    mask = np.random.default_rng(3).random((8, 3, 64)) > 0.2
    m = model()
    raw_only = dataclasses.replace(m, views=VIEWS[:1], stacks=ViewStacks({"raw": m.stacks["raw"]}))
    a, b = windows(mask=mask), windows(mask=mask)
    b.x[~mask] = 55.0
    codes = raw_only.transform(a)
    assert np.array_equal(raw_only.transform(b), codes)
    at = [2, 0, 1]
    names, units = tuple(NAMES[k] for k in at), tuple(UNITS[k] for k in at)
    assert np.array_equal(
        raw_only.transform(windows(x=a.x[:, at], mask=mask[:, at], ch_names=names, units=units)), codes
    )


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"ch_names": ("Fz", "Cz", "gyr")},
            r"channels differ from the run's Fz, Cz, acc: misses acc; adds gyr",
        ),
        ({"sfreq": 128.0}, r"sampling rate is 128 Hz, the run's is 64 Hz; set data\.prepare\.sfreq=64"),
        ({"units": ("uV", "mV", "g")}, r"unit of channel Cz is 'mV', the run's is 'uV'"),
        (
            {"x": np.zeros((8, 3, 65), np.float32)},
            r"^windows\.size: 65 samples a window, the run's have 64 \(1 s\)",
        ),
        ({"x": np.zeros((8, 2, 64), np.float32), "ch_names": NAMES[:2], "units": UNITS[:2]}, r"misses acc$"),
    ],
)
def test_windows_that_do_not_fit_say_which(changes, says):
    with pytest.raises(EegdaeError, match=says) as caught:
        model().transform(windows(**changes))
    assert "\n" not in str(caught.value)


def test_another_reference_is_refused():
    w = windows()
    m = model(reference=("A1", "A2"))
    with pytest.raises(
        EegdaeError, match="data: the reference is as recorded, the run's is A1, A2; set data"
    ):
        m.transform(w)
    assert m.transform(dataclasses.replace(w, reference=("A1", "A2"))).shape == (8, 4)
    with pytest.raises(EegdaeError, match="is surface Laplacian, the run's is A1, A2"):
        m.transform(dataclasses.replace(w, laplacian=True))
    again = CodeModel.from_state(m.state())
    assert (again.reference, again.laplacian) == (("A1", "A2"), False)


@pytest.mark.parametrize("kind", ["euclidean", "riemann"])
def test_a_model_recentres_the_signals_that_it_is_given(kind, tmp_path):
    spec = AlignmentSpec(kind, by="session", n_windows=3)
    m, w = model(alignment=spec), windows()
    plain = dataclasses.replace(m, alignment=AlignmentSpec(), units=("sd",) * 3)
    recentring = Recentring.fit(w, spec)
    z = recentring.transform(w)
    assert np.array_equal(m.transform(w), plain.transform(z))
    back, inside = m.reconstruct(w), plain.reconstruct(z)
    groups = spec.groups(w.metadata)
    assert np.array_equal(back["raw"], recentring.inverse_transform(inside["raw"], groups))
    assert np.array_equal(back["power"], inside["power"])
    torch.save(m.state(), tmp_path / "model.ckpt")
    twin = CodeModel.from_state(torch.load(tmp_path / "model.ckpt", weights_only=True))
    assert twin.alignment == spec
    assert np.array_equal(twin.transform(w), m.transform(w))
    with pytest.raises(EegdaeError, match=r"^alignment\.n_windows=3: '0/s' has 2 windows"):
        m.transform(windows(n=4))


def test_a_checkpoint_from_before_alignments_had_options_is_read():
    state = model().state()
    state["alignment"] = "zscore"
    assert CodeModel.from_state(state).alignment == AlignmentSpec("zscore")

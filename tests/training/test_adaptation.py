"""The first layer goes on learning in a new session: predict first, then learn, from nothing later."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch

from eegdae.alignment import AlignmentSpec
from eegdae.coder import CodeModel
from eegdae.corruption import Gaussian, Masking
from eegdae.errors import EegdaeError
from eegdae.evaluation.adaptation import adapt
from eegdae.features import View
from eegdae.models import StackedAutoencoder, ViewStacks
from eegdae.randomness import Stream
from eegdae.scaling import Scaler
from eegdae.training import (
    AdaptationSpec,
    Noise,
    Objective,
    adapted_codes,
)
from eegdae.windows import Windows

N, BATCH = 40, 8
G = torch.Generator().manual_seed(0)
VIEWS = {"a": torch.randn(N, 6, generator=G), "b": torch.randn(N, 4, generator=G)}
SESSIONS = np.repeat(["s", "t"], N // 2)
SPEC = AdaptationSpec(lr=0.5, batch_size=BATCH)


def stacks():
    made = {
        name: StackedAutoencoder(x.shape[1], hidden=(5, 3), activation="tanh").reset(Stream(0, name))
        for name, x in VIEWS.items()
    }
    return ViewStacks(made).requires_grad_(False)


def noise(level=0.5, **changes):
    corruptions = {name: Gaussian().fitted(x) for name, x in VIEWS.items()}
    return dataclasses.replace(Noise(corruptions, level, Objective()), **changes)


def codes(views=VIEWS, spec=SPEC, sessions=SESSIONS, how=None, **options):
    return adapted_codes(stacks(), views, sessions, spec, how or noise(), **options)


def plain(views=VIEWS):
    return stacks().encode(views).numpy()


def changed(rows, by=3.0):
    """The same features but for some rows."""
    return {
        name: x.index_add(0, torch.tensor(rows), torch.full((len(rows), x.shape[1]), by))
        for name, x in VIEWS.items()
    }


def test_a_step_size_of_0_is_the_plain_network_bit_for_bit():
    assert np.array_equal(codes(spec=AdaptationSpec(lr=0.0)), plain())
    assert not np.array_equal(codes(), plain())


def test_it_predicts_before_it_learns():
    found = codes()
    for start in (0, N // 2):
        first, second = slice(start, start + BATCH), slice(start + BATCH, start + 2 * BATCH)
        assert np.array_equal(found[first], plain()[first])
        assert not np.allclose(found[second], plain()[second], atol=1e-3)


def test_a_code_hangs_on_earlier_batches_of_its_session_alone():
    found = codes()
    other = codes(changed([BATCH + 1]))  # in the second batch of the first session
    assert np.array_equal(found[:BATCH], other[:BATCH])
    kept = np.delete(np.arange(BATCH, 2 * BATCH), 1)
    assert np.array_equal(found[kept], other[kept])
    assert not np.allclose(found[2 * BATCH : N // 2], other[2 * BATCH : N // 2])
    assert np.array_equal(found[N // 2 :], other[N // 2 :])


def test_a_planted_leak_is_caught():
    """One session for everybody: the second person's codes then hang on the first's windows."""
    one = np.array(["s"] * N)
    found, other = codes(sessions=one), codes(changed([0]), sessions=one)
    assert not np.allclose(found[N // 2 :], other[N // 2 :])


def test_sessions_may_be_interleaved():
    order = np.arange(N).reshape(2, -1).T.flatten()
    mixed = codes(
        {name: x[order] for name, x in VIEWS.items()}, sessions=SESSIONS[order], rows=torch.from_numpy(order)
    )
    np.testing.assert_allclose(mixed, codes()[order], atol=1e-6)


def test_only_the_first_layer_learns_and_what_was_given_stays():
    """By hand: one update of SGD on the loss of the whole stack, without noise."""
    given = stacks()
    before = {name: value.clone() for name, value in given.state_dict().items()}
    found = adapted_codes(given, VIEWS, SESSIONS, SPEC, noise(0.0))
    assert all(torch.equal(value, before[name]) for name, value in given.state_dict().items())
    expected = []
    for name, x in VIEWS.items():
        stack = stacks()[name]
        first = list(stack.layers[0].parameters())
        for parameter in first:
            parameter.requires_grad_(True)
        loss = (stack(x[:BATCH]) - x[:BATCH]).square().mean()
        with torch.no_grad():
            for parameter, gradient in zip(first, torch.autograd.grad(loss, first), strict=True):
                parameter -= SPEC.lr * gradient
            expected.append(stack.encode(x[BATCH : 2 * BATCH]))
    np.testing.assert_allclose(found[BATCH : 2 * BATCH], torch.cat(expected, 1), atol=1e-5)


def test_noise_is_drawn_by_row_and_seed_and_never_from_the_global_generator():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    found = codes()
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert np.array_equal(codes(), found)
    assert not np.array_equal(codes(how=noise(key=(1,))), found)
    assert not np.array_equal(codes(rows=torch.arange(N) + 5), found)
    assert not np.array_equal(codes(how=noise(0.0)), found)
    assert not np.array_equal(codes(spec=dataclasses.replace(SPEC, steps=2)), found)


def test_missing_entries_count_in_no_update():
    seen = torch.rand(N, 6, generator=torch.Generator().manual_seed(3)) > 0.3
    views = {**VIEWS, "a": VIEWS["a"].masked_fill(~seen, 0.0)}
    found = codes(views, how=noise(0.0), observed={"a": seen})
    assert not np.array_equal(found, codes(views, how=noise(0.0)))
    full = codes(views, how=noise(0.0), observed={"a": torch.ones_like(seen)})
    np.testing.assert_allclose(full, codes(views, how=noise(0.0)), atol=1e-6)


def test_a_loss_that_is_no_number_is_told_with_the_step_size():
    with pytest.raises(EegdaeError, match=r"^adaptation\.lr=1e\+30: the loss of the first layers became "):
        codes(spec=AdaptationSpec(lr=1e30, batch_size=4))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"lr": -0.1}, r"^adaptation\.lr=-0\.1: must be a number, 0 or more"),
        ({"lr": float("nan")}, r"^adaptation\.lr=nan"),
        ({"lr": "fast"}, r"^adaptation\.lr='fast'"),
        ({"batch_size": 0}, r"^adaptation\.batch_size=0: must be a whole number, 1 or more"),
        ({"steps": 1.5}, r"^adaptation\.steps=1\.5"),
    ],
)
def test_a_wrong_option_is_named(change, said):
    with pytest.raises(EegdaeError, match=said):
        AdaptationSpec(**change)


def model_and_windows(**changes):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N, 2, 32)).astype(np.float32)
    metadata = pd.DataFrame({"subject": "1", "session": SESSIONS, "run": "r"})
    w = Windows(x, metadata, 32.0, ("Fz", "Cz"), ("uV", "uV"))
    views = (View("raw", "raw"), View("power", "power", {"alpha": (8.0, 13.0)}))
    stacks, scalers = {}, {}
    for view in views:
        features = view.features(w)
        scalers[view.name] = Scaler.fit(features, "standard")
        made = StackedAutoencoder(
            features.shape[1], hidden=(4, 2), activation="tanh", code_activation="linear"
        )
        stacks[view.name] = made.reset(Stream(0)).requires_grad_(False)
    return CodeModel(views, scalers, ViewStacks(stacks), 32.0, 32, w.ch_names, w.units, **changes), w


@pytest.mark.parametrize("alignment", ["none", "euclidean"])
def test_a_finished_model_adapts_to_new_recordings(alignment):
    model, w = model_and_windows(alignment=AlignmentSpec(alignment))
    still, found = model.transform(w), adapt(model, w, SPEC, corruption=Masking(), level=0.3)
    assert np.array_equal(adapt(model, w, AdaptationSpec(lr=0.0)), still)
    first = np.isin(np.arange(N) % (N // 2), np.arange(BATCH))
    assert np.array_equal(found[first], still[first])
    assert not np.allclose(found[~first], still[~first])
    if alignment == "none":
        x = w.x.copy()
        x[2 * BATCH :] += 1
        later = adapt(model, dataclasses.replace(w, x=x), SPEC, corruption=Masking(), level=0.3)
        assert np.array_equal(found[: 2 * BATCH], later[: 2 * BATCH])

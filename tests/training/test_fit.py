import copy
import dataclasses
import importlib.resources

import numpy as np
import pytest
import torch
from torch import nn

from eegdae.corruption import Gaussian, Masking, SaltAndPepper
from eegdae.errors import EegdaeError
from eegdae.layout import Layout
from eegdae.models import Convolution, StackedAutoencoder, new_stack
from eegdae.randomness import Keys, Stream
from eegdae.training import FitSpec, Objective, Optimizer, Schedule, fit_many

N, F = 70, 6
X = torch.randn(N, F, generator=torch.Generator().manual_seed(0)) @ torch.randn(
    F, F, generator=torch.Generator().manual_seed(1)
)
ROWS = torch.arange(N) * 31  # row numbers have gaps, as in a fold, and span blocks
SCHEDULE = Schedule(epochs=3, joint_epochs=2, batch_size=16, optimizer=Optimizer("Adam", {"lr": 1e-2}))


def spec(**changes):
    base = FitSpec(
        x=X,
        rows=ROWS,
        hidden=(5, 3),
        corruption=Gaussian(),
        level=0.5,
        schedule=SCHEDULE,
        seed=4,
        fold=2,
        view="raw",
    )
    return dataclasses.replace(base, **changes)


def schedule(**changes):
    return dataclasses.replace(SCHEDULE, **changes)


def fit(**changes):
    return fit_many([spec(**changes)])[0]


def same(a, b):
    return all(
        torch.equal(v, w) for v, w in zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    )


class Interrupted(BaseException):
    """What a Ctrl-C is to a program: not an Exception."""


class Store:
    """Checkpoints in a dict; raises after its k-th save."""

    def __init__(self, stop_after=None):
        self.kept, self.saves, self.stop_after = {}, 0, stop_after

    def load(self, key):
        return copy.deepcopy(self.kept.get(key))

    def save(self, key, state):
        self.kept[key] = copy.deepcopy(state)
        self.saves += 1
        if self.saves == self.stop_after:
            raise Interrupted


def by_hand(s, stages, new_optimizer=torch.optim.Adam):
    """Layer-wise denoising as in Vincent et al. (2010), one plain loop: the oracle of `fit_many`."""
    model = new_stack(s.layout or Layout.rows(s.x.shape[1]), hidden=s.hidden, **s.network)
    model.reset(Stream(s.seed, s.fold, s.view))
    history = []
    for name in stages:
        if name == "joint":
            part, clean, epochs = model, s.x, s.schedule.joint_epochs
        else:
            k = int(name[-1]) - 1
            part, clean, epochs = model.layers[k], s.x, s.schedule.epochs
            for layer in model.layers[:k]:
                clean = layer.encode(clean).detach()
        sd = clean.var(0, correction=0).mean().sqrt()
        optimizer = new_optimizer(part.parameters(), lr=1e-2)
        for epoch in range(epochs):
            stream, total = Stream(s.seed, s.fold, s.view, name, epoch), 0.0
            for at in stream.permutation("order", len(s.rows)).split(s.schedule.batch_size):
                noise = Keys(stream, s.rows[at]).normal("corruption", clean.shape[1])
                loss = nn.functional.mse_loss(part(clean[at] + s.level * sd * noise), clean[at])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                total += loss.item() * len(at)
            history.append((name, epoch + 1, total / len(s.rows)))
    return model, history


@pytest.mark.parametrize(
    ("pretrain", "hidden", "stages"),
    [
        ("greedy_then_joint", (5, 3), ["layer 1", "layer 2", "joint"]),
        ("greedy_then_joint", (5, 4, 3), ["layer 1", "layer 2", "layer 3", "joint"]),
        ("greedy", (5, 3), ["layer 1", "layer 2"]),
        ("joint", (5, 3), ["joint"]),
        ("none", (5, 3), []),
    ],
)
def test_it_does_what_the_plain_loop_does(pretrain, hidden, stages):
    s = spec(hidden=hidden, schedule=schedule(pretrain=pretrain))
    result = fit_many([s])[0]
    model, history = by_hand(s, stages)
    for (name, mine), plain in zip(
        result.model.state_dict().items(), model.state_dict().values(), strict=True
    ):
        torch.testing.assert_close(mine, plain, rtol=0, atol=1e-5, msg=name)
    assert [(h["stage"], h["epoch"]) for h in result.history] == [h[:2] for h in history]
    assert [h["loss"] for h in result.history] == pytest.approx([h[2] for h in history], rel=1e-4)
    assert {(h["model"], h["fold"], h["view"]) for h in result.history} <= {("codes", 2, "raw")}
    assert not any(p.requires_grad for p in result.model.parameters())


def test_more_batches_than_lightning_hands_over_at_once():
    s = spec(hidden=(3,), schedule=schedule(batch_size=1, epochs=1, joint_epochs=1))
    model, _ = by_hand(s, ["layer 1", "joint"])
    for mine, plain in zip(
        fit_many([s])[0].model.state_dict().values(), model.state_dict().values(), strict=True
    ):
        torch.testing.assert_close(mine, plain, rtol=0, atol=1e-5)


def test_a_greedy_stage_leaves_the_frozen_layers_below_alone():
    one = fit(schedule=schedule(pretrain="greedy", epochs=0))
    first = Store(stop_after=3)  # after the two epochs of layer 1 that are kept, and its end
    with pytest.raises(Interrupted):
        fit_many([spec(schedule=schedule(pretrain="greedy", checkpoint_seconds=0.0))], checkpoints=first)
    frozen = first.kept[spec().key]["stack"]
    done = fit(schedule=schedule(pretrain="greedy")).model.state_dict()
    for name, value in done.items():
        start = one.model.state_dict()[name]
        assert torch.equal(value, frozen[name]) == name.startswith("layers.0")
        assert not torch.equal(value, start)


def test_untrained_network_is_as_drawn_and_has_no_history():
    result = fit(schedule=schedule(pretrain="none"))
    assert same(result.model, StackedAutoencoder(F, hidden=(5, 3)).reset(Stream(4, 2, "raw")))
    assert result.history == []


@pytest.mark.parametrize("kind", [Gaussian(), Masking(), SaltAndPepper()])
def test_at_level_0_the_kind_makes_no_difference(kind):
    assert same(fit(corruption=kind, level=0.0).model, fit(level=0.0, name="autoencoder").model)
    assert not same(fit(corruption=kind, level=0.4).model, fit(level=0.0).model)


def test_specs_do_not_disturb_one_another():
    specs = [spec(), spec(seed=5), spec(fold=3), spec(view="power"), spec(name="other")]
    together = fit_many(specs)
    assert [r.spec for r in together] == specs
    assert all(same(r.model, fit_many([s])[0].model) for r, s in zip(together, specs, strict=True))
    assert same(together[0].model, together[4].model)
    assert not any(same(together[0].model, r.model) for r in together[1:4])
    assert torch.equal(specs[0].x, X)


def test_a_row_number_and_not_a_position_draws_the_noise():
    assert not same(fit(rows=ROWS + 1).model, fit().model)


def test_nothing_depends_on_or_touches_the_global_generator():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    a = fit()
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert same(a.model, fit().model)


def test_adam_fused_is_adam():
    plain = schedule(optimizer=Optimizer("Adam", {"lr": 1e-2, "fused": False, "foreach": False}))
    for a, b in zip(fit().model.parameters(), fit(schedule=plain).model.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-6)


@pytest.mark.parametrize("loss", ["mse", "bce"])
def test_missing_entries_never_count(loss):
    x = X.sigmoid()
    observed = torch.rand(N, F, generator=torch.Generator().manual_seed(3)) > 0.3
    options = {"observed": observed, "objective": Objective(loss)}
    a = fit(x=x.masked_fill(~observed, 0.0), **options)
    b = fit(x=x.masked_fill(~observed, float("nan")), **options)
    assert same(a.model, b.model)
    assert a.history == b.history
    assert not same(a.model, fit(x=x.masked_fill(~observed, 0.0), objective=Objective(loss)).model)


def test_bce_has_a_sigmoid_output_and_is_only_for_probabilities():
    result = fit(x=X.sigmoid(), objective=Objective("bce"))
    assert result.model.config["output"] == "sigmoid"
    back = result.model(X.sigmoid())
    assert back.min() > 0
    assert back.max() < 1
    # codes of a relu layer exceed 1: its stage is a squared error, and runs
    losses = {h["stage"]: h["loss"] for h in result.history if h["epoch"] == 1}
    clean = result.model.encode(X.sigmoid(), n_layers=1)
    assert losses["layer 1"] == pytest.approx(0.69, abs=0.1)
    assert losses["layer 2"] < 4 * clean.square().mean() + 1
    with pytest.raises(EegdaeError, match=r"^loss=bce: view 'raw' lies in .*scaler=minmax$"):
        fit(objective=Objective("bce"))


@pytest.mark.parametrize(
    ("loss", "pretrain", "stage"), [("mse", "greedy", "layer 1"), ("bce", "joint", "joint")]
)
def test_a_loss_that_is_no_number_names_stage_epoch_and_rate(loss, pretrain, stage):
    x = X.sigmoid() if loss == "bce" else X
    diverging = Optimizer("SGD", {"lr": 1e38 if loss == "bce" else 1e20})
    with pytest.raises(EegdaeError) as caught:
        fit(
            x=x,
            objective=Objective(loss),
            schedule=schedule(pretrain=pretrain, optimizer=diverging, epochs=9, joint_epochs=9),
        )
    message = str(caught.value)
    assert f"raw {stage}" in message
    assert "in epoch 1" in message
    assert "optimizer.lr=1e+" in message
    assert "\n" not in message


def test_it_goes_on_after_an_interruption_at_any_save_with_the_same_bytes():
    often = schedule(checkpoint_seconds=0.0)
    store = Store()
    whole = fit_many([spec(schedule=often)], checkpoints=store)[0]
    assert same(whole.model, fit().model)
    # of every stage all epochs but the last, and the end of each stage
    assert store.saves == 2 + 1 + 2 + 1 + 1 + 1
    for k in range(1, store.saves + 1):
        broken = Store(stop_after=k)
        with pytest.raises(Interrupted):
            fit_many([spec(schedule=often)], checkpoints=broken)
        again = fit_many([spec(schedule=often)], checkpoints=broken)[0]
        assert same(again.model, whole.model), f"save {k}"
        assert again.history == whole.history, f"save {k}"
        # a finished fit is read, not trained
        saves = broken.saves
        assert same(fit_many([spec(schedule=often)], checkpoints=broken)[0].model, whole.model)
        assert broken.saves == saves


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"level": -1.0}, r"^corruption\.level=-1\.0"),
        ({"corruption": Masking(), "level": 1.5}, r"^corruption\.level=1\.5.* less than 1$"),
        ({"x": X[:1], "rows": ROWS[:1]}, r"2 rows or more$"),
        ({"x": X[:, :0]}, r"2 rows or more$"),
        ({"hidden": ()}, r"^model\.hidden=\[\]"),
    ],
)
def test_specs_that_make_no_sense(changes, says):
    with pytest.raises(EegdaeError, match=says):
        fit(**changes)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"pretrain": "gredy"}, r"^pretrain='gredy'.*did you mean 'greedy'"),
        ({"epochs": -1}, r"^pretrain\.epochs=-1"),
        ({"epochs": True}, r"^pretrain\.epochs=True"),
        ({"joint_epochs": 1.5}, r"^pretrain\.joint_epochs=1\.5"),
        ({"batch_size": 0}, r"^trainer\.batch_size=0"),
    ],
)
def test_schedules_that_make_no_sense(changes, says):
    with pytest.raises(EegdaeError, match=says):
        schedule(**changes)


STAGES = ("layer 1", "layer 2", "layer 3")


def real_windows(n=96):
    """Two-second windows of the packaged watch recordings, each channel scaled, and their layout."""
    with importlib.resources.files("eegdae").joinpath("samples/watch.npz").open("rb") as file:
        npz = dict(np.load(file))
    signal = torch.from_numpy(npz["data"] * npz["scale"])[: n * 100].float()  # (n * 100, 6)
    signal = (signal - signal.mean(0)) / signal.std(0)
    x = signal.reshape(n, 100, 6).transpose(1, 2).flatten(1)  # (n, 6 * 100)
    return x, Layout("signals", (6, 100), 50.0)


@pytest.mark.parametrize("tied", [False, True])
def test_greedy_stages_of_convolutions_lower_the_loss_on_real_windows(tied):
    x, layout = real_windows()
    convolution = Convolution("1d", (8, 12), 5, 4, "max", "linear")
    network = {"convolution": convolution, "tied": tied, "activation": "elu"}
    quick = Schedule(epochs=4, joint_epochs=2, batch_size=16, optimizer=Optimizer("Adam", {"lr": 1e-2}))
    given = spec(x=x, rows=torch.arange(len(x)), layout=layout, hidden=(6,), schedule=quick, network=network)
    result = fit_many([given])[0]
    stages = {name: [h["loss"] for h in result.history if h["stage"] == name] for name in (*STAGES, "joint")}
    for name in STAGES:
        assert stages[name][-1] < 0.9 * stages[name][0], name
    assert stages["joint"][-1] < stages["joint"][0]
    # each greedy stage trained its own layer on the clean codes of those below, as by hand
    model, history = by_hand(given, [*STAGES, "joint"])
    assert [h["loss"] for h in result.history] == pytest.approx([h[2] for h in history], rel=1e-3)
    for mine, plain in zip(result.model.state_dict().values(), model.state_dict().values(), strict=True):
        torch.testing.assert_close(mine, plain, rtol=0, atol=1e-3)


def test_shortcuts_leave_the_range_of_a_sigmoid_so_their_stages_have_a_squared_error():
    network = {"residual": True, "activation": "sigmoid"}
    result = fit(x=X.sigmoid(), objective=Objective("bce"), network=network)
    assert all(h["loss"] > 0 for h in result.history)
    codes = result.model.encode(X.sigmoid(), n_layers=1)
    assert codes.max() > 1 or codes.min() < 0

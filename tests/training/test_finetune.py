import copy
import dataclasses
from typing import ClassVar

import pytest
import torch
from sklearn.linear_model import LogisticRegression

from eegdae.corruption import Gaussian, Masking
from eegdae.errors import EegdaeError
from eegdae.layout import Layout
from eegdae.models import (
    Convolution,
    PassThrough,
    StackedAutoencoder,
    ViewStacks,
    is_of_decoder,
    new_stack,
)
from eegdae.randomness import Stream
from eegdae.training import ClassifierSpec, Optimizer, fit_classifier

N = 120
G = torch.Generator().manual_seed(0)
A, B = torch.randn(N, 5, generator=G), torch.randn(N, 4, generator=G)
Y = (A[:, 0] * B[:, 0] > 0).long()  # no linear head on the features can tell


def encoders():
    return {
        "a": StackedAutoencoder(5, hidden=(16, 8)).reset(Stream(0, "a")),
        "b": StackedAutoencoder(4, hidden=(8,)).reset(Stream(0, "b")),
    }


def spec(**changes):
    base = ClassifierSpec(
        views={"a": A, "b": B},
        target=Y,
        rows=torch.arange(N),
        encoders=encoders(),
        n_outputs=2,
        width=16,
        epochs=4,
        batch_size=32,
        optimizer=Optimizer("Adam", {"lr": 1e-2}),
        checkpoint_seconds=0.0,
    )
    return dataclasses.replace(base, **changes)


def same(a, b):
    return all(
        torch.equal(v, w) for v, w in zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    )


def test_a_frozen_encoder_stays_bitwise_the_same_and_a_fine_tuned_one_does_not():
    s = spec(train_encoder=False)
    frozen, history = fit_classifier(s)
    tuned, _ = fit_classifier(spec())
    for view, start in s.encoders.items():
        assert same(frozen.encoders[view], start)
        for name, value in tuned.encoders[view].state_dict().items():
            assert torch.equal(value, start.state_dict()[name]) == ("decoder" in name), name
    assert [(h["model"], h["view"], h["stage"], h["epoch"]) for h in history] == [
        ("finetuned", "all", "head", e) for e in (1, 2, 3, 4)
    ]


@pytest.mark.parametrize("tied", [False, True])
def test_every_encoding_weight_of_convolutions_and_joint_layer_is_tuned_and_no_other(tied):
    layout, options = Layout("signals", (1, 5)), {"residual": True, "layer_norm": True, "tied": tied}
    convolved = new_stack(layout, hidden=(4,), convolution=Convolution("1d", (3,), 3, 2), **options)
    dense, joint = (StackedAutoencoder(n, hidden=(6,), **options) for n in (4, 10))
    for stack in (convolved, dense, joint):
        stack.reset(Stream(0))
    given = ViewStacks({"a": convolved, "b": dense}, joint)
    model, history = fit_classifier(spec(encoders=given))
    assert history[-1]["loss"] < history[0]["loss"]
    before, after = given.state_dict(), model.encoders.state_dict()
    assert {name.split(".")[-2] for name in after} >= {"encoder", "norm", "shortcut"}
    for name, value in after.items():
        assert torch.equal(value, before[name]) == is_of_decoder(name), name


def test_the_encoders_given_are_never_changed():
    given = encoders()
    before = copy.deepcopy(given)
    fit_classifier(spec(encoders=given))
    assert all(same(given[view], before[view]) for view in given)
    assert all(p.requires_grad for p in given["a"].parameters())


def test_it_learns_what_a_linear_head_on_the_features_cannot():
    model, history = fit_classifier(spec(epochs=60))
    with torch.no_grad():
        accuracy = (model({"a": A, "b": B}).argmax(1) == Y).float().mean()
    assert accuracy > 0.95
    assert history[-1]["loss"] < 0.2 * history[0]["loss"]
    x = torch.cat([A, B], 1).numpy()
    assert LogisticRegression().fit(x, Y.numpy()).score(x, Y.numpy()) < 0.7


def test_classes_weigh_equally():
    # the optimum of a bias alone under equal weights: even odds, however rare a class is
    target = (torch.arange(N) % 10 == 0).long()
    blind = {"x": torch.zeros(N, 1)}
    model, _ = fit_classifier(
        spec(
            views=blind, encoders={"x": PassThrough(1)}, target=target, width=0, epochs=200, batch_size=N,
            optimizer=Optimizer("SGD", {"lr": 0.5}), train_encoder=False,
        )
    )  # fmt: skip
    torch.testing.assert_close(model(blind).softmax(1), torch.full((N, 2), 0.5), atol=0.01, rtol=0)


def test_level_0_adds_nothing_and_noise_does():
    plain, _ = fit_classifier(spec())
    assert same(plain, fit_classifier(spec(corruption=Gaussian(), level=0.0))[0])
    assert not same(plain, fit_classifier(spec(corruption=Gaussian(), level=0.5))[0])


class Watched(Gaussian):
    """Gaussian noise that is kept."""

    seen: ClassVar[list[torch.Tensor]] = []

    def corrupt(self, x, **options):
        corrupted, touched = super().corrupt(x, **options)
        self.seen.append(corrupted - x)
        return corrupted, touched


def test_views_of_one_width_get_noise_of_their_own():
    Watched.seen.clear()
    twice = {"a": A, "b": A.clone()}
    both = {view: StackedAutoencoder(5, hidden=(3,)).reset(Stream(0)) for view in twice}
    fit_classifier(spec(views=twice, encoders=both, corruption=Watched(), level=1.0, epochs=1, batch_size=N))
    a, b = Watched.seen
    assert abs(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1]) < 0.2


def test_nothing_depends_on_or_touches_the_global_generator():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    a, _ = fit_classifier(spec(dropout=0.3))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert same(a, fit_classifier(spec(dropout=0.3))[0])
    assert not same(a, fit_classifier(spec(dropout=0.3, seed=1))[0])


class Interrupted(BaseException):
    pass


class Store:
    def __init__(self, stop_after):
        self.kept, self.left = {}, stop_after

    def load(self, key):
        return copy.deepcopy(self.kept.get(key))

    def save(self, key, state):
        self.kept[key] = copy.deepcopy(state)
        self.left -= 1
        if self.left == 0:
            raise Interrupted


@pytest.mark.parametrize("k", [1, 2, 3])
def test_it_goes_on_after_an_interruption_with_the_same_bytes(k):
    s = spec(dropout=0.2, corruption=Gaussian(), level=0.5)
    whole, history = fit_classifier(s)
    store = Store(k)
    with pytest.raises(Interrupted):
        fit_classifier(s, checkpoints=store)
    again, after = fit_classifier(s, checkpoints=store)
    assert same(again, whole)
    assert after == history


def test_refusals():
    with pytest.raises(EegdaeError, match=r"^head: training rows a class are \[120, 0\]"):
        fit_classifier(spec(target=torch.zeros(N, dtype=torch.int64)))
    with pytest.raises(EegdaeError, match=r"^finetune\.level=1\.5"):
        fit_classifier(spec(corruption=Masking(), level=1.5))
    with pytest.raises(
        EegdaeError, match=r"finetuned fine-tune became .* in epoch 1 at optimizer\.lr=1e\+30"
    ):
        fit_classifier(spec(optimizer=Optimizer("SGD", {"lr": 1e30})))


def kept(weight=0.5, **changes):
    return spec(**{"corruption": Gaussian(), "level": 0.5, "reconstruction": weight, **changes})


def test_weight_0_of_the_reconstruction_is_bit_for_bit_without_it():
    plain, history = fit_classifier(spec(corruption=Gaussian(), level=0.5, dropout=0.2))
    model, same_history = fit_classifier(kept(0.0, dropout=0.2, observed={"a": torch.rand(N, 5) > 2}))
    assert same(model, plain)
    assert same_history == history
    assert not same(fit_classifier(kept(dropout=0.2))[0], plain)


def test_the_kept_reconstruction_trains_the_decoders_and_stands_in_the_history():
    model, history = fit_classifier(kept(epochs=8))
    given = encoders()
    for view, stack in model.encoders.items():
        for name, value in stack.state_dict().items():
            assert not torch.equal(value, given[view].state_dict()[name]), name
    assert history[-1]["reconstruction"] < 0.9 * history[0]["reconstruction"]
    alone, _ = fit_classifier(kept(0.0, epochs=8))
    errors = [
        sum(float((m.encoders[v](x) - x).square().mean()) for v, x in (("a", A), ("b", B)))
        for m in (model, alone)
    ]
    assert errors[0] < 0.9 * errors[1]


def test_the_loss_is_that_of_labels_and_of_every_view_by_hand():
    """One step of plain descent with a single batch and no noise; its loss is that of the start."""
    options = {"level": 0.0, "batch_size": N, "epochs": 1, "optimizer": Optimizer("SGD", {"lr": 0.1})}
    target = torch.where(torch.arange(N) < 30, -1, Y)
    _, (row,) = fit_classifier(kept(3.0, target=target, **options))
    _, (labels,) = fit_classifier(
        kept(
            0.0,
            target=Y[30:],
            views={"a": A[30:], "b": B[30:]},
            rows=torch.arange(30, N),
            **{**options, "batch_size": N},
        )
    )
    with torch.no_grad():
        rebuilt = sum((encoders()[v](x) - x).square().mean() for v, x in (("a", A), ("b", B)))
    assert row["reconstruction"] == pytest.approx(float(rebuilt), rel=1e-5)
    assert row["loss"] - 3 * row["reconstruction"] == pytest.approx(labels["loss"], rel=0.02)


def test_rows_without_a_label_count_in_the_reconstruction_and_nowhere_else():
    """A label in every eighth row, and batches of six, some of which have none."""
    target = torch.where(torch.arange(N) % 8 == 0, Y, -1)
    few, _ = fit_classifier(kept(target=target, batch_size=6, epochs=1))
    assert all(bool(p.isfinite().all()) for p in few.parameters())
    moved = {"a": A + 2.0 * (target < 0)[:, None], "b": B}
    other, _ = fit_classifier(kept(target=target, batch_size=6, epochs=1, views=moved))
    assert not same(few, other)
    with pytest.raises(EegdaeError, match=r"^finetune\.reconstruction=0: 105 rows have no label"):
        fit_classifier(spec(target=target))


def test_both_losses_see_the_same_noise():
    Watched.seen.clear()
    fit_classifier(kept(corruption=Watched(), level=1.0, epochs=1, batch_size=N))
    labels_a, labels_b, rebuilt_a, rebuilt_b = Watched.seen
    assert torch.equal(labels_a, rebuilt_a)
    assert torch.equal(labels_b, rebuilt_b)


def test_missing_entries_count_in_no_reconstruction():
    seen = torch.rand(N, 5, generator=torch.Generator().manual_seed(1)) > 0.3
    x = {"a": A.masked_fill(~seen, 0.0), "b": B}
    _, history = fit_classifier(kept(observed={"a": seen}, views=x, epochs=1, batch_size=N))
    with torch.no_grad():
        clean = float(((encoders()["a"](x["a"]) - x["a"]) ** 2)[seen].mean())
    assert history[0]["reconstruction"] > clean
    _, everywhere = fit_classifier(kept(views=x, epochs=1, batch_size=N))
    assert history[0]["reconstruction"] != everywhere[0]["reconstruction"]


@pytest.mark.parametrize("k", [1, 3])
def test_a_kept_reconstruction_goes_on_after_an_interruption_with_the_same_bytes(k):
    s = kept(target=torch.where(torch.arange(N) % 3 == 0, -1, Y))
    whole, history = fit_classifier(s)
    store = Store(k)
    with pytest.raises(Interrupted):
        fit_classifier(s, checkpoints=store)
    again, after = fit_classifier(s, checkpoints=store)
    assert same(again, whole)
    assert after == history

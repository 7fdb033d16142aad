"""The pure loss: each term by hand, every slope against finite differences, weight 0 to the bit."""

import dataclasses

import pytest
import torch
from torch.autograd.functional import jacobian

from eegdae.corruption import Gaussian, Masking
from eegdae.errors import EegdaeError
from eegdae.layout import Layout
from eegdae.models import LOSSES, StackedAutoencoder
from eegdae.models.penalties import kl_sparsity, variance_floor
from eegdae.randomness import Keys, Stream
from eegdae.training import (
    DenoisingLoss,
    FitSpec,
    LocalityTerm,
    Objective,
    Optimizer,
    Schedule,
    fit_many,
    locality_graph,
)
from eegdae.training.denoising import with_defined_emphasis

N, F = 24, 6
G = torch.Generator().manual_seed(0)
X = torch.rand(N, F, generator=G, dtype=torch.float64) * 0.8 + 0.1
OBSERVED = torch.rand(N, F, generator=G) > 0.2
ROWS = torch.arange(N)
RECORDINGS = ROWS // 8
LAYOUT = Layout("signals", (2, 3))
KEYS = Keys(Stream(0, "test"), ROWS)
GRAPH = locality_graph(X, RECORDINGS, ROWS, n_neighbours=2)

TERMS = {
    "plain": {},
    "emphasis": {"touched": 2.0, "kept": 0.5},
    "channels": {"channel_weights": (0.5, 2.0)},
    "l1": {"l1": 0.3},
    "kl": {"kl": 0.3, "kl_target": 0.2},
    "contractive": {"contractive": 0.3},
    "locality": {"locality": 0.7},
    "no floor": {"locality": 0.7, "variance_floor": 0.0},
}


def stack(*hidden):
    made = StackedAutoencoder(
        F, hidden=hidden or (4, 3), activation="tanh", code_activation="sigmoid", output="sigmoid"
    )
    return made.reset(Stream(1)).double()


def batch(at=slice(None), *, missing=False):
    whole = {"x": X, "position": ROWS, **({"observed": OBSERVED} if missing else {})}
    return {name: column[at] for name, column in whole.items()}


def value(objective, *, module=None, of=None, corruption=None, level=0.4, keys=KEYS, schedule=None):
    module = stack() if module is None else module
    loss = DenoisingLoss(
        module,
        corruption or Masking(),
        level,
        objective,
        layout=LAYOUT,
        locality=LocalityTerm(GRAPH, X) if objective.locality else None,
        schedule=schedule,
    )
    return loss(dict(module.named_parameters()), of or batch(), keys)


@pytest.mark.parametrize("options", TERMS.values(), ids=TERMS)
@pytest.mark.parametrize("joint", [False, True], ids=["layer", "stack"])
def test_slopes_of_every_term_with_missing_entries(options, joint):
    module = stack() if joint else stack(3).layers[0]
    objective, at = Objective(**options), slice(0, 7)
    data = batch(at, missing=True)
    keys = Keys(KEYS.stream, ROWS[at])
    names, start = zip(*module.named_parameters(), strict=True)
    term = LocalityTerm(GRAPH, X) if objective.locality else None
    loss = DenoisingLoss(module, Masking(), 0.4, objective, layout=LAYOUT, locality=term)

    def of(*params):
        return loss(dict(zip(names, params, strict=True)), data, keys)

    assert torch.autograd.gradcheck(of, start, fast_mode=True)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("options", [{}, TERMS["emphasis"]], ids=["plain", "emphasis"])
def test_slopes_of_every_loss_with_missing_entries(name, options):
    module = stack(3)
    names, start = zip(*module.named_parameters(), strict=True)
    loss = DenoisingLoss(module, Masking(), 0.4, Objective(name, delta=0.1, sigma=0.2, **options))
    data = batch(missing=True)
    assert torch.autograd.gradcheck(
        lambda *params: loss(dict(zip(names, params, strict=True)), data, KEYS), start, fast_mode=True
    )


def test_emphasis_by_hand():
    module = stack()
    corrupted, touched = Masking().corrupt(X, level=0.4, keys=KEYS, observed=OBSERVED)
    squared = (module(corrupted) - X) ** 2
    expected = (2.0 * squared[touched & OBSERVED].sum() + 0.5 * squared[~touched & OBSERVED].sum()) / (
        OBSERVED.sum()
    )
    got = value(Objective(touched=2.0, kept=0.5), module=module, of=batch(missing=True))
    torch.testing.assert_close(got, expected)


def test_penalties_by_hand():
    module, plain = stack(), value(Objective())
    corrupted, _ = Masking().corrupt(X, level=0.4, keys=KEYS)
    z, clean = module.encode(corrupted), module.encode(X)
    torch.testing.assert_close(value(Objective(l1=0.3)) - plain, 0.3 * z.abs().mean())
    expected = 0.3 * kl_sparsity(z, 0.2)
    torch.testing.assert_close(value(Objective(kl=0.3, kl_target=0.2)) - plain, expected)
    one = stack(3)
    norm = torch.stack([jacobian(one.layers[0].encode, row).square().sum() for row in X]).mean()
    found = value(Objective(contractive=0.3), module=one.layers[0]) - value(Objective(), module=one.layers[0])
    torch.testing.assert_close(found, 0.3 * norm / F)
    floor = value(Objective(locality=0.7)) - value(Objective(locality=0.7, variance_floor=0.0))
    torch.testing.assert_close(floor, 0.7 * variance_floor(clean, 1.0))


def test_what_is_drawn_is_right_on_average():
    """Over many epochs the neighbours' and the Jacobian's term are what the whole sums give."""
    module, plain = stack(), value(Objective(), level=0.0)
    z = module.encode(X)
    pairs = (z[:, None] - z[GRAPH.neighbours]).square().mean(-1)
    exact = {
        "locality": (GRAPH.weights * pairs).sum() / GRAPH.weights.sum(),
        "contractive": torch.stack([jacobian(module.encode, row).square().sum() for row in X]).mean() / F,
    }
    for name, expected in exact.items():
        objective = Objective(**{name: 1.0}, variance_floor=0.0)
        with torch.no_grad():
            found = torch.stack(
                [value(objective, module=module, level=0.0, keys=Keys(Stream(k), ROWS)) for k in range(300)]
            )
        error = (found - plain).std() / 300**0.5
        assert abs((found - plain).mean() - expected) < 4 * error
        assert error < 0.05 * expected


def test_a_draw_is_of_the_row_whatever_its_batch():
    at = torch.tensor([3, 17, 9])
    term = LocalityTerm(GRAPH, X)
    whole, _ = term.pairs(ROWS, KEYS.uniform("neighbour", 1)[:, 0])
    some, _ = term.pairs(at, Keys(KEYS.stream, at).uniform("neighbour", 1)[:, 0])
    assert torch.equal(whole[at], some)


SCHEDULE = Schedule(epochs=2, joint_epochs=2, batch_size=8, optimizer=Optimizer("Adam", {"lr": 1e-2}))


def fit(**changes):
    base = FitSpec(
        x=X.float(),
        rows=ROWS,
        hidden=(4, 3),
        corruption=Masking(),
        level=0.4,
        schedule=SCHEDULE,
        layout=LAYOUT,
        recordings=RECORDINGS,
        network={"activation": "sigmoid", "code_activation": "sigmoid"},
    )
    return fit_many([dataclasses.replace(base, **changes)])[0]


def same(a, b):
    return all(
        torch.equal(v, w)
        for v, w in zip(a.model.state_dict().values(), b.model.state_dict().values(), strict=True)
    )


@pytest.mark.parametrize("options", TERMS.values(), ids=TERMS)
def test_weight_0_is_the_plain_network_to_the_bit_and_another_is_not(options):
    plain = fit()
    neutral = {"touched": 1.0, "kept": 1.0, "channel_weights": (1.0, 1.0), "kl_target": 0.3}
    off = {name: neutral.get(name, 0.0) for name in options}
    assert same(fit(objective=Objective(**off, heat=3.0, n_neighbours=1)), plain)
    assert same(fit(objective=Objective(**options)), plain) == (options == {})


@pytest.mark.parametrize("name", ["huber", "correntropy"])
def test_limits_of_the_robust_losses_are_near_the_squared_error(name):
    wide = fit(objective=Objective(name, delta=1e3, sigma=1e3)).history
    factor = 0.5 if name == "huber" else 1.0
    assert wide[0]["loss"] == pytest.approx(factor * fit().history[0]["loss"], rel=0.05)


def test_at_level_0_there_is_no_emphasis():
    assert same(fit(level=0.0, objective=Objective(touched=1.0, kept=0.0)), fit(level=0.0))
    # also where the level comes down to 0 in the course of a stage
    fading = dataclasses.make_dataclass("Fading", [])()
    fading.at = lambda level, progress: 0.0
    weighed, plain = Objective(kept=0.0, l1=0.1), Objective(l1=0.1)
    assert torch.equal(value(weighed, schedule=fading), value(plain, schedule=fading))


class MaskedInput(Masking):
    """Masks the input, and adds noise to codes."""

    def for_codes(self):
        return Gaussian()


def test_emphasis_only_where_some_entries_are_left_alone():
    weighed = Objective(touched=1.0, kept=0.0)
    with pytest.raises(EegdaeError, match=r"^loss\.touched=1, loss\.kept=0: Gaussian at level 0\.4 touches"):
        fit(corruption=Gaussian(), objective=weighed)
    noise = Gaussian().fitted(X)
    assert not with_defined_emphasis(weighed, noise, X, 0.4, is_input=False).has_emphasis
    masks = Masking().fitted(X)
    assert with_defined_emphasis(weighed, masks, X, 0.4, observed=OBSERVED) == weighed
    # a greedy stage on codes with noise of another kind is as without emphasis
    greedy = dataclasses.replace(SCHEDULE, pretrain="greedy")
    options = {"corruption": MaskedInput(), "schedule": greedy}
    losses = {h["stage"]: h["loss"] for h in fit(objective=weighed, **options).history}
    assert losses["layer 2"] > 0


def test_kl_needs_sigmoids_in_every_stage_that_is_trained():
    sparse = Objective(kl=0.1)
    with pytest.raises(EegdaeError, match=r"^loss\.kl: .* those of layer 1 are relu; set model\.activation="):
        fit(objective=sparse, network={"code_activation": "sigmoid"})
    with pytest.raises(EegdaeError, match=r"those of layer 2 are relu; set model\.code_activation=sigmoid"):
        fit(objective=sparse, network={"activation": "sigmoid"})
    joint = dataclasses.replace(SCHEDULE, pretrain="joint")
    fit(objective=sparse, network={"code_activation": "sigmoid"}, schedule=joint)


def test_locality_needs_recordings():
    with pytest.raises(EegdaeError, match=r"^loss\.locality=1: needs the recording of every row"):
        fit(objective=Objective(locality=1.0), recordings=None)
    with pytest.raises(EegdaeError, match=r"^loss\.locality=1: needs the neighbours"):
        DenoisingLoss(stack(), Masking(), 0.0, Objective(locality=1.0))


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_weight_decay_is_the_optimizers(name):
    decayed, plain = (
        fit(
            schedule=dataclasses.replace(
                SCHEDULE,
                epochs=20,
                joint_epochs=0,
                optimizer=Optimizer(name, {"lr": 0.05, "weight_decay": decay}),
            )
        ).model.layers[0].encoder.weight.norm()
        for decay in (0.5, 0.0)
    )  # fmt: skip
    assert decayed < 0.8 * plain

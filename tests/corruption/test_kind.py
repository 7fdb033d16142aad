"""What every kind promises: level 0, rows, levels, what was observed."""

from __future__ import annotations

import copy
import dataclasses
import math
import pickle

import pytest
import torch

from eegdae.corruption import (
    Corruption,
    EdgeDropout,
    FrequencyBand,
    Gaussian,
    LineNoise,
    Masking,
    TimeBlock,
    level_of_snr,
    snr_of_level,
)
from eegdae.errors import EegdaeError
from eegdae.layout import Layout
from tests.corruption.cases import CASES, PLV, POWER, ROWS, SIGNALS, Case, N, every_kind, keys


def test_every_kind_of_the_package_is_tested():
    import eegdae.corruption as package

    kinds = {k for k in vars(package).values() if isinstance(k, type) and issubclass(k, Corruption)}
    assert {type(case.kind) for case in CASES} == kinds - {Corruption}


@every_kind()
def test_level_0_is_the_identity_bit_for_bit(case):
    x = case.rows()
    for zero in (0, 0.0):
        corrupted, touched = case.fitted(x).corrupt(x, level=zero, keys=keys())
        assert corrupted is x
        assert not touched.any()
    corrupted, touched = case.fitted(x).corrupt(x, level=torch.zeros(3, 1, 1), keys=keys())
    assert corrupted.shape == touched.shape == (3, *x.shape)
    assert torch.equal(corrupted, x.expand(corrupted.shape))
    assert not touched.any()


@every_kind()
def test_touched_is_exactly_where_something_changed(case):
    x = case.rows()
    corrupted, touched = case.fitted(x).corrupt(x, level=0.4, keys=keys())
    assert touched.any()
    changed = corrupted != x
    assert not (changed & ~touched).any()
    # a share may choose an entry whose new value is the old one: a donor that is the row itself, an extreme
    assert (touched & ~changed).sum() <= (0.02 * touched.sum() if case.kind.is_share else 0)


@every_kind()
def test_the_noise_of_a_row_does_not_depend_on_its_batch_but_on_the_epoch(case):
    x, fitted = case.rows(), case.fitted()
    order = torch.randperm(N, generator=torch.Generator().manual_seed(1))
    whole, touched = fitted.corrupt(x, level=0.4, keys=keys())
    for rows in (order, order[:7], order[-1:]):
        part, part_touched = fitted.corrupt(x[rows], level=0.4, keys=keys(rows=rows))
        assert torch.equal(part, whole[rows])
        assert torch.equal(part_touched, touched[rows])
    again, _ = case.fitted().corrupt(x, level=0.4, keys=keys())
    assert torch.equal(again, whole)
    assert not torch.equal(fitted.corrupt(x, level=0.4, keys=keys(epoch=1))[0], whole)


@every_kind()
def test_many_levels_at_once_are_the_single_levels(case):
    x, levels = case.rows(), [0.0, 0.2, 0.7]
    many, touched = case.fitted(x).corrupt(x, level=torch.tensor(levels).reshape(3, 1, 1), keys=keys())
    assert many.shape == touched.shape == (3, *x.shape)
    for k, level in enumerate(levels):
        one, one_touched = case.fitted(x).corrupt(x, level=level, keys=keys())
        torch.testing.assert_close(many[k], one, rtol=1e-5, atol=1e-4)
        assert (touched[k] != one_touched).float().mean() <= (0 if case.kind.is_share else 1e-3)


@every_kind()
def test_levels_compare_as_they_see_the_same_draw(case):
    """Masks lie one in the other, noise is the same but scaled."""
    x, fitted = case.rows(), case.fitted()
    (low, low_touched), (high, high_touched) = (
        fitted.corrupt(x, level=level, keys=keys()) for level in (0.2, 0.6)
    )
    if case.additive:
        torch.testing.assert_close((high - x), 3 * (low - x), rtol=1e-3, atol=1e-4)
    elif isinstance(case.kind, FrequencyBand):
        (lost, more), _ = (
            (
                torch.fft.rfft((x - y).double().reshape(N, *SIGNALS.shape)).abs().sum(1) > 1e-2
                for y in (low, high)
            ),
            None,
        )
        assert not (lost & ~more).any()
    else:
        assert not (low_touched & ~high_touched).any()
        both = low_touched & high_touched
        if case.kind.is_share:
            assert torch.equal(low[both], high[both])
    assert (high - x).square().sum() > (low - x).square().sum()


@every_kind()
def test_clip_keeps_the_result_inside_the_training_range(case):
    x = case.rows()
    free, _ = case.fitted(x).corrupt(x, level=0.9, keys=keys())
    kept, touched = dataclasses.replace(case.fitted(x), clip=True).corrupt(x, level=0.9, keys=keys())
    assert torch.equal(kept, torch.where(free != x, free.clamp(x.amin(0), x.amax(0)), x))
    assert not (~touched & (kept != x)).any()


@every_kind()
def test_only_observed_entries_are_corrupted_and_counted(case):
    x = case.rows()
    observed = torch.rand(x.shape, generator=torch.Generator().manual_seed(2)) > 0.3
    other = torch.where(observed, x, torch.full_like(x, 1e6))
    fitted = case.fitted(x, observed)
    same(case.fitted(other, observed), fitted)
    corrupted, touched = fitted.corrupt(x, level=0.5, keys=keys(), observed=observed)
    assert torch.equal(corrupted[~observed], x[~observed])
    assert not touched[~observed].any()
    assert touched[observed].any()
    extremes = [(x[observed[:, k], k].min(), x[observed[:, k], k].max()) for k in range(x.shape[1])]
    assert torch.equal(fitted.low, torch.stack([low for low, _ in extremes]))
    assert torch.equal(fitted.high, torch.stack([high for _, high in extremes]))


def same(one, other):
    for field in dataclasses.fields(one):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if field.name == "parts":
            for p, q in zip(a, b, strict=True):
                same(p.corruption, q.corruption)
        else:
            assert torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b


@every_kind()
@pytest.mark.parametrize("level", [-0.1, float("nan"), float("inf"), 1.1, 1.0, 1])
def test_a_level_out_of_range_is_refused(case, level):
    if level in (1, 1.1) and not case.kind.is_share and case.kind.name != "chain":
        case.kind.check_level(level)
        return
    if case.kind.name == "chain" and level == 1:
        case.kind.check_level(level)
        return
    said = "nothing is left to learn from" if level == 1 else r"must be (a number, )?0 or more"
    if case.kind.name == "chain" and level == 1.1:
        level = 1.2  # of which one part has .9
    with pytest.raises(EegdaeError, match=rf"^corruption\.level=\S+: .*{said}") as caught:
        case.kind.check_level(level)
    assert "\n" not in str(caught.value)


@every_kind()
def test_a_corruption_without_statistics_is_refused(case):
    if case.kind.name == "multiplicative" or case.kind.name == "masking":
        return  # they need none
    with pytest.raises(EegdaeError, match=r"call fitted\(x"):
        case.kind.corrupt(case.rows(), level=0.5, keys=keys())


@every_kind()
def test_copies_and_pickles_corrupt_alike(case):
    x = case.rows()
    whole = case.fitted(x).corrupt(x, level=0.5, keys=keys())[0]
    for other in (copy.deepcopy(case.kind), pickle.loads(pickle.dumps(case.kind))):
        assert torch.equal(other.fitted(x, layout=case.layout).corrupt(x, level=0.5, keys=keys())[0], whole)


@every_kind()
def test_codes_are_corrupted_without_a_layout(case):
    """What stands for a kind above the first layer needs to know nothing, and is as strong."""
    x = Case(Masking()).rows()
    relative = case.kind.for_codes()
    assert relative.is_share == case.kind.is_share
    assert relative.clip == case.kind.clip
    corrupted, touched = relative.fitted(x).corrupt(x, level=0.5, keys=keys())
    assert (corrupted != x).any()
    assert touched.any()
    # layouts that a kind can use change nothing, unknown ones are refused where they are needed
    assert case.kind.for_layout(case.layout).name == case.kind.name
    if case.layout is not ROWS:
        # a second fall-back does nothing any more
        assert not case.kind.for_layout(ROWS).unusable(None)
        with pytest.raises(EegdaeError, match=r"^corruption=\w+: the rows .*; use (masking|gaussian)$"):
            case.kind.fitted(case.rows())


@pytest.mark.parametrize(
    ("kind", "layout", "said"),
    [
        (EdgeDropout(), POWER, "hold no pairs of channels; use masking"),
        (EdgeDropout(), Layout("matrices", (1, 2, 2), measure="plv"), "hold one pair"),
        (TimeBlock(), PLV, "are no raw windows; use masking"),
        (LineNoise(), PLV, "are no raw windows; use gaussian"),
        (LineNoise(), Layout("signals", (2, 8)), "have no sampling rate; use gaussian"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_a_layout_that_a_kind_cannot_use_is_refused_with_what_to_use(kind, layout, said):
    with pytest.raises(EegdaeError, match=rf"^corruption={kind.name}: the rows {said}"):
        kind.fitted(torch.randn(5, layout.n_features), layout=layout)


def test_snr_is_level_in_decibel():
    assert level_of_snr(0.0) == 1.0
    assert level_of_snr(-20.0) == pytest.approx(10.0)
    assert snr_of_level(level_of_snr(3.7)) == pytest.approx(3.7)
    assert level_of_snr(20 * math.log10(2)) == pytest.approx(0.5)
    assert Gaussian().describe(0.5) == "Gaussian, level 0.5 (SNR 6.0 dB)"
    assert Gaussian().describe(0.0) == "Gaussian, level 0"
    assert Masking().describe(0.5) == "Masking, level 0.5"


def test_what_kinds_share_is_no_kind():
    with pytest.raises(TypeError, match="one of the kinds"):
        Corruption().corrupt(torch.ones(2, 2), level=1.0, keys=keys(2))
    with pytest.raises(dataclasses.FrozenInstanceError):
        Gaussian().clip = True

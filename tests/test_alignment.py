"""How people and sessions are aligned, and the z-scores of their features."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from eegdae.alignment import Alignment, AlignmentSpec
from eegdae.errors import EegdaeError

PEOPLE = np.array(list("ababab"))


def rows(seed=0):
    """Six rows of two people, who differ in mean and in spread: 2 channels x 50 samples."""
    x = torch.randn(6, 100, generator=torch.Generator().manual_seed(seed))
    x[::2] = x[::2] * 7 + 3
    return x


def aligned(x, subjects, **options):
    subjects = np.array(subjects)
    return Alignment.fit(x, subjects, "zscore", **options).transform(x, subjects, options.get("observed"))


@pytest.mark.parametrize("n_groups", [None, 2])
def test_alignment_is_by_subject(n_groups):
    z = aligned(rows(), PEOPLE, n_groups=n_groups)
    for who in (slice(0, None, 2), slice(1, None, 2)):
        part = z[who] if n_groups is None else z[who].reshape(3, 2, 50).transpose(0, 1).flatten(1).T
        torch.testing.assert_close(part.mean(0), torch.zeros(part.shape[1]), atol=1e-5, rtol=0)
        torch.testing.assert_close(part.std(0, correction=0), torch.ones(part.shape[1]), atol=1e-4, rtol=0)


def test_one_subjects_alignment_hangs_on_no_other_subject():
    x, other = rows(), rows()
    other[1::2] = 1e3
    assert torch.equal(aligned(x, PEOPLE)[::2], aligned(other, PEOPLE)[::2])


@pytest.mark.parametrize("kind", ["none", "zscore"])
def test_alignment_comes_back(kind):
    alignment = Alignment.fit(rows(), PEOPLE, kind)
    z = alignment.transform(rows(), PEOPLE)
    assert (kind == "none") == torch.equal(z, rows())
    torch.testing.assert_close(alignment.inverse_transform(z, PEOPLE), rows())


def test_alignment_does_not_count_missing_samples():
    seen = torch.rand(6, 100, generator=torch.Generator().manual_seed(1)) > 0.3
    one, other = (
        aligned(rows().masked_fill(~seen, fill), PEOPLE, n_groups=2, observed=seen) for fill in (0.0, 99.0)
    )
    assert torch.equal(one, other)
    assert (one[~seen] == 0).all()


def test_alignment_is_checked():
    with pytest.raises(EegdaeError, match=r"^alignment='zscor': .*did you mean 'zscore'"):
        Alignment.fit(rows(), PEOPLE, "zscor")
    assert aligned(torch.zeros(0, 3), []).shape == (0, 3)


def test_a_constant_feature_becomes_0():
    x = torch.full((5, 2), 0.1)
    assert torch.equal(aligned(x, list("aabbb")).abs() < 1e-6, torch.ones(5, 2, dtype=torch.bool))


def test_a_calibration_takes_the_first_rows_of_each_and_no_other():
    x, other = rows(), rows()
    other[4:] = 1e3  # the third row of either
    z = aligned(x, PEOPLE, n_windows=2)
    assert torch.equal(z[:4], aligned(other, PEOPLE, n_windows=2)[:4])
    assert not torch.equal(z[:4], aligned(other, PEOPLE)[:4])
    mean, sd = x[[0, 2]].mean(0), x[[0, 2]].std(0, correction=0)
    torch.testing.assert_close(z[4], (x[4] - mean) / sd, rtol=1e-4, atol=1e-4)
    assert torch.equal(aligned(x, PEOPLE, n_windows=3), aligned(x, PEOPLE))


def test_groups_are_subjects_or_sessions():
    metadata = pd.DataFrame({"subject": ["1", "1", "2"], "session": ["a", "b", "a"]})
    assert AlignmentSpec("zscore").groups(metadata).tolist() == ["1", "1", "2"]
    assert AlignmentSpec("zscore", by="session").groups(metadata).tolist() == ["1/a", "1/b", "2/a"]


def test_what_a_calibration_used_is_found_and_named():
    spec = AlignmentSpec("riemann", n_windows=2)
    assert spec.calibration(PEOPLE).tolist() == [True] * 4 + [False] * 2
    assert spec.note == "transductive, first 2 windows"
    assert not AlignmentSpec("zscore").calibration(PEOPLE).any()
    assert AlignmentSpec("zscore").note == "transductive"
    assert not AlignmentSpec("none", n_windows=2).calibration(PEOPLE).any()
    assert AlignmentSpec("none", n_windows=2).note == ""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "euclid"}, r"^alignment='euclid': .*did you mean 'euclidean'"),
        ({"by": "foo"}, r"^alignment\.by='foo': not known; "),
        ({"by": "run"}, r"^alignment\.by='run'"),
        ({"n_windows": 0}, r"^alignment\.n_windows=0: must be a whole number, 1 or more, or null"),
        ({"n_windows": 2.5}, r"^alignment\.n_windows=2\.5"),
        ({"n_windows": True}, r"^alignment\.n_windows=True"),
    ],
)
def test_a_wrong_option_is_named(change, said):
    with pytest.raises(EegdaeError, match=said):
        AlignmentSpec(**{"kind": "zscore", **change})


def test_a_group_with_too_few_windows_is_named():
    sessions = np.array(["1/", "1/", "1/", "2/", "2/"], dtype=object)
    with pytest.raises(EegdaeError, match=r"^alignment\.n_windows=3: '2' has 2 windows; give 2 or less"):
        Alignment.fit(torch.zeros(5, 1), sessions, "zscore", n_windows=3)
    with pytest.raises(EegdaeError, match=r"^alignment\.n_windows=2: leaves none of the 2 windows of '2'"):
        AlignmentSpec("zscore", n_windows=2).calibration(sessions)

from __future__ import annotations

import numpy as np

from eegdae.inspection.rank import Eigenvalues, auc_by_class, eigenvalues_of, rank_findings
from eegdae.recordings import Annotation

from .conftest import noise, recording, whole


def test_rank_and_ratio():
    data = noise(6)
    (full,) = eigenvalues_of(recording(data))
    assert (full.rank, full.n_chans, full.label) == (6, 6, "")
    assert -3 < full.ratio < 0
    (average,) = eigenvalues_of(recording(data - data.mean(axis=0), annotations=whole("x")))
    assert (average.rank, average.label) == (5, "x")
    assert average.ratio < -20


def test_it_is_the_covariance_of_numpy():
    data = noise(4, 1000)
    (got,) = eigenvalues_of(recording(data))
    values = np.linalg.eigvalsh(np.cov(data.astype(np.float32)))
    np.testing.assert_allclose(got.ratio, np.log(values[0] / values[-1]), rtol=1e-5)


def test_flat_channels_and_gaps_do_not_lower_the_rank():
    data = noise(6)
    data[2] = 3.0
    data[:, 100:200] = np.nan
    (got,) = eigenvalues_of(recording(data))
    assert (got.rank, got.n_chans) == (5, 5)


def test_nothing_is_said_of_mixed_units():
    assert eigenvalues_of(recording(noise(2), unit=["uV", "g"])) == []
    assert eigenvalues_of(recording(noise(1))) == []


def test_one_for_each_class_of_a_recording():
    data = noise(4)
    data[3, 2500:] = data[0, 2500:]
    got = eigenvalues_of(recording(data, annotations=[Annotation(0, 2500, "a"), Annotation(2500, 5000, "b")]))
    assert [(e.label, e.rank) for e in got] == [("a", 4), ("b", 3)]


def people(difference, n=8):
    """Ratios of n subjects with a recording of x and one of y each."""
    rng = np.random.default_rng(0)
    kept, subjects = [], []
    for k in range(n):
        base = rng.normal()
        for label, shift in (("x", 0.0), ("y", difference)):
            kept.append([Eigenvalues(label, -5 + base + shift + 0.1 * rng.normal(), 4, 4)])
            subjects.append(str(k))
    return kept, subjects


def test_a_ratio_that_tells_the_classes_apart():
    kept, subjects = people(-3.0)
    (finding,) = rank_findings(kept, subjects, subjects)
    assert finding.severity == "warning"
    assert "tells class x from others" in finding.what
    auc, p = auc_by_class(kept, subjects)["x"]
    assert auc > 0.9
    assert p < 0.01


def test_a_ratio_that_does_not():
    kept, subjects = people(0.0)
    assert rank_findings(kept, subjects, subjects) == []


def test_too_few_to_tell():
    kept, subjects = people(-3.0, n=2)
    assert rank_findings(kept, subjects, subjects) == []
    assert auc_by_class([], []) == {}


def test_a_low_rank_is_noted():
    kept = [[Eigenvalues("", -20.0, 3, 4)], [Eigenvalues("", -3.0, 4, 4)]]
    (finding,) = rank_findings(kept, ["a", "b"], ["1", "2"])
    assert finding.severity == "note"
    assert finding.where == "1 of 2 recordings: a"


def test_subjects_are_compared_with_themselves():
    kept, subjects = people(-0.8)
    auc, p = auc_by_class(kept, subjects)["x"]
    assert 0.65 < auc < 0.9
    assert p < 0.01
    assert auc_by_class(kept, [str(k) for k in range(len(subjects))])["x"][1] > 0.05  # nobody has both

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import false_discovery_control, ttest_rel

from eegdae.evaluation.class_edges import compare_classes
from eegdae.features import View
from eegdae.recordings import load_recordings
from eegdae.tasks import report_networks
from eegdae.tasks.report_networks import network_examples
from eegdae.windows import make_windows

BANDS = {"alpha": (8.0, 13.0), "beta": (13.0, 30.0)}


@pytest.fixture(scope="module")
def windows():
    """Rest and arithmetic of ten people, some windows each."""
    folder = os.environ.get("EEGDAE_DATA_DIR", "nowhere") + "/eegmat"
    if not os.path.isdir(folder):
        pytest.skip("EEGDAE_DATA_DIR has no eegmat")
    data = {
        "source": "mne",
        "path": f"{folder}/Subject0?_*.edf",
        "pattern": "Subject{subject}_{run}.edf",
        "labels": {"from": "run", "map": {"1": "rest", "2": "arithmetic"}},
        "classes": ["rest", "arithmetic"],
        "strip": "EEG ",
        "exclude": ["A2-A1", "ECG ECG"],
        "rename": {"T3": "T7", "T4": "T8", "T5": "P7", "T6": "P8"},
        "montage": "standard_1005",
    }
    return make_windows(load_recordings(data), classes=data["classes"], size=5.0, stride=20.0)


@pytest.fixture(scope="module")
def view():
    return View("plv", "plv", bands=BANDS)


@pytest.fixture(scope="module")
def features(windows, view):
    return view.features(windows)


def with_effect(features, windows):
    """Stronger alpha edges 0 to 3 in the second class, for every person."""
    changed = features.clone()
    changed[torch.from_numpy(windows.metadata["target"].to_numpy() == 1), :4] += 3.0
    return changed


def test_the_test_is_of_people_over_all_bands(windows, view, features):
    """Recomputed with scipy and a plain loop."""
    changed = with_effect(features, windows)
    example, *_ = network_examples(view, windows, changed)
    c = view.matrices(changed, 19)
    meta = windows.metadata
    means = np.array(
        [
            [c[(meta["subject"] == s) & (meta["target"] == k)].mean(0, dtype=np.float64) for k in (0, 1)]
            for s in meta["subject"].unique()
        ]
    )
    assert len(means) == 10
    upper = np.triu_indices(19, 1)
    p = ttest_rel(means[:, 1], means[:, 0]).pvalue[:, *upper]
    expected = (false_discovery_control(p, axis=None).reshape(p.shape) <= 0.05)[0]
    np.testing.assert_array_equal(example.significant[upper], expected)
    np.testing.assert_allclose(example.values, means.mean(0)[:, 0], rtol=1e-5)
    np.testing.assert_allclose(example.difference, np.subtract(*example.values[::-1]), atol=1e-6)
    assert expected[:4].all()
    assert example.names == ("rest", "arithmetic")
    assert example.band == "alpha (8 to 13 Hz)"
    assert example.ch_pos is windows.ch_pos
    assert example.test == (
        f"Paired t tests over 10 subjects, false discovery rate below 0.05 over 342 edges of 2 bands: "
        f"{expected.sum()} of 171 edges differ in this band."
    )


def test_nothing_significant_draws_one_band_and_says_so(windows, view, features):
    subjects = windows.metadata["subject"].to_numpy()
    target = np.empty(len(subjects), dtype=int)
    for subject in np.unique(subjects):
        at = np.flatnonzero(subjects == subject)
        target[at] = np.random.default_rng(0).permutation(np.arange(len(at)) % 2)
    shuffled = replace(windows, metadata=windows.metadata.assign(target=target))
    (example,) = network_examples(view, shuffled, features)
    assert not example.significant.any()
    assert example.test.endswith(": no edge differs in any band.")


def test_few_people_are_no_test_and_the_reason_is_given(windows, view, features):
    few = np.flatnonzero(windows.metadata["subject"].isin(["00", "01", "02"]))
    some = replace(windows, x=windows.x[few], metadata=windows.metadata.iloc[few].reset_index(drop=True))
    (example,) = network_examples(view, some, with_effect(features, windows)[few])
    assert example.significant is None
    assert example.test == "No test: 3 subjects with both classes, fewer than the 5 that a test needs."
    assert np.isfinite(example.difference).all()


def test_groups_of_people_are_compared_between_them(windows, view, features):
    other = np.where(windows.metadata["target"] == 1, "b", "a") + windows.metadata["subject"]
    apart = replace(windows, metadata=windows.metadata.assign(subject=other))
    example, *_ = network_examples(view, apart, with_effect(features, windows))
    assert example.test.startswith("Welch t tests of 10 against 10 subjects")
    assert np.triu(example.significant).sum() >= 4


def test_more_classes_are_corrected_for_and_the_two_that_differ_most_drawn(windows, view, features):
    target = windows.metadata["target"].to_numpy()
    trial = np.arange(len(target))
    three = np.where((target == 0) & (trial % 2 == 0), 2, target)
    assert set(three) == {0, 1, 2}
    windows = replace(
        windows, metadata=windows.metadata.assign(target=three), classes=["rest", "arithmetic", "other rest"]
    )
    examples = network_examples(view, windows, with_effect(features, windows))
    assert all("arithmetic" in example.names for example in examples)
    assert "over 1026 edges of 2 bands and 3 pairs of classes" in examples[0].test
    assert examples[0].test.endswith(" Drawn are the two classes that differ most, of 3 pairs.")


def test_what_has_no_matrices_or_no_classes_has_no_example(windows, view, features):
    assert network_examples(View("raw", "raw"), windows, features) == []
    assert network_examples(View("power", "power"), windows, features) == []
    unlabelled = replace(windows, metadata=windows.metadata.assign(target=-1))
    assert network_examples(view, unlabelled, features) == []


def test_a_single_edge_differs_in_the_singular():
    a = np.random.default_rng(0).normal(size=(12, 2, 1, 4, 4))
    a = a + a.swapaxes(-1, -2)
    a[:, 1, 0, 0, 1] += 9
    a[:, 1, 0, 1, 0] += 9
    (test,) = compare_classes(a).values()
    assert report_networks.test_sentence(test, 0, n_pairs=1) == (
        "Paired t tests over 12 subjects, false discovery rate below 0.05 over 6 edges: 1 of 6 edges differs."
    )

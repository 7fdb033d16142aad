"""Independent components that follow the eyes: MNE's, as a matrix about a mean."""

from __future__ import annotations

import warnings

import mne
import numpy as np
import pytest
from mne.preprocessing import ICA

from eegdae.errors import EegdaeError
from eegdae.ocular import correct, fit_ica
from tests.ocular.mixtures import NAMES, SFREQ, mixture

X, CLEAN = mixture()
EEG = list(range(12))
HOW = {"ch_names": NAMES, "channels": ["EOG"], "decompose_channels": False}


def mne_applied(fit_on, x, *, channels, decomposed, threshold=3.0, **options):
    """MNE from end to end: signals, and what was excluded."""
    kinds = ["eeg" if decomposed or name not in channels else "eog" for name in NAMES]
    info = mne.create_info(list(NAMES), SFREQ, kinds)
    one, other = (mne.EpochsArray(part, info, verbose="error") for part in (fit_on, x))
    ica = ICA(random_state=7, verbose="error", **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ica.fit(one, verbose="error")
    ica.exclude = ica.find_bads_eog(one, ch_name=channels, threshold=threshold, verbose="error")[0]
    return ica.apply(other, verbose="error").get_data(verbose="error"), sorted(ica.exclude)


CASES = {
    "EOG": {"channels": ["EOG"], "decomposed": False},
    "stand-in": {"channels": ["Fp1", "EOG"], "decomposed": True},
    "fewer": {"channels": ["EOG"], "decomposed": False, "n_components": 8, "threshold": 2.0},
    "share": {"channels": ["EOG"], "decomposed": False, "n_components": 0.97, "threshold": 2.0},
    "infomax": {"channels": ["EOG"], "decomposed": False, "method": "infomax", "max_iter": 60},
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_it_is_what_mne_applies_to_other_windows(case):
    expected, excluded = mne_applied(X[:40], X[40:], **case)
    options = {key: value for key, value in case.items() if key != "decomposed"}
    fit = fit_ica(X[:40], ch_names=NAMES, decompose_channels=case["decomposed"], seed=7, **options)
    assert list(fit.removed) == excluded
    assert excluded
    found = correct(X[40:], fit.matrix, center=fit.center)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())
    exact = fit.matrix @ (X[40:] - fit.center[:, None]) + fit.center[:, None]
    np.testing.assert_allclose(exact, expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())


def test_eyes_are_taken_out_of_a_known_mixture_and_little_else():
    fit = fit_ica(X[:40], **HOW)
    assert len(fit.removed) == 1
    (found,) = fit.removed.values()
    assert abs(found["EOG"]) > 0.95
    assert fit.notes == ()
    corrected = correct(X[40:], fit.matrix, center=fit.center, keep=EEG)
    left, before = ((part - CLEAN[40:, :12]).var(-1).mean() for part in (corrected, X[40:, :12]))
    assert left < 0.01 * before
    eog = X[40:, -1].ravel()
    for chan in EEG:
        assert abs(np.corrcoef(corrected[:, chan].ravel(), eog)[0, 1]) < 0.15
    assert np.linalg.matrix_rank(fit.matrix[:12, :12], tol=1e-9) == 11
    np.testing.assert_allclose(fit.matrix @ fit.matrix, fit.matrix, atol=1e-9)  # a projection


def test_the_seed_makes_the_first_guess():
    a, b = (fit_ica(X[:40], **HOW, max_iter=4, seed=seed) for seed in (0, 0))
    assert np.array_equal(a.matrix, b.matrix)
    assert np.array_equal(a.center, b.center)
    other = fit_ica(X[:40], **HOW, max_iter=4, seed=1)
    assert not np.array_equal(a.matrix, other.matrix)


def test_too_few_iterations_are_said_and_no_warning_escapes(recwarn):
    fit = fit_ica(X[:40], **HOW, max_iter=2)
    assert "ICA did not converge in 2 iterations: raise ocular.max_iter" in fit.notes
    assert not recwarn.list


def test_where_no_component_stands_out_nothing_changes():
    noise = np.random.default_rng(3).normal(size=X.shape)
    fit = fit_ica(noise, **HOW)
    assert fit.removed == {}
    assert np.array_equal(fit.matrix, np.eye(13))
    assert any(note.startswith("no component stands out by its correlation with EOG") for note in fit.notes)
    assert np.array_equal(correct(X, fit.matrix, center=fit.center), X.astype(np.float32))


def test_an_average_reference_has_one_component_less():
    x = X[:, :12] - X[:, :12].mean(1, keepdims=True)
    fit = fit_ica(x, ch_names=NAMES[:12], channels=["Fp1"], threshold=2.0)
    assert fit.n_components == 11
    with pytest.raises(EegdaeError, match=r"^ocular\.n_components=12: the 12 channels have 11 dimensions"):
        fit_ica(x, ch_names=NAMES[:12], channels=["Fp1"], n_components=12)


@pytest.mark.parametrize(
    ("x", "options", "said"),
    [
        (X, {"channels": ["EO"]}, r"^ocular\.channels=\[EO\]: there is no channel 'EO'; did you mean 'EOG'"),
        (
            X[:10],
            {},
            r"^ocular=ica: 12 components need 2880 samples \(20 .*\), the training windows have 2000",
        ),
        (X[:10], {"n_components": 11, "threshold": 3.2}, r"11 components need 2420 samples"),
        (
            X,
            {"n_components": 4},
            r"^ocular\.threshold=3: among 4 components no z-score can be above 1\.73; give a lower one",
        ),
        (X, {"n_components": 0.5}, r"^ocular\.threshold=3: among \d components|^ocular=ica: MNE cannot dec"),
        (
            X,
            {"threshold": 1e-3},
            r"^ocular\.threshold=0\.001: takes out all 12 components, and nothing is left",
        ),
        (
            np.zeros_like(X),
            {},
            r"^ocular=ica: needs 2 channels or more that vary by themselves, there are 0 of",
        ),
        (
            X[:, [0, 12]],
            {"ch_names": ("Fp1", "EOG")},
            r"^ocular=ica: needs 2 channels or more .*there are 1 of 1",
        ),
    ],
)
def test_what_cannot_be_decomposed_is_one_line(x, options, said):
    with pytest.raises(EegdaeError, match=said) as caught:
        fit_ica(x, **{**HOW, **options})
    assert "\n" not in str(caught.value)


def test_picard_is_named_where_it_is_not_installed(monkeypatch):
    monkeypatch.setattr("eegdae.ocular.ica.find_spec", lambda name: None)
    with pytest.raises(EegdaeError, match=r"pip install python-picard, or use fastica"):
        fit_ica(X, **HOW, method="picard")


def test_an_unstable_decomposition_is_said():
    x = X.copy()
    x[:, 11] = x[:, 10] + 0.02 * np.random.default_rng(0).normal(size=x[:, 0].shape)
    fit = fit_ica(x, **HOW, n_components=12)
    assert any("unstable mixing matrix" in note for note in fit.notes)

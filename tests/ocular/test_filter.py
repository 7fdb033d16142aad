"""A correction as a fold has it: fitted on some rows of `Windows`, applied to all."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from eegdae.errors import EegdaeError
from eegdae.ocular import OcularFilter, OcularSpec, correct, fit_ica, fit_regression
from tests.ocular.mixtures import NAMES, mixture, windows

X = mixture()[0]
TRAIN = np.arange(40)
SPECS = {
    "regression": OcularSpec("regression", ("EOG",)),
    "regression, kept": OcularSpec("regression", ("EOG", "Fp1"), keep=True),
    "ica": OcularSpec("ica", ("EOG",)),
    "ica, kept": OcularSpec("ica", ("EOG",), keep=True),
}


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_it_is_fitted_on_the_rows_and_on_no_other(spec):
    w, other = windows(X), windows(X)
    other.x[40:] = 1e3 * np.random.default_rng(5).normal(size=other.x[40:].shape)
    mine, theirs = (OcularFilter.fit(spec, of, TRAIN, seed=3) for of in (w, other))
    assert torch.equal(mine.matrix, theirs.matrix)
    assert mine.found == theirs.found
    assert np.array_equal(mine.transform(w).x[:40], theirs.transform(other).x[:40])
    everything = OcularFilter.fit(spec, other, np.arange(60), seed=3)
    assert not torch.equal(mine.matrix, everything.matrix)
    x = w.x[TRAIN].astype(np.float64)
    if spec.kind == "regression":
        expected, center = fit_regression(x, ch_names=NAMES, channels=spec.channels), None
    else:
        fit = fit_ica(x, ch_names=NAMES, channels=spec.channels, decompose_channels=spec.keep, seed=3)
        expected, center = fit.matrix, fit.center
    assert np.array_equal(mine.matrix, expected)
    kept = [k for k, name in enumerate(NAMES) if spec.keep or name not in spec.channels]
    assert np.array_equal(mine.transform(w).x, correct(w.x, expected, center=center, keep=kept))


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_views_see_the_channels_that_are_kept(spec):
    positions = np.arange(39.0).reshape(13, 3)
    w = windows(X, ch_pos=positions, interpolated=("O1", "EOG"), reference="average")
    kept = [name for name in NAMES if spec.keep or name not in spec.channels]
    fitted = OcularFilter.fit(spec, w, TRAIN, seed=0)
    for z in (fitted.transform(w), spec.without_eyes(w)):
        assert z.ch_names == tuple(kept)
        assert z.x.shape == (60, len(kept), 200)
        assert len(z.units) == len(z.ch_pos) == len(kept)
        assert np.array_equal(z.ch_pos, positions[[NAMES.index(name) for name in kept]])
        assert z.interpolated == tuple(name for name in ("O1", "EOG") if name in kept)
        assert (z.reference, z.classes) == (w.reference, w.classes)
    if spec.keep:
        assert spec.without_eyes(w) is w


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_channels_of_another_unit_are_left_alone(spec):
    units = tuple("g" if name == "O2" else "uV" for name in NAMES)
    w, louder = windows(X, units=units), windows(X, units=units)
    louder.x[:, NAMES.index("O2")] *= 1e4
    mine, theirs = (OcularFilter.fit(spec, of, TRAIN, seed=0) for of in (w, louder))
    assert torch.equal(mine.matrix, theirs.matrix)
    z = mine.transform(w)
    assert np.array_equal(z.x[:, z.ch_names.index("O2")], w.x[:, NAMES.index("O2")])


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_it_comes_back_from_plain_data(spec):
    fitted = OcularFilter.fit(spec, windows(X), TRAIN, seed=0)
    again = OcularFilter.from_state(fitted.state())
    assert np.array_equal(again.transform(windows(X)).x, fitted.transform(windows(X)).x)
    assert again.found == fitted.found


@pytest.mark.parametrize(
    "change",
    [{"matrix": torch.zeros(13, 12)}, {"center": torch.zeros(12)}, {"keep": []}, {"keep": [0, 13]}],
)
def test_parts_that_do_not_fit_are_refused(change):
    state = OcularFilter.fit(SPECS["ica"], windows(X), TRAIN, seed=0).state()
    with pytest.raises(ValueError, match="ocular"):
        OcularFilter.from_state({**state, **change})


def test_blocks_change_nothing(monkeypatch):
    fitted = OcularFilter.fit(SPECS["ica"], windows(X), TRAIN, seed=0)
    whole = fitted.transform(windows(X)).x
    monkeypatch.setattr("eegdae.ocular.filter._BLOCK", 8 * 13 * 200 * 7)
    np.testing.assert_array_equal(fitted.transform(windows(X)).x, whole)


def test_what_was_found_is_told():
    found = OcularFilter.fit(SPECS["regression"], windows(X), TRAIN, seed=0).found
    assert found["summary"].startswith("EOG regressed out of 12 channels, largest coefficient 0.8")
    assert found["summary"].endswith("(EOG in Fp1)")
    assert found["coefficients"]["F3"]["EOG"] == pytest.approx(0.5, abs=0.05)
    found = OcularFilter.fit(SPECS["ica"], windows(X), TRAIN, seed=0).found
    (removed,) = found["removed"].items()
    expected = (
        f"1 of 12 components taken out (correlation with EOG: {removed[0]} {abs(removed[1]['EOG']):.2f})"
    )
    assert found["summary"] == expected


@pytest.mark.parametrize("kind", ["regression", "ica"])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"mask": np.ones((60, 13, 200), bool)}, r"^ocular=\w+: mixes channels, so it needs windows without"),
        ({"ch_names": tuple("abcdefghijklm")}, r"^ocular\.channels=\[EOG\]: there is no channel 'EOG'"),
        ({"units": (*("g",) * 12, "uV")}, r"^ocular\.channels=\[EOG\]: there is no other channel in uV"),
    ],
)
def test_windows_that_do_not_fit_are_one_line(kind, change, said):
    w, spec = windows(X, **change), OcularSpec(kind, ("EOG",))
    for attempt in (lambda: spec.without_eyes(w), lambda: OcularFilter.fit(spec, w, TRAIN, seed=0)):
        with pytest.raises(EegdaeError, match=said):
            attempt()


def test_new_windows_with_missing_samples_are_refused():
    fitted = OcularFilter.fit(SPECS["ica"], windows(X), TRAIN, seed=0)
    gaps = dataclasses.replace(windows(X), mask=np.ones((60, 13, 200), bool))
    with pytest.raises(EegdaeError, match="without missing samples"):
        fitted.transform(gaps)


def test_ocular_channels_of_two_units_are_refused():
    spec = OcularSpec("regression", ("EOG", "Fp1"))
    w = windows(X, units=(*("uV",) * 12, "V"))
    with pytest.raises(EegdaeError, match=r"^ocular\.channels=\[EOG, Fp1\]: are in different units, V, uV"):
        spec.without_eyes(w)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"kind": "regresion"}, r"ocular\.kind='regresion': not known; did you mean 'regression'"),
        ({"method": "fast_ica"}, r"ocular\.method='fast_ica': not known; did you mean 'fastica'"),
        ({"channels": ()}, r"ocular\.channels=\[\]: must be one channel or more"),
        ({"channels": ("a", "a")}, r"ocular\.channels=\[a, a\]: must be one channel or more, each once"),
        ({"n_components": 1}, r"ocular\.n_components=1: must be a whole number, 2 or more"),
        ({"n_components": 1.5}, r"ocular\.n_components=1\.5"),
        ({"n_components": True}, r"ocular\.n_components=True"),
        ({"threshold": 0}, r"ocular\.threshold=0: must be a number above 0"),
        ({"threshold": float("nan")}, r"ocular\.threshold=nan"),
        ({"max_iter": 0}, r"ocular\.max_iter=0: must be a whole number, 1 or more"),
    ],
)
def test_options_are_checked(options, said):
    with pytest.raises(EegdaeError, match=said):
        OcularSpec(**{"kind": "ica", "channels": ("EOG",), **options})

import builtins
from dataclasses import replace

import mne_connectivity
import numpy as np
import pytest

from eegdae.connectivity import Matrices, connectivity, edges, from_mne, region_average, select, to_mne
from eegdae.errors import EegdaeError

NAMES = "Fp1 Fp2 F3 F4 F7 F8 T7 T8 C3 C4 P7 P8 P3 P4 O1 O2 Fz Cz Pz".split()  # noqa: SIM905
BANDS = {"theta": (4, 8), "alpha": (8, 13)}
MEASURES = ("coherence", "imaginary_coherence", "dpli", "debiased_wpli", "plv", "power")
LOWER = np.tril_indices(19, k=-1)


def make(x, **changes):
    values = connectivity(x, sfreq=500, bands=BANDS, measures=MEASURES, estimator="welch")
    options = {"bands": BANDS, "sfreq": 500.0, "n_times": x.shape[-1], "estimator": "welch"}
    return Matrices(values, MEASURES, NAMES, **(options | changes))


def said(function, *arguments, **options):
    with pytest.raises(EegdaeError) as caught:
        function(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def same(one, other):
    assert np.array_equal(one.mask, other.mask)
    assert np.array_equal(one.values[one.mask], other.values[other.mask])
    for name in (
        *(
            "measures",
            "ch_names",
            "bands",
            "freqs",
            "sfreq",
            "n_times",
            "estimator",
            "reference",
            "laplacian",
        ),
        *("interpolated", "rank", "options"),
    ):
        assert getattr(one, name) == getattr(other, name), name


@pytest.mark.parametrize("measure", MEASURES)
def test_there_and_back_again(eegmat, measure):
    m = make(
        eegmat,
        reference=("Cz", "Pz"),
        laplacian=True,
        interpolated=["O1"],
        rank=17,
        options={"n_per_segment": 250, "n_cycles": (1.0, 2.0)},
        ch_pos=np.random.default_rng(0).normal(size=(19, 3)),
    )
    m = replace(m, mask=m.mask & (np.arange(19) != 14) & (np.arange(19) != 14)[:, None])
    conn = to_mne(m, measure)
    assert type(conn) is mne_connectivity.EpochSpectralConnectivity
    assert (conn.names, conn.indices, conn.freqs, conn.n_epochs) == (NAMES, "all", [6.0, 10.5], 8)
    k = MEASURES.index(measure)
    dense = conn.get_data("dense")  # (n_windows, n_chans, n_chans, n_bands)
    real = m.mask[0, k, 0]
    assert np.array_equal(dense[:, real], np.moveaxis(m.values[:, k][..., real], 1, -1))
    assert np.isnan(dense[:, ~real & ~np.eye(19, dtype=bool)]).all()
    got = from_mne(conn)
    same(got, replace(m, values=m.values[:, [k]], mask=m.mask[:, [k]], measures=[measure]))
    assert np.array_equal(got.ch_pos, m.ch_pos)


def test_several_there_and_back_again(eegmat):
    m = make(eegmat)
    got = from_mne([to_mne(m, name) for name in MEASURES])
    same(got, m)
    # the constants on the diagonal come back too
    assert np.array_equal(got.values[:, :5], m.values[:, :5])


def test_names_of_theirs():
    values = np.random.default_rng(0).uniform(size=(2, 1, 1, 3, 3))
    for measure, method in [
        *(("coherence", "coh"), ("imaginary_coherence", "imcoh"), ("debiased_wpli", "wpli2_debiased")),
        *(("phase_slope_index", "phase-slope-index"), ("plv", "plv"), ("granger", "granger")),
    ]:
        m = Matrices(values, [measure], ["a", "b", "c"], bands={"alpha": (8, 13)})
        assert to_mne(m).method == method
        assert from_mne(to_mne(m)).measures == (measure,)


def test_neither_bands_nor_frequencies_and_frequencies():
    values = np.random.default_rng(0).uniform(size=(2, 1, 1, 3, 3))
    broad = Matrices(values, ["pearson"], ["a", "b", "c"])
    assert type(to_mne(broad)) is mne_connectivity.EpochConnectivity
    same(from_mne(to_mne(broad)), broad)
    fine = Matrices(values.repeat(4, axis=2), ["plv"], ["a", "b", "c"], freqs=[4, 5, 6, 7.5])
    assert to_mne(fine).freqs == [4.0, 5.0, 6.0, 7.5]
    same(from_mne(to_mne(fine)), fine)


def test_regions_and_missing_channels_come_back(eegmat):
    m = make(eegmat)
    regions = region_average(m, {"front": ["Fp1", "Fp2"], "one": ["O1"], "left": ["T7", "C3"]})
    for k, name in enumerate(MEASURES):
        part = replace(regions, values=regions.values[:, [k]], mask=regions.mask[:, [k]], measures=[name])
        same(from_mne(to_mne(part)), part)
    chosen = select(replace(m, values=m.values[:, :1], mask=None, measures=MEASURES[:1]), ["O1", "Iz", "O2"])
    same(from_mne(to_mne(chosen)), chosen)


@pytest.mark.parametrize("indices", [None, (np.array([0, 3, 3]), np.array([2, 1, 5]))])
def test_what_mne_computes_comes_through(eegmat, indices):
    """Of epochs: the lower triangle is theirs, the upper follows from the measure; pairs of indices too."""
    methods = [
        "coh",
        "imcoh",
        "plv",
        "ciplv",
        "ppc",
        "pli",
        "dpli",
        "wpli",
        "wpli2_debiased",
        "pli2_unbiased",
    ]
    theirs = mne_connectivity.spectral_connectivity_epochs(
        eegmat, method=methods, indices=indices, sfreq=500, fmin=(4, 8), fmax=(8, 13), faverage=True,
        names=NAMES, verbose="error",
    )  # fmt: skip
    m = from_mne(theirs)
    assert m.measures[:5] == ("coherence", "imaginary_coherence", "plv", "ciplv", "ppc")
    assert m.measures[-2:] == ("debiased_wpli", "pli2_unbiased")
    assert (m.ch_names, len(m), m.estimator) == (tuple(NAMES), 1, "multitaper")
    assert m.freqs == tuple(theirs[0].freqs)
    rows, columns = LOWER if indices is None else indices
    for k, (method, conn) in enumerate(zip(methods, theirs, strict=True)):
        dense = np.moveaxis(conn.get_data("dense"), -1, 0)
        got = m.values[0, k]
        assert np.array_equal(got[:, rows, columns], dense[:, rows, columns]), method
        mirrored = {"imcoh": -got, "dpli": 1 - got}.get(method, got)
        assert np.array_equal(got[:, columns, rows], mirrored[:, rows, columns]), method
        assert m.mask[0, k].sum() == 2 * 2 * len(rows)
        assert m.mask[0, k][:, rows, columns].all()


def test_the_sign_is_ours_too():
    """One signal ahead of another: the same side, under the same name, as in our own measures."""
    times = np.arange(500) / 500
    ahead, behind = np.cos(2 * np.pi * 10 * times), np.cos(2 * np.pi * 10 * times - np.pi / 2)
    x = np.random.default_rng(0).normal(size=(8, 2, 500)) * 0.01 + np.stack([ahead, behind])
    names = ("imaginary_coherence", "dpli")
    theirs = from_mne(
        mne_connectivity.spectral_connectivity_epochs(
            x, method=["imcoh", "dpli"], sfreq=500, fmin=9.5, fmax=10.5, faverage=True, verbose="error"
        )
    )
    ours = connectivity(
        x, sfreq=500, bands={"ten": (9.5, 10.5)}, measures=names, estimator="morlet", n_cycles=5
    )
    assert theirs.measures == names
    np.testing.assert_allclose(theirs.values[0, :, 0], ours.mean(axis=0)[:, 0], atol=0.02)
    assert theirs.values[0, 0, 0, 0, 1] > 0.9
    assert theirs.values[0, 1, 0, 0, 1] == 1.0


def test_epochs_of_theirs_become_windows(eegmat):
    conn = mne_connectivity.spectral_connectivity_time(
        eegmat[:, :6], freqs=np.array([10.0, 20.0]), method="plv", sfreq=500, n_cycles=5, verbose="error"
    )
    m = from_mne(conn)
    assert m.ch_names == ("0", "1", "2", "3", "4", "5")
    assert (m.values.shape, m.freqs) == ((8, 1, 2, 6, 6), (10.0, 20.0))
    assert len(edges(m, "plv", "10 Hz")) == 8 * 15
    assert (m.values[:, 0].diagonal(axis1=-2, axis2=-1) == 1).all()


def test_envelope_correlation(eegmat):
    for orthogonalize, name in [("pairwise", "envelope_correlation"), (False, "plain_envelope_correlation")]:
        conn = mne_connectivity.envelope_correlation(
            eegmat, names=NAMES, orthogonalize=orthogonalize, verbose="error"
        )
        m = from_mne(conn)
        assert (m.measures, m.bands, m.freqs, m.entries) == ((name,), None, None, ("broadband",))
        assert np.array_equal(m.values[:, 0, 0], conn.get_data("dense")[..., 0])
        assert np.array_equal(m.mask[0, 0, 0], ~np.eye(19, dtype=bool))


def test_phase_slope_index(eegmat):
    conn = mne_connectivity.phase_slope_index(
        eegmat, names=NAMES, sfreq=500, fmin=(8, 13), fmax=(13, 30), verbose="error"
    )
    m = from_mne(conn)
    assert m.measures == ("phase_slope_index",)
    assert np.array_equal(m.values[0, 0], -m.values[0, 0].swapaxes(-1, -2))
    dense = np.moveaxis(conn.get_data("dense"), -1, 0)
    assert np.array_equal(m.values[0, 0][:, LOWER[0], LOWER[1]], dense[:, LOWER[0], LOWER[1]])


def test_wsmi_and_a_measure_of_which_nothing_is_known():
    conn = mne_connectivity.Connectivity(np.tril(np.ones((3, 3)), -1).ravel(), 3, indices=None, method="wSMI")
    m = from_mne(conn)
    assert m.mask.sum() == 6
    assert np.isnan(m.values[0, 0, 0].diagonal()).all()
    unknown = from_mne(
        mne_connectivity.Connectivity(np.arange(9.0), 3, indices=None, method="mine", names=["a", "b", "c"])
    )
    assert unknown.mask.sum() == 3
    assert unknown.values[0, 0, 0, 2, 1] == 7
    assert np.isnan(unknown.values[0, 0, 0, 1, 2])
    whole = from_mne(mne_connectivity.Connectivity(np.arange(9.0), 3, indices="all", method="mine"))
    assert whole.mask.sum() == 6
    assert whole.values[0, 0, 0, 1, 2] == 5


def test_what_matrices_cannot_hold(eegmat):
    x = eegmat[:, :3, :250]
    options = {"sfreq": 500, "fmin": 8, "fmax": 13, "faverage": True, "verbose": "error"}
    complex_ = mne_connectivity.spectral_connectivity_epochs(x, method="cohy", **options)
    assert "is complex; compute coh and imcoh" in said(from_mne, complex_)
    groups = (np.array([[0]]), np.array([[1, 2]]))
    several = mne_connectivity.spectral_connectivity_epochs(x, method="mic", indices=groups, **options)
    assert "groups of channels" in said(from_mne, several)
    model = mne_connectivity.vector_auto_regression(x, lags=1, verbose="error")
    assert "coefficients of a model" in said(from_mne, model)
    in_time = mne_connectivity.EpochTemporalConnectivity(np.zeros((2, 9, 4)), range(4), 3, method="plv")
    assert "has 4 times" in said(from_mne, in_time)
    assert "ndarray is no container" in said(from_mne, np.zeros((3, 3)))
    assert "list is empty" in said(from_mne, [])
    one = mne_connectivity.Connectivity(np.zeros(9), 3, method="plv")
    two = mne_connectivity.Connectivity(np.zeros(4), 2, method="pli")
    renamed = mne_connectivity.Connectivity(np.zeros(9), 3, method="pli", names=["x", "y", "z"])
    assert "different epochs, nodes or frequencies" in said(from_mne, [one, two])
    assert "different nodes" in said(from_mne, [one, renamed])


def test_a_measure_must_be_named_and_there(eegmat):
    m = make(eegmat)
    assert "measure: None; name one of coherence" in said(to_mne, m)
    assert "measure: 'plb' is not there; did you mean 'plv'" in said(to_mne, m, "plb")


def test_without_mne_connectivity_the_extra_is_named(monkeypatch, eegmat):
    plain = builtins.__import__

    def without(name, *arguments, **options):
        if name.startswith("mne_connectivity"):
            raise ImportError(name)
        return plain(name, *arguments, **options)

    m = make(eegmat[:1])
    monkeypatch.setattr(builtins, "__import__", without)
    assert "pip install 'eegdae[connectivity]'" in said(to_mne, m, "plv")
    assert "pip install 'eegdae[connectivity]'" in said(from_mne, object())

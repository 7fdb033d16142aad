"""`connectivity` against mne-connectivity, whole calls with the defaults that people use."""

import numpy as np
import pytest
from mne_connectivity import spectral_connectivity_time

from eegdae.connectivity import connectivity

FREQS = np.arange(8.0, 21.0, 2.0)
BANDS = {"alpha": (8.0, 13.0), "beta": (14.0, 20.0)}
MODES = {"morlet": "cwt_morlet", "multitaper": "multitaper"}
NAMES = {
    "coherence": "coh",
    "imaginary_coherence": "imcoh",
    "plv": "plv",
    "ciplv": "ciplv",
    "pli": "pli",
    "wpli": "wpli",
}


def windows(kind, request):
    if kind == "random":
        return np.random.default_rng(0).normal(size=(3, 6, 512)), 128.0
    # One channel of another gain and with an offset, as sensors have them.
    x = request.getfixturevalue("eegmat")[:3, :8].copy()
    x[:, 2] = 50 * x[:, 2] + 1e3
    return x, 500.0


def lower(c):
    rows, columns = np.tril_indices(c.shape[-1], k=-1)
    return c[..., rows, columns]


@pytest.fixture(
    scope="module",
    params=[("random", "morlet"), ("random", "multitaper"), ("eegmat", "morlet"), ("eegmat", "multitaper")],
    ids="-".join,
)
def mne_frequency_by_frequency(request):
    kind, mode = request.param
    x, sfreq = windows(kind, request)
    options = {"mt_bandwidth": 4.0} if mode == "multitaper" else {}
    con = spectral_connectivity_time(
        x,
        FREQS,
        method=list(NAMES.values()),
        sfreq=sfreq,
        mode=MODES[mode],
        n_cycles=7.0,
        n_jobs=1,
        verbose="error",
        **options,
    )
    theirs = {
        name: lower(np.moveaxis(c.get_data("dense"), -1, 1)) for name, c in zip(NAMES, con, strict=True)
    }  # (n_windows, n_freqs, n_pairs)
    return x, sfreq, mode, theirs


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("together", [False, True])
def test_spectral_connectivity_time(mne_frequency_by_frequency, dtype, together):
    """Asked for one by one and all at once: the two may take different ways."""
    x, sfreq, mode, theirs = mne_frequency_by_frequency
    for names in [tuple(NAMES)] if together else [(name,) for name in NAMES]:
        found = connectivity(
            x.astype(dtype), sfreq=sfreq, estimator=mode, freqs=FREQS, n_cycles=7.0, measures=names
        )
        assert found.dtype == dtype
        for k, name in enumerate(names):
            if name == "pli":  # two signs in a window's samples
                tolerance = 2 * 2 / x.shape[-1] + 1e-9 if dtype == np.float32 else 1e-9
            elif name == "ciplv":
                tolerance = 1e-3 if dtype == np.float32 else 1e-9
            else:
                tolerance = 1e-5 if dtype == np.float32 else 1e-9
            np.testing.assert_allclose(
                lower(found[:, k]), theirs[name], atol=tolerance, rtol=0, err_msg=f"{name} {mode}"
            )


def test_a_band_is_the_mean_of_their_frequencies(mne_frequency_by_frequency):
    x, sfreq, mode, theirs = mne_frequency_by_frequency
    found = connectivity(
        x, sfreq=sfreq, estimator=mode, freqs=FREQS, bands=BANDS, n_cycles=7.0, measures=tuple(NAMES)
    )
    for k, name in enumerate(NAMES):
        for band, (lo, hi) in enumerate(BANDS.values()):
            mean = theirs[name][:, (lo <= FREQS) & (hi >= FREQS)].mean(axis=1)
            np.testing.assert_allclose(lower(found[:, k, band]), mean, atol=1e-9, rtol=0)

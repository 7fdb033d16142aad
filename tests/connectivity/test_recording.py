import mne
import numpy as np
import pytest
import torch
from mne_connectivity import envelope_correlation as mne_envelope_correlation
from scipy.signal import hilbert

from eegdae.connectivity import connectivity, filter_hilbert, plv
from eegdae.errors import EegdaeError

BANDS = {"theta": (4, 8), "alpha": (8, 13)}
STARTS = [0, 700, 1500]
CALL = {"sfreq": 128.0, "bands": BANDS, "estimator": "filter_hilbert", "starts": STARTS, "n_times": 512}


def recording(seed=0, n_samples=2400):
    return np.random.default_rng(seed).normal(size=(4, n_samples))


@pytest.mark.parametrize("orthogonalize", [False, "pairwise"])
def test_agrees_with_mne(eegmat, orthogonalize):
    x = eegmat.swapaxes(0, 1).reshape(19, -1)[:6]  # (6, 8000)
    starts = [0, 1000, 5500]
    name = "envelope_correlation" if orthogonalize else "plain_envelope_correlation"
    found = connectivity(
        x,
        sfreq=500.0,
        bands={"alpha": (8, 13)},
        measures=[name],
        estimator="filter_hilbert",
        starts=starts,
        n_times=1000,
    )[:, 0, 0]
    z = hilbert(mne.filter.filter_data(x, 500.0, 8, 13, verbose="error"))
    theirs = mne_envelope_correlation(
        np.stack([z[:, i : i + 1000] for i in starts]), orthogonalize=orthogonalize, verbose="error"
    ).get_data("dense")[..., 0]
    rows, columns = np.tril_indices(6, k=-1)
    np.testing.assert_allclose(found[:, rows, columns], theirs[:, rows, columns], atol=1e-9)


def test_a_window_is_cut_after_the_filter():
    x = recording()
    found = connectivity(x, **CALL)
    for k, band in enumerate(BANDS.values()):
        z = torch.from_numpy(filter_hilbert(x, 128.0, band=band))
        for window, i in enumerate(STARTS):
            np.testing.assert_allclose(found[window, 0, k], plv(z[:, i : i + 512]), atol=1e-12)


def test_windows_do_not_depend_on_their_company_and_the_signal_outside_of_them_counts():
    x = recording()
    whole = connectivity(x, **CALL)
    one = connectivity(x, **CALL | {"starts": [700]})
    np.testing.assert_allclose(one[0], whole[1], atol=1e-13)
    inside = connectivity(x[None, :, 700:1212], sfreq=128.0, bands=BANDS)
    assert np.abs(inside[0] - whole[1]).max() > 0.01


def test_more_than_the_memory_allowed_goes_through_a_file_with_the_same_result():
    x = recording().astype(np.float32)
    np.testing.assert_array_equal(connectivity(x, **CALL, max_memory=5000), connectivity(x, **CALL))


def test_directed_measures_take_the_unfiltered_windows():
    x = recording()
    found = connectivity(x, **CALL, measures=["granger", "power"], order=3)
    cut = np.stack([x[:, i : i + 512] for i in STARTS])
    np.testing.assert_allclose(
        found[:, 0], connectivity(cut, sfreq=128.0, bands=BANDS, measures=["granger"], order=3)[:, 0]
    )


def test_tensors_no_windows_and_a_constant_channel():
    x = recording()
    assert torch.equal(connectivity(torch.from_numpy(x), **CALL), torch.from_numpy(connectivity(x, **CALL)))
    assert connectivity(x, **CALL | {"starts": []}).shape == (0, 1, 2, 4, 4)
    x[2] = 7.0
    assert np.array_equal(connectivity(x, **CALL)[:, 0, :, 2], np.tile([0, 0, 1, 0], (3, 2, 1)))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"x": recording()[None]}, r"x: shape \(1, 4, 2400\); filter_hilbert takes a recording"),
        ({"starts": None}, "starts: None, n_times: 512; filter_hilbert needs"),
        ({"starts": [0.5]}, "starts: .* give a list of whole numbers"),
        (
            {"starts": [100, 2000]},
            "starts: window 1 begins at sample 2000 and has 512; the recording has 2400",
        ),
        ({"starts": [-1]}, "starts: window 0 begins at sample -1"),
        ({"n_times": 2401}, "n_times: 2401; allowed: 1 to 2400"),
        ({"x": recording(n_samples=150), "starts": [0], "n_times": 128}, "the filter of .* lasts 1.65 s"),
        ({"mask": np.ones((3, 4, 512), bool)}, "mask: a recording with gaps cannot be filtered"),
        ({"estimator": "hilbert", "x": recording()[None]}, "starts, n_times: of windows in a recording"),
    ],
)
def test_bad_input(changed, said):
    arguments = {"x": recording()} | CALL | changed
    with pytest.raises(EegdaeError, match=said) as caught:
        connectivity(arguments.pop("x"), **arguments)
    assert "\n" not in str(caught.value)


def test_a_gap_is_named():
    x = recording()
    x[1, 30] = np.nan
    with pytest.raises(EegdaeError, match="x: not finite in channel 1, sample 30"):
        connectivity(x, **CALL)

import json

import mne
import numpy as np
import pandas as pd
import pytest
import torch

from eegdae.connectivity import connectivity, connectivity_of, covariance, estimate_rank
from eegdae.errors import EegdaeError
from eegdae.recordings.reference import laplacian_operator, reference_operator
from eegdae.windows import Windows

BANDS = {"low": (4, 10), "alpha": (8, 13)}
STANDARD = mne.channels.make_standard_montage("colin27_1005").get_positions()["ch_pos"]
NAMES = ("Fp1", "Fp2", "F7", "F8", "T7", "T8", "Cz", "P7", "P8", "O1", "O2")


def windows(n_windows=5, names=NAMES, seed=0, **changes):
    x = np.random.default_rng(seed).normal(size=(n_windows, len(names), 200)).cumsum(axis=-1)
    positions = np.array([STANDARD[name] for name in names])
    options = {"ch_pos": positions, "units": ("uV",) * len(names)} | changes
    return Windows(
        x=options.pop("x", x).astype(np.float32),
        metadata=pd.DataFrame(index=range(n_windows)),
        sfreq=100.0,
        ch_names=names,
        **options,
    )


def said(*arguments, **options):
    with pytest.raises(EegdaeError) as caught:
        connectivity_of(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_values_are_those_of_connectivity_and_all_is_recorded():
    w = windows(reference=("Cz",), laplacian=False)
    options = {"measures": ("plv", "imaginary_coherence"), "estimator": "morlet", "n_cycles": 5}
    m = connectivity_of(w, bands=BANDS, **options)
    assert np.array_equal(m.values, connectivity(w.x, sfreq=100, bands=BANDS, **options))
    assert (m.measures, m.ch_names, m.bands) == (options["measures"], NAMES, BANDS)
    assert (m.sfreq, m.n_times, m.estimator, m.freqs) == (100.0, 200, "morlet", None)
    assert (m.reference, m.laplacian, m.interpolated, m.rank) == (("Cz",), False, (), 11)
    assert m.options["n_cycles"] == (5.0,) * 10
    assert np.array_equal(m.mask[0, 0, 0], ~np.eye(11, dtype=bool))
    assert m.options["freqs"] == tuple(range(4, 14))
    assert "floor" not in m.options
    json.dumps(dict(m.options))
    again = connectivity_of(w, bands=m.bands, measures=m.measures, estimator=m.estimator, **m.options)
    assert np.array_equal(again.values, m.values)


def test_a_floor_is_taken_off_and_recorded():
    w = windows()
    m = connectivity_of(w, bands=BANDS, floor="closed_form")
    assert np.array_equal(m.values, connectivity(w.x, sfreq=100, bands=BANDS, floor="closed_form"))
    assert m.options["floor"] == "closed_form"
    assert (m.values[m.mask] < connectivity_of(w, bands=BANDS).values[m.mask]).all()


def test_frequencies_without_bands():
    m = connectivity_of(windows(), estimator="welch", n_per_segment=50)
    assert m.freqs == tuple(range(2, 51, 2))
    assert m.values.shape[2] == 25
    assert connectivity_of(windows(), estimator="morlet", freqs=[10, 20]).entries == ("10 Hz", "20 Hz")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_reference_is_taken_off_first(dtype):
    w = windows()
    m = connectivity_of(w, reference="average", bands=BANDS)
    referenced = w.x - w.x.mean(axis=1, keepdims=True)
    expected = connectivity(referenced.astype(dtype), sfreq=100, bands=BANDS)
    np.testing.assert_allclose(m.values, expected, atol=1e-4)
    assert (m.reference, m.rank) == ("average", 10)
    assert not np.allclose(m.values, connectivity_of(w, bands=BANDS).values, atol=0.05)


def test_the_channel_that_is_the_reference_has_no_edges():
    m = connectivity_of(windows(), reference=["CZ"], bands=BANDS, measures=("plv", "power"))
    zero = 6
    assert not m.mask[..., zero, :].any()
    assert not m.mask[..., :, zero].any()
    assert m.mask[:, 0].sum() == 5 * 2 * 10 * 9
    assert m.mask[:, 1].sum() == 5 * 2 * 10
    assert (m.reference, m.rank) == (("CZ",), 10)
    assert connectivity_of(windows(), reference=["T3", "T4"], bands=BANDS).mask[:, 0].sum() == 5 * 2 * 110


def test_the_laplacian_after_the_reference():
    w = windows()
    m = connectivity_of(w, laplacian=True, bands=BANDS)
    operator = laplacian_operator(w.ch_pos)
    expected = connectivity(operator @ w.x.astype(float), sfreq=100, bands=BANDS)
    np.testing.assert_allclose(m.values, expected, atol=1e-3)
    assert (m.laplacian, m.reference, m.rank) == (True, None, 10)
    both = connectivity_of(w, laplacian=True, reference="average", bands=BANDS)
    np.testing.assert_allclose(both.values, expected, atol=1e-3)
    assert both.reference == "average"
    recorded = connectivity_of(windows(laplacian=True), bands=BANDS)
    assert recorded.laplacian


def test_edges_of_interpolated_channels_are_masked_and_the_rank_tells():
    w = windows()
    x = w.x.copy()
    x[:, 6] = x[:, [0, 1, 9, 10]].mean(axis=1)
    m = connectivity_of(windows(x=x, interpolated=("Cz",)), bands=BANDS)
    assert (m.interpolated, m.rank) == (("Cz",), 10)
    assert not m.mask[..., 6, :].any()
    assert m.mask.sum() == 5 * 2 * 10 * 9


def test_a_gap_masks_the_channel_in_its_window():
    x = windows().x
    seen = np.ones(x.shape, dtype=bool)
    seen[1, 3, 50:60] = False
    w = windows(x=np.where(seen, x, 0), mask=seen)
    m = connectivity_of(w, bands=BANDS)
    assert not m.mask[1, ..., 3, :].any()
    assert m.mask[1].sum() == 2 * 10 * 9
    assert m.mask[[0, 2, 3, 4]].sum() == 4 * 2 * 110
    assert not np.isnan(m.values[m.mask]).any()
    plain = connectivity_of(windows(), bands=BANDS)
    assert np.array_equal(m.values[m.mask], plain.values[m.mask])
    whole = torch.from_numpy(x[[0, 2, 3, 4]])
    assert m.rank == int(estimate_rank(covariance(whole).mean(dim=0)))
    # an average holds a share of the gap, another reference does not
    assert not connectivity_of(w, reference="average", bands=BANDS).mask[1].any()
    elsewhere = connectivity_of(w, reference=["O1"], bands=BANDS)
    assert elsewhere.mask[1].sum() == 2 * 9 * 8
    assert connectivity_of(windows(1, x=w.x[1:2], mask=seen[1:2]), bands=BANDS).rank is None


def test_one_channel():
    one = windows(names=("Cz",))
    m = connectivity_of(one, bands=BANDS, measures=("power",))
    assert (m.mask.all(), m.rank) == (True, 1)
    assert "needs two channels" in said(one, bands=BANDS)
    assert "reference: needs two channels or more" in said(
        one, bands=BANDS, measures=("power",), reference="average"
    )


@pytest.mark.parametrize(
    ("changes", "options", "words"),
    [
        ({}, {"reference": ["Iz"]}, "reference: 'Iz' is not a channel"),
        ({"ch_pos": None}, {"laplacian": True}, "laplacian: needs the position of every channel"),
        ({"laplacian": True}, {"reference": "average"}, "surface Laplacians already"),
        ({"laplacian": True}, {"laplacian": True}, "surface Laplacians already"),
        ({"units": ("uV",) * 10 + ("g",)}, {"reference": "average"}, "different units (g, uV)"),
        ({}, {"estimator": "filter_hilbert"}, "takes a whole recording"),
        ({}, {"laplacian": 1}, "laplacian=1: must be true or false"),
    ],
)
def test_what_cannot_be_is_refused(changes, options, words):
    assert words in said(windows(**changes), bands=BANDS, **options)


def test_an_average_over_the_channels_is_the_operator():
    w = windows()
    got = connectivity_of(w, reference="average", bands=BANDS, measures=("power",)).values
    by_hand = connectivity(
        reference_operator(NAMES, "average") @ w.x.astype(float), sfreq=100, bands=BANDS, measures=("power",)
    )
    np.testing.assert_allclose(got, by_hand, atol=1e-4)


def test_real_windows(eegmat):
    """One direction of the 19 holds rounding alone (cleaned by ICA); an average reference takes one more."""
    names = tuple("Fp1 Fp2 F3 F4 F7 F8 T7 T8 C3 C4 P7 P8 P3 P4 O1 O2 Fz Cz Pz".split())  # noqa: SIM905
    w = Windows(
        x=eegmat.astype(np.float32),
        metadata=pd.DataFrame(index=range(8)),
        sfreq=500.0,
        ch_names=names,
        units=("uV",) * 19,
        ch_pos=np.array([STANDARD[name] for name in names]),
    )
    plain = connectivity_of(w, bands=BANDS, measures=("plv", "coherence"))
    sharp = connectivity_of(w, bands=BANDS, measures=("plv", "coherence"), laplacian=True)
    assert plain.rank == 18
    # less of it is volume conducted
    assert sharp.values[sharp.mask].mean() < 0.8 * plain.values[plain.mask].mean()

from dataclasses import replace

import numpy as np
import pytest

from eegdae.connectivity import (
    Matrices,
    concatenate,
    connectivity,
    mask_interpolated,
    region_average,
    select,
)
from eegdae.errors import EegdaeError
from eegdae.recordings import canonical_name

BANDS = {"alpha": (8, 13), "beta": (13, 30)}
MEASURES = ("plv", "power", "imaginary_coherence", "dpli")
NAMES = ["Fp1", "Fp2", "F7", "F8", "F3", "F4", "T3", "T4", "C3", "C4", "T5", "T6", "P3", "P4", "O1", "O2"]


def made(names=NAMES, *, n_windows=3, seed=0, measures=MEASURES, **changes):
    x = np.random.default_rng(seed).normal(size=(n_windows, len(names), 256)).cumsum(axis=-1)
    values = connectivity(x, sfreq=128, bands=BANDS, measures=measures, estimator="welch")
    options = {"bands": BANDS, "sfreq": 128.0, "n_times": 256, "estimator": "welch"}
    positions = np.array([[sum(map(ord, canonical_name(name))), 0.0, 1.0] for name in names])
    return Matrices(values, measures, names, ch_pos=positions, **(options | changes))


def said(function, *arguments, **options):
    with pytest.raises(EegdaeError) as caught:
        function(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_select_takes_channels_in_the_order_of_the_names():
    m = made()
    got = select(m, ["O2", "T7", "fp1"])
    places = [15, 6, 0]
    assert got.ch_names == ("O2", "T7", "fp1")
    assert np.array_equal(got.values, m.values[..., places, :][..., places])
    assert np.array_equal(got.mask, m.mask[..., places, :][..., places])
    assert np.array_equal(got.ch_pos, m.ch_pos[places])
    assert np.array_equal(select(got, ["Fp1", "O2"]).values, select(m, ["Fp1", "O2"]).values)
    whole = select(m, NAMES)
    assert np.array_equal(whole.values, m.values)
    assert (whole.sfreq, whole.measures, whole.entries) == (128.0, MEASURES, ("alpha", "beta"))


def test_a_channel_that_is_not_there_has_masked_edges():
    m = made(interpolated=["T3"])
    kept = m.values.copy()
    got = select(m, ["O2", "Iz", "T7"])
    there = np.ix_([0, 2], [0, 2])
    assert np.isnan(got.values[..., 1, :]).all()
    assert np.isnan(got.values[..., :, 1]).all()
    assert not got.mask[..., 1, :].any()
    assert not got.mask[..., :, 1].any()
    assert np.array_equal(
        got.values[..., there[0], there[1]], m.values[..., [[15], [6]], [15, 6]], equal_nan=True
    )
    assert np.isnan(got.ch_pos[1]).all()
    assert got.interpolated == ("T7",)
    assert np.array_equal(m.values, kept)


def test_select_refuses():
    assert "none of Iz, Oz is a channel" in said(select, made(), ["Iz", "Oz"])
    assert "T3 and T7 are two names of one electrode" in said(select, made(), ["T3", "T7"])
    assert "T3 and T7 are two names" in said(select, made(["T3", "T7", "Cz"]), ["Cz"])
    assert "none of no names" in said(select, made(), [])


def test_one_channel():
    m = made(["Cz"], measures=("power",))
    assert m.mask.all()
    assert np.array_equal(select(m, ["CZ"]).values, m.values)
    assert not select(made(), ["O1"]).mask[:, 0].any()
    assert np.array_equal(region_average(m, {"middle": ["Cz"]}).values, m.values)


def test_edges_of_interpolated_channels_are_masked():
    m = made()
    got = mask_interpolated(m, ["T7", "O2"])
    real = np.ones((16, 16), dtype=bool)
    real[[6, 15]] = real[:, [6, 15]] = False
    assert np.array_equal(got.mask, m.mask & real)
    assert got.mask.any()
    assert np.array_equal(got.values, m.values)
    assert got.interpolated == ("T3", "O2")
    assert mask_interpolated(got, ["F8"]).interpolated == ("F8", "T3", "O2")
    assert mask_interpolated(m, []) is m
    assert "interpolated: 'Iz' is not a channel" in said(mask_interpolated, m, ["Iz"])


def test_caps_meet_on_the_real_electrodes_they_share():
    first = made(interpolated=["C3"], rank=15)
    other = made(["Cz", "o1", "C3", "EEG T7-Ref", "FP1"], n_windows=2, seed=1, rank=4)
    other = replace(other, ch_pos=None)
    got = concatenate([first, other])
    assert got.ch_names == ("Fp1", "T7", "O1")
    assert len(got) == 5
    assert np.array_equal(got.values[:3], select(first, ["Fp1", "T7", "O1"]).values)
    assert np.array_equal(got.values[3:], other.values[..., [[4], [3], [1]], [4, 3, 1]])
    assert np.array_equal(got.mask[0], select(first, ["Fp1", "T7", "O1"]).mask[0])
    assert (got.interpolated, got.rank, got.ch_pos) == ((), 4, None)


def test_caps_joined_with_masked_edges():
    first = mask_interpolated(made(rank=None), ["O1"])
    other = made(["Cz", "O1", "T7"], n_windows=2, seed=1, rank=4)
    got = concatenate([first, other], channels="union")
    assert got.ch_names == (*map(canonical_name, NAMES), "Cz")
    assert np.isnan(got.values[:3, ..., 16, :]).all()
    assert not got.mask[:3, ..., 16, :].any()
    assert np.array_equal(got.values[:3, ..., :16, :16], first.values)
    assert np.array_equal(got.mask[:3, ..., :16, :16], first.mask)
    assert got.mask[3:, 0, :, 16, [6, 14]].all()
    assert got.mask[3:].sum() == other.mask.sum()
    others = replace(got, values=got.values[3:], mask=got.mask[3:])
    assert np.array_equal(select(others, other.ch_names).values, other.values)
    assert (got.interpolated, got.rank) == (("O1",), None)
    assert np.array_equal(got.ch_pos[16], other.ch_pos[0])


def test_positions_are_kept_where_all_agree():
    first, second = made(["Cz", "Oz"]), made(["Oz", "Pz"], seed=1)
    got = concatenate([first, second], channels="union")
    assert np.array_equal(got.ch_pos, np.vstack([first.ch_pos, second.ch_pos[1:]]))
    moved = replace(second, ch_pos=second.ch_pos + 1)
    assert concatenate([first, moved], channels="union").ch_pos is None


def test_one_alone_and_what_cannot_be_put_together():
    m = made()
    assert np.array_equal(concatenate([m]).values, m.values)
    assert "there are none" in said(concatenate, [])
    assert "did you mean 'shared'" in said(concatenate, [m], channels="shard")
    strange = made(["x", "y"])
    message = said(concatenate, [m, strange])
    assert "share no channel" in message
    assert "channels='union'" in message
    assert len(concatenate([m, strange], channels="union").ch_names) == 18
    hidden = made(["T7", "Oz"], interpolated=["T7"])
    assert "share no channel" in said(concatenate, [m, hidden])
    for changes, what in [
        ({"n_times": 512}, "n_times 512, the first 256"),
        ({"sfreq": 256.0}, "sfreq 256.0"),
        ({"reference": "average"}, "reference 'average', the first None"),
        ({"estimator": "hilbert"}, "estimator"),
        ({"options": {"order": 3}}, "options"),
        ({"bands": {"alpha": (8, 12), "beta": (13, 30)}}, "bands"),
        ({"laplacian": True}, "laplacian True"),
    ]:
        assert f"number 1 has {what}" in said(concatenate, [m, replace(m, **changes)])
    listed = replace(m, options={"a": [1, 2], "b": 3})
    assert len(concatenate([listed, replace(m, options={"b": 3, "a": (1, 2)})])) == 6


REGIONS = {"front": ["Fp1", "Fp2", "F7"], "left": ["T7", "P7"], "back": ["O1"]}


def test_regions_are_means_of_their_edges():
    """Against the obvious loop, with a masked edge."""
    m = mask_interpolated(made(), ["Fp2"])
    got = region_average(m, REGIONS)
    assert got.ch_names == ("front", "left", "back")
    groups = [[0, 1, 2], [6, 10], [14]]
    for a, rows in enumerate(groups):
        for b, columns in enumerate(groups):
            for k in range(len(MEASURES)):
                cells = [(x, y) for x in rows for y in columns if m.mask[0, k, 0, x, y]]
                block = got.values[:, k, :, a, b]
                assert got.mask[:, k, :, a, b].all() == bool(cells) == bool(got.mask[:, k, :, a, b].any())
                if not cells:
                    assert np.isnan(block).all()
                    continue
                expected = np.mean([m.values[:, k, :, x, y] for x, y in cells], axis=0)
                np.testing.assert_allclose(block, expected, atol=1e-12)
    assert np.array_equal(got.ch_pos[1], m.ch_pos[[6, 10]].mean(axis=0))
    assert got.interpolated == ()


def test_regions_keep_direction_and_symmetry():
    got = region_average(made(), {"a": ["Fp1", "Fp2"], "b": ["O1", "O2"]})
    plv, power, imaginary, dpli = (got.values[:, k] for k in range(4))
    np.testing.assert_allclose(plv, plv.swapaxes(-1, -2), atol=1e-12)
    np.testing.assert_allclose(imaginary, -imaginary.swapaxes(-1, -2), atol=1e-12)
    np.testing.assert_allclose(dpli + dpli.swapaxes(-1, -2), 1, atol=1e-12)
    np.testing.assert_allclose(dpli.diagonal(axis1=-2, axis2=-1), 0.5, atol=1e-12)
    assert np.isnan(power[..., 0, 1]).all()
    m = made(measures=("plv",))
    directed = replace(
        m, measures=("granger",), values=np.random.default_rng(0).normal(size=m.values.shape), mask=None
    )
    one_way = region_average(directed, {"a": ["Fp1", "Fp2"], "b": ["O1", "O2"]}).values
    np.testing.assert_allclose(
        one_way[..., 0, 1], directed.values[..., :2, 14:].mean(axis=(-2, -1)), atol=1e-12
    )
    np.testing.assert_allclose(
        one_way[..., 1, 0], directed.values[..., 14:, :2].mean(axis=(-2, -1)), atol=1e-12
    )


def test_regions_that_do_not_fit():
    m = made()
    assert "regions: there are none" in said(region_average, m, {})
    assert "regions.a: 'Fp9' is not a channel; did you mean 'Fp2'" in said(region_average, m, {"a": ["Fp9"]})
    assert "regions.a: 'Fp1'; give a list" in said(region_average, m, {"a": "Fp1"})
    assert "regions.a: []; give a list" in said(region_average, m, {"a": []})
    message = said(region_average, m, {"a": ["T3", "O1"], "b": ["O2", "o1"]})
    assert "regions.b: channel O1 is in region a already" in message

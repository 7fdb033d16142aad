import mne
import numpy as np
import pytest
from scipy.special import sph_harm_y

from eegdae.recordings import as_recording, load_recordings
from eegdae.recordings.reference import laplacian_operator, reference_operator, rereference, shares_of

NAMES = ["Fz", "Cz", "T3", "Oz"]
RNG = np.random.default_rng(0)
STANDARD = mne.channels.make_standard_montage("colin27_1005").get_positions()["ch_pos"]
CAP = ["Fp1", "Fp2", "F7", "F8", "Cz", "T7", "T8", "P7", "P8", "O1", "O2"]


def rec(data=None, **changes):
    data = RNG.normal(size=(4, 50)) + 5 if data is None else data
    options = {"sfreq": 10.0, "ch_names": NAMES, "unit": "uV", "source": "a.edf"} | changes
    return as_recording(data, **options)


def placed(names=CAP, **changes):
    positions = np.array([STANDARD[name] for name in names])
    return rec(RNG.normal(size=(len(names), 50)), ch_names=names, ch_pos=positions, **changes)


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    import os
    from pathlib import Path

    path = Path(os.environ.get("EEGDAE_DATA_DIR", "nowhere")) / "eegmat" / "Subject03_2.edf"
    if not path.exists():
        pytest.skip("EEGDAE_DATA_DIR has no eegmat")
    read = mne.io.read_raw_edf(path, preload=True, verbose="error")
    read.drop_channels(["EEG A2-A1", "ECG ECG"])
    read.rename_channels(lambda name: name.removeprefix("EEG "))
    read.rename_channels({"T3": "T7", "T4": "T8", "T5": "P7", "T6": "P8"})
    read.set_montage("colin27_1005", verbose="error")
    return read


@pytest.mark.parametrize("reference", ["average", ["Cz"], ["P7", "P8"]])
def test_the_reference_of_mne(raw, reference, eegmat, data_config):
    config = data_config("eegmat", path=str(eegmat / "Subject03_2.edf"), prepare={"reference": reference})
    (got,) = load_recordings(config)
    expected = raw.copy().set_eeg_reference(reference, verbose="error").get_data() * 1e6
    assert np.abs(got.data - expected).max() < 1e-4 * np.abs(expected).max()
    assert got.reference == (reference if reference == "average" else tuple(reference))
    assert (got.units, got.laplacian) == (("uV",) * 19, False)
    if reference == ["Cz"]:
        assert not got.data[got.ch_names.index("Cz")].any()


def test_the_laplacian_of_mne(raw, eegmat, data_config):
    prepare = {"laplacian": True, "l_freq": 1.0, "h_freq": 40.0}
    (got,) = load_recordings(data_config("eegmat", path=str(eegmat / "Subject03_2.edf"), prepare=prepare))
    radius, centre, _ = mne.bem.fit_sphere_to_headshape(raw.info, verbose="error")
    filtered = raw.copy().filter(1, 40, verbose="error")
    expected = mne.preprocessing.compute_current_source_density(
        filtered, sphere=(*centre, radius), verbose="error"
    )
    expected = expected.get_data() * 1e6
    assert np.abs(got.data - expected).max() < 1e-5 * np.abs(expected).max()
    assert (got.units, got.laplacian, got.reference) == (("uV/m^2",) * 19, True, None)
    assert 1e2 < np.median(got.data.std(axis=1)) < 1e5  # microvolt by square metre, not volt


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_the_laplacian_of_a_spherical_harmonic(degree):
    """On a sphere of radius r, minus the Laplacian of Y is l (l + 1) Y / r^2, wherever its centre lies."""
    radius, centre = 0.09, np.array([0.0, 0.01, 0.04])
    k = np.arange(400) + 0.5
    polar, around = np.arccos(1 - 2 * k / 400), np.pi * (1 + 5**0.5) * k  # evenly spread
    unit = np.stack([np.cos(around) * np.sin(polar), np.sin(around) * np.sin(polar), np.cos(polar)], axis=1)
    potential = sph_harm_y(degree, 1, polar, around).real
    got = laplacian_operator(centre + radius * unit) @ potential
    expected = degree * (degree + 1) / radius**2 * potential
    assert np.abs(got - expected).max() < 0.02 * np.abs(expected).max()


def test_a_laplacian_does_not_depend_on_the_reference():
    before = placed()
    plain = rereference(before, laplacian=True)
    referenced = rereference(before, reference=["Cz", "O1"], laplacian=True)
    assert np.abs(plain.data - referenced.data).max() < 1e-3 * np.abs(plain.data).max()
    assert (referenced.reference, referenced.laplacian) == (("Cz", "O1"), True)


def test_operators_lose_one_rank_and_what_all_channels_share():
    positions = np.array([STANDARD[name] for name in CAP])
    for operator in (
        reference_operator(CAP, "average"),
        reference_operator(CAP, ["T3", "T8"]),
        laplacian_operator(positions),
    ):
        assert np.linalg.matrix_rank(operator, rtol=1e-9) == len(CAP) - 1
        assert np.abs(operator @ np.ones(len(CAP))).max() < 1e-9 * np.abs(operator).max()


def test_only_what_others_hold_of_a_channel_counts():
    assert shares_of(reference_operator(NAMES, "average")).all()
    assert shares_of(reference_operator(NAMES, ["Cz"])).tolist() == [False, True, False, False]
    assert shares_of(reference_operator(NAMES[:2], ["Cz"])).tolist() == [False, True]
    assert not shares_of(np.eye(4)).any()


def test_aliases_are_understood_and_nothing_asked_for_changes_nothing():
    before = rec()
    assert rereference(before) is before
    got = rereference(before, reference=["T7"])
    assert np.allclose(got.data, before.data - before.data[2], atol=1e-5)
    assert got.reference == ("T7",)


def test_a_dead_channel_takes_no_part():
    data = RNG.normal(size=(4, 50)) + 5
    data[1] = 7.0
    data[3] = np.nan
    got = rereference(rec(data), reference="average")
    alive = data[[0, 2]].astype(np.float32)
    assert np.allclose(got.data[[0, 2]], alive - alive.mean(axis=0), atol=1e-5)
    assert (got.data[1] == 7).all()
    assert not got.mask[3].any()
    assert got.mask[:3].all()


def test_a_gap_in_the_reference_is_a_gap_in_all():
    data = RNG.normal(size=(4, 50))
    data[0, 10:20] = np.nan
    average = rereference(rec(data), reference="average")
    assert np.array_equal(average.mask, np.broadcast_to(~np.isnan(data[0]), (4, 50)))
    assert not average.data[~average.mask].any()
    elsewhere = rereference(rec(data), reference=["Cz"])
    assert np.array_equal(elsewhere.mask, ~np.isnan(data))
    two = rereference(rec(data[:2], ch_names=NAMES[:2]), reference=["Fz"])
    assert not two.mask[:, 10:20].any()


@pytest.mark.parametrize(
    ("changes", "options", "said"),
    [
        ({}, {"reference": ["Fp9"]}, "data.prepare.reference: 'Fp9' is not a channel"),
        ({}, {"reference": ["Fzz"]}, "did you mean 'Fz'"),
        (
            {},
            {"reference": "averge"},
            "'averge'; give average, or a list of channels: did you mean 'average'",
        ),
        ({}, {"reference": "Cz"}, "'Cz'; give average, or a list of channels: [Cz]"),
        ({}, {"reference": []}, "a list of one channel or more"),
        ({}, {"reference": 3}, "data.prepare.reference: 3; give average"),
        ({}, {"reference": ["T3", "T7"]}, "which is named already"),
        ({}, {"laplacian": "yes"}, "data.prepare.laplacian='yes': must be true or false"),
        ({}, {"laplacian": True}, "set data.montage"),
        ({"unit": ["uV", "uV", "g", "uV"]}, {"reference": "average"}, "different units (g, uV)"),
        ({"ch_pos": np.eye(4, 3)}, {"laplacian": True}, "from the positions of 4 channels"),
        ({"data": np.ones((1, 50)), "ch_names": ["Cz"]}, {"reference": "average"}, "two channels or more"),
        (
            {"data": RNG.normal(size=(1, 50)), "ch_names": ["Cz"]},
            {"reference": ["Cz"]},
            "needs two channels or more, and there is 1",
        ),
        (
            {"data": RNG.normal(size=(1, 50)), "ch_names": ["Cz"], "ch_pos": [[0, 0, 0.1]]},
            {"laplacian": True},
            "at least 4 required",
        ),
        ({"data": np.vstack([RNG.normal(size=(3, 50)), np.ones(50)])}, {"reference": ["Oz"]}, "Oz is flat"),
    ],
)
def test_what_cannot_be_is_refused_with_the_file(changes, options, said, one_line):
    message = one_line(rereference, rec(changes.pop("data", None), **changes), **options)
    assert said in message
    assert "data.prepare." in message


def test_electrodes_that_lie_on_no_head(one_line):
    row = placed(["C3", "C1", "Cz", "C2", "C4"])
    assert "has a radius of 17.5 m" in one_line(rereference, row, laplacian=True)
    twice = placed([*CAP, "Fz"])
    twice.ch_pos[0] = twice.ch_pos[1]
    assert np.isfinite(rereference(twice, laplacian=True).data).all()


def test_a_laplacian_is_not_taken_twice(one_line):
    once = rereference(placed(), laplacian=True)
    assert "surface Laplacians already" in one_line(rereference, once, laplacian=True)
    assert "surface Laplacians already" in one_line(rereference, once, reference="average")

import numpy as np
import pytest

from eegdae.recordings import as_recording, load_recordings, read_recordings
from eegdae.recordings.prepare import check_prepare, prepare
from eegdae.recordings.prepare.units import deviation


def rec(scale=10.0, *, unit="uV", names=("C3", "C4", "Cz"), **changes):
    data = np.random.default_rng(0).normal(size=(len(names), 3000)) * scale
    return as_recording(
        data, **{"sfreq": 100.0, "ch_names": names, "unit": unit, "source": "a.npz"} | changes
    )


@pytest.mark.parametrize(("unit", "factor"), [("V", 1e6), ("mV", 1e3), ("uV", 1), ("nV", 1e-3)])
def test_the_numbers_are_what_is_declared_whatever_the_file_says(unit, factor):
    got = prepare(rec(10 / factor, unit=["uV", "a.u.", "V"]), unit=unit)
    assert got.units == ("uV",) * 3
    assert np.allclose(got.data, rec().data, rtol=1e-6)


def test_auto_is_what_the_file_says():
    got = prepare(rec(np.array([[1e-5], [1e-2], [1e4]]), unit=["V", "mV", "nV"]), unit="auto")
    assert got.units == ("uV",) * 3
    assert np.allclose(got.data, rec().data, rtol=1e-6)
    assert prepare(rec(unit="\N{MICRO SIGN}V"), unit="auto").unit == "uV"


def test_other_sensors_keep_their_unit_and_size():
    got = prepare(rec(unit=["V", "g", "rad/s"], names=("Cz", "acc", "gyro")), unit=1e0)
    assert got.units == ("uV", "g", "rad/s")
    assert np.array_equal(got.data, rec().data)
    assert prepare(rec(1e9, unit="g")).unit == "g"


@pytest.mark.parametrize(
    ("scale", "suggested"),
    [(1e-5, "unit=V"), (1e-2, "unit=mV"), (1e4, "unit=nV"), (1e7, "unit=1e-06")],
)
def test_eeg_of_no_plausible_size_is_refused_and_the_suggestion_mends_it(scale, suggested, one_line):
    said = one_line(prepare, rec(scale))
    assert "a.npz: channel C3 has a median absolute deviation of" in said
    assert "outside 0.1 to 1000 uV (3 of 3 channels have)" in said
    assert f"data.prepare.{suggested}" in said
    assert "data.prepare.unit=arbitrary" in said
    word = suggested.removeprefix("unit=")
    mended = prepare(rec(scale), unit=word if word.endswith("V") else float(word))
    assert 1 < np.median(np.abs(mended.data)) < 100
    assert prepare(rec(scale), unit="arbitrary").units == ("a.u.",) * 3


@pytest.mark.parametrize(
    ("file", "unit", "suggested"),
    [("uV", "V", "uV"), ("V", "auto", "uV"), ("uV", "nV", "uV"), ("uV", "mV", "uV"), ("uV", 1e-3, "uV")],
)
def test_the_suggestion_takes_the_place_of_what_was_declared(file, unit, suggested, one_line):
    recording = rec(unit=file)
    if unit in ("nV", 1e-3):
        recording = rec(50.0, unit=file)
    said = one_line(prepare, recording, unit=unit)
    assert f"data.prepare.unit={suggested} if the numbers are {suggested}" in said
    assert prepare(recording, unit=suggested).unit == "uV"


def test_the_limits_are_a_tenth_and_a_thousand_microvolt(one_line):
    for size in (0.101, 999.0):
        prepare(rec(size / deviation(rec(1.0).data[0], sfreq=100), names=("Cz",)))
    for size in (0.099, 1001.0):
        one_line(prepare, rec(size / deviation(rec(1.0).data[0], sfreq=100), names=("Cz",)))


def test_the_deviation_is_the_median_absolute_one_and_a_drift_does_not_count():
    x = rec().data[0]
    short = x[:900]  # less than ten seconds
    assert deviation(short, sfreq=100) == pytest.approx(np.median(np.abs(short - np.median(short))))
    drifting = x + np.linspace(0, 2e4, len(x))  # 20 mV in half a minute
    assert np.median(np.abs(drifting - np.median(drifting))) > 1000
    slow = rec(1.0).data[0] * 10 + np.linspace(0, 300, len(x))
    assert deviation(slow, sfreq=100) < 40


def test_flat_unobserved_and_other_channels_are_no_error_of_the_unit():
    data = rec(names=("C3", "C4", "Cz", "ECG", "Status")).data.copy()
    data[1] = 7.0
    data[2] = np.nan
    data[3:] *= 1e5
    names = ("C3", "C4", "Cz", "ECG", "Status")
    prepare(as_recording(data, sfreq=100.0, ch_names=names, unit="uV"))


def test_one_channel_that_does_not_fit_may_be_left_out_or_is_bad(one_line):
    names = ("C3", "C4", "Cz", "Fz", "Pz")
    loud = rec(names=names).data * np.array([[1], [1], [1], [1], [1e4]])
    recording = as_recording(loud, sfreq=100.0, ch_names=names, unit="uV", source="a.npz")
    said = one_line(prepare, recording)
    assert "channel Pz" in said
    assert "data.prepare.drop=[Pz]" in said
    assert prepare(recording, drop=["Pz"]).n_chans == 4
    assert not prepare(recording, bad_channels=["Pz"]).mask[4].any()


def test_every_set_passes_or_has_no_unit(eegmat, ssvep, data_config, one_line):
    (got,) = load_recordings(data_config("eegmat", path=str(eegmat / "Subject03_2.edf")))
    assert got.unit == "uV"
    path = str(sorted((ssvep / "subject01").glob("*_raw.fif"))[0])
    assert "8 of 8 channels have" in one_line(read_recordings, path)
    (got,) = read_recordings(path, prepare={"unit": "arbitrary"})
    assert got.unit == "a.u."


@pytest.mark.parametrize("value", ["kV", "", True, 0, -1, float("nan"), ["uV"], {}])
def test_what_is_no_unit_is_refused(value, one_line):
    said = one_line(check_prepare, {"unit": value})
    assert said.startswith(f"data.prepare.unit={value!r}: ")
    assert "known: V, arbitrary, auto, mV, nV, uV, or a factor above 0" in said


def test_a_unit_for_what_is_no_voltage_is_refused(one_line):
    assert "a.npz: data.prepare.unit=mV: no channel is a voltage, the units are g" in one_line(
        prepare, rec(unit="g"), unit="mV"
    )
    assert "channel C3 is beyond float32 then" in one_line(prepare, rec(1e35), unit="V")


def test_the_size_of_what_comes_once_a_day():
    values = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    assert deviation(values, sfreq=1e-5) == deviation(values, sfreq=1.0)

"""Files that MNE or a format's own library wrote are read back: equal to the format's resolution."""

import mne
import numpy as np
import pytest

from eegdae.recordings import read_recordings

from . import true_formats

RNG = np.random.default_rng(0)
NAMES = ["Fz", "Cz", "Pz", "Oz"]
SFREQ, SECONDS = 128.0, 12
SPANS = [(1.0, 2.0, "left"), (4.0, 2.5, "right"), (8.0, 1.0, "left")]
INSTANTS = [(2.5, "beep"), (7.25, "flash")]


def a_raw():
    """Four channels of 12 s in volt, three trials and two instants."""
    info = mne.create_info(NAMES, SFREQ, "eeg")
    info["subject_info"] = {"his_id": "P07"}
    data = RNG.normal(size=(4, int(SFREQ * SECONDS))) * 2e-5 * np.array([[1], [2], [0.5], [1]])
    raw = mne.io.RawArray(data, info, verbose="error")
    raw.set_montage("standard_1020", verbose="error")
    onsets, durations, labels = zip(*[*SPANS, *((t, 0.0, label) for t, label in INSTANTS)], strict=True)
    raw.set_annotations(mne.Annotations(onsets, durations, labels))
    return raw


def write_with_mne(raw, path):
    mne.export.export_raw(path, raw, verbose="error")


def write_fif(raw, path):
    raw.save(path, verbose="error")


def write_brainvision(raw, path):
    import pybv

    def event(onset, duration, label):
        start, n = round(onset * SFREQ), round(duration * SFREQ)
        return {"onset": start, "duration": n, "type": "Comment", "description": label}

    pybv.write_brainvision(
        data=raw.get_data(),
        sfreq=SFREQ,
        ch_names=raw.ch_names,
        fname_base=path.stem,
        folder_out=path.parent,
        events=[event(*span) for span in SPANS] + [event(t, 0, label) for t, label in INSTANTS],
        resolution=0.1,
        unit="µV",
        fmt="binary_int16",
    )


def write_edf_of_its_own_library(raw, path):
    import edfio

    signals = [
        edfio.EdfSignal(values * 1e6, SFREQ, label=name, physical_dimension="uV")
        for name, values in zip(raw.ch_names, raw.get_data(), strict=True)
    ]
    marks = [edfio.EdfAnnotation(*span) for span in SPANS] + [
        edfio.EdfAnnotation(t, None, label) for t, label in INSTANTS
    ]
    edfio.Edf(signals, patient=edfio.Patient(code="P07"), annotations=marks).write(path)


def write_bdf_of_its_own_library(raw, path):
    import edfio

    signals = [
        edfio.BdfSignal(values * 1e6, SFREQ, label=name, physical_dimension="uV")
        for name, values in zip(raw.ch_names, raw.get_data(), strict=True)
    ]
    marks = [edfio.EdfAnnotation(*span) for span in SPANS] + [
        edfio.EdfAnnotation(t, None, label) for t, label in INSTANTS
    ]
    edfio.Bdf(signals, patient=edfio.Patient(code="P07"), annotations=marks).write(path)


# name -> (writer, one step of the stored numbers in microvolt, whether the format keeps a person)
FORMATS = {
    "mne.edf": (write_with_mne, 400 / 2**16, True),
    "edfio.edf": (write_edf_of_its_own_library, 400 / 2**16, True),
    "mne.bdf": (write_with_mne, 400 / 2**24, True),
    "edfio.bdf": (write_bdf_of_its_own_library, 400 / 2**24, True),
    "pybv.vhdr": (write_brainvision, 0.1, False),
    "mne.set": (write_with_mne, 1e-4, False),
    "own_raw.fif": (write_fif, 1e-4, True),
}


@pytest.fixture(params=sorted(FORMATS))
def written(request, tmp_path):
    raw = a_raw()
    writer, step, has_subject = FORMATS[request.param]
    path = tmp_path / "Kölner Aufnahme 1" / request.param
    path.parent.mkdir()
    writer(raw, path)
    return raw, path, step, has_subject


def test_what_was_written_is_read(written):
    raw, path, step, has_subject = written
    (got,) = read_recordings(path)
    expected = raw.get_data() * 1e6
    assert got.data.shape == expected.shape
    assert np.abs(got.data - expected).max() <= step
    assert (got.sfreq, got.ch_names, got.unit) == (SFREQ, tuple(NAMES), "uV")
    assert got.mask is None
    assert got.subject == ("P07" if has_subject else "")
    trials = [(a.start, a.stop, a.label.removeprefix("Comment/")) for a in got.annotations]
    assert trials == [(round(t * SFREQ), round((t + d) * SFREQ), label) for t, d, label in SPANS]


def test_instants_are_read_where_they_are_asked_for(written):
    _, path, _, _ = written
    (got,) = read_recordings(path, events="instants")
    found = [(a.start, a.stop, a.label.removeprefix("Comment/")) for a in got.annotations]
    expected = [(round(t * SFREQ), round(t * SFREQ) + 1, label) for t, label in INSTANTS]
    assert [one for one in found if not one[2].startswith("New Segment")] == expected
    (both,) = read_recordings(path, events="all")
    assert len(both.annotations) == len(found) + len(SPANS)
    assert [a.start for a in both.annotations] == sorted(a.start for a in both.annotations)


@pytest.mark.parametrize("name", ["mne.set", "own_raw.fif"])
def test_positions_of_the_file(tmp_path, name):
    raw = a_raw()
    FORMATS[name][0](raw, tmp_path / name)
    (got,) = read_recordings(tmp_path / name)
    assert np.allclose(got.ch_pos, [chan["loc"][:3] for chan in raw.info["chs"]], atol=1e-3)


@pytest.mark.parametrize("write", [true_formats.gdf1, true_formats.gdf2, true_formats.cnt])
def test_true_formats_that_nothing_in_python_writes(tmp_path, write):
    data = RNG.integers(-500, 500, size=(4, 1280)).astype(np.int16)
    events = [(100, 769, 256), (700, 770, 256), (600, 1, 0)]
    path = tmp_path / f"true.{write.__name__[:3]}"
    path.write_bytes(write(data, sfreq=128, names=NAMES, events=events))
    (got,) = read_recordings(path, events="all")
    assert np.abs(got.data - data * true_formats.STEP).max() < 1e-3
    assert (got.sfreq, got.ch_names, got.unit) == (128.0, tuple(NAMES), "uV")
    found = {a.label: (a.start, a.stop) for a in got.annotations}
    if write is true_formats.cnt:  # events have no duration; MNE counts them from the sample before
        assert {label: start + 1 for label, (start, _) in found.items()} == {"769": 100, "770": 700, "1": 600}
        assert all(stop == start + 1 for start, stop in found.values())
    else:
        assert found == {"769": (100, 356), "770": (700, 956), "1": (600, 601)}
        trials = read_recordings(path)[0].annotations
        assert [a.label for a in trials] == ["769", "770"]

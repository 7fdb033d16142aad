"""Sleep-EDF Expanded: small files of its form, its names as MNE lists them, the whole download over loopback.

Labels, rates and units of the channels, and the texts of the stages, are those of SC4001E0-PSG.edf and
SC4001EC-Hypnogram.edf as the page of the set (physionet.org/content/sleep-edfx/1.0.0) and MNE's tutorial
"Sleep stage classification from polysomnography (PSG) data" show them.
"""

import csv
import datetime
import hashlib
import re
from fnmatch import fnmatchcase
from pathlib import Path

import mne
import numpy as np
import pytest
from edfio import Edf, EdfAnnotation, EdfSignal

from eegdae import make_windows
from eegdae.recordings import load_recordings

from .mutations import mutants, read_or_refuse

HYPNOGRAM = [
    (0, 90, "Sleep stage W"),
    (90, 30, "Sleep stage 1"),
    (120, 60, "Sleep stage 2"),
    (180, 30, "Sleep stage 3"),
]
HYPNOGRAM += [(210, 60, "Sleep stage 4"), (270, 30, "Sleep stage R"), (300, 30, "Movement time")]
HYPNOGRAM += [(330, 30, "Sleep stage W"), (360, 6000, "Sleep stage ?")]
RECORDS = Path(mne.__file__).parent / "datasets/sleep_physionet/age_records.csv"


def write_night(
    folder, *, psg="SC4001E0-PSG.edf", hypnogram="SC4001EC-Hypnogram.edf", spans=HYPNOGRAM, seed=0
):
    """Ten minutes of 30 s records; the hypnogram goes on after the end, as that of SC4001 does."""
    folder.mkdir(parents=True, exist_ok=True)
    rng, seconds = np.random.default_rng(seed), 600
    kinds = [
        ("EEG Fpz-Cz", "uV", 192, 100),
        ("EEG Pz-Oz", "uV", 197, 100),
        ("EOG horizontal", "uV", 1009, 100),
    ]
    kinds += [("Resp oro-nasal", "", 2048, 1), ("EMG submental", "uV", 5, 1), ("Temp rectal", "DegC", 40, 1)]
    kinds += [("Event marker", "", 2047, 1)]
    signals = []
    for label, unit, top, rate in kinds:
        data = np.clip(rng.normal(0, top / 6, rate * seconds), -top, top)
        signals.append(
            EdfSignal(data, rate, label=label, physical_dimension=unit, physical_range=(-top, top))
        )
    begin = datetime.time(16, 13)
    Edf(signals, starttime=begin, data_record_duration=30).write(folder / psg)
    told = [EdfAnnotation(*span) for span in spans]
    Edf([], starttime=begin, annotations=told).write(folder / hypnogram)
    return folder / psg


@pytest.fixture
def night(tmp_path):
    return write_night(tmp_path / "data/sleep_edf/sleep-cassette")


def test_a_night(night, tmp_path, data_config):
    (rec,) = load_recordings(data_config("sleep_edf", data_dir=tmp_path / "data"))
    assert (rec.subject, rec.session, rec.run) == ("00", "1", "E0")
    assert (rec.ch_names, rec.unit, rec.sfreq) == (("Fpz-Cz", "Pz-Oz", "EOG horizontal"), "uV", 100)
    assert rec.n_times == 60_000
    stages = ["W", "N1", "N2", "N3", "N3", "R", "W"]
    assert [a.label for a in rec.annotations] == stages
    starts = [0, 90, 120, 180, 210, 270, 330]
    assert [(a.start, a.stop) for a in rec.annotations] == [
        (100 * start, 100 * stop)
        for start, stop in zip(starts, [90, 120, 180, 210, 270, 300, 360], strict=True)
    ]
    windows = make_windows([rec], size=30, stride=30, classes=("W", "N1", "N2", "N3", "R"))
    assert list(windows.metadata["label"]) == ["W"] * 3 + ["N1"] + ["N2"] * 2 + ["N3"] * 3 + ["R", "W"]


def test_the_signal_is_that_of_the_file(night, tmp_path, data_config):
    """The other reader is edfio's; without a filter, to the steps of the file."""
    config = data_config("sleep_edf", data_dir=tmp_path / "data", prepare=None)
    (rec,) = load_recordings(config)
    from edfio import read_edf

    signals = read_edf(night).signals
    for k in range(3):
        step = 2 * signals[k].physical_max / 65535
        assert np.allclose(rec.data[k], signals[k].data, atol=step)


def test_excluded_channels_are_not_brought_to_the_rate(night, tmp_path, data_config, monkeypatch):
    """Of a whole night that would take ten times as long, and four times the memory."""
    read = []
    segment = mne.io.edf.edf.RawEDF._read_segment_file

    def spy(self, data, idx, *args):
        read.append(data.shape[0] if len(data) else 0)
        return segment(self, data, idx, *args)

    monkeypatch.setattr(mne.io.edf.edf.RawEDF, "_read_segment_file", spy)
    load_recordings(data_config("sleep_edf", data_dir=tmp_path / "data"))
    assert set(read) == {3}


def test_every_file_of_the_set_is_understood(data_config):
    """Names of all 153 recordings, from MNE's list of them: person, night, and exactly one hypnogram each."""
    config = data_config("sleep_edf")
    with RECORDS.open() as file:
        rows = list(csv.DictReader(file))
    psgs = [row for row in rows if row["record type"] == "PSG"]
    names = [row["fname"] for row in rows if row["record type"] == "Hypnogram"]
    assert len(psgs) == len(names) == 153
    found = set()
    for row in psgs:
        assert fnmatchcase(row["fname"], Path(config["path"]).name)
        match = re.fullmatch(r"SC4(.{2})(.{1})([^/]+?)-PSG\.edf", row["fname"])
        assert (int(match[1]), match[2]) == (int(row["subject"]), row["night"])
        pattern = config["annotations"].replace("{name:7}", row["fname"][:7])
        (one,) = [name for name in names if fnmatchcase(name, pattern)]
        found.add(one)
    assert found == set(names)
    assert len({row["subject"] for row in psgs}) == 78


def test_the_download(cache, site, data_config, one_line):
    """As PhysioNet serves it: a list of checksums, two folders of which one is wanted."""
    folder = site.folder / "sleep-cassette"
    write_night(folder)
    write_night(folder, psg="SC4002E0-PSG.edf", hypnogram="SC4002EC-Hypnogram.edf", seed=1)
    write_night(site.folder / "sleep-telemetry", psg="ST7011J0-PSG.edf", hypnogram="ST7011JP-Hypnogram.edf")
    (site.folder / "RECORDS").write_text("sleep-cassette/SC4001E0-PSG.edf\n")
    files = sorted(f for f in site.folder.rglob("*") if f.is_file())
    lines = [f"{hashlib.sha256(f.read_bytes()).hexdigest()} {f.relative_to(site.folder)}" for f in files]
    (site.folder / "SHA256SUMS.txt").write_text("\n".join(lines) + "\n")
    config = data_config("sleep_edf")
    config["resource"]["url"] = site.address
    site.cut_after = [10**6, 200_000]
    assert [rec.session for rec in load_recordings(config)] == ["1", "2"]
    assert [path for path, had in site.asked if had is None] == [
        "/SHA256SUMS.txt",
        "/sleep-cassette/SC4001E0-PSG.edf",
        "/sleep-cassette/SC4001EC-Hypnogram.edf",
        "/sleep-cassette/SC4002E0-PSG.edf",
        "/sleep-cassette/SC4002EC-Hypnogram.edf",
    ]
    n_asked = len(site.asked)
    assert len(load_recordings(config)) == 2
    assert len(site.asked) == n_asked
    (cache / "sleep_edf/sleep-cassette/SC4002EC-Hypnogram.edf").unlink()
    assert len(load_recordings(config)) == 2
    assert len(site.asked) == n_asked + 1


def test_a_hypnogram_that_is_missing(night, tmp_path, data_config, one_line):
    (night.parent / "SC4001EC-Hypnogram.edf").rename(night.parent / "SC4002EC-Hypnogram.edf")
    message = one_line(load_recordings, data_config("sleep_edf", data_dir=tmp_path / "data"))
    assert "SC4001E0-PSG.edf: needs one file SC4001E?-Hypnogram.edf beside it" in message


def test_a_hypnogram_without_stages(tmp_path, data_config, one_line):
    write_night(tmp_path / "data/sleep_edf/sleep-cassette", spans=[(0, 600, "Sleep stage ?")])
    message = one_line(load_recordings, data_config("sleep_edf", data_dir=tmp_path / "data"))
    assert "none of the annotations of data.labels.map; found: Sleep stage ?" in message


@pytest.mark.parametrize("n", [200, pytest.param(2000, marks=pytest.mark.slow)])
def test_random_damage_of_the_hypnogram(tmp_path, data_config, n):
    signal = EdfSignal(np.sin(np.arange(60_000) / 5) * 50, 100, label="EEG Fpz-Cz", physical_dimension="uV")
    folder = tmp_path / "sleep_edf/sleep-cassette"
    psg = write_night(folder)
    Edf([signal], starttime=datetime.time(16, 13)).write(psg)
    config = data_config("sleep_edf", data_dir=tmp_path, exclude=[], prepare=None)
    hypnogram = folder / "SC4001EC-Hypnogram.edf"
    read = 0
    for damaged in mutants(hypnogram.read_bytes(), n=n):
        hypnogram.write_bytes(damaged)
        for rec in read_or_refuse(load_recordings, config):
            assert rec.data.shape == (1, 60_000)
            assert {a.label for a in rec.annotations} <= {"W", "N1", "N2", "N3", "R"}
            read += 1
    assert n // 10 < read < n


def test_the_other_part_of_the_set(tmp_path, data_config):
    """Nights with and without temazepam, as the comment of the configuration says."""
    folder = tmp_path / "sleep_edf/sleep-telemetry"
    write_night(folder, psg="ST7011J0-PSG.edf", hypnogram="ST7011JP-Hypnogram.edf")
    text = (Path(__file__).parents[2] / "conf/data/sleep_edf.yaml").read_text()
    (pattern,) = re.findall(r"data.pattern=\"'(.*?)'\"", text)
    path = f"{folder}/ST7*-PSG.edf"
    (rec,) = load_recordings(data_config("sleep_edf", path=path, pattern=pattern))
    assert (rec.subject, rec.session, rec.run) == ("01", "1", "J0")
    with RECORDS.with_name("temazepam_records.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 44
    for row in rows:
        found = re.fullmatch(r"ST7(..)(.)([^/]+?)-PSG\.edf", row["fname_PSG"])
        assert (int(found[1]), found[2]) == (int(row["subject_orig"]), row["night nr"])
        assert fnmatchcase(row["fname_Hypnogram"], f"{row['fname_PSG'][:7]}?-Hypnogram.edf")

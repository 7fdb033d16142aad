"""CHB-MIT: small files of its form, every slip of the original summaries, the download over loopback.

Nothing of the original is in reach of the tests. The lines are those of chb01, chb09 (a wrong number beside
an end, an hour past 24) and chb24 (no times of files, no files without seizures), as tests and notes of
public parsers quote: "Seizure 2 Start Time: 9196 seconds", "Seizure 1 End Time:   9267 seconds" in chb09_08.
"""

import hashlib

import numpy as np
import pytest
from edfio import Edf, EdfSignal

from eegdae.recordings import load_recordings, read_recordings
from eegdae.recordings.chb_mit import read_summary

from .mutations import mutants, read_or_refuse

COMMON = [
    "FP1-F7",
    "F7-T7",
    "T7-P7",
    "P7-O1",
    "FP1-F3",
    "F3-C3",
    "C3-P3",
    "P3-O1",
    "FP2-F4",
    "F4-C4",
    "C4-P4",
]
COMMON += ["P4-O2", "FP2-F8", "F8-T8", "T8-P8", "P8-O2", "FZ-CZ", "CZ-PZ"]
OF_CASE_01 = [*COMMON, "P7-T7", "T7-FT9", "FT9-FT10", "FT10-T8", "T8-P8"]
HEAD = """Data Sampling Rate: 256 Hz
*************************

Channels in EDF Files:
**********************
Channel 1: FP1-F7
Channel 2: F7-T7

"""
SUMMARY = (
    HEAD
    + """File Name: chb01_01.edf
File Start Time: 11:42:54
File End Time: 12:42:54
Number of Seizures in File: 0

File Name: chb01_03.edf
File Start Time: 13:43:04
File End Time: 24:22:17
Number of Seizures in File: 1
Seizure Start Time: 12 seconds
Seizure End Time: 20 seconds

Channels changed:
*****************
Channel 1: FP1-F7

File Name: chb01_04.edf
File Start Time: 14:43:12
File End Time: 15:43:12
Number of Seizures in File: 2
Seizure 1 Start Time: 0 seconds
Seizure 1 End Time:   5 seconds
Seizure 2 Start Time: 9 seconds
Seizure 1 End Time:   30 seconds

File Name: chb01_46.edf
File Start Time: 14:43:12
File End Time: 15:43:12
Number of Seizures in File: 0
"""
)


def write_hour(path, labels=OF_CASE_01, *, seconds=30, seed=0):
    """Half a minute at 256 Hz in records of a second; of two channels of one name the second is a copy."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng, known = np.random.default_rng(seed), {}
    signals = []
    for label in labels:
        is_empty = label.strip("-.") == ""
        data = known.setdefault(
            label, np.zeros(256 * seconds) if is_empty else rng.uniform(-99, 99, 256 * seconds)
        )
        signals.append(EdfSignal(data, 256, label=label, physical_dimension="uV", physical_range=(-800, 800)))
    Edf(signals, data_record_duration=1).write(path)
    return path


@pytest.fixture
def case(tmp_path):
    folder = tmp_path / "data/chb_mit/chb01"
    for run in ("01", "03", "04"):
        write_hour(folder / f"chb01_{run}.edf")
    (folder / "chb01-summary.txt").write_text(SUMMARY, newline="\r\n")
    return folder


def read(path):
    return read_recordings(path, source="chb_mit")[0]


def spans(rec):
    return [(a.start / 256, a.stop / 256, a.label) for a in rec.annotations]


def test_a_case(case, tmp_path, data_config):
    """The summary names a fourth file, which was not downloaded."""
    found = load_recordings(data_config("chb_mit", data_dir=tmp_path / "data"))
    assert [(r.subject, r.session, r.run) for r in found] == [("01", "01", run) for run in ("01", "03", "04")]
    assert {(r.ch_names, r.unit, r.sfreq, r.n_times) for r in found} == {(tuple(COMMON), "uV", 128, 30 * 128)}
    quiet, one, two = ([(a.start / 128, a.stop / 128, a.label) for a in r.annotations] for r in found)
    assert quiet == [(0, 30, "background")]
    assert one == [(0, 12, "background"), (12, 20, "seizure"), (20, 30, "background")]
    assert two == [(0, 5, "seizure"), (5, 9, "background"), (9, 30, "seizure")]


def test_channels(tmp_path, case):
    """Placeholders are left out, and of T8-P8 the second, also where they stand between the others."""
    labels = ["-", "FP1-F7", "T8-P8", "-", "ECG", ".", ".", "LOC-ROC", "T8-P8", "VNS", "--", "01"]
    rec = read(write_hour(case / "chb01_01.edf", labels))
    assert rec.ch_names == ("FP1-F7", "T8-P8", "ECG", "LOC-ROC", "VNS", "01")
    rng = np.random.default_rng(0)
    rng.uniform(-99, 99, 30 * 256)
    assert np.allclose(rec.data[0], np.random.default_rng(0).uniform(-99, 99, 30 * 256), atol=0.03)
    assert np.allclose(rec.data[1], rng.uniform(-99, 99, 30 * 256), atol=0.03)


def test_two_channels_of_one_name_that_differ_stay(case):
    signals = [EdfSignal(np.arange(512.0) + k, 256, label="T8-P8", physical_dimension="uV") for k in range(2)]
    Edf(signals).write(case / "chb01_01.edf")
    assert read(case / "chb01_01.edf").ch_names == ("T8-P8-0", "T8-P8-1")


def test_only_placeholders(case, one_line):
    assert "no channel is left of" in one_line(read, write_hour(case / "chb01_01.edf", ["-", "-", "."]))


@pytest.mark.parametrize(
    ("name", "about"),
    [
        ("chb02/chb02_16+.edf", ("02", "02", "16+")),
        ("chb17/chb17a_03.edf", ("17", "17a", "03")),
        ("chb17/chb17b_63.edf", ("17", "17b", "63")),
        ("chb21/chb21_19.edf", ("01", "21", "19")),
    ],
)
def test_who_and_which(tmp_path, name, about):
    path = write_hour(tmp_path / name)
    told = f"{HEAD}File Name: {path.name}\nNumber of Seizures in File: 0\n"
    (path.parent / f"{path.name[:5]}-summary.txt").write_text(told)
    rec = read(path)
    assert (rec.subject, rec.session, rec.run) == about


def test_three_files_of_another_montage_are_passed_over(tmp_path, data_config):
    folder = tmp_path / "chb_mit/chb12"
    text = HEAD
    for run in (26, 27, 28, 29, 30):
        write_hour(folder / f"chb12_{run}.edf", ["F7-CS2"] if run in (27, 28, 29) else OF_CASE_01)
        text += f"File Name: chb12_{run}.edf\nNumber of Seizures in File: 0\n"
    (folder / "chb12-summary.txt").write_text(text)
    assert [rec.run for rec in load_recordings(data_config("chb_mit", data_dir=tmp_path))] == ["26", "30"]
    assert read(folder / "chb12_27.edf").ch_names == ("F7-CS2",)


def test_a_summary_of_files_with_seizures_only(tmp_path, one_line):
    """As that of case 24, which also has no times; a file that it does not name has no seizure."""
    text = "File Name: chb24_01.edf\nNumber of Seizures in File: 1\n"
    text += "Seizure Start Time: 2 seconds\nSeizure End Time: 4 seconds\n"
    (tmp_path / "chb24-summary.txt").write_text(text)
    assert spans(read(write_hour(tmp_path / "chb24_02.edf"))) == [(0, 30, "background")]
    assert spans(read(write_hour(tmp_path / "chb24_01.edf")))[1] == (2, 4, "seizure")
    (tmp_path / "chb24-summary.txt").write_text(
        text + "File Name: chb24_03.edf\nNumber of Seizures in File: 0\n"
    )
    message = one_line(read, tmp_path / "chb24_02.edf")
    assert "chb24-summary.txt: says nothing of chb24_02.edf; did you mean 'chb24_0" in message


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "End Time: 20 seconds",
            "End Time: 31 seconds",
            "a seizure of chb01_03.edf lasts until 31 s, the file until 30 s",
        ),
        (
            "End Time: 20 seconds",
            "End Time: 12 seconds",
            "chb01_03.edf end before they begin, or overlap: [12, 12]",
        ),
        (
            "Seizure 2 Start Time: 9",
            "Seizure 2 Start Time: 4",
            "chb01_04.edf end before they begin, or overlap",
        ),
        (
            "in File: 2",
            "in File: 1",
            "chb01_04.edf has 1 seizures, but the lines that follow are Start 0, End 5, Start 9",
        ),
        (
            "in File: 1\n",
            "in File: 2\n",
            "chb01_03.edf has 2 seizures, but the lines that follow are Start 12, End 20",
        ),
        (
            "Seizure End Time: 20 seconds\n",
            "",
            "chb01_03.edf has 1 seizures, but the lines that follow are Start 12",
        ),
        (
            "Time: 12 seconds",
            "Time: twelve seconds",
            "line 18 is damaged: 'Seizure Start Time: twelve seconds'",
        ),
        ("Time: 12 seconds", "Time: -12 seconds", "line 18 is damaged"),
        ("in File: 1\n", "in File: \n", "line 17 is damaged: 'Number of Seizures in File:'"),
        (
            "Number of Seizures in File: 1\n",
            "",
            "or is damaged: chb01_03.edf lacks its file name or its count",
        ),
        ("File Name: chb01_01.edf\n", "", "or is damaged: a seizure lacks its file name or its count"),
        ("File Name: chb01_04.edf", "File Name: chb01_03.edf", "names chb01_03.edf a second time"),
        ("File Name: chb01_03.edf", "File Name: chb01_02.edf", "says nothing of chb01_03.edf; did you mean"),
        (SUMMARY, "", "is no summary of CHB-MIT, or is damaged: it names no file"),
        (SUMMARY, "Sign in to read this\n", "is no summary of CHB-MIT, or is damaged: it names no file"),
    ],
)
def test_a_summary_that_is_wrong(case, one_line, old, new, said):
    text = SUMMARY.replace(old, new, 1)
    assert text != SUMMARY
    (case / "chb01-summary.txt").write_text(text)
    message = (
        one_line(read, case / "chb01_03.edf")
        if "chb01_04" not in said
        else one_line(read, case / "chb01_04.edf")
    )
    assert message.startswith(f"{case}/chb01-summary.txt: ")
    assert said in message


def test_what_is_missing(case, one_line):
    other = write_hour(case / "mine.edf")
    assert "mine.edf: is not called as a file of CHB-MIT, for example chb01_03.edf" in one_line(read, other)
    (case / "chb01-summary.txt").unlink()
    assert "chb01_03.edf: needs one file chb01-summary.txt beside it" in one_line(read, case / "chb01_03.edf")


def test_the_download_of_one_case(cache, site, case, data_config):
    for file in sorted(case.iterdir()):
        (site.folder / "chb01").mkdir(exist_ok=True)
        (site.folder / "chb01" / file.name).write_bytes(file.read_bytes())
    write_hour(site.folder / "chb02/chb02_16+.edf")
    (site.folder / "chb01/chb01_03.edf.seizures").write_bytes(b"not wanted")
    files = sorted(f for f in site.folder.rglob("*") if f.is_file())
    lines = [f"{hashlib.sha256(f.read_bytes()).hexdigest()} {f.relative_to(site.folder)}" for f in files]
    (site.folder / "SHA256SUMS.txt").write_text("\n".join(lines) + "\n")
    config = data_config("chb_mit")
    config["resource"] |= {"url": site.address, "files": ["chb01/*.edf", "chb01/*-summary.txt"]}
    assert [rec.run for rec in load_recordings(config)] == ["01", "03", "04"]
    assert len(site.asked) == 5


@pytest.mark.parametrize("n", [200, pytest.param(2000, marks=pytest.mark.slow)])
def test_random_damage_of_the_summary(case, n):
    """What is read has seizures where the file says so, and never a part of one that is not told of."""
    path, file = write_hour(case / "chb01_04.edf", ["FP1-F7", "T8-P8"]), case / "chb01-summary.txt"
    read_ones = 0
    for damaged in mutants(SUMMARY.encode(), n=n):
        file.write_bytes(damaged)
        for rec in read_or_refuse(read_recordings, path, source="chb_mit"):
            read_ones += 1
            assert rec.data.shape == (2, 30 * 256)
            assert [a.stop for a in rec.annotations][:-1] == [a.start for a in rec.annotations][1:]
            assert (rec.annotations[0].start, rec.annotations[-1].stop) == (0, rec.n_times)
            n_seizures = sum(a.label == "seizure" for a in rec.annotations)
            assert n_seizures == len(read_summary(file)["chb01_04.edf"])
    assert n // 10 < read_ones < n

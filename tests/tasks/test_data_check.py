"""``eegdae data check`` and ``show`` as a user types them."""

from __future__ import annotations

import io
import os
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from reporting.checks import Page, check_png
from shell import error_line, my_recordings, recordings

from eegdae.cli import main
from eegdae.inspection.facts import example_of
from eegdae.inspection.signals import KINDS
from eegdae.recordings import as_recording
from eegdae.reporting.text import text_plot
from eegdae.tasks.data_words import configuration, split_words


def run(capsys, *args):
    """Run a command that must go well; return what it printed."""
    capsys.readouterr()
    assert main([str(arg) for arg in args]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    return printed.out


def plain(text):
    """Text without its line breaks."""
    return re.sub(r"\s+", " ", text)


@pytest.fixture
def mine(tmp_path):
    """A file of eight recordings of four people."""
    my_recordings(tmp_path)
    return tmp_path / "mine.npz"


@pytest.fixture
def eegmat():
    folder = os.path.join(os.environ.get("EEGDAE_DATA_DIR", "/nowhere"), "eegmat")
    if not os.path.isdir(folder):
        pytest.skip("EEGDAE_DATA_DIR has no eegmat")
    return folder


def test_check_says_what_is_there_and_what_was_found(capsys, mine):
    out = run(capsys, "data", "check", mine)
    assert re.search(r"^recordings +8$", out, flags=re.MULTILINE)
    assert re.search(r"^subjects +4$", out, flags=re.MULTILINE)
    assert re.search(r"^classes +2: x \(4 trials, 16 s\), y \(4 trials, 16 s\)$", out, flags=re.MULTILINE)
    assert "every recording has one class" in out
    assert "\n         mend   " in out
    assert out.endswith("out=check.html writes a page with figures\n")


def test_findings_do_not_make_it_fail(capsys, mine, tmp_path):
    arrays = recordings()
    arrays["data"][0, 1] = np.nan
    arrays["data"][200:400, 2] = 1.0
    arrays["data"][400:600] = arrays["data"][:200]
    out = plain(run(capsys, "data", "check", my_recordings(tmp_path, arrays) and mine))
    assert (
        "error channel is flat: one value from beginning to end where 1 of 8 recordings: mine.npz [1]" in out
    )
    assert "duplicated recordings: 1 pair" in out


def test_out_writes_a_page_that_asks_for_nothing(capsys, mine, tmp_path):
    page = tmp_path / "my checks" / "prüfung.html"
    page.parent.mkdir()
    assert f"page: {page}" in plain(run(capsys, "data", "check", mine, f"out={page}"))
    html = page.read_text()
    read = Page(html)
    assert "every recording has one class" in read.text
    assert "mine.npz [7]" in read.text
    images = read.all("img")
    assert len(images) == 3
    assert all(image["src"].startswith("data:image/png;base64,") for image in images)
    assert "http" not in html.replace("http-equiv", "")
    assert [p.name for p in page.parent.iterdir()] == [page.name]


def test_a_set_by_its_name_and_its_keys(capsys):
    out = run(capsys, "data", "check", "watch")
    assert re.search(r"^recordings +140$", out, flags=re.MULTILINE)
    assert "0 errors, 0 warnings, 2 notes" in out
    out = run(capsys, "data", "check", "watch", "data.subject=me", "labels.from=run")
    assert re.search(r"^subjects +1$", out, flags=re.MULTILINE)
    assert "class in one recording only: 000, 001, 002 and 137 more" in plain(out)


def test_two_sets_are_checked_together(capsys, mine, tmp_path):
    other = tmp_path / "other.npz"
    np.savez(other, **recordings(seed=0, n_people=1))  # the first two recordings again
    found = plain(run(capsys, "data", "check", mine, other))
    assert re.search(r"recordings 10 ", found)
    assert "duplicated recordings: 2 pairs hold the same samples" in found
    assert "mine.npz [0] and other.npz [0]" in found
    np.savez(other, **recordings(seed=5, n_people=1))
    assert "duplicated" not in run(capsys, "data", "check", mine, other)


def test_one_bad_file_of_several_is_a_finding(capsys, mine, tmp_path):
    (tmp_path / "bad.npz").write_bytes(mine.read_bytes()[:999])
    found = plain(run(capsys, "data", "check", tmp_path))
    assert f"error 1 file cannot be read: {tmp_path}/bad.npz: is not an .npz archive" in found
    assert re.search(r"recordings 8 ", found)


def test_edf_files_of_ones_own(capsys, eegmat, tmp_path):
    for name in ("Subject00_1", "Subject00_2"):
        shutil.copy(f"{eegmat}/{name}.edf", tmp_path / f"{name} ü.edf")
    words = ["pattern={subject}_{run} ü.edf", "labels.from=run", "exclude=[A2-A1, ECG ECG]"]
    out = run(capsys, "data", "check", tmp_path, *words)
    assert re.search(r"^channels +19: Fp1, Fp2, F3, F4, F7, F8, T7", out, flags=re.MULTILINE)
    assert "class in one recording only: 1, 2" in out
    shown = run(capsys, "data", "show", tmp_path / "Subject00_1 ü.edf")
    assert re.search(r"^samples +91000 a recording$", shown, flags=re.MULTILINE)


def test_some_of_eegmat_by_name(capsys, eegmat):
    out = plain(run(capsys, "data", "check", "eegmat", f"path={eegmat}/Subject0[0-2]_*.edf"))
    assert "recordings 6 subjects 3 " in out
    assert "standing: T8 keeps one value for 1.6 % of the time, the longest 1.02 s from 60.01 s on" in out
    assert "rank: the covariance of 19 channels has rank 1" in out


def test_show_says_what_a_set_is_and_draws_it(capsys, tmp_path):
    plot = tmp_path / "watch.png"
    out = run(capsys, "data", "show", "watch", f"out={plot}")
    assert "licence     BSD-3-Clause" in out
    assert re.search(r"^unit +g, rad/s$", out, flags=re.MULTILINE)
    lines = out.splitlines()
    first = next(k for k, line in enumerate(lines) if line.startswith("watch.npz [0], 5 s from"))
    assert [line.split()[0] for line in lines[first + 1 : first + 7]] == ["ax", "ay", "az", "wx", "wy", "wz"]
    assert "█" in lines[first + 1]
    check_png(plot.read_bytes())


def test_a_plot_in_letters():
    data = np.stack([np.repeat([0.0, 1.0], 72), np.full(144, np.nan), np.r_[np.zeros(143), 7]])
    rec = as_recording(data, sfreq=144, ch_names=["step", "gone", "late"], unit="g", source="r")
    lines = text_plot(example_of(rec), plain=True).splitlines()
    assert lines[1] == f"step         {' ' * 36}{'#' * 36} 0 to 1 g"
    assert lines[2].split() == ["gone", "0", "to", "0", "g"]
    assert lines[3].endswith("# 0 to 3.5 g")


def test_a_terminal_without_unicode(tmp_path, monkeypatch):
    my_recordings(tmp_path)
    screen = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(screen, encoding="ascii", errors="strict"))
    assert main(["data", "show", str(tmp_path / "mine.npz")]) == 0
    sys.stdout.flush()
    assert b"mine.npz" in screen.getvalue()
    assert screen.getvalue().isascii()


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["check"], "give a name of eegdae data list, a file, a glob or a folder"),
        (["check", "wtch"], "did you mean 'watch'"),
        (["check", "nowhere/"], "no such file"),
        (["check", "*.nowhere"], "no such file"),
        (["check", "files"], "recordings of your own"),
        (["check", "watch", "strip=x"], "data.strip: unknown key"),
        (["check", "watch", "classses=[a]"], "did you mean 'classes'"),
        (["check", "watch", "prepare.lfreq=1"], "did you mean 'l_freq'"),
        (["check", "watch", "prepare=1"], "data.prepare=1"),
        (["check", "watch", "pattern=1"], "data.pattern=1: must be text"),
        (["check", "watch", "pattern=S{run}.npz"], "does not fit data.pattern=S{run}.npz"),
        (["check", "watch", "a=1", "a.b=2"], "a was given a value already"),
        (["check", "watch", "out=check.png"], "must end in .html"),
        (["check", "watch", "out=nowhere/check.html"], "there is no folder nowhere"),
        (["show"], "give one name"),
        (["show", "watch", "eegmat"], "give one name"),
        (["show", "watch", "out=check.html"], "must end in .png"),
    ],
)
def test_bad_words(capsys, tmp_path, monkeypatch, args, said):
    monkeypatch.chdir(tmp_path)
    assert said in error_line(capsys, ["data", *args])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("word", ["check", "show"])
@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04" + b"0" * 99])
def test_a_file_that_cannot_be_read(capsys, tmp_path, word, content):
    for name in ("a b.npz", "ü.edf", "x.ts", "x.fif"):
        (tmp_path / name).write_bytes(content)
        assert str(tmp_path / name) in error_line(capsys, ["data", word, tmp_path / name])


@pytest.mark.parametrize("word", ["check", "show"])
def test_a_folder_without_recordings(capsys, tmp_path, word):
    assert "no recordings in this folder" in error_line(capsys, ["data", word, tmp_path])


def test_the_rate_that_ts_files_lack(capsys, tmp_path):
    (tmp_path / "x.ts").write_text("@dimensions 1\n@seriesLength 4\n@classLabel false\n@data\n1,2,1,3\n")
    assert "data.sfreq=None: the sampling rate" in error_line(capsys, ["data", "check", tmp_path / "x.ts"])
    assert "4 a recording" in run(capsys, "data", "check", tmp_path / "x.ts", "sfreq=10")


def test_words(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a=b.npz").touch()
    targets, keys = split_words(
        [
            "watch",
            "a=b.npz",
            "data.prepare.l_freq=1",
            "prepare.h_freq=4e1",
            "subject=2012-07-11",
            "out=x",
            "exclude=[A, B]",
            "pattern={subject}.edf",
            "sfreq=null",
            "dir/b=c.npz",
            "debug=true",
            "name=[[",
            "session=",
        ]
    )
    assert targets == ["watch", "a=b.npz", "dir/b=c.npz"]
    assert keys == {
        "prepare": {"l_freq": 1, "h_freq": "4e1"},
        "subject": "2012-07-11",
        "out": "x",
        "exclude": ["A", "B"],
        "pattern": "{subject}.edf",
        "sfreq": None,
        "name": "[[",
        "session": None,
    }


def test_a_path_is_read_as_train_reads_it(mine):
    config = configuration(str(mine), {"subject": "x"})
    assert (config["source"], config["name"], config["subject"]) == ("npz", "npz_files", "x")
    assert config["path"] == [mine]
    assert configuration("eegmat", {"prepare": {"sfreq": 64}})["prepare"]["h_freq"] == 45


DOC = (Path(__file__).parents[2] / "docs" / "data_check.md").read_text()
BLOCKS = dict(re.findall(r"^```\n\$ eegdae (.*?)\n(.*?)^```", DOC, flags=re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize("words", ["data check watch", "data show watch"])
def test_the_page_of_the_docs_is_true(capsys, words):
    assert run(capsys, *words.split()) == BLOCKS[words]


@pytest.mark.slow
def test_the_page_of_the_docs_is_true_of_eegmat(capsys, eegmat):
    assert run(capsys, "data", "check", "eegmat") == BLOCKS["data check eegmat"]


def test_the_docs_name_every_kind_of_sign():
    told = {"unit", "flat", "never observed", "gaps", "standing", "noisy", "weak", "clipped", "spikes"}
    told |= {"events outside", "slow channels"}
    assert all(kind in DOC for kind in told)
    assert {kind.split(",")[0] for kind in KINDS} - told == {"small gaps", "bounded", "50 Hz", "60 Hz"}

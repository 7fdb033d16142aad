import gzip
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from shell import error_line, run_json

from eegdae.cli import main
from eegdae.recordings import load_recordings, read_recordings

from ..mutations import check_sound, survives


def write(folder, text, name="own.csv"):
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def spans(rec):
    return [(a.start, a.stop, a.label) for a in rec.annotations]


SMALL = """time,acc x,acc y,what,code,who
0.00,1,2,walk,0,anna
0.02,3,,walk,5,anna
0.04,5,6,,5,anna
0.10,7,8,run,0,anna
0.12,9,10,run,2,anna
"""
ROLES = {"time": "time", "label": "what", "events": "code", "subject_column": "who"}


def test_every_role_of_a_column(tmp_path):
    (rec,) = read_recordings(write(tmp_path, SMALL), **ROLES, unit={"acc x": "g"})
    assert (rec.ch_names, rec.units, rec.sfreq) == (("acc x", "acc y"), ("g", "a.u."), 50)
    assert rec.data.tolist() == [[1, 3, 5, 0, 0, 7, 9], [2, 0, 6, 0, 0, 8, 10]]
    assert rec.mask is not None
    assert rec.mask.tolist() == [
        [True] * 3 + [False] * 2 + [True] * 2,
        [True, False, True] + [False] * 2 + [True] * 2,
    ]
    assert spans(rec) == [(0, 2, "walk"), (1, 2, "5"), (5, 7, "run"), (6, 7, "2")]
    assert (rec.subject, rec.source) == ("anna", f"{tmp_path / 'own.csv'} [subject=anna]")


def test_without_times_rows_are_evenly_sampled(tmp_path):
    (rec,) = read_recordings(write(tmp_path, SMALL), sfreq=10, channels=["acc y", "acc x"], label="what")
    assert (rec.ch_names, rec.sfreq, rec.unit, rec.n_times) == (("acc y", "acc x"), 10, "a.u.", 5)
    assert spans(rec) == [(0, 2, "walk"), (3, 5, "run")]


def test_every_column_of_numbers_with_a_name_is_a_channel(tmp_path):
    (rec,) = read_recordings(write(tmp_path, SMALL), sfreq=10)
    assert rec.ch_names == ("time", "acc x", "acc y", "code")
    pd.read_csv(tmp_path / "own.csv").to_csv(tmp_path / "with index.csv")
    assert read_recordings(tmp_path / "with index.csv", sfreq=10)[0].ch_names == rec.ch_names


def test_people_and_runs_of_one_file(tmp_path):
    table = pd.DataFrame({"a": np.arange(12.0), "p": ["02"] * 6 + ["01"] * 6, "r": [1.0, 1, 2, 2, 1, 1] * 2})
    table["t"] = np.arange(12)
    table.to_csv(tmp_path / "own.csv", index=False)
    columns = {"subject_column": "p", "run_column": "r"}
    got = read_recordings(tmp_path / "own.csv", time="t", channels=["a"], **columns)
    assert [(r.subject, r.run) for r in got] == [("02", "1"), ("02", "2"), ("01", "1"), ("01", "2")]
    assert got[0].data.tolist() == [[0, 1, 0, 0, 4, 5]]
    assert got[0].mask.tolist() == [[True, True, False, False, True, True]]
    assert got[3].data.tolist() == [[8, 9]]
    named = read_recordings(tmp_path / "own.csv", time="t", channels=["a"], subject="me", session_column="p")
    assert [(r.subject, r.session) for r in named] == [("me", "02"), ("me", "01")]


def test_rows_that_go_back_to_a_run_need_times(tmp_path, one_line):
    path = write(tmp_path, "a,r\n1,x\n2,x\n3,y\n4,y\n5,x\n6,x\n")
    assert "row 5 goes back to x: without data.time" in one_line(
        read_recordings, path, sfreq=1, run_column="r"
    )


def test_a_column_of_another_name_in_each_file(tmp_path):
    write(tmp_path, "t,a,Marker\n0,1,0\n1,2,1\n", "x1.csv")
    write(tmp_path, "t,a,Marker0\n0,1,2\n1,2,0\n", "x2.csv")
    got = read_recordings(tmp_path, time="t", events=["Marker", "Marker0"])
    assert [spans(r) for r in got] == [[(1, 2, "1")], [(0, 1, "2")]]
    assert {r.ch_names for r in got} == {("a",)}


def test_rows_written_twice_are_left_out_and_counted(tmp_path, caplog, one_line):
    lines = SMALL.splitlines(keepends=True)
    path = write(tmp_path, "".join([*lines[:3], lines[2], *lines[3:], lines[-1]]))
    (rec,) = read_recordings(path, **ROLES)
    (whole,) = read_recordings(write(tmp_path, SMALL, "whole.csv"), **ROLES)
    assert np.array_equal(rec.data, whole.data)
    assert spans(rec) == spans(whole)
    assert "2 rows left out that repeat the row before" in caplog.text
    path = write(tmp_path, SMALL.replace("0.04,5", "0.02,5"))
    assert "row 3 has the time of row 2" in one_line(read_recordings, path, **ROLES)


def test_events_of_rows_that_lose_their_sample_are_kept(tmp_path, caplog):
    times = np.round(np.r_[np.arange(40) * 0.02, 0.805], 4)
    times[-1] = times[-2] + 0.003  # nearer to the sample of the row before it than to its own
    table = pd.DataFrame({"t": times, "a": np.arange(41.0), "code": [0] * 40 + [7]})
    table.to_csv(tmp_path / "own.csv", index=False)
    (rec,) = read_recordings(tmp_path / "own.csv", time="t", events="code")
    assert rec.data[0].tolist() == list(range(40))
    assert spans(rec) == [(39, 40, "7")]
    assert "1 of 41 rows left out" in caplog.text


def test_text_and_paths_of_any_letters(tmp_path):
    folder = tmp_path / "été à la mer"
    folder.mkdir()
    path = write(folder, "temps,accélération\n0,1\n1,2\n", "où est-ce.csv")
    (rec,) = read_recordings(path, time="temps")
    assert rec.ch_names == ("accélération",)
    (folder / "own.txt").write_text("# x\n0 1\n1 2\n")
    (rec,) = read_recordings(folder / "own.txt", columns=["t", "a"], time="t", comment="#")
    assert rec.data.tolist() == [[1, 2]]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"time": None}, "data.sfreq=None: the sampling rate of own.csv in Hz is needed, or data.time"),
        ({"time": "tmie"}, "has no column 'tmie' (data.time); did you mean 'time'"),
        ({"time": ["t", "s"]}, "has no column 't' or 's' (data.time)"),
        ({"time": "what"}, "a column has one role, but time=what, label=what"),
        ({"time": "who"}, "a column has one role"),
        ({"time": "who", "subject_column": None}, "row 1 has 'anna' in column 'who': no time"),
        ({"time": 3}, "data.time=3: must be the names of columns"),
        ({"time": ""}, "data.time=''"),
        ({"label": ["what", 3]}, "data.label=['what', 3]"),
        ({"sfreq": 0}, "data.sfreq=0"),
        ({"sfreq": "50"}, "data.sfreq='50'"),
        ({"sfreq": True}, "data.sfreq=True"),
        ({"sfreq": float("nan")}, "data.sfreq=nan"),
        ({"sfreq": 1e6}, "above 20 a row"),
        ({"channels": "acc x"}, "data.channels='acc x': must be a list of names"),
        ({"channels": ["acc z"]}, "has no column 'acc z' (data.channels); did you mean"),
        ({"channels": ["acc x", "acc x"]}, "more than once: acc x"),
        ({"channels": ["who"]}, "'who' is a column of times, labels, events or groups"),
        (
            {"channels": ["who"], "subject_column": None},
            "row 1 has 'anna' in column 'who', which is no number",
        ),
        ({"unit": {"acc z": "g"}}, "data.unit: 'acc z': 'g' does not fit"),
        ({"unit": {"acc x": 3}}, "data.unit: 'acc x': 3 does not fit"),
        ({"unit": 3}, "data.unit=3: must be text"),
        ({"unit": ["g"]}, "data.unit=['g']: must be text"),
        ({"columns": "x"}, "data.columns='x': must be a list of names"),
        ({"columns": ["a", "b"]}, "line 1 has 6 fields parted by ',', the table has 2 columns"),
        ({"sep": ";"}, "data.sep: unknown key"),
        ({"labels": {"from": "annotation", "map": {"swim": "x"}}}, "found: 2, 5, run, walk"),
    ],
)
def test_what_does_not_fit_names_the_key(tmp_path, changes, said, one_line):
    write(tmp_path, SMALL)
    assert said in one_line(load_recordings, {"source": "table", "path": str(tmp_path), **ROLES, **changes})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SMALL.replace("0.04", "0.01"), "row 3 lies before row 2"),
        (SMALL.replace("0.04", ""), "row 3 has no time in column 'time'"),
        (SMALL.replace("0.04", "soon"), "row 3 has 'soon' in column 'time'"),
        (SMALL.replace("0.12", "1e9"), "above 20 a row; the widest gap is 1e+09 s after row 4"),
        (SMALL.replace("5,6", "five,6"), "row 3 has 'five' in column 'acc x'"),
        (SMALL.replace("5,6", "inf,6"), "channel acc x is infinite"),
        (SMALL.replace("5,6", "1e300,6"), "channel acc x is infinite or beyond float32"),
        (SMALL.replace("acc y", "acc x"), "column names must be distinct; more than once: acc x"),
        (SMALL.replace("0,anna\n0.12", "0,\n0.12"), "row 4 has no subject in column 'who'"),
        (SMALL.splitlines()[0] + "\n", "but no rows"),
        ("\n".join(SMALL.splitlines()[:2]) + "\n", "has 1 row; two at least"),
        (SMALL.replace(",", "!"), "line 2 has 1 fields parted by ' ', the table has 3 columns"),
        ("time,what,code,who\n0,a,0,b\n1,a,0,b\n", "has no column of numbers to be a channel"),
        (SMALL[:-12], "the file was cut off"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_by_row(tmp_path, text, said, one_line):
    message = one_line(read_recordings, write(tmp_path, text), **ROLES)
    assert "own.csv" in message
    assert said in message


def test_mixed_rates_and_channels_are_caught_before_windows(tmp_path, one_line):
    from eegdae.windows import make_windows

    write(tmp_path, "t,a\n0,1\n1,2\n2,4\n", "x1.csv")
    write(tmp_path, "t,a\n0,1\n2,2\n4,4\n", "x2.csv")
    recordings = read_recordings(tmp_path, time="t")
    assert "different sampling rates: 1 Hz and 0.5 Hz" in one_line(make_windows, recordings, size=2)


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("{session}/{run}.csv", ("", "day 1", "7")),
        ("sub-{subject}/{session}/{run}.csv", ("anna", "day 1", "7")),
        ("sub-{subject}/day {session}/7.csv", ("anna", "1", "")),
        ("{run}.csv", ("", "", "7")),
    ],
)
def test_a_pattern_of_folders(tmp_path, monkeypatch, pattern, found, one_line):
    folder = tmp_path / "sub-anna" / "day 1"
    folder.mkdir(parents=True)
    write(folder, "a\n1\n2\n", "7.csv")
    (rec,) = read_recordings(folder, sfreq=1, pattern=pattern)
    assert (rec.subject, rec.session, rec.run) == found
    monkeypatch.chdir(folder)
    (rec,) = read_recordings("7.csv", sfreq=1, pattern=pattern)
    assert (rec.subject, rec.session, rec.run) == found
    assert "does not fit data.pattern=s{session}/{run}.csv" in one_line(
        read_recordings, "7.csv", sfreq=1, pattern="s{session}/{run}.csv"
    )


def damage(folder, kind, n, seed):
    times = np.arange(30) / 50
    times[20:] += 1
    table = pd.DataFrame({"time": times, "a": np.arange(30) / 7, "b": np.arange(30) % 5})
    table["what"], table["code"], table["who"] = ["x"] * 12 + ["y"] * 18, [0, 0, 3] * 10, "anna"
    path = folder / f"own.{kind}"
    if kind == "parquet":
        table.to_parquet(path)
    elif kind in ("feather", "arrow"):
        table.to_feather(path)
    else:
        table.to_csv(path, index=False)

    def check(recordings):
        check_sound(recordings)
        assert max(rec.n_times for rec in recordings) <= 20 * 40

    read, refused = survives(path, path.read_bytes(), n=n, seed=seed, check=check, **ROLES)
    assert read + refused == n
    assert refused


KINDS = ("csv", "csv.gz", "parquet", "feather")


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_are_read_or_refused(tmp_path, kind):
    damage(tmp_path, kind, 200, seed=0)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_many_damaged_files_are_read_or_refused(tmp_path, kind):
    damage(tmp_path, kind, 5000, seed=1)


@pytest.fixture
def real(data_config):
    """Load a set of the catalogue from the data folder."""

    def load(name, folder, **changes):
        root = Path(os.environ.get("EEGDAE_DATA_DIR", "/nowhere"))
        if not (root / folder).is_dir():
            pytest.skip(f"EEGDAE_DATA_DIR has no {folder}")
        config = data_config(name, data_dir=root, **changes)
        return load_recordings(config)

    return load


@pytest.mark.parametrize("name", ["table_files", "skab", "ett", "muse_p300", "muse_n170", "emg_openbci"])
def test_every_configuration_holds_known_keys_only(data_config, name, tmp_path, one_line):
    config = data_config(name) | {"path": str(tmp_path / "gone"), "resource": None}
    assert config["name"] == name
    assert one_line(load_recordings, config).startswith(f"data.path={tmp_path / 'gone'}: no such file")


def test_skab(real):
    got = real("skab", "skab", prepare=None)
    assert [r.session for r in got] == ["valve1"] * 16 + ["valve2"] * 4
    assert sorted(int(r.run) for r in got) == sorted([*range(16), *range(4)])
    assert {(r.subject, r.sfreq, r.n_chans) for r in got} == {("1", 1, 8)}
    assert got[0].units == ("g", "g", "A", "bar", "C", "C", "V", "L/min")
    assert {a.label for r in got for a in r.annotations} == {"normal", "anomalous"}
    longest = {}
    for rec in got:
        table = pd.read_csv(rec.source, sep=";", parse_dates=["datetime"])
        assert 995 <= len(table) <= 1154
        at = ((table["datetime"] - table["datetime"][0]) / pd.Timedelta("1s")).astype(int).to_numpy()
        assert rec.n_times == at[-1] + 1
        assert np.array_equal(rec.data[:, at], table[list(rec.ch_names)].to_numpy(dtype=np.float32).T)
        assert rec.mask.sum() == 8 * len(table)
        label = np.full(rec.n_times, "", dtype=object)
        for a in rec.annotations:
            label[a.start : a.stop] = a.label
        assert np.array_equal(label[at] == "anomalous", table["anomaly"].to_numpy() == 1)
        longest[f"{rec.session}/{rec.run}"] = int(np.diff(at).max())
    share = np.concatenate([pd.read_csv(r.source, sep=";")["anomaly"] for r in got]).mean()
    assert share == pytest.approx(0.35, abs=0.01)
    named = {"valve1/2": 76, "valve1/4": 54, "valve1/7": 65, "valve2/1": 64}
    assert {key: gap for key, gap in longest.items() if gap > 2} == named
    # as prepared, single seconds without a row lie between their neighbours, and the long gaps stay
    for rec in real("skab", "skab"):
        n_gap = longest[f"{rec.session}/{rec.run}"] - 1
        assert (0 if rec.mask is None else (~rec.mask).sum()) == (8 * n_gap if n_gap > 2 else 0)
        assert rec.notes[0].startswith("filled ")


def test_skab_without_faults(real):
    path = str(Path(os.environ.get("EEGDAE_DATA_DIR", "")) / "skab/anomaly-free/anomaly-free.csv")
    (rec,) = real("skab", "skab", path=path, label=None, labels=None, prepare=None)
    assert (rec.session, rec.run, rec.annotations) == ("anomaly-free", "anomaly-free", ())
    assert rec.mask.sum() == 8 * 9405


def test_ett(real):
    first, second = real("ett", "ett")
    assert (first.subject, second.subject) == ("1", "2")
    for rec in (first, second):
        assert rec.data.shape == (7, 17420)
        assert rec.sfreq == 1 / 3600
        assert (rec.mask, rec.annotations) == (None, ())
        assert rec.units == ("a.u.",) * 6 + ("C",)
        table = pd.read_csv(rec.source)
        assert np.array_equal(rec.data, table[list(rec.ch_names)].to_numpy(dtype=np.float32).T)


@pytest.mark.parametrize(
    ("name", "runs", "shares"),
    [
        ("muse_p300", {("1", "1"): 6, ("1", "2"): 5, ("1", "3"): 5, ("2", "1"): 5, ("2", "2"): 3}, 1 / 7),
        ("muse_n170", {("1", "1"): 6, ("3", "1"): 2, ("3", "2"): 1, ("3", "3"): 2}, 1 / 2),
    ],
)
def test_muse(real, name, runs, shares):
    got = real(name, "muse-erp", prepare=None)
    groups = [(r.subject, r.session) for r in got]
    assert {group: groups.count(group) for group in groups} == runs
    assert {(r.ch_names, r.sfreq, r.unit, r.mask) for r in got} == {
        (("TP9", "AF7", "AF8", "TP10"), 256, "uV", None)
    }
    classes = ("nontarget", "target") if name == "muse_p300" else ("house", "face")
    found = [a.label for r in got for a in r.annotations]
    assert set(found) == set(classes)
    assert found.count(classes[1]) / len(found) == pytest.approx(shares, abs=0.03)
    for rec in got:
        table = pd.read_csv(rec.source)
        assert np.array_equal(rec.data, table[list(rec.ch_names)].to_numpy(dtype=np.float32).T)
        marker = table["Marker0" if "Marker0" in table else "Marker"].to_numpy()
        at = np.flatnonzero(marker)
        assert spans(rec) == [(k, k + 1, classes[marker[k] - 1]) for k in at]


def test_emg(real):
    got = real("emg_openbci", "emg-openbci", prepare=None)
    assert [(r.subject, r.run) for r in got] == [
        (f"0{k}", run) for k in range(2, 9) for run in ("R0", "REST")
    ]
    assert {(r.n_chans, r.sfreq, r.unit, r.annotations) for r in got} == {(2, 200, "uV", ())}
    for rec in got:
        low, high = (23, 33) if rec.run == "REST" else (125, 145)
        assert low <= rec.n_times / rec.sfreq <= high
        with gzip.open(rec.source, "rt") as file:
            rows = [line.split(",")[1:3] for line in file if not line.startswith("%")]
        assert np.array_equal(rec.data, np.array(rows, dtype=np.float64).astype(np.float32).T)


@pytest.mark.parametrize(
    ("name", "folder", "some"),
    [
        ("muse_n170", "muse-erp", "N170/subject1/session1/*15.30.01*"),
        ("emg_openbci", "emg-openbci", "*S02*REST*"),
    ],
)
def test_sets_are_filtered(real, name, folder, some):
    path = str(Path(os.environ.get("EEGDAE_DATA_DIR", "")) / folder / some)
    raw, ready = (real(name, folder, path=path, **how) for how in ({"prepare": None}, {}))
    for before, after in zip(raw, ready, strict=True):
        assert abs(before.data.mean(axis=1)).max() > 10
        assert abs(after.data.mean(axis=1)).max() < 1


SMALLEST = (
    *("~experiment", "features=[power]", "split=run_kfold", "split.n_folds=2", "model.hidden=[8,4]"),
    *("pretrain.epochs=1", "pretrain.joint_epochs=1", "trainer.threads=1"),
)


@pytest.mark.slow
def test_a_run_on_skab(real, tmp_path):
    real("skab", "skab")
    assert (
        main(
            [
                "train",
                "data=skab",
                *SMALLEST,
                f"hydra.run.dir={tmp_path}",
            ]
        )
        == 0
    )
    metrics = run_json(tmp_path)["metrics"]
    assert metrics["chance"]["balanced_accuracy"]["mean"] == 0.5
    assert "codes" in metrics


@pytest.mark.slow
def test_a_run_on_ett(real, tmp_path, capsys):
    real("ett", "ett")
    options = ["split=leave_one_subject_out" if word.startswith("split=") else word for word in SMALLEST]
    options.remove("split.n_folds=2")
    assert main(["train", "data=ett", *options, f"hydra.run.dir={tmp_path}"]) == 0
    assert "no labels: nothing was classified" in capsys.readouterr().out
    with np.load(tmp_path / "codes.npz") as archive:
        assert {len(archive[name]) for name in archive.files if archive[name].ndim == 2} == {1448}


def test_a_table_on_the_command_line(tmp_path, capsys):
    path = write(tmp_path, SMALL.replace("0.04", "0.01"))
    line = error_line(
        capsys, ["train", f"data={path}", "data.time=time", f"hydra.run.dir={tmp_path / 'run'}"]
    )
    assert line == (
        f"{path}: row 3 lies before row 2; sort the rows and leave one a time, or, where they are evenly "
        "sampled, set data.time=null and data.sfreq"
    )

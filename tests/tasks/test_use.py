from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import TINY

from eegdae.cli import main
from eegdae.errors import EegdaeError
from eegdae.evaluation.metrics import group_metrics, summarize
from eegdae.recordings import load_recordings
from eegdae.run import read_config, read_model
from eegdae.tasks.use import extract
from eegdae.windows import make_windows

WATCH = {"name": "watch", "source": "npz", "path": "package:samples/watch.npz"}


@pytest.fixture(scope="module")
def two_people():
    """Recordings of the watch set: persons 01 and 02."""
    return [rec for rec in load_recordings(WATCH) if rec.subject in ("01", "02")]


def write(path, recordings, *, labelled=True):
    """Write recordings in the layout of the npz source."""
    arrays = {
        "data": np.concatenate([rec.data.T for rec in recordings]),
        "offsets": np.cumsum([0, *(rec.n_times for rec in recordings)]),
        "sfreq": np.array(recordings[0].sfreq),
        "ch_names": np.array(recordings[0].ch_names),
        "units": np.array(recordings[0].units),
        **{key: np.array([getattr(rec, key) for rec in recordings]) for key in ("subject", "session", "run")},
    }
    if labelled:
        arrays["label"] = np.array([rec.annotations[0].label for rec in recordings])
    np.savez(path, **arrays)
    return path


def npz_overrides(path, *more):
    """Overrides for a file of the npz source under another name than the packaged set."""
    return (f"data.path={path}", "data.name=other", *more)


def error_of(capsys, *args):
    assert main(list(args)) == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert line.startswith("eegdae: error: ")
    return line


@pytest.fixture(autouse=True)
def _here(finished_run, tmp_path, monkeypatch):
    """Whatever a command leaves in the current folder is left in the test's."""
    monkeypatch.chdir(tmp_path)


def test_extract_of_the_runs_own_data_gives_its_codes(finished_run, tmp_path, capfd):
    out = tmp_path / "codes.npz"
    assert main(["extract", f"run={finished_run}", f"out={out}"]) == 0
    arrays = np.load(out)
    own = np.load(finished_run / "codes.npz")["codes"]
    assert arrays["codes"].dtype == np.float32
    np.testing.assert_allclose(arrays["codes"], own, atol=1e-5)
    assert arrays["in_sample"].dtype == bool
    assert arrays["in_sample"].all()
    pd.testing.assert_frame_equal(
        pd.read_csv(tmp_path / "codes.csv"), pd.read_csv(finished_run / "metadata.csv")
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["codes.csv", "codes.npz"]
    said = capfd.readouterr().out
    assert str(out) in said
    assert "all in-sample" in said


def test_extract_of_other_data_is_what_the_loaded_model_says(finished_run, tmp_path, two_people):
    path = write(tmp_path / "other.npz", two_people)
    out = tmp_path / "codes.npz"
    cut = "windows={size: 2.0, stride: 4.0}"
    assert main(["extract", f"run={finished_run}", *npz_overrides(path), cut, f"out={out}"]) == 0
    windows = make_windows(
        two_people, size=2.0, stride=4.0, classes=read_config(finished_run)["data"]["classes"]
    )
    np.testing.assert_array_equal(np.load(out)["codes"], read_model(finished_run).transform(windows))
    assert not np.load(out)["in_sample"].any()


def test_in_sample_is_told_recording_by_recording(finished_run, tmp_path, two_people):
    renamed = [
        replace(rec, run=f"new {k}") if rec.subject == "02" else rec for k, rec in enumerate(two_people)
    ]
    path = write(tmp_path / "mixed.npz", renamed)
    out = tmp_path / "codes.npz"
    assert main(["extract", f"run={finished_run}", f"data.path={path}", f"out={out}"]) == 0
    subjects = pd.read_csv(tmp_path / "codes.csv", dtype=str)["subject"]
    np.testing.assert_array_equal(np.load(out)["in_sample"], subjects == "01")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda r: replace(r, ch_names=("a", *r.ch_names[1:])), ("channels differ", "misses", "adds a")),
        (lambda r: replace(r, sfreq=25.0), ("25 Hz", "50 Hz")),
        (lambda r: replace(r, units=("mV", *r.units[1:])), ("unit of channel", "mV")),
    ],
    ids=["channels", "rate", "unit"],
)
@pytest.mark.parametrize("command", ["extract", "classify"])
def test_what_does_not_fit_is_named(finished_run, tmp_path, two_people, capsys, change, words, command):
    path = write(tmp_path / "other.npz", [change(rec) for rec in two_people])
    out = tmp_path / ("codes.npz" if command == "extract" else "p.csv")
    line = error_of(capsys, command, f"run={finished_run}", *npz_overrides(path), f"out={out}")
    assert all(word in line for word in words)
    assert not out.exists()


@pytest.mark.parametrize(
    ("command", "out", "word"),
    [
        ("extract", "no/such/codes.npz", "there is no folder"),
        ("extract", "codes.csv", "must end in .npz"),
        ("classify", "predictions.json", "must end in .csv"),
        ("extract", "folder.npz", "is a folder"),
    ],
)
def test_a_place_that_cannot_be_written_is_named_first(finished_run, tmp_path, capsys, command, out, word):
    (tmp_path / "folder.npz").mkdir()
    line = error_of(capsys, command, f"run={finished_run}", f"out={tmp_path / out}")
    assert word in line
    assert out in line


@pytest.mark.parametrize(
    ("override", "word"),
    [
        ("windows={sise: 2.0}", "did you mean 'size'"),
        ("windows={size: 1.0}", "50 samples a window"),
    ],
)
def test_windows_that_do_not_fit(finished_run, tmp_path, capsys, override, word):
    line = error_of(capsys, "extract", f"run={finished_run}", override, f"out={tmp_path / 'c.npz'}")
    assert word in line


def test_windows_that_are_no_mapping(finished_run, tmp_path):
    config = {"run": finished_run, "data": WATCH, "windows": 2, "out": tmp_path / "c.npz"}
    with pytest.raises(EegdaeError, match="windows=2: must be a mapping"):
        extract(config, tmp_path)


def test_no_run_there(tmp_path, capsys):
    assert "run.json is missing" in error_of(
        capsys, "extract", f"run={tmp_path}", f"out={tmp_path / 'c.npz'}"
    )


def test_classify_judges_new_recordings_and_those_it_knows_apart(finished_run, tmp_path, two_people, capfd):
    renamed = [
        replace(rec, run=f"new {k}") if rec.subject == "02" else rec for k, rec in enumerate(two_people)
    ]
    path = write(tmp_path / "mixed.npz", renamed)
    out = tmp_path / "p.csv"
    assert main(["classify", f"run={finished_run}", f"data.path={path}", f"out={out}"]) == 0
    model = read_model(finished_run)
    table = pd.read_csv(out, dtype={"subject": str})
    proba = table[[f"probability|{name}" for name in model.classes]].to_numpy()
    np.testing.assert_allclose(proba.sum(1), 1)
    assert (table["predicted"] == np.array(model.classes)[proba.argmax(1)]).all()
    assert (table["in_sample"] == (table["subject"] == "01")).all()

    metrics = json.loads((tmp_path / "p.json").read_text())
    assert set(metrics) == {"codes", "codes (in-sample)", "chance"}
    assert [model.classes[k] for k in table["target"]] == table["label"].tolist()
    new = (~table["in_sample"]).to_numpy()
    y = table["target"].to_numpy()[new]
    expected = summarize(group_metrics(y, {"codes": proba[new]}, np.full(new.sum(), "02")))
    assert metrics["codes"] == expected["codes"]
    said = capfd.readouterr().out
    assert "codes (in-sample)" in said
    assert "no verdict" in said


def test_the_same_head_asked_for_by_name_is_the_runs_own(finished_run, tmp_path):
    for name, args in (("own", ()), ("named", ("head=logistic",)), ("other", ("head.C=0.001",))):
        assert main(["classify", f"run={finished_run}", *args, f"out={tmp_path / name}.csv"]) == 0
    own, named, other = (pd.read_csv(tmp_path / f"{name}.csv") for name in ("own", "named", "other"))
    pd.testing.assert_frame_equal(own, named)
    assert (own["predicted"] != other["predicted"]).any()


def test_without_being_asked_the_run_keeps_its_head(finished_run, tmp_path, capfd):
    """The configuration of classify always holds a head, which need not be the run's."""
    run = tmp_path / "run"
    shutil.copytree(finished_run, run)
    config = read_config(run)
    config["head"]["C"] = 5.0
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    for name, said in (("own", False), ("asked", True)):
        asked = ["head=logistic"] if said else []
        assert main(["classify", f"run={run}", *asked, f"out={tmp_path / name}.csv"]) == 0
        assert ("head: fitted" in capfd.readouterr().out) is said


def test_another_head_is_fitted_on_the_codes_of_the_run(finished_run, tmp_path, capfd):
    """Refitted with what changes nothing, it is the head of the run."""
    args = ["classify", f"run={finished_run}"]
    assert main([*args, f"out={tmp_path / 'own.csv'}"]) == 0
    assert main([*args, "head.max_iter=101", f"out={tmp_path / 'refitted.csv'}"]) == 0
    assert "head: fitted on the 644 labelled windows" in capfd.readouterr().out
    own, refitted = pd.read_csv(tmp_path / "own.csv"), pd.read_csv(tmp_path / "refitted.csv")
    columns = [column for column in own if column.startswith("probability|")]
    np.testing.assert_allclose(own[columns], refitted[columns], atol=1e-4)


def test_a_perceptron_in_place_of_the_logistic_head(finished_run, tmp_path):
    out = tmp_path / "p.csv"
    assert main(["classify", f"run={finished_run}", "head=mlp", "head.epochs=2", f"out={out}"]) == 0
    assert len(pd.read_csv(out)) == 644


def test_no_labels_give_predictions_only(finished_run, tmp_path, two_people, capfd):
    path = write(tmp_path / "plain.npz", [replace(rec, annotations=()) for rec in two_people], labelled=False)
    (tmp_path / "p.json").write_text("{}")
    out = tmp_path / "p.csv"
    assert main(["classify", f"run={finished_run}", *npz_overrides(path), f"out={out}"]) == 0
    assert (pd.read_csv(out)["target"] == -1).all()
    assert not (tmp_path / "p.json").exists()
    assert "nothing was judged" in capfd.readouterr().out


def test_labels_that_the_run_does_not_know(finished_run, tmp_path, two_people, capsys):
    named = [
        replace(rec, annotations=(replace(rec.annotations[0], label="PENN"),)) if k < 2 else rec
        for k, rec in enumerate(two_people)
    ]
    path = write(tmp_path / "other.npz", named)
    overrides = npz_overrides(path, "data.classes=null", f"out={tmp_path / 'p.csv'}")
    line = error_of(capsys, "classify", f"run={finished_run}", *overrides)
    assert "does not know: PENN" in line
    assert "did you mean 'PEN'" in line


def test_a_run_without_its_codes(finished_run, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(finished_run, run)
    (run / "codes.npz").write_bytes(b"PK")
    line = error_of(capsys, "classify", f"run={run}", "head.C=2", f"out={tmp_path / 'p.csv'}")
    assert "codes.npz: missing or damaged" in line


def test_codes_and_classes_while_the_first_layers_go_on_learning(finished_run, tmp_path, capsys):
    base = [f"run={finished_run}", "adaptation=asdae"]
    found = {}
    for name, options in {"still": ["adaptation.lr=0"], "moved": ["adaptation.batch_size=2"]}.items():
        out = tmp_path / f"{name}.npz"
        assert main(["extract", *base, *options, f"out={out}"]) == 0
        found[name] = np.load(out)["codes"]
    out = tmp_path / "plain.npz"
    assert main(["extract", f"run={finished_run}", f"out={out}"]) == 0
    assert np.array_equal(found["still"], np.load(out)["codes"])
    assert not np.array_equal(found["moved"], found["still"])
    capsys.readouterr()
    assert main(["classify", *base, f"out={tmp_path / 'p.csv'}"]) == 0
    assert "adapted (in-sample) (transductive)" in capsys.readouterr().out
    assert "adapted (in-sample)" in json.loads((tmp_path / "p.json").read_text())


def test_a_run_trained_on_artefacts_goes_on_learning_with_them(tmp_path):
    """Extraction reads the recordings of artefacts again that the run names."""
    data = np.random.default_rng(0).normal(size=(1000, 2))
    clips = {"offsets": [0, 1000], "sfreq": 100.0, "ch_names": ["e1", "e2"]}
    np.savez(tmp_path / "clips.npz", data=data, **clips)
    raw = [word for word in TINY if not word.startswith("features")]
    noise = ("features=[raw]", "corruption=artefacts", f"corruption.path={tmp_path / 'clips.npz'}")
    assert main(["train", *raw, *noise, "features.raw.hidden=[4]", f"hydra.run.dir={tmp_path / 'run'}"]) == 0
    extract = ["extract", f"run={tmp_path / 'run'}", "data=watch"]
    for name in ("none", "asdae"):
        assert main([*extract, f"adaptation={name}", f"out={tmp_path / name}.npz"]) == 0
    plain, adapted = (np.load(tmp_path / f"{name}.npz")["codes"] for name in ("none", "asdae"))
    assert plain.shape == adapted.shape
    assert not np.array_equal(plain, adapted)

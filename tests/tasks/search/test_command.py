"""Searches as a user starts them: trials are whole runs, and any end can be gone on from."""

import json
import shlex
import signal
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

import optuna
import pytest
from omegaconf import open_dict, read_write
from shell import SMALL, command, error_line, finish, my_recordings, recordings, run_json

from eegdae.cli import main
from eegdae.run import config_hash, read_config
from eegdae.tasks.launch import conf_dir
from eegdae.tasks.overrides import check_args, compose_command
from eegdae.tasks.prepare import plain_config
from eegdae.tasks.search import asks_for_search
from eegdae.tasks.search.options import read_search
from eegdae.tasks.settings import read_settings

WIDTHS = "search.space={codes: {key: model.hidden.1, type: int, low: 2, high: 64, log: true}}"
GRID = (
    "search=optuna",
    "search.sampler=grid",
    "search.n_trials=null",
    "search.space={codes: {key: model.hidden.1, type: categorical, choices: [2, 3]}}",
)


@pytest.fixture(scope="module")
def flags(tmp_path_factory):
    return my_recordings(tmp_path_factory.mktemp("set"), recordings(n_people=6))


@pytest.fixture(scope="module")
def small(flags):
    """Arguments of a run as small as it gets."""
    return ["train", *flags, *SMALL, "report=none", "search.n_startup_trials=2"]


def compose(*overrides):
    config = compose_command("train", overrides, conf_dir())
    with read_write(config), open_dict(config):
        del config["hydra"]
    return plain_config(config)


def found(folder):
    return json.loads((folder / "search.json").read_text())


@pytest.fixture(scope="module")
def over(small, tmp_path_factory):
    """The folder of a search of two points that is over, and what the screen said."""
    folder = tmp_path_factory.mktemp("searches") / "my search"
    lines = finish_here([*small, *GRID, f"hydra.sweep.dir='{folder}'"])
    return folder, lines


def finish_here(args):
    """Run a search that ends well; return its lines on the screen, which are those of its log too."""
    folder = Path(args[-1].removeprefix("hydra.sweep.dir=").strip("'"))
    before = (folder / "search.log").read_text() if (folder / "search.log").exists() else ""
    assert main(args) == 0
    return (folder / "search.log").read_text()[len(before) :].splitlines()


def test_a_trial_is_a_whole_run_in_a_folder_of_its_number(over, flags):
    folder, _ = over
    assert sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name != ".search") == [
        "0",
        "1",
    ]
    for number in ("0", "1"):
        run = folder / number
        assert run_json(run)["status"] == "done"
        assert (run / ".hydra/overrides.yaml").exists()
        assert "fold 1/2" in (run / "train.log").read_text()
    # what a search is made of is no part of a run
    config = read_config(folder / "0")
    assert config["model"]["hidden"] == [8, 2]
    own = str(check_args("train", flags, conf_dir()).overrides[-1].input_line)
    assert config_hash(config) == config_hash(compose(*SMALL, "model.hidden=[8,2]", own))


def test_what_is_left_says_what_was_drawn_and_what_came_of_it(over):
    folder, _ = over
    told = found(folder)
    assert told["objectives"] == ["validation.roc_auc"]
    assert told["directions"] == ["maximize"]
    assert [trial["params"] for trial in told["trials"]] == [{"model.hidden.1": 2}, {"model.hidden.1": 3}]
    for trial in told["trials"]:
        heads = [json.loads((folder / trial["folder"] / f"folds/{k}/heads.json").read_text()) for k in (0, 1)]
        mean = sum(head["validation"]["roc_auc"] for head in heads) / 2
        assert trial["values"] == [pytest.approx(mean)]
        assert trial["state"] == "complete"


def test_the_screen_has_one_line_a_trial_and_how_to_repeat_the_best(over, tmp_path):
    folder, lines = over
    assert len([line for line in lines if line.startswith("trial ")]) == 2
    assert lines[0] == f"search: grid, 0 of 2 trials, in {folder}"
    assert not any(line.startswith("fold") for line in lines)
    assert any(line.startswith("Chosen on validation, inside the training rows") for line in lines)
    best = next(line for line in lines if line.startswith("best: trial "))
    again = next(line for line in lines if line.startswith("  again: "))
    words = shlex.split(again.removeprefix("  again: "))
    assert words[:2] == ["eegdae", "train"]
    assert main([*words[1:], f"hydra.run.dir={tmp_path / 'again'}"]) == 0
    number = best.removeprefix("best: trial ").partition(":")[0]
    assert run_json(tmp_path / "again")["metrics"] == run_json(folder / number)["metrics"]
    assert run_json(tmp_path / "again")["config_hash"] == run_json(folder / number)["config_hash"]


def test_a_search_that_is_over_is_told_again(over, small):
    folder, lines = over
    begun = (folder / "0/model.ckpt").stat().st_mtime_ns
    again = finish_here([*small, *GRID, f"hydra.sweep.dir='{folder}'"])
    assert again[0].startswith("search: grid, 2 of 2 trials")
    assert again[2:] == [line for line in lines[2:] if not line.startswith("trial ")]
    assert (folder / "0/model.ckpt").stat().st_mtime_ns == begun


def test_a_search_goes_on_where_it_was_killed(over, small, tmp_path):
    """As a killed process leaves it: one trial over, one running, which nobody holds any more."""
    folder = tmp_path / "killed"
    finish_here([*small, *GRID[:2], "search.n_trials=1", GRID[3], f"hydra.sweep.dir={folder}"])
    study = optuna.load_study(study_name="mine", storage=f"sqlite:///{folder}/search.db")
    study.enqueue_trial({"codes": 3})
    study.ask(study.trials[0].distributions)
    (folder / "1").mkdir()
    (folder / "1/half").write_text("what the killed process had done")
    before = (folder / "0/model.ckpt").stat().st_mtime_ns

    lines = finish_here([*small, *GRID, "sweep.resume=true", f"hydra.sweep.dir={folder}"])
    assert lines[0].startswith("search: grid, 1 of 2 trials")
    assert [trial["number"] for trial in found(folder)["trials"]] == [0, 2]
    for key in ("params", "values"):
        assert [trial[key] for trial in found(folder)["trials"]] == [
            trial[key] for trial in found(over[0])["trials"]
        ]
    assert (folder / "0/model.ckpt").stat().st_mtime_ns == before
    assert (folder / "2/half").exists()
    assert not (folder / "1").exists()


def test_a_trial_that_fails_is_listed_and_tried_again_by_a_resume(small, flags, tmp_path, capsys):
    space = "search.space={size: {key: windows.size, type: categorical, choices: [2, 9]}}"
    args = [*small, *GRID[:-1], space, "search.objectives=[validation.roc_auc,n_codes]"]
    for more in ([], ["sweep.resume=true"]):
        assert main([*args, *more, f"hydra.sweep.dir={tmp_path / 's'}"]) == 2
        err = capsys.readouterr().err
        assert err.count("eegdae: failed: trial ") == 1
        assert "shorter than a window of 9 s" in err
        states = [trial["state"] for trial in found(tmp_path / "s")["trials"]]
        assert sorted(states) == ["complete", "failed"]
    assert sorted(trial["number"] for trial in found(tmp_path / "s")["trials"]) == [0, 2]
    lines = (tmp_path / "s/search.log").read_text().splitlines()
    assert "several objectives: no trial is pruned" in lines
    assert "Pareto front, 1 trial that no other beats in all of its objectives:" in lines


def test_trials_that_all_fail_end_the_search(small, tmp_path, capsys):
    args = [*small, "search=optuna", WIDTHS, "search.n_trials=9", "split.n_folds=40"]
    line = error_line(capsys, [*args, f"hydra.sweep.dir={tmp_path / 's'}"])
    assert line.startswith("search: the first 3 trials all failed: split.n_folds=40")


def test_a_set_without_labels_is_searched_by_reconstruction(tmp_path):
    arrays = recordings(n_people=4)
    del arrays["label"]
    args = ["train", *my_recordings(tmp_path, arrays), *SMALL, "report=none", *GRID, "search.pruner=none"]
    lines = finish_here([*args, "search.objectives=[reconstruction]", f"hydra.sweep.dir={tmp_path / 's'}"])
    assert any("of held-out test windows (without their labels)" in line for line in lines)
    assert any(
        line.startswith("Chosen by how well held-out test windows were brought back") for line in lines
    )
    for trial in found(tmp_path / "s")["trials"]:
        folds = [tmp_path / "s" / trial["folder"] / f"folds/{k}/reconstruction.json" for k in (0, 1)]
        squares = [json.loads(fold.read_text())["power"]["reconstructed"] ** 2 for fold in folds]
        assert trial["values"] == [pytest.approx((sum(squares) / 2) ** 0.5)]


@pytest.mark.slow
def test_the_best_trial_has_a_report_and_settings_are_compared(small, tmp_path):
    folder = tmp_path / "s"
    args = [arg for arg in small if arg != "report=none"]
    lines = finish_here([*args, *GRID, f"hydra.sweep.dir={folder}"])
    best = next(line for line in lines if line.startswith("  run:   ")).removeprefix("  run:   ")
    assert [path.parent for path in folder.glob("*/report.html")] == [Path(best)]
    assert (folder / "sweep.html").exists()
    assert (folder / "sweep.csv").read_text().count("\n") > 2
    # nothing of the end is in the log of the last trial
    for number in "01":
        assert (folder / number / "train.log").read_text().splitlines()[-1].startswith("run: ")


# bad input: refused before anything is made


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["search=levls"], "search=levls: no such choice; did you mean 'levels'"),
        (["search=levels", "-m"], "-m: not together with search=levels"),
        (["search=levels", "hydra.mode=MULTIRUN"], "-m: not together with search=levels"),
        (["search=levels", "search.sampler=tpee"], "search.sampler='tpee': not known; did you mean 'tpe'"),
        (["search=levels", "search.n_trials=0"], "search.n_trials=0: must be a whole number, 1 or more"),
        (["search=levels", "search.n_trials=many"], "search.n_trials='many': must be a whole number"),
        (["search=levels", "search.n_trials=null"], "search.n_trials=null: only search.sampler=grid"),
        (["search=levels", "search.trials=3"], "search.trials: unknown key"),
        (["search=levels", "search.objectives=[]"], "search.objectives=[]: must be a list"),
        (["search=levels", "search.objectives=n_codes"], "search.objectives='n_codes': must be a list"),
        (["search=levels", "search.objectives=[roc_auc]"], "search.objectives=roc_auc: no such objective"),
        (["search=levels", "search.objectives=[metrics.codes.roc_auc]"], "is judged on test rows"),
        (["search=levels", "search.objectives=[n_codes,n_codes]"], "one stands there twice"),
        (["search=levels", "search.objectives=[reconstruction]"], "cannot judge corruption, which changes"),
        (
            ["search=levels", "search.objectives=[n_codes]"],
            "search.prune_by=validation: needs search.objectives=",
        ),
        (
            ["search=levels", "search.prune_by=val_loss"],
            "search.prune_by=val_loss: losses of runs that differ in",
        ),
        (["search=levels", "search.pruner=hyperband"], "search.pruner='hyperband': not known"),
        (["search=levels", "search.storage=search.db"], "search.storage='search.db': must be a URL"),
        (["search=levels", "search.space.level.low=2"], "search.space.level: low=2 must be below high=1"),
        (
            ["search=levels", "search.space.level.high=lots"],
            "search.space.level.high='lots': must be a number",
        ),
        (["search=levels", "search.space.level.scale.masking=1"], "search.space: corruption.level=1.0: "),
        (["search=levels", "search.space.level.step=null", "search.sampler=grid"], "a grid needs points"),
        (["search=levels", "corruption.level=1"], "corruption.level is given on the command line too"),
        (["search=levels", "sweep.resume=true"], "sweep.resume=true: name the folder of the search"),
        (["search=levels", "hydra.run.dir=x"], "hydra.run.dir: not with a search"),
        (["search=levels", "hydra/launcher=joblib"], "hydra/launcher=joblib: not with a search"),
        (
            ["search=levels", "trainer.devices=2", "trainer.strategy=ddp"],
            "trainer.devices=2: not with a search",
        ),
        (["search=optuna"], "search.space=None: nothing to search"),
        (
            ["search=optuna", "search.space={a: {key: modle.x, type: int, low: 1, high: 2}}"],
            "search.space: modle.x:",
        ),
        (
            ["search=optuna", "search.space={corruption: {type: categorical, choices: [noise]}}"],
            "corruption=noise: no",
        ),
        (
            [
                "search=optuna",
                "search.space={x: {type: categorical, choices: {a: ['optimizer._target_=os.system']}}}",
            ],
            "optimizer._target_='os.system': refused",
        ),
        (
            ["search=optuna", WIDTHS, "search.prune_by=val_loss"],
            "search.prune_by=val_loss: needs rows that are held",
        ),
    ],
)
def test_what_cannot_be_searched(small, tmp_path, capsys, overrides, said):
    args = small[:-1] if "search=levls" in overrides else small
    args = [arg for arg in args if not arg.startswith("trainer") or "trainer.devices=2" not in overrides]
    folder = tmp_path / "s"
    named = [] if "sweep.resume=true" in overrides else [f"hydra.sweep.dir={folder}"]
    assert said in error_line(capsys, [*args, *overrides, *named])
    assert not folder.exists()


def test_a_search_that_an_experiment_asks_for(small, flags, tmp_path, capsys):
    (Path(flags[1]) / "experiment").mkdir(exist_ok=True)
    own = Path(flags[1]) / "experiment/searching.yaml"
    own.write_text("# @package _global_\ndefaults:\n  - override /search: levels\n")
    args = [arg for arg in small[:-1] if arg != "~experiment"]
    line = error_line(capsys, [*args, "experiment=searching", f"hydra.run.dir={tmp_path / 'r'}"])
    assert line.startswith("search: is asked for on the command line only")


def test_without_optuna(small, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    line = error_line(capsys, [*small, *GRID, f"hydra.sweep.dir={tmp_path / 's'}"])
    assert "pip install 'eegdae[search]'" in line
    assert not (tmp_path / "s").exists()


def test_a_composition_is_shown_and_not_searched(capsys):
    assert not asks_for_search(["search=levels", "--cfg", "job"])
    assert not asks_for_search(["search=levels", "search=none"])
    assert not asks_for_search(["seed=1"])
    assert asks_for_search(["-cd", "mine", "search=levels"])
    assert asks_for_search(["seed=1", "search=levels"])


@pytest.mark.parametrize(
    "name", [f.stem for f in sorted((conf_dir() / "search").glob("*.yaml")) if f.stem != "none"]
)
def test_ready_searches_can_be_drawn_from(name):
    more = (WIDTHS,) if name == "optuna" else ("experiment=eegmat",)
    options = read_search(compose(f"search={name}", *more))
    assert options.n_trials >= 9
    for drawn in options.space.probes():
        config = compose("experiment=eegmat", *options.space.overrides(drawn))
        assert read_settings(config).recipe.views


# storages


def test_a_file_that_is_no_storage(small, tmp_path, capsys):
    (tmp_path / "search.db").write_text("hello" * 99)
    args = [
        *small,
        *GRID,
        f"search.storage=sqlite:///{tmp_path}/search.db",
        f"hydra.sweep.dir={tmp_path / 's'}",
    ]
    line = error_line(capsys, args)
    assert f"search.storage=sqlite:///{tmp_path}/search.db: is damaged, or no file of SQLite" in line


def test_a_database_of_something_else(small, tmp_path, capsys):
    with closing(sqlite3.connect(tmp_path / "search.db")) as database:
        database.execute("create table studies (name text)")
    args = [
        *small,
        *GRID,
        f"search.storage=sqlite:///{tmp_path}/search.db",
        f"hydra.sweep.dir={tmp_path / 's'}",
    ]
    line = error_line(capsys, args)
    assert f"search.storage=sqlite:///{tmp_path}/search.db: is a database, but not of Optuna" in line


def test_a_list_of_values_in_a_search(small, tmp_path, capsys):
    line = error_line(capsys, [*small, *GRID, "seed=0,1", f"hydra.sweep.dir={tmp_path / 's'}"])
    assert line == "'seed=0,1': what a search draws from is given by search.space"


def test_a_file_that_another_program_locks(small, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("eegdae.tasks.search.storage.LOCKED_SECONDS", 0.5)
    other = sqlite3.connect(tmp_path / "search.db")
    other.execute("BEGIN EXCLUSIVE")
    args = [
        *small,
        *GRID,
        f"search.storage=sqlite:///{tmp_path}/search.db",
        f"hydra.sweep.dir={tmp_path / 's'}",
    ]
    line = error_line(capsys, args)
    assert "search.db: locked by another program for more than 0.5 s" in line


def test_a_storage_that_cannot_be_reached(small, tmp_path, capsys):
    args = [*small, *GRID, f"hydra.sweep.dir={tmp_path / 's'}"]
    line = error_line(capsys, [*args, "search.storage='nosuch://me:secret@server/x'"])
    assert line.startswith("search.storage=nosuch://me:***@server/x: ")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["search.space.codes.choices=[2,4]"], "is of another search (search.space.codes)"),
        (
            ["search.objectives=[validation.balanced_accuracy]"],
            "(objectives were validation.roc_auc, are validation.bal",
        ),
        (["search.objectives=[n_codes]", "search.pruner=none"], "(other objectives)"),
        (["optimizer.lr=0.5"], "is of another search (overrides were "),
        ([], "its 2 trials are not in"),
    ],
)
def test_a_study_of_another_search(over, small, tmp_path, capsys, changes, said):
    folder, _ = over
    where = [f"search.storage='sqlite:///{folder}/search.db'", "search.study=mine"]
    line = error_line(capsys, [*small, *GRID, *changes, *where, f"hydra.sweep.dir={tmp_path / 's'}"])
    assert said in line
    assert "give another search.study" in line


def test_a_study_that_is_not_of_eegdae(small, tmp_path, capsys):
    study = optuna.create_study(study_name="mine", storage=f"sqlite:///{tmp_path}/o.db", direction="maximize")
    study.tell(study.ask(), 1.0)
    args = [*small, *GRID, f"search.storage=sqlite:///{tmp_path}/o.db", f"hydra.sweep.dir={tmp_path / 's'}"]
    assert "was not made by eegdae" in error_line(capsys, args)


def test_a_folder_of_something_else(small, finished_run, tmp_path, capsys):
    (tmp_path / "s/0").mkdir(parents=True)
    (tmp_path / "s/0/run.json").write_bytes((finished_run / "run.json").read_bytes())
    line = error_line(capsys, [*small, *GRID, f"hydra.sweep.dir={tmp_path / 's'}"])
    assert f"hydra.sweep.dir={tmp_path / 's'}: holds runs, but not of a search" in line


# real processes


@pytest.mark.slow
def test_two_processes_share_a_search(small, tmp_path):
    folder = tmp_path / "s"
    space = "search.space={codes: {key: model.hidden.1, type: int, low: 2, high: 9}}"
    args = [*small, *GRID[:-1], space, f"hydra.sweep.dir={folder}"]
    processes = [command(args), command(args)]
    said = [finish(process) for process in processes]
    assert [(status, err) for status, _, err in said] == [(0, "")] * 2
    trials = found(folder)["trials"]
    assert sorted(trial["params"]["model.hidden.1"] for trial in trials) == [2, 3, 4, 5, 6, 7, 8, 9]
    assert {trial["state"] for trial in trials} == {"complete"}
    own = [out.count("\ntrial ") for _, out, _ in said]
    assert sum(own) == 8
    assert min(own) > 0


@pytest.mark.slow
def test_a_search_that_is_killed_again_and_again_draws_what_it_would_have(small, tmp_path):
    args = [*small, "search=optuna", WIDTHS, "search.n_trials=5"]
    finish_here([*args, f"hydra.sweep.dir={tmp_path / 'whole'}"])
    folder = tmp_path / "killed"
    killed = 0
    for _ in range(20):
        process = command([*args, "sweep.resume=true", f"hydra.sweep.dir={folder}"])
        until, n = time.monotonic() + 60, len(list(folder.glob("*/folds")))
        while time.monotonic() < until and process.poll() is None and len(list(folder.glob("*/folds"))) <= n:
            time.sleep(0.05)
        time.sleep(0.3 * (killed % 3))
        if process.poll() is not None:
            break
        process.send_signal(signal.SIGKILL)
        process.communicate()
        killed += 1
        if killed == 4:
            break
    assert killed >= 3
    finish_here([*args, "sweep.resume=true", f"hydra.sweep.dir={folder}"])
    whole = found(tmp_path / "whole")["trials"]
    for key in ("params", "values", "state"):
        assert [trial[key] for trial in found(folder)["trials"]] == [trial[key] for trial in whole]

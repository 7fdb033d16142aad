"""The study that processes share: what it draws, hands out, takes back and counts."""

import fcntl
import json
from dataclasses import replace

import optuna
import pytest
from optuna.trial import TrialState

from eegdae.errors import EegdaeError
from eegdae.tasks.search.ending import best_trials, last_lines, search_json
from eegdae.tasks.search.objectives import OBJECTIVES
from eegdae.tasks.search.options import SearchOptions
from eegdae.tasks.search.shared_folder import SharedFolder
from eegdae.tasks.search.space_settings import read_space
from eegdae.tasks.search.study import SharedStudy

optuna.logging.set_verbosity(optuna.logging.ERROR)

SPACE = {
    "kind": {"key": "corruption", "type": "categorical", "choices": ["gaussian", "masking"]},
    "level": {"key": "corruption.level", "type": "float", "low": 0, "high": 1},
}
GRID = {**SPACE, "level": {**SPACE["level"], "step": 0.5}}
OPTIONS = SearchOptions(
    sampler="tpe",
    n_trials=5,
    seed=0,
    n_startup_trials=2,
    objectives=(OBJECTIVES["validation.roc_auc"],),
    prune_by="validation",
    n_warmup_steps=0,
    storage=None,
    study="mine",
    space=read_space(SPACE),
)


def join(folder, options=OPTIONS, *, resume=False):
    """What one process does at its start."""
    return SharedStudy(SharedFolder(folder), options, overrides=["seed=1"], config_hash="abc", resume=resume)


def figure(trial):
    return 0.9 - (trial.params["level"] - 0.3) ** 2


def go_on(shared, n=99):
    """Do trials as a run would, until there are no more."""
    while n and (trial := shared.take()) is not None:
        (shared.folder.path / str(trial.number)).mkdir()
        shared.tell(trial, [figure(trial)])
        n -= 1
    return shared


def leave(shared):
    """What the system does when a process ends, however."""
    shared.folder.close()


def drawn(shared):
    return [trial.params for trial in shared.trials()]


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_the_same_seed_draws_the_same_and_another_does_not(tmp_path, sampler):
    options = replace(OPTIONS, sampler=sampler)
    first, second = (go_on(join(tmp_path / name, options)) for name in "ab")
    other = go_on(join(tmp_path / "c", replace(options, seed=1)))
    assert len(drawn(first)) == 5
    assert drawn(first) == drawn(second)
    assert drawn(first) != drawn(other)


def test_tpe_learns(tmp_path):
    shared = go_on(join(tmp_path, replace(OPTIONS, n_trials=16)))
    errors = [abs(params["level"] - 0.3) for params in drawn(shared)]
    assert sum(errors[-5:]) < sum(errors[:5])


def test_a_search_that_dies_anywhere_draws_what_it_would_have(tmp_path):
    whole = go_on(join(tmp_path / "whole"))
    for k in range(3):
        shared = go_on(join(tmp_path / "killed", resume=True), n=1)
        if k % 2:
            shared.take()  # it dies in the middle of a trial
        leave(shared)
    shared = go_on(join(tmp_path / "killed", resume=True))
    assert drawn(shared) == drawn(whole)
    assert [trial.values for trial in shared.trials()] == [trial.values for trial in whole.trials()]


@pytest.mark.parametrize("told", [True, False])
def test_a_process_that_dies_while_it_takes_up_a_dead_trial(tmp_path, told):
    """Between the two steps: marked as failed, and asked for again."""
    shared = join(tmp_path)
    trial = shared.take()
    leave(shared)
    if told:
        shared.study.tell(trial, state=TrialState.FAIL)
    else:
        shared.study.enqueue_trial(trial.params, user_attrs={"again": trial.number})
    again = go_on(join(tmp_path, resume=True), n=1)
    assert [(t.number, t.params) for t in again.trials()] == [(1, trial.params)]
    assert not [t for t in again.study.trials if t.state == TrialState.RUNNING]


def test_what_another_process_holds_is_let_alone_and_taken_up_when_it_dies(tmp_path):
    one, two = join(tmp_path), join(tmp_path)
    held, other = one.take(), two.take()
    two.tell(other, [0.5])
    go_on(two, n=1)
    assert [t.number for t in two.trials() if t.state == TrialState.RUNNING] == [held.number]
    leave(one)
    go_on(two)
    assert len(two.trials()) == 5
    assert held.params in drawn(two)
    assert held.number not in [trial.number for trial in two.trials()]


def test_two_processes_never_begin_more_than_there_are(tmp_path):
    one, two = (join(tmp_path, replace(OPTIONS, n_trials=3)) for _ in range(2))
    taken = [shared.take() for shared in (one, two, one, two, one)]
    assert [trial and trial.number for trial in taken] == [0, 1, 2, None, None]


def test_a_failed_trial_counts_and_is_tried_again_by_a_resume_alone(tmp_path):
    options = replace(OPTIONS, n_trials=2)
    shared = join(tmp_path, options)
    failed = shared.take()
    shared.tell_failed(failed, "no memory")
    go_on(shared)
    assert [t.state.name for t in shared.trials()] == ["FAIL", "COMPLETE"]
    leave(shared)
    shared = go_on(join(tmp_path, options))
    assert len(shared.study.trials) == 2
    leave(shared)
    shared = join(tmp_path, options, resume=True)
    again = shared.take()
    assert again.params == failed.params
    shared.tell_failed(again, "no memory")
    assert shared.take() is None  # once
    assert [t.state.name for t in shared.trials()] == ["COMPLETE", "FAIL"]


def test_more_trials_of_a_search_that_was_over(tmp_path):
    leave(go_on(join(tmp_path, replace(OPTIONS, n_trials=2))))
    with pytest.raises(EegdaeError, match="holds a search already, 2 of 5 trials"):
        join(tmp_path)
    assert len(drawn(go_on(join(tmp_path, resume=True)))) == 5


def test_a_grid_is_every_point_once(tmp_path):
    options = replace(OPTIONS, sampler="grid", n_trials=6, space=read_space(GRID))
    shared = go_on(join(tmp_path, options), n=2)
    shared.take()
    leave(shared)
    shared = go_on(join(tmp_path, options, resume=True))
    assert drawn(shared) == options.space.grid()


def test_a_part_of_a_grid_is_no_corner_of_it(tmp_path):
    options = replace(OPTIONS, sampler="grid", n_trials=3, space=read_space(GRID))
    points = drawn(go_on(join(tmp_path, options)))
    assert len(points) == 3
    assert all(point in options.space.grid() for point in points)
    assert points != options.space.grid()[:3]
    assert points == drawn(go_on(join(tmp_path / "again", options)))


def test_what_was_drawn_before_is_not_run_again(tmp_path):
    options = replace(OPTIONS, sampler="random", space=read_space({"kind": SPACE["kind"]}))
    shared = join(tmp_path, options)
    first = shared.take()
    assert shared.same_as(first) is None
    (tmp_path / str(first.number)).mkdir()
    shared.tell(first, [0.5])
    for _ in range(4):
        trial = shared.take()
        if trial.params == first.params:
            assert shared.same_as(trial).number == first.number
            shared.tell(trial, [0.5])
            break
    told = json.loads(search_json(shared))["trials"]
    assert told[trial.number]["folder"] == "0"


def test_the_front_of_several_objectives(tmp_path):
    objectives = (OBJECTIVES["validation.roc_auc"], OBJECTIVES["n_codes"])
    options = replace(OPTIONS, objectives=objectives, prune_by=None, n_trials=5)
    shared = join(tmp_path, options)
    for values in ((0.8, 4), (0.9, 8), (0.7, 8), (0.9, 16), (0.8, 4)):
        shared.tell(shared.take(), values)
    assert [trial.number for trial in best_trials(shared)] == [1, 0, 4]
    assert {trial.number for trial in best_trials(shared)} == {t.number for t in shared.study.best_trials}
    lines = last_lines(shared, ["eegdae", "train"])
    assert lines[0] == "search: 5 trials: 5 complete"
    assert lines[1].startswith("Pareto front, 3 trials")
    assert lines[2] == "  trial 1: validation.roc_auc 0.9, n_codes 8"
    assert lines[3] == f"  run:   {tmp_path / '1'}"
    assert lines[4].startswith("  again: eegdae train corruption=")


def test_ends_are_told_by_state(tmp_path):
    shared = join(tmp_path, replace(OPTIONS, n_trials=4))
    shared.tell_pruned(shared.take(), "pruned after fold 1")
    shared.tell_failed(shared.take(), "no memory")
    shared.take()
    told = json.loads(search_json(shared))["trials"]
    assert [trial["state"] for trial in told] == ["pruned", "failed", "running"]
    assert [trial["error"] for trial in told] == ["pruned after fold 1", "no memory", None]
    assert [trial["values"] for trial in told] == [None] * 3
    assert last_lines(shared, ["eegdae", "train"]) == [
        "search: 3 trials: 1 pruned, 1 failed, 1 running",
        "no trial is whole, so none is best",
    ]


def test_a_sweep_in_the_same_folder(tmp_path):
    tmp_path.joinpath(".lock").touch()
    with open(tmp_path / ".lock") as sweep:
        fcntl.flock(sweep, fcntl.LOCK_EX)
        with pytest.raises(EegdaeError, match="a sweep is running in this folder"):
            join(tmp_path)

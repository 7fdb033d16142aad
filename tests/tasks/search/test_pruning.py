"""When a trial is given up: by the median at the same step, told by the run folder."""

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState, create_trial

from eegdae.run import read_json
from eegdae.tasks.search.objectives import OBJECTIVES
from eegdae.tasks.search.pruning import Pruned, SameStepMedian, TrialRun

optuna.logging.set_verbosity(optuna.logging.ERROR)


def study_of(whole, *, direction="maximize", n_startup=2, n_warmup=0):
    """A study with whole trials of these figures on the way."""
    pruner = SameStepMedian(n_startup, n_warmup)
    study = optuna.create_study(
        direction=direction, pruner=pruner, sampler=optuna.samplers.RandomSampler(seed=0)
    )
    for values in whole:
        study.add_trial(
            create_trial(
                params={"x": 0.5},
                distributions={"x": FloatDistribution(0, 1)},
                value=values[-1],
                intermediate_values=dict(enumerate(values)),
                state=TrialState.COMPLETE,
            )
        )
    return study


def pruned_at(study, values):
    trial = study.ask()
    for step, value in enumerate(values):
        trial.report(value, step)
        if trial.should_prune():
            return step
    return None


def test_the_last_figure_counts_not_the_best():
    study = study_of([[0.9, 0.8], [0.8, 0.7], [0.7, 0.6]])
    # Optuna's own median pruner would let the first figure save it
    assert pruned_at(study, [0.95, 0.69]) == 1
    assert pruned_at(study, [0.79, 0.9]) == 0
    assert pruned_at(study, [0.8, 0.7]) is None


def test_less_is_better_where_it_is_minimised():
    study = study_of([[3.0], [2.0], [1.0]], direction="minimize")
    assert pruned_at(study, [2.1]) == 0
    assert pruned_at(study, [1.9]) is None


def test_nothing_is_pruned_before_there_is_enough_to_compare_with():
    assert pruned_at(study_of([[0.9, 0.9]], n_startup=2), [0.1, 0.1]) is None
    assert pruned_at(study_of([], n_startup=0), [0.1, 0.1]) is None
    assert pruned_at(study_of([[0.9], [0.9]]), [0.95, 0.1]) is None  # none has got as far
    assert pruned_at(study_of([[0.9, 0.9, 0.9]] * 2, n_warmup=2), [0.1, 0.1, 0.1]) == 2


def run_of(study, folder, *, resume=False, prune_by="validation", objective="validation.roc_auc"):
    trial = study.ask()
    objective = OBJECTIVES[objective]
    config = {"name": "x", "seed": 0}
    return TrialRun(
        folder, config, resume=resume, trial=trial, objective=objective, prune_by=prune_by, url="sqlite://"
    )


def fold(run, number, value):
    run.write_json(f"folds/{number}/heads.json", {"C": {}, "validation": {"roc_auc": value}})


def do_folds(run, n_folds, values):
    with run:
        begin(run, n_folds)
        for number, value in enumerate(values):
            fold(run, number, value)


def begin(run, n_folds):
    run.write_json("split_audit.json", {"by": "subject", "folds": [{}] * n_folds})


def test_a_fold_below_the_median_ends_the_run_and_its_folder_says_so(tmp_path):
    study = study_of([[0.9, 0.8, 0.8], [0.8, 0.7, 0.7]])
    run = run_of(study, tmp_path / "0")
    with pytest.raises(Pruned, match=r"^pruned after fold 2: validation.roc_auc 0.7 on the way, where the"):
        do_folds(run, 3, [0.9, 0.5])  # mean 0.7, median 0.75
    told = read_json(tmp_path / "0/run.json")
    assert told["status"] == "failed"
    assert told["error"].startswith("pruned after fold 2")


def test_a_run_is_not_given_up_at_its_last_fold(tmp_path):
    study = study_of([[0.9, 0.8], [0.8, 0.7]])
    with run_of(study, tmp_path / "0") as run:
        begin(run, 2)
        fold(run, 0, 0.9)
        fold(run, 1, 0.1)
    assert study.trials[-1].intermediate_values == {0: 0.9, 1: 0.5}


def test_a_run_that_goes_on_tells_its_folds_again(tmp_path):
    study = study_of([])
    with run_of(study, tmp_path / "0") as run:
        begin(run, 3)
        fold(run, 0, 0.9)
    with run_of(study, tmp_path / "0", resume=True) as run:
        fold(run, 1, 0.7)
    assert study.trials[-1].intermediate_values == {0: 0.9, 1: pytest.approx(0.8)}


def rows(fold, stage, losses, model="codes"):
    who = {"model": model, "fold": fold, "view": "power", "stage": stage}
    return [{**who, "epoch": e, "loss": 9.0, "val_loss": loss} for e, loss in enumerate(losses, 1)]


def test_losses_of_stages_are_told_by_the_checkpoints(tmp_path):
    study = study_of([[-0.2, -0.2], [-0.3, -0.3]])
    with run_of(study, tmp_path / "0", prune_by="val_loss") as run:
        begin(run, 2)
        history = rows(0, "layer 1", [0.3, 0.2, 0.25])
        run.save("fold-0.power.codes", {"history": history})
        # of a deeper layer, another model or the final one nothing is told
        history += rows(0, "layer 2", [9.0])
        run.save("fold-0.power.codes", {"history": history})
        run.save("fold-0.power.autoencoder", {"history": rows(0, "joint", [9.0], model="autoencoder")})
        run.save("fold-2.power.codes", {"history": rows(2, "joint", [9.0])})
        assert study.trials[-1].intermediate_values == {0: -0.2}  # more is better here
        whole = {"history": [*history, *rows(0, "joint", [0.6])]}
        with pytest.raises(
            Pruned, match=r"pruned after fold 1, power, joint: validation loss 0.4 on the way"
        ):
            run.save("fold-0.power.codes", whole)


def test_losses_fall_where_less_is_better(tmp_path):
    study = study_of([[0.2], [0.3]], direction="minimize")
    with run_of(study, tmp_path / "0", prune_by="val_loss", objective="reconstruction") as run:
        begin(run, 2)
        run.save("fold-0.power.codes", {"history": rows(0, "joint", [0.1])})
    assert study.trials[-1].intermediate_values == {0: 0.1}

"""What a search leaves and says at its end: ``search.json``, the best trials and how to repeat them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from eegdae.tasks.prepare import counted
from eegdae.tasks.search.objectives import Objective
from eegdae.tasks.search.study import SharedStudy, drawn_of, why_ended

CAUTION = (
    "Chosen on validation, inside the training rows of each fold, not on test rows. The best of many "
    "validation "
    "figures is flattering: what counts are the test figures of that one run, and people that no trial has "
    "seen."
)
CAUTION_TEST = (
    "Chosen by how well held-out test windows were brought back: that figure of the best trial is "
    "flattering. Judge "
    "it on recordings that no trial has seen."
)

_STATES = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "running",
    TrialState.WAITING: "waiting",
}


def search_json(shared: SharedStudy) -> bytes:
    """Lay all trials out as the bytes of ``search.json``.

    Parameters
    ----------
    shared : SharedStudy
        The study.

    Returns
    -------
    bytes
        ``study sampler directions objectives trials``; of a trial ``number params values state folder
        error``.
    """
    options, path = shared.options, shared.folder.path
    trials: list[dict[str, Any]] = []
    for trial in shared.trials():
        is_drawn = {p.name for p in options.space.parameters} <= {*drawn_of(trial)}
        folder = _folder(trial, shared)
        trials.append(
            {
                "number": trial.number,
                "params": options.space.values(drawn_of(trial)) if is_drawn else {},
                "values": trial.values if trial.state == TrialState.COMPLETE else None,
                "state": _STATES[trial.state],
                "folder": folder if (path / folder).is_dir() else None,
                "error": why_ended(trial),
            }
        )
    whole = {
        "study": options.study,
        "sampler": options.sampler,
        "directions": [objective.direction for objective in options.objectives],
        "objectives": [objective.name for objective in options.objectives],
        "trials": trials,
    }
    return (json.dumps(whole, indent=1) + "\n").encode()


def best_trials(shared: SharedStudy) -> list[FrozenTrial]:
    """Return the best trial, or with several objectives those that no other beats in all of them.

    Parameters
    ----------
    shared : SharedStudy
        The study.

    Returns
    -------
    list of FrozenTrial
        The first of equals; none where no trial is whole.
    """
    objectives = shared.options.objectives
    whole = [trial for trial in shared.trials() if trial.state == TrialState.COMPLETE]
    scores = [_scores(trial, objectives) for trial in whole]
    best = [
        trial
        for trial, own in zip(whole, scores, strict=True)
        if not any(_beats(other, own) for other in scores)
    ]
    best.sort(key=lambda trial: [-score for score in _scores(trial, objectives)])
    return best if len(objectives) > 1 else best[:1]


def last_lines(shared: SharedStudy, command: Sequence[str]) -> list[str]:
    """Say how trials ended, which was best and how to run it again.

    Parameters
    ----------
    shared : SharedStudy
        The study.
    command : sequence of str
        Of a run, words quoted for the shell, before the overrides of a trial.

    Returns
    -------
    list of str
        Lines.
    """
    options, trials = shared.options, shared.trials()
    counts = [(sum(t.state == state for t in trials), name) for state, name in _STATES.items()]
    lines = [
        f"search: {counted(len(trials), 'trial')}: " + ", ".join(f"{n} {name}" for n, name in counts if n)
    ]
    best = best_trials(shared)
    if not best:
        return [*lines, "no trial is whole, so none is best"]
    if len(options.objectives) > 1:
        lines.append(
            f"Pareto front, {counted(len(best), 'trial')} that no other beats in all of its objectives:"
        )
    for trial in best:
        first = ("best so far: " if counts[3][0] else "best: ") if len(options.objectives) == 1 else "  "
        lines.append(f"{first}trial {trial.number}: {figures(trial.values, options.objectives)}")
        lines.append(f"  run:   {shared.folder.path / _folder(trial, shared)}")
        lines.append(f"  again: {' '.join([*command, *_quoted(options.space.overrides(trial.params))])}")
    validation = any(objective.name.startswith("validation.") for objective in options.objectives)
    lines.append(CAUTION if validation else CAUTION_TEST)
    return lines


def figures(values: Sequence[float], objectives: Sequence[Objective]) -> str:
    """Name the figures of a trial."""
    return ", ".join(f"{o.name} {value:.4g}" for o, value in zip(objectives, values, strict=True))


def _folder(trial: FrozenTrial, shared: SharedStudy) -> str:
    """Name the folder of a trial: its own, or that of the first for which the same was drawn."""
    whole = [t for t in shared.trials() if t.state == TrialState.COMPLETE and t.params == trial.params]
    return str(whole[0].number if trial.state == TrialState.COMPLETE else trial.number)


def _quoted(overrides: Sequence[str]) -> list[str]:
    return [shlex.quote(text) for text in overrides]


def _scores(trial: FrozenTrial, objectives: Sequence[Objective]) -> list[float]:
    return [o.sign * value for o, value in zip(objectives, trial.values, strict=True)]


def _beats(one: Sequence[float], other: Sequence[float]) -> bool:
    return all(a >= b for a, b in zip(one, other, strict=True)) and list(one) != list(other)

"""The study that the processes of one search share: opened, checked, and handed out trial by trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import optuna
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from eegdae.errors import EegdaeError
from eegdae.tasks.search.options import SearchOptions
from eegdae.tasks.search.pruning import SameStepMedian
from eegdae.tasks.search.shared_folder import SharedFolder
from eegdae.tasks.search.space import Parameter, Value
from eegdae.tasks.search.storage import open_storage, shown, storage_errors

_ABOUT, _AGAIN, _ERROR, _PRUNED = "eegdae", "again", "error", "pruned"


class SharedStudy:
    """A study in a storage, for one or several processes with one folder.

    Parameters
    ----------
    folder : SharedFolder
        Of the search.
    options : SearchOptions
        How to search.
    overrides : sequence of str
        That all runs share.
    config_hash : str
        Of the configuration that all runs share.
    resume : bool
        Go on with the search that is there, and try again what failed.

    Raises
    ------
    EegdaeError
        If the storage cannot be used, the study is another, or is there and not to be gone on with.
    """

    def __init__(
        self,
        folder: SharedFolder,
        options: SearchOptions,
        *,
        overrides: Sequence[str],
        config_hash: str,
        resume: bool,
    ) -> None:
        self.folder, self.options = folder, options
        self.url = options.storage or f"sqlite:///{folder.path / 'search.db'}"
        about = {**options.identity, "overrides": list(overrides), "config_hash": config_hash}
        with folder.one_at_a_time(), storage_errors(self.url):
            self.study = _open(self.url, options)
            is_first = folder.enter()
            trials = self.trials()
            if self.study.user_attrs.get(_ABOUT) is None and not trials:
                self._check_empty()
                self.study.set_user_attr(_ABOUT, about)
            else:
                self._check_same(about, trials)
                if is_first and not resume and self.left(trials):
                    raise EegdaeError(
                        f"hydra.sweep.dir={folder.path}: holds a search already, {self.counted()}; choose "
                        "another folder, or add sweep.resume=true to go on with it"
                    )
            self._retry = resume and is_first

    def trials(self) -> list[FrozenTrial]:
        """All trials, but for those that were killed and asked for again under another number."""
        with storage_errors(self.url):
            trials = self.study.get_trials(deepcopy=False)
        again = {trial.user_attrs.get(_AGAIN) for trial in trials}
        return [trial for trial in trials if trial.number not in again]

    def left(self, trials: Sequence[FrozenTrial]) -> bool:
        """Say whether there is anything left to do: trials not yet drawn, waiting, or killed."""
        over = [t for t in trials if t.state.is_finished() and not _was_killed(t)]
        return len(over) < max(len(trials), self.options.n_trials)

    def counted(self) -> str:
        """Say how many trials are over, of how many."""
        over = sum(t.state.is_finished() and not _was_killed(t) for t in self.trials())
        return f"{over} of {self.options.n_trials} trials"

    def take(self) -> optuna.Trial | None:
        """Take the next trial, all its parameters drawn; None where nothing is left to begin."""
        with self.folder.one_at_a_time(), storage_errors(self.url):
            self._ask_again()
            trials = self.trials()
            if not any(trial.state == TrialState.WAITING for trial in trials):
                if len(trials) >= self.options.n_trials:
                    return None
                if self.options.sampler == "grid":
                    point = self._next_point(trials)
                    if point is None:
                        return None
                    self.study.enqueue_trial(point)
            # of how many came before, not of the number: a search that was killed goes on as if it were not
            self.study.sampler = _sampler(self.options, sum(t.state != TrialState.WAITING for t in trials))
            trial = self.study.ask()
            for parameter in self.options.space.parameters:
                _suggest(trial, parameter)
            self.folder.hold(trial.number)
            return trial

    def same_as(self, trial: optuna.Trial) -> FrozenTrial | None:
        """Return a whole trial for which the same was drawn, None where there is none."""
        whole = [t for t in self.trials() if t.state == TrialState.COMPLETE and t.params == trial.params]
        return whole[0] if whole else None

    def tell(self, trial: optuna.Trial, values: Sequence[float]) -> None:
        """End a trial with its figures."""
        self._end(trial, values=values)

    def tell_pruned(self, trial: optuna.Trial, why: str) -> None:
        """End a trial that was given up."""
        self._end(trial, TrialState.PRUNED, {_PRUNED: why})

    def tell_failed(self, trial: optuna.Trial, error: str) -> None:
        """End a trial that failed by itself: it counts, and is tried again by a resume only."""
        self._end(trial, TrialState.FAIL, {_ERROR: error})

    def _end(
        self,
        trial: optuna.Trial,
        state: TrialState | None = None,
        attributes: Mapping[str, str] | None = None,
        values: Sequence[float] | None = None,
    ) -> None:
        with self.folder.one_at_a_time(), storage_errors(self.url):
            for key, text in (attributes or {}).items():
                # a column of some storages is short
                trial.set_user_attr(key, text[:1500])
            self.study.tell(trial, None if values is None else list(values), state=state)
            self.folder.release(trial.number)

    def _ask_again(self) -> None:
        """Fail the trials of processes that died, and put what they had drawn into the queue."""
        for trial in self.trials():
            is_dead = trial.state == TrialState.RUNNING and not self.folder.is_held(trial.number)
            is_retried = self._retry and trial.state == TrialState.FAIL
            if is_dead or _was_killed(trial) or is_retried:
                self.study.enqueue_trial(drawn_of(trial), user_attrs={_AGAIN: trial.number})
        # also of one that was asked for again by a process that died before it came to this
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if not self.folder.is_held(trial.number):
                self.study.tell(trial.number, state=TrialState.FAIL)
        self._retry = False

    def _next_point(self, trials: Sequence[FrozenTrial]) -> dict[str, Value] | None:
        had, points = [drawn_of(trial) for trial in trials], self.options.space.grid()
        if self.options.n_trials < len(points):
            # a part of a grid should not be one corner of it
            order = np.random.default_rng(self.options.seed).permutation(len(points))
            points = [points[k] for k in order]
        return next((point for point in points if point not in had), None)

    def _check_empty(self) -> None:
        path = self.folder.path
        if (path / "multirun.yaml").exists() or any(
            (place / "run.json").exists() for place in path.glob("*/")
        ):
            raise EegdaeError(
                f"hydra.sweep.dir={path}: holds runs, but not of a search in {shown(self.url)}; choose "
                "another folder"
            )

    def _check_same(self, about: Mapping[str, Any], trials: Sequence[FrozenTrial]) -> None:
        where = f"search.study={self.options.study} in {shown(self.url)}"
        old = self.study.user_attrs.get(_ABOUT)
        mend = "give another search.study, or another folder by hydra.sweep.dir"
        if not isinstance(old, Mapping):
            raise EegdaeError(f"{where}: was not made by eegdae; {mend}")
        # overrides may differ that do not decide a result
        is_other = old.get("config_hash") != about["config_hash"]
        for key in ("objectives", "space", *(["overrides"] if is_other else [])):
            if old.get(key) != about[key]:
                raise EegdaeError(f"{where}: is of another search ({_difference(key, old, about)}); {mend}")
        if is_other:
            raise EegdaeError(f"{where}: is of another search (other configuration files); {mend}")
        begun = [t for t in trials if t.state in (TrialState.COMPLETE, TrialState.PRUNED)]
        if begun and not any((self.folder.path / str(t.number)).exists() for t in begun):
            raise EegdaeError(f"{where}: its {len(trials)} trials are not in {self.folder.path}; {mend}")


def drawn_of(trial: FrozenTrial) -> dict[str, Any]:
    """Return what was drawn for a trial, also where it only waits in the queue."""
    return {**trial.system_attrs.get("fixed_params", {}), **trial.params}


def why_ended(trial: FrozenTrial) -> str | None:
    """Return the reason for which a trial failed or was given up."""
    return trial.user_attrs.get(_ERROR) or trial.user_attrs.get(_PRUNED)


def goes_on_from(trial: FrozenTrial) -> int | None:
    """Return the number under which a trial was begun by a process that died."""
    return cast("int | None", trial.user_attrs.get(_AGAIN))


def _was_killed(trial: FrozenTrial) -> bool:
    return trial.state == TrialState.FAIL and _ERROR not in trial.user_attrs


def _open(url: str, options: SearchOptions) -> optuna.Study:
    pruner: optuna.pruners.BasePruner = optuna.pruners.NopPruner()
    if options.prune_by:
        pruner = SameStepMedian(options.n_startup_trials, options.n_warmup_steps)
    directions = [StudyDirection[objective.direction.upper()] for objective in options.objectives]
    study = optuna.create_study(
        storage=open_storage(url),
        study_name=options.study,
        directions=directions,
        load_if_exists=True,
        pruner=pruner,
    )
    if study.directions != directions:
        raise EegdaeError(
            f"search.study={options.study} in {shown(url)}: is of another search (other objectives); give "
            "another "
            "search.study, or another folder by hydra.sweep.dir"
        )
    return study


def _suggest(trial: optuna.Trial, p: Parameter) -> None:
    if p.type == "categorical":
        trial.suggest_categorical(p.name, list(p.choices))
    elif p.type == "int":
        trial.suggest_int(p.name, int(p.low), int(p.high), step=int(p.step or 1), log=p.log)
    else:
        trial.suggest_float(p.name, p.low, p.high, step=p.step, log=p.log)


def _sampler(options: SearchOptions, n_before: int) -> optuna.samplers.BaseSampler:
    seed = int(np.random.SeedSequence([options.seed, n_before]).generate_state(1)[0])
    if options.sampler == "tpe":
        return optuna.samplers.TPESampler(
            seed=seed, n_startup_trials=options.n_startup_trials, constant_liar=True
        )
    return optuna.samplers.RandomSampler(seed=seed)


def _difference(key: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    if key == "space":
        was, now = old.get("space", {}), new["space"]
        name = next(name for name in [*was, *now] if was.get(name) != now.get(name))
        return f"search.space.{name}"
    texts = [" ".join(map(str, about.get(key, []))) or "none" for about in (old, new)]
    return f"{key} were {texts[0]}, are {texts[1]}"

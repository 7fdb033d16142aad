"""The group ``search`` as checked Python objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eegdae.errors import EegdaeError
from eegdae.tasks.search.objectives import Objective, read_objectives
from eegdae.tasks.search.space import Space
from eegdae.tasks.search.space_settings import read_space
from eegdae.tasks.settings.checks import known, needed, one_of, whole

SAMPLERS = ("tpe", "grid", "random")
PRUNERS = ("median", "none")
PRUNE_BY = ("validation", "val_loss")

_KEYS = (
    *("sampler", "n_trials", "seed", "n_startup_trials", "objectives", "pruner", "prune_by"),
    *("n_warmup_steps", "storage", "study", "space"),
)
# a loss is of these: of runs that differ in them it is another figure
_CHANGES_LOSS = (
    "corruption",
    "loss",
    "features",
    "data",
    "windows",
    "alignment",
    "scaler",
    "ocular",
    "split",
)


@dataclass(frozen=True)
class SearchOptions:
    """How to search.

    Parameters
    ----------
    sampler : {"tpe", "grid", "random"}
        What draws.
    n_trials : int
        In all.
    seed : int
        Of the sampler.
    n_startup_trials : int
        Drawn at random before the sampler learns, and never pruned.
    objectives : tuple of Objective
        By what trials are judged.
    prune_by : str or None
        ``validation``, ``val_loss``, or None: no trial is given up.
    n_warmup_steps : int
        Reports of a trial after which it may be pruned.
    storage : str or None
        URL of SQLAlchemy; None = a file in the folder of the search.
    study : str
        Name in the storage.
    space : Space
        What may be drawn.
    """

    sampler: str
    n_trials: int
    seed: int
    n_startup_trials: int
    objectives: tuple[Objective, ...]
    prune_by: str | None
    n_warmup_steps: int
    storage: str | None
    study: str
    space: Space

    @property
    def identity(self) -> dict[str, Any]:
        """What two searches must share to be one: space and objectives, as plain text and numbers."""
        space = {
            p.name: {
                "key": p.key,
                "type": p.type,
                "range": None if p.type == "categorical" else [p.low, p.high, p.step, p.log],
                "choices": {str(name): list(overrides) for name, overrides in p.choices.items()},
                "scale": {"by": p.scale_by, **p.scale},
            }
            for p in self.space.parameters
        }
        return {"space": space, "objectives": [objective.name for objective in self.objectives]}


def read_search(config: Mapping[str, Any]) -> SearchOptions:
    """Check the group ``search`` of a training run, and what of the run it needs.

    Parameters
    ----------
    config : mapping
        Whole configuration, plain Python.

    Returns
    -------
    SearchOptions
        Checked.

    Raises
    ------
    EegdaeError
        Names the key, the value and what is allowed.
    """
    node = config["search"]
    if not isinstance(node, Mapping):
        raise EegdaeError(f"search={node!r}: must name a choice; see eegdae train --help")
    known("search.", node, _KEYS)
    needed("search.", node, _KEYS)
    sampler = one_of("search.sampler", node["sampler"], SAMPLERS)
    space, objectives = read_space(node["space"]), read_objectives(node["objectives"])
    n_points = len(space.grid()) if sampler == "grid" else None
    n_trials = node["n_trials"]
    if n_trials is None and n_points is None:
        raise EegdaeError("search.n_trials=null: only search.sampler=grid knows how many; give a number")
    n_trials = min(
        whole("search.n_trials", n_points if n_trials is None else n_trials, low=1), n_points or 2**53
    )
    prune_by = one_of("search.prune_by", node["prune_by"], PRUNE_BY)
    pruner = one_of("search.pruner", node["pruner"], PRUNERS)
    storage = node["storage"]
    if storage is not None and (not isinstance(storage, str) or "://" not in storage):
        raise EegdaeError(
            f"search.storage={storage!r}: must be a URL of SQLAlchemy, such as sqlite:////home/me/search.db "
            "or "
            "postgresql://me@server/search, or null for a file in the folder of the search"
        )
    if not node["study"] or not isinstance(node["study"], str):
        raise EegdaeError(f"search.study={node['study']!r}: must be a name")
    # several objectives have no one figure on the way
    may_prune = pruner == "median" and len(objectives) == 1
    options = SearchOptions(
        sampler=sampler,
        n_trials=n_trials,
        seed=whole("search.seed", node["seed"], low=0),
        n_startup_trials=whole("search.n_startup_trials", node["n_startup_trials"], low=0),
        objectives=objectives,
        prune_by=prune_by if may_prune else None,
        n_warmup_steps=whole("search.n_warmup_steps", node["n_warmup_steps"], low=0),
        storage=storage,
        study=node["study"],
        space=space,
    )
    _check_comparable(options, config)
    return options


def _check_comparable(options: SearchOptions, config: Mapping[str, Any]) -> None:
    """Refuse to compare losses of different things."""
    texts = [o for p in options.space.parameters for o in (*sum(p.choices.values(), ()), p.key or "")]
    keys = [text.lstrip("+~").partition("=")[0].replace("/", ".") for text in texts]
    changed = [k for k in keys if k.partition(".")[0] in _CHANGES_LOSS and not k.endswith(".hidden")]
    if changed and any(objective.name == "reconstruction" for objective in options.objectives):
        raise EegdaeError(
            f"search.objectives=reconstruction: cannot judge {changed[0]}, which changes what is brought "
            "back or "
            "how much it is corrupted, so that the errors are of different things; search model, optimizer "
            "or "
            "pretrain by it"
        )
    first = options.objectives[0].name
    if options.prune_by == "validation" and not first.startswith("validation."):
        raise EegdaeError(
            "search.prune_by=validation: needs search.objectives=[validation.roc_auc] or another of "
            "validation, "
            f"not {first}; set search.pruner=none or search.prune_by=val_loss"
        )
    if options.prune_by == "val_loss":
        if changed:
            raise EegdaeError(
                f"search.prune_by=val_loss: losses of runs that differ in {changed[0]} are of different "
                "things; "
                "use search.prune_by=validation"
            )
        if config["pretrain"].get("early_stopping") is None:
            raise EegdaeError(
                "search.prune_by=val_loss: needs rows that are held out: "
                "'pretrain.early_stopping={patience: 10, share: 0.2}'"
            )

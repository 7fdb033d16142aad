"""``eegdae data``: which sets there are and where they lie; getting one; the windows that are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from eegdae.errors import EegdaeError, did_you_mean
from eegdae.recordings import Reader, get
from eegdae.tasks.data_cache import cache_command
from eegdae.tasks.launch import conf_dir, register_resolvers

USAGE = (
    "usage: eegdae data list | get NAME [key=value ...] | show NAME|PATH [key=value ...] [out=FILE.png] | "
    "check NAME|PATH ... [key=value ...] [out=FILE.html] | record stream=NAME out=FILE.npz | "
    "cache [prune [all | KEY ...]] [prepare.store=DIR]"
)
_WORDS = ("list", "get", "show", "check", "record", "cache")


def data_command(args: Sequence[str]) -> int:
    """Do what ``eegdae data ...`` asks.

    Parameters
    ----------
    args : sequence of str
        ``list``; ``get`` and a name; ``show``, ``check``, ``record`` or ``cache`` and what these take.

    Returns
    -------
    int
        0.

    Raises
    ------
    EegdaeError
        If the words are others, there is no such set, or it cannot be downloaded or read.
    """
    word, *names = args or [""]
    if word in ("-h", "--help"):
        print(USAGE)
    elif word == "list" and not names:
        print("\n".join(_list()))
    elif word == "get" and names:
        print(_get(names))
    elif word in ("show", "check"):
        from eegdae.tasks import data_check

        return data_check.show(names) if word == "show" else data_check.check(names)
    elif word == "record":
        from eegdae.tasks.record import record

        print(record(names))
    elif word == "cache":
        print("\n".join(cache_command(names)))
    elif word not in _WORDS:
        raise EegdaeError(f"data {word!r}: no such word; {did_you_mean(word, _WORDS)}; {USAGE}")
    else:
        raise EegdaeError(f"data {' '.join(args)}: list takes nothing, get needs a name; {USAGE}")
    return 0


def set_files() -> list[Path]:
    """Give the file of every set that has a name, sorted.

    Returns
    -------
    list of Path
        Of ``conf/data``.
    """
    return sorted((conf_dir() / "data").glob("*.yaml"))


def _list() -> list[str]:
    from eegdae.tasks.data_list import table_of_sets

    known = [(file, read_set(file)) for file in set_files()]
    sets = [(file, config) for file, config in known if not is_open(config)]
    return table_of_sets(sets, [file for file, config in known if is_open(config)])


def _get(words: Sequence[str]) -> Path:
    from eegdae.tasks.data_words import configuration, split_words

    names, overrides = split_words(words)
    known = {file.stem: file for file in set_files()}
    if len(names) != 1:
        raise EegdaeError(f"data get {' '.join(words)}: get takes one name and key=value; {USAGE}")
    name = names[0]
    if name not in known:
        raise EegdaeError(f"data get {name}: no such set; {did_you_mean(name, known)}")
    if is_open(read_set(known[name])):
        raise EegdaeError(
            f"data get {name}: stands for recordings of your own; eegdae train data=FILE takes them"
        )
    return get(Reader(configuration(name, overrides)).cfg)  # which knows the keys


def read_set(file: Path) -> dict[str, Any]:
    """Read a data configuration as it is when nothing is overridden.

    Parameters
    ----------
    file : Path
        Of ``conf/data``.

    Returns
    -------
    dict
        Plain Python, what refers to other keys filled in.
    """
    register_resolvers()
    paths = OmegaConf.load(file.parents[1] / "paths" / "default.yaml")
    whole = OmegaConf.to_container(
        OmegaConf.create({"paths": paths, "data": OmegaConf.load(file)}), resolve=True
    )
    return dict(whole["data"])  # type: ignore[index, call-overload, arg-type]


def is_open(config: Mapping[str, Any]) -> bool:
    """Tell whether it is up to the user where the recordings lie.

    Parameters
    ----------
    config : mapping
        A data configuration.

    Returns
    -------
    bool
    """
    return config.get("path") in (None, "???")

"""The data sets that have a name: whether one is here, getting it, and what it says of itself."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eegdae.errors import EegdaeError
from eegdae.recordings.downloads.fetching import downloaded
from eegdae.recordings.downloads.folders import cache_dir
from eegdae.recordings.sources import source_of


def get(cfg: Mapping[str, Any]) -> Path:
    """Make sure that a set is here; the work of ``eegdae data get NAME``.

    Parameters
    ----------
    cfg : mapping
        A data configuration with ``source`` and ``path``.

    Returns
    -------
    Path
        The folder that holds it, or the file for a set of one file.

    Raises
    ------
    EegdaeError
        If it is missing and cannot be downloaded.
    """
    source = source_of(cfg)
    if source.get is not None and cfg.get("resource"):
        return source.get(cfg)
    return _place(source.find(cfg, source.extensions))


def here(cfg: Mapping[str, Any]) -> Path | None:
    """Tell where the files of a data configuration lie; downloads nothing.

    Parameters
    ----------
    cfg : mapping
        With ``source`` and ``path``.

    Returns
    -------
    Path or None
        Their folder, or the file where there is one; None where they are not here, or a download is not
        whole.
    """
    source = source_of(cfg)
    try:
        files = source.find(
            {key: value for key, value in cfg.items() if key != "resource"}, source.extensions
        )
    except EegdaeError:
        files = []
    cached = cache_dir() / str(cfg.get("name", ""))
    if cfg.get("resource") and source.get is None and (not files or cached in files[0].parents):
        return downloaded(cfg)
    return _place(files) if files else None


def _place(files: Sequence[Path]) -> Path:
    return files[0] if len(files) == 1 else Path(os.path.commonpath([file.parent for file in files]))


def describe(cfg: Mapping[str, Any]) -> str:
    """Say what a data configuration names, where it comes from and how to cite it.

    Parameters
    ----------
    cfg : mapping
        A data configuration.

    Returns
    -------
    str
        One line each for name, download or the way to get it, licence and citation, as far as the
        configuration holds them.
    """
    resource = cfg.get("resource") or {}
    lines = {
        "name": cfg.get("name"),
        "path": cfg.get("path"),
        "from": resource.get("requirement") or resource.get("url"),
        "to get it": None if resource else cfg.get("get"),
        "licence": cfg.get("licence"),
        "citation": cfg.get("citation"),
    }
    return "\n".join(f"{key}: {value}" for key, value in lines.items() if value)

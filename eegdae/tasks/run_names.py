"""What a run is called among others, and the sweep that it is a job of; told from the files in its folder."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException


def sweep_of(folder: Path) -> Path | None:
    """Find the folder of the sweep that a run is a job of; Hydra leaves ``multirun.yaml`` in it.

    Parameters
    ----------
    folder : Path
        Of the run.

    Returns
    -------
    Path or None
        None where the run is none of a sweep.
    """
    above = list(folder.resolve().parents)[:3]
    return next((parent for parent in above if (parent / "multirun.yaml").exists()), None)


def run_name(folder: Path) -> str:
    """Name a run so that a person knows it among others: a job by the overrides that were swept.

    Parameters
    ----------
    folder : Path
        Of the run.

    Returns
    -------
    str
        ``corruption.level=0.5,seed=1``, or the folder's name; fit for a file's name.
    """
    sweep, own = sweep_of(folder), folder / ".hydra/overrides.yaml"
    if sweep is None or not own.exists():
        return _file_name(folder.resolve().name)
    try:
        given = yaml.safe_load((sweep / "multirun.yaml").read_text())["hydra"]["overrides"]["task"]
        parsed = OverridesParser.create().parse_overrides(given)
        fixed = {override.key_or_group for override in parsed if not override.is_sweep_override()}
        job = OverridesParser.create().parse_overrides(yaml.safe_load(own.read_text()))
        swept = [str(override.input_line) for override in job if override.key_or_group not in fixed]
    except (OSError, yaml.YAMLError, HydraException, KeyError, TypeError):
        swept = []
    return _file_name(",".join(swept) or folder.resolve().name)


def _file_name(text: str) -> str:
    kept = re.sub(r"[^\w.,=+-]+", "_", text, flags=re.ASCII)
    return kept if len(kept) <= 100 else f"{kept[:91]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"

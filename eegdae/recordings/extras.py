"""Packages that only some sources need: imported by such a source; the error names the extra that has one."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from eegdae.errors import EegdaeError


def extra_package(module: str, *, extra: str, needed_by: object) -> ModuleType:
    """Import an optional package.

    Parameters
    ----------
    module : str
        Its name in Python.
    extra : str
        The extra of this package that installs it.
    needed_by : object
        The file or key that needs it, for the error.

    Returns
    -------
    ModuleType
        The package.

    Raises
    ------
    EegdaeError
        If it is not installed, or does not load: says how to install it.
    """
    try:
        return import_module(module)
    except (ImportError, OSError, RuntimeError) as error:  # not only absent: a library of it may be
        raise EegdaeError(
            f"{needed_by}: needs the package {module}: pip install 'eegdae[{extra}]'"
        ) from error

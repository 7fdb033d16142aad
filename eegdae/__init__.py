"""Codes from recordings: stacked denoising autoencoders over EEG connectivity and sensor streams.

What is named here is imported when it is first asked for: ``import eegdae`` itself brings neither torch
nor NumPy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eegdae.connectivity import connectivity
    from eegdae.epochs import windows_from_epochs
    from eegdae.errors import EegdaeError
    from eegdae.estimators import Connectivity, StackedDenoisingAutoencoder
    from eegdae.recordings import Annotation, Recording, as_recording, read_recordings
    from eegdae.run import read_model as load
    from eegdae.windows import Windows, make_windows

__version__ = "0.1.0"

__all__ = [
    "Annotation",
    "Connectivity",
    "EegdaeError",
    "Recording",
    "StackedDenoisingAutoencoder",
    "Windows",
    "as_recording",
    "connectivity",
    "load",
    "make_windows",
    "read_recordings",
    "windows_from_epochs",
]

# Name -> (module, attribute); the part `connectivity` can itself be called, so it stands for its function.
_FOUND_IN = {
    "Annotation": ("eegdae.recordings", "Annotation"),
    "Connectivity": ("eegdae.estimators", "Connectivity"),
    "EegdaeError": ("eegdae.errors", "EegdaeError"),
    "Recording": ("eegdae.recordings", "Recording"),
    "StackedDenoisingAutoencoder": ("eegdae.estimators", "StackedDenoisingAutoencoder"),
    "Windows": ("eegdae.windows", "Windows"),
    "as_recording": ("eegdae.recordings", "as_recording"),
    "connectivity": ("eegdae.connectivity", None),
    "load": ("eegdae.run", "read_model"),
    "make_windows": ("eegdae.windows", "make_windows"),
    "read_recordings": ("eegdae.recordings", "read_recordings"),
    "windows_from_epochs": ("eegdae.epochs", "windows_from_epochs"),
}


def __getattr__(name: str) -> Any:
    if name not in _FOUND_IN:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module_name, attribute = _FOUND_IN[name]
    module = importlib.import_module(module_name)
    found = module if attribute is None else getattr(module, attribute)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

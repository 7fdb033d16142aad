"""Recordings from an array that ``numpy.save`` wrote, mapped into memory: one recording, or one a trial.

Such a file says nothing but its numbers, so the configuration does: ``layout`` what its axes are
(`eegdae.recordings.axes.LAYOUTS`), ``sfreq`` in Hz, ``ch_names``, ``unit``, and as ``arrays`` the files
beside it that tell more, ``{label: y.npy, subject: who.npy}``: one value a recording; of labels maybe one a
sample.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eegdae.errors import EegdaeError, did_you_mean
from eegdae.recordings.axes import signals_of
from eegdae.recordings.labels import annotate, label_text
from eegdae.recordings.recording import Annotation, Recording, as_recording

KEYS = ("layout", "sfreq", "ch_names", "unit", "arrays")
"""Keys of a data configuration that this source takes."""

_ABOUT = ("subject", "session", "run")
_BESIDE = ("label", *_ABOUT)


def read_npy(path: Path, options: Mapping[str, Any]) -> Iterator[Recording]:
    """Read an array, trial by trial: of the file no more is in memory than one of them.

    Parameters
    ----------
    path : Path
        The ``.npy`` file: real numbers of any size and byte order, rows or columns first, no pickle.
    options : mapping
        ``layout`` and ``sfreq`` (needed), ``ch_names`` (else ``ch1``, ...), ``unit`` (one, or one a channel),
        ``arrays``, as said in this module.

    Yields
    ------
    Recording
        In the order of the trials; where there is an axis of trials and nothing tells of the run, it is the
        number of the trial, counted from 0.

    Raises
    ------
    EegdaeError
        If the file is no such array, was cut off or goes on behind it, or an option does not fit: names it.
    """
    sfreq = options.get("sfreq")
    if isinstance(sfreq, bool) or not isinstance(sfreq, Real):
        raise EegdaeError(
            f"{path}: data.sfreq={sfreq}: an .npy file does not hold its sampling rate; give it in Hz"
        )
    values = _mapped(path)
    signals = signals_of(values, options.get("layout"), where=str(path))
    lengths = [signal.shape[1] for signal in signals]
    is_many = "trials" in str(options.get("layout"))
    width = len(str(len(signals) - 1))
    about = {key: [""] * len(signals) for key in _ABOUT}
    if is_many:
        about["run"] = [f"{k:0{width}d}" for k in range(len(signals))]
    marks: list[tuple[Annotation, ...]] = [()] * len(signals)
    for key, file in _named(path, options).items():
        told = _told(file, f"data.arrays.{key}")
        if key == "label":
            marks = annotate(told, lengths, where=f"{file} (data.arrays.label)")
        elif len(told) in (1, len(signals)):
            about[key] = told * (len(signals) // len(told))
        else:
            raise EegdaeError(
                f"{file}: holds {len(told)} values (data.arrays.{key}); one, or one for each of "
                f"{len(signals)} recordings of {path.name}, is needed"
            )
    for k, signal in enumerate(signals):
        yield as_recording(
            signal,
            sfreq=float(sfreq),
            ch_names=options.get("ch_names") or [f"ch{c + 1}" for c in range(len(signal))],
            unit=options.get("unit") or "a.u.",
            source=f"{path} [{k}]" if is_many else str(path),
            annotations=marks[k],
            subject=about["subject"][k],
            session=about["session"][k],
            run=about["run"][k],
        )


def beside(path: Path, options: Mapping[str, Any]) -> list[Path]:
    """Name the files that tell of an array.

    Parameters
    ----------
    path : Path
        The ``.npy`` file.
    options : mapping
        With ``arrays``, as `read_npy` takes it.

    Returns
    -------
    list of Path
        Those that are there.
    """
    return [file for file in _named(path, options).values() if os.path.isfile(file)]


def _named(path: Path, options: Mapping[str, Any]) -> dict[str, Path]:
    named = options.get("arrays")
    if named is None:
        return {}
    if not isinstance(named, Mapping):
        raise EegdaeError(f"data.arrays={named!r}: a mapping such as {{label: y.npy}} is needed, or null")
    for key, name in named.items():
        if key not in _BESIDE:
            raise EegdaeError(f"data.arrays.{key}: unknown name; {did_you_mean(str(key), _BESIDE)}")
        if not isinstance(name, str):
            raise EegdaeError(f"data.arrays.{key}={name!r}: the name of a file beside {path.name} is needed")
    return {str(key): path.parent / name for key, name in named.items()}


def _mapped(path: Path) -> NDArray[Any]:
    values = _load(path, mmap_mode="r")
    shape = " x ".join(map(str, values.shape)) or "one number"
    if values.dtype.kind not in "iuf":
        raise EegdaeError(f"{path}: must hold real numbers; it holds {values.dtype} ({shape})")
    if values.ndim not in (2, 3) or values.size == 0:
        raise EegdaeError(
            f"{path}: must be an array of two or three axes that is not empty; it is {shape}; "
            "one signal is saved as array[None]"
        )
    begun, found = int(getattr(values, "offset", 0)), path.stat().st_size
    if found != begun + values.nbytes:
        raise EegdaeError(
            f"{path}: its header says {begun + values.nbytes} bytes ({shape}), the file has {found}; "
            "write it anew with numpy.save"
        )
    return values


def _told(path: Path, key: str) -> list[str]:
    """Read one value a recording, or one a sample."""
    if not os.path.isfile(path):
        raise EegdaeError(f"{path}: no such file ({key}); it must lie beside the array")
    values = _load(path, mmap_mode=None)
    if values.ndim != 1 or values.dtype.kind not in "iufbUS":
        raise EegdaeError(
            f"{path}: must be text or numbers, one axis ({key}); it is {values.dtype} {values.shape}"
        )
    return [label_text(value) for value in values.tolist()]


def _load(path: Path, *, mmap_mode: Any) -> NDArray[Any]:
    try:
        with warnings.catch_warnings():  # of a header as Python 2 wrote it
            warnings.simplefilter("ignore")
            # Pickles in a data file could run code: never allowed.
            loaded = np.load(path, mmap_mode=mmap_mode, allow_pickle=False)
    except Exception as error:  # a damaged header raises anything from EOFError to TokenError
        reason = " ".join(str(error).split())[:200]
        raise EegdaeError(
            f"{path}: cannot be read as an array of plain numbers: {reason or 'it is damaged'}; "
            "write it anew with numpy.save"
        ) from error
    if not isinstance(loaded, np.ndarray):
        loaded.close()
        raise EegdaeError(f"{path}: is an .npz archive; give it this ending, or data.source=npz")
    return loaded

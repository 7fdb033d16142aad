"""Recordings from one NumPy archive without pickles: the layout of the packaged set, or any that maps on it.

====================  ==========================================  ==========================================
array                 shape, type                                 meaning
====================  ==========================================  ==========================================
``data``              (n_times_total, n_chans), int or float      all recordings one after the other
``scale``             (n_chans,), float, optional                 value = ``data * scale`` (for integer data)
``offsets``           (n_recordings + 1,), int                    k is ``data[offsets[k]:offsets[k+1]]``
``sfreq``             (), float                                   hertz
``ch_names``          (n_chans,), str                             channel names
``units``             (n_chans,), str, optional                   one unit a channel; else ``"a.u."``
``ch_pos``            (n_chans, 3), float, optional               positions in metre
``label``             (n_recordings,) or (n_times_total,),        what each recording is, as a whole, or each
                      str or number, optional                     sample of it
``subject``           (n_recordings,), str, optional              who; likewise ``session`` and ``run``
====================  ==========================================  ==========================================

Write it with ``numpy.savez(path, data=..., offsets=..., ...)``; NaN in ``data`` means not observed.

Options tell another layout: ``arrays`` says which of its arrays is which of these (``{data: X, label: y}``;
the others are passed over), ``layout`` what the axes of ``data`` are where there are no offsets
(`eegdae.recordings.axes.LAYOUTS`); ``sfreq``, ``ch_names``, ``unit`` stand for what it lacks, or has wrong.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eegdae.errors import EegdaeError, did_you_mean
from eegdae.recordings.axes import signals_of
from eegdae.recordings.labels import annotate, label_text
from eegdae.recordings.recording import Annotation, Recording, as_recording

KEYS = ("arrays", "layout", "sfreq", "ch_names", "unit")
"""Keys of a data configuration that this source takes."""

_REQUIRED = ("data", "offsets", "sfreq", "ch_names")
_ABOUT = ("subject", "session", "run")
_KNOWN = (*_REQUIRED, *_ABOUT, "label", "scale", "units", "ch_pos")


def read_npz(path: Path, options: Mapping[str, Any]) -> list[Recording]:
    """Read every recording of an archive.

    Parameters
    ----------
    path : Path
        The ``.npz`` file.
    options : mapping
        None for the layout of this module; for another one ``arrays``, ``layout``, ``sfreq``, ``ch_names``
        and ``unit``, as said there.

    Returns
    -------
    list of Recording
        In the order of the file; ``label`` becomes one annotation over the whole recording, or one a run of
        samples with the same.

    Raises
    ------
    EegdaeError
        If the file is no such archive, is damaged, holds pickles, or its arrays do not fit together.
    """
    arrays = _arrays(path, options)
    signals, scale = _signals(arrays, options.get("layout"), path)
    n_chans, lengths = len(signals[0]), [signal.shape[1] for signal in signals]
    if arrays["sfreq"].shape != () or arrays["sfreq"].dtype.kind not in "iuf":
        raise EegdaeError(f"{path}: sfreq must be one number (Hz)")
    marks: list[tuple[Annotation, ...]] = [()] * len(signals)
    if "label" in arrays:
        if arrays["label"].ndim != 1:
            raise EegdaeError(f"{path}: label has shape {arrays['label'].shape}; ({len(signals)},) is needed")
        marks = annotate(arrays["label"].tolist(), lengths, where=f"{path}: label")
    about = {key: _strings(arrays, key, len(signals), path) for key in _ABOUT}
    return [
        as_recording(
            signal * scale[:, None],
            sfreq=float(arrays["sfreq"]),
            ch_names=_strings(arrays, "ch_names", n_chans, path),
            unit=_strings(arrays, "units", n_chans, path, default="a.u."),
            ch_pos=arrays.get("ch_pos"),
            source=f"{path} [{k}]",
            annotations=marks[k],
            subject=about["subject"][k],
            session=about["session"][k],
            run=about["run"][k],
        )
        for k, signal in enumerate(signals)
    ]


def as_arrays(recording: Recording, *, label: str = "") -> dict[str, NDArray[Any]]:
    """Put a recording into the layout of this module, to be saved.

    Parameters
    ----------
    recording : Recording
        Any; its annotations have no place in the layout.
    label : str
        What it is, as a whole; ``""`` = unknown.

    Returns
    -------
    dict of str to ndarray
        ``data`` is float32, shape (n_times, n_chans), NaN where not observed.
    """
    data = recording.data.copy()
    if recording.mask is not None:
        data[~recording.mask] = np.nan
    arrays: dict[str, NDArray[Any]] = {
        "data": np.ascontiguousarray(data.T),
        "offsets": np.array([0, recording.n_times]),
        "sfreq": np.array(recording.sfreq),
        "ch_names": np.array(recording.ch_names),
        "units": np.array(recording.units),
    }
    if recording.ch_pos is not None:
        arrays["ch_pos"] = recording.ch_pos
    about = {key: getattr(recording, key) for key in ("subject", "session", "run")} | {"label": label}
    return arrays | {key: np.array([value]) for key, value in about.items() if value}


def why_no_arrays(error: Exception) -> str:
    """Say in one line why NumPy cannot read arrays; it would advise to run what a file holds.

    Parameters
    ----------
    error : Exception
        Of `numpy.load`.

    Returns
    -------
    str
    """
    reason = " ".join(str(error).split())[:200] or "it is damaged"
    is_pickle = "pickle" in reason or "Object arrays" in reason
    return "it holds objects of Python, which are never read, or is damaged" if is_pickle else reason


def _signals(
    arrays: dict[str, NDArray[Any]], layout: object, path: Path
) -> tuple[list[NDArray[Any]], NDArray[Any]]:
    """Give the signals, (n_chans, n_times) each, and what takes each channel to its unit."""
    data = arrays["data"]
    if layout is not None:
        if data.dtype.kind not in "iuf" or data.size == 0:
            raise EegdaeError(f"{path}: data must be numbers; it is {data.dtype} {data.shape}")
        signals = signals_of(data, layout, where=f"{path}: data")
        n_chans = len(signals[0])
    else:
        if data.ndim != 2 or data.dtype.kind not in "iuf":
            raise EegdaeError(
                f"{path}: data must be numbers, shape (n_times_total, n_chans); it is {data.dtype} "
                f"{data.shape}; say data.layout if its axes are others"
            )
        offsets, n_chans = arrays["offsets"], data.shape[1]
        fits = offsets.ndim == 1 and offsets.dtype.kind in "iu" and len(offsets) >= 2
        if (
            not fits
            or offsets[0] != 0
            or offsets[-1] != len(data)
            or (np.diff(offsets.astype(np.int64)) < 1).any()
        ):
            raise EegdaeError(
                f"{path}: offsets must be whole numbers that rise from 0 to the {len(data)} rows of data"
            )
        signals = [data[start:stop].T for start, stop in pairwise(offsets)]
    scale = arrays.get("scale", np.ones(n_chans))
    if scale.shape != (n_chans,) or scale.dtype.kind != "f":
        raise EegdaeError(
            f"{path}: scale must be one float a channel, shape ({n_chans},); it is {scale.shape}"
        )
    return signals, scale


def _arrays(path: Path, options: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Load what is needed, under the names of this module; the options fill in what the archive lacks."""
    named, foreign = _names(options), options.get("arrays") is not None
    if not zipfile.is_zipfile(path):
        raise EegdaeError(f"{path}: is not an .npz archive, or was cut off; write it anew with numpy.savez")
    try:
        # Pickles in a data file could run code: never allowed.
        with np.load(path, allow_pickle=False) as archive:
            found = list(archive.files)
            arrays = {key: np.asarray(archive[name]) for key, name in named.items() if name in found}
    except Exception as error:  # a damaged header raises anything from BadZipFile to TokenError
        reason = why_no_arrays(error)
        raise EegdaeError(f"{path}: cannot be read as an .npz archive of plain arrays: {reason}") from error
    for key, name in named.items() if foreign else ():
        if name not in found:
            raise EegdaeError(
                f"{path}: has no array {name!r} (data.arrays.{key}); {did_you_mean(name, found)}"
            )
    for key in () if foreign else found:
        if key not in _KNOWN:
            raise EegdaeError(f"{path}: unknown array {key!r}; {did_you_mean(key, _KNOWN)}")
    for key, option in (("sfreq", "sfreq"), ("ch_names", "ch_names"), ("units", "unit")):
        if options.get(option) is not None:
            arrays[key] = np.array(options[option])
    needed = [key for key in _REQUIRED if key != "offsets" or options.get("layout") is None]
    missing = [key for key in needed if key not in arrays]
    if missing:
        raise EegdaeError(
            f"{path}: has no array {missing[0]!r}; needed: {', '.join(needed)}; found: {', '.join(found)}"
            + ("; or say data.layout" if missing == ["offsets"] else "")
        )
    return arrays


def _names(options: Mapping[str, Any]) -> dict[str, str]:
    """Name here -> name in the archive."""
    named = options.get("arrays")
    if named is None:
        return {key: key for key in _KNOWN}
    if not isinstance(named, Mapping) or "data" not in named:
        raise EegdaeError(f"data.arrays={named!r}: a mapping such as {{data: X, label: y}} is needed")
    for key in named:
        if key not in _KNOWN:
            raise EegdaeError(f"data.arrays.{key}: unknown name; {did_you_mean(str(key), _KNOWN)}")
    return {str(key): str(name) for key, name in named.items()}


def _strings(
    arrays: dict[str, NDArray[Any]], key: str, n: int, path: Path, *, default: str = ""
) -> list[str]:
    if key not in arrays:
        return [default] * n
    values = arrays[key] if arrays[key].ndim else np.repeat(arrays[key], n)
    if values.shape != (n,):
        raise EegdaeError(f"{path}: {key} has shape {values.shape}; ({n},) is needed")
    return [label_text(v) for v in values.tolist()]

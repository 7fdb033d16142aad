"""Recordings from one NumPy archive without pickles: the layout of the packaged set, and of your own arrays.

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
``label``             (n_recordings,), str, optional              what each recording is, as a whole
``subject``           (n_recordings,), str, optional              who; likewise ``session`` and ``run``
====================  ==========================================  ==========================================

Write it with ``numpy.savez(path, data=..., offsets=..., ...)``; NaN in ``data`` means not observed.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eegdae.errors import EegdaeError, did_you_mean
from eegdae.recordings.recording import Annotation, Recording, as_recording

_REQUIRED = ("data", "offsets", "sfreq", "ch_names")
_PER_RECORDING = ("label", "subject", "session", "run")
_KNOWN = (*_REQUIRED, *_PER_RECORDING, "scale", "units", "ch_pos")


def read_npz(path: Path, options: Mapping[str, Any]) -> list[Recording]:
    """Read every recording of an archive in the layout of this module.

    Parameters
    ----------
    path : Path
        The ``.npz`` file.
    options : mapping
        Takes none; there for all sources to be called alike.

    Returns
    -------
    list of Recording
        In the order of the file; ``label`` becomes one annotation over the whole recording.

    Raises
    ------
    EegdaeError
        If the file is no such archive, is damaged, holds pickles, or its arrays do not fit together.
    """
    arrays = _arrays(path)
    data, offsets = arrays["data"], arrays["offsets"]
    if data.ndim != 2 or data.dtype.kind not in "iuf":
        raise EegdaeError(
            f"{path}: data must be numbers, shape (n_times_total, n_chans); it is {data.dtype} {data.shape}"
        )
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
    scale = arrays.get("scale", np.ones(data.shape[1]))
    if scale.shape != (data.shape[1],) or scale.dtype.kind != "f":
        raise EegdaeError(
            f"{path}: scale must be one float a channel, shape ({data.shape[1]},); it is {scale.shape}"
        )
    if arrays["sfreq"].shape != () or arrays["sfreq"].dtype.kind not in "iuf":
        raise EegdaeError(f"{path}: sfreq must be one number (Hz)")
    about = {key: _strings(arrays, key, len(offsets) - 1, path) for key in _PER_RECORDING}

    recordings = []
    for k, (start, stop) in enumerate(pairwise(offsets)):
        label = about["label"][k]
        recordings.append(
            as_recording(
                (data[start:stop] * scale).T,
                sfreq=float(arrays["sfreq"]),
                ch_names=_strings(arrays, "ch_names", data.shape[1], path),
                unit=_strings(arrays, "units", data.shape[1], path, default="a.u."),
                ch_pos=arrays.get("ch_pos"),
                source=f"{path} [{k}]",
                annotations=(Annotation(0, int(stop - start), label),) if label else (),
                subject=about["subject"][k],
                session=about["session"][k],
                run=about["run"][k],
            )
        )
    return recordings


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


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    if not zipfile.is_zipfile(path):
        raise EegdaeError(f"{path}: is not an .npz archive, or was cut off; write it anew with numpy.savez")
    try:
        # Pickles in a data file could run code: never allowed.
        with np.load(path, allow_pickle=False) as archive:
            arrays = {key: np.asarray(archive[key]) for key in archive.files if key in _KNOWN}
            found = list(archive.files)
    except (
        ValueError,
        OSError,
        EOFError,
        KeyError,
        NotImplementedError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        reason = " ".join(str(error).split())
        raise EegdaeError(f"{path}: cannot be read as an .npz archive of plain arrays: {reason}") from error
    missing = [key for key in _REQUIRED if key not in arrays]
    if missing:
        raise EegdaeError(
            f"{path}: has no array {missing[0]!r}; needed: {', '.join(_REQUIRED)}; found: {', '.join(found)}"
        )
    for key in found:
        if key not in _KNOWN:
            raise EegdaeError(f"{path}: unknown array {key!r}; {did_you_mean(key, _KNOWN)}")
    return arrays


def _strings(
    arrays: dict[str, NDArray[Any]], key: str, n: int, path: Path, *, default: str = ""
) -> list[str]:
    if key not in arrays:
        return [default] * n
    values = arrays[key]
    if values.shape != (n,):
        raise EegdaeError(f"{path}: {key} has shape {values.shape}; ({n},) is needed")
    return [str(v) for v in values]

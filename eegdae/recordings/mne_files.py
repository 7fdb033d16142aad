"""Recordings from whatever `mne.io.read_raw` reads: EDF, BDF, GDF, BrainVision, EEGLAB, FIF and more.

Volts end here: channels in volt become microvolt, once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eegdae.errors import EegdaeError, did_you_mean
from eegdae.recordings.montages import standard_positions
from eegdae.recordings.recording import Annotation, Recording, as_recording

EXTENSIONS = (".edf", ".bdf", ".gdf", ".vhdr", ".set", ".fif", ".fif.gz", ".cnt", ".mff", ".egi", ".nxe")


def read_mne(path: Path, options: Mapping[str, Any]) -> list[Recording]:
    """Read one file with MNE-Python.

    Trigger channels are left out. Annotations that last become trials; those without duration mark an instant
    and are left out; those that begin with "bad" (MNE's convention) make their samples unobserved.

    Parameters
    ----------
    path : Path
        A file that `mne.io.read_raw` reads and `eegdae.recordings.intact.check_intact` let pass.
    options : mapping
        ``strip`` (prefix to take off channel names), ``exclude`` (channels, by their name in the file or the
        stripped one), ``rename`` (old name to new; absent ones are passed over), ``montage`` (a standard
        montage of MNE, gives the positions; else the file's own, where every channel has one).

    Returns
    -------
    list of Recording
        The one recording, unit ``"uV"`` for channels in volt, ``"a.u."`` for others.

    Raises
    ------
    EegdaeError
        If MNE cannot read the file, or a channel or a montage is not known.
    """
    import mne

    try:
        raw = mne.io.read_raw(path, preload=True, verbose="error")
    except Exception as error:  # the readers raise anything from AssertionError to XMLSyntaxError
        reason = " ".join(str(error).split()) or type(error).__name__
        hint = "" if path.name.lower().endswith(EXTENSIONS) else f"; known endings: {', '.join(EXTENSIONS)}"
        raise EegdaeError(f"{path}: cannot be read by MNE: {reason[:300]}{hint}") from error

    return [from_raw(raw, options, path)]


def from_raw(raw: Any, options: Mapping[str, Any], path: Path) -> Recording:
    """Make a recording of a Raw object of MNE.

    Parameters
    ----------
    raw : mne.io.BaseRaw
        The signals, in volt as everywhere in MNE.
    options : mapping
        As `read_mne` takes them.
    path : Path
        What errors call it.

    Returns
    -------
    Recording
        Unit ``"uV"`` for channels in volt, ``"a.u."`` for others.

    Raises
    ------
    EegdaeError
        If a channel or a montage is not known, or no channel is left.
    """
    picks, names = _channels(raw, options, path)
    volts = [_is_volt(raw, pick) for pick in picks]
    data = raw.get_data(picks=picks) * np.where(volts, 1e6, 1.0)[:, None]  # (n_chans, n_times), microvolt
    annotations, mask = _annotations(raw, data.shape)
    return as_recording(
        data,
        sfreq=float(raw.info["sfreq"]),
        ch_names=names,
        unit=["uV" if volt else "a.u." for volt in volts],
        source=str(path),
        ch_pos=_positions(raw, picks, names, options.get("montage"), path),
        mask=mask,
        annotations=annotations,
    )


def _channels(raw: Any, options: Mapping[str, Any], path: Path) -> tuple[list[int], list[str]]:
    prefix, rename = options.get("strip") or "", options.get("rename") or {}
    exclude = [str(name) for name in options.get("exclude") or ()]
    stripped = [name.removeprefix(prefix) for name in raw.ch_names]
    for name in exclude:
        if name not in raw.ch_names and name not in stripped:
            raise EegdaeError(
                f"data.exclude: {name!r} is not a channel of {path}; {did_you_mean(name, stripped)}"
            )
    picks = [
        pick
        for pick, kind in enumerate(raw.get_channel_types())
        if kind not in ("stim", "syst")
        and raw.ch_names[pick] not in exclude
        and stripped[pick] not in exclude
    ]
    if not picks:
        raise EegdaeError(f"{path}: no channel is left of {', '.join(stripped)}")
    return picks, [str(rename.get(stripped[pick], stripped[pick])) for pick in picks]


def _is_volt(raw: Any, pick: int) -> bool:
    import mne

    # MNE calls every EDF channel volt; only _orig_units tells a temperature from a voltage.
    written = getattr(raw, "_orig_units", {}).get(raw.ch_names[pick], "V")
    return bool(raw.info["chs"][pick]["unit"] == mne.io.constants.FIFF.FIFF_UNIT_V) and written.endswith("V")


def _annotations(raw: Any, shape: tuple[int, int]) -> tuple[list[Annotation], NDArray[np.bool_] | None]:
    sfreq, n_times = float(raw.info["sfreq"]), shape[1]
    found: list[Annotation] = []
    mask: NDArray[np.bool_] | None = None
    # With a measurement date, onsets count from it, not from the first sample.
    origin = raw.first_time if raw.annotations.orig_time is not None else 0.0
    for entry in raw.annotations:
        start = max(round((entry["onset"] - origin) * sfreq), 0)
        stop = min(round((entry["onset"] - origin + entry["duration"]) * sfreq), n_times)
        if stop <= start:
            continue
        if entry["description"].lower().startswith("bad"):
            mask = np.ones(shape, dtype=bool) if mask is None else mask
            mask[:, start:stop] = False
        else:
            found.append(Annotation(start, stop, str(entry["description"])))
    return found, mask


def _positions(
    raw: Any, picks: Sequence[int], names: list[str], montage: str | None, path: Path
) -> NDArray[np.float64] | None:
    if montage is not None:
        return standard_positions(names, montage, where="data.montage", source=str(path))
    own = np.array([raw.info["chs"][pick]["loc"][:3] for pick in picks], dtype=np.float64)
    has_own = np.isfinite(own).all() and bool(np.any(own != 0, axis=1).all())
    return own if has_own else None

"""Recordings from whatever `mne.io.read_raw` reads: EDF, BDF, GDF, BrainVision, EEGLAB, FIF and more.

Volts end here: channels in volt become microvolt, once.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eegdae.errors import EegdaeError, did_you_mean, one_line
from eegdae.recordings.beside import annotate_from, beside
from eegdae.recordings.intact import check_intact
from eegdae.recordings.mne_events import annotations_of, bad_stretches, check_events, left_out
from eegdae.recordings.montages import standard_positions
from eegdae.recordings.recording import Recording, as_recording

EXTENSIONS = (".edf", ".bdf", ".gdf", ".vhdr", ".set", ".fif", ".fif.gz", ".cnt", ".mff", ".egi", ".nxe")


KEYS = ("exclude", "strip", "rename", "montage", "events", "bads", "annotations")
"""Keys of a data configuration that `read_mne` takes, all but the last one `from_raw`, too."""

_BLOCK_BYTES = 2**23
"""A file is read in blocks of this size, in float64."""

BADS = ("keep", "mask", "drop")
"""What ``data.bads`` may be."""


def read_mne(path: Path, options: Mapping[str, Any]) -> list[Recording]:
    """Read one file with MNE-Python.

    Tested with files that other libraries wrote: EDF, BDF, BrainVision, EEGLAB and FIF (in parts, too).
    GDF and CNT are tested with small files written byte by byte. What else MNE reads is untested here. Of
    two channels of one name MNE makes NAME-0 and NAME-1. Channels of an EDF, BDF or GDF file that are slower
    than its fastest one MNE brings to the rate of that, and events outside the recording it leaves out;
    ``notes`` names and counts them.

    Parameters
    ----------
    path : Path
        A file that `mne.io.read_raw` reads and `eegdae.recordings.intact.check_intact` let pass. Of a FIF
        recording in parts the first one, which names the others.
    options : mapping
        See `from_raw`; and ``annotations``, the name of a file beside this one that holds more of them, see
        `eegdae.recordings.beside.beside`.

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
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")  # of damaged headers; what counts is checked below
            raw = mne.io.read_raw(path, preload=False, verbose="warning")
            raw.get_channel_types()  # a damaged file may hold kinds that MNE does not know
            options = _without_excluded(raw, options)
    except Exception as error:  # the readers raise anything from AssertionError to XMLSyntaxError
        raise _unreadable(path, error) from error
    for part in raw.filenames[1:]:
        check_intact(Path(part))
    for file in annotation_files(path, options):
        annotate_from(raw, path, file)
    recording = from_raw(raw, options, path)
    return [replace(recording, notes=(*recording.notes, *left_out(caught)))]


def _without_excluded(raw: Any, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Drop excluded channels before they are brought to the rate of others; give what is left to do."""
    prefix = options.get("strip") or ""
    names = {name: {name, name.removeprefix(prefix)} for name in raw.ch_names}
    wanted = {str(word) for word in options.get("exclude") or ()}
    unwanted = [name for name, words in names.items() if words & wanted]
    if not 0 < len(unwanted) < len(names):
        return options
    raw.drop_channels(unwanted)
    known = {word for name in unwanted for word in names[name]}
    return {**options, "exclude": [word for word in options["exclude"] if str(word) not in known]}


def annotation_files(path: Path, options: Mapping[str, Any]) -> list[Path]:
    """Name the file beside a recording that says what happens in it.

    Parameters
    ----------
    path : Path
        Of the recording.
    options : mapping
        ``annotations``: how it is called; None = there is none.

    Returns
    -------
    list of Path
        One or none.

    Raises
    ------
    EegdaeError
        If it is not there.
    """
    template = options.get("annotations")
    return [] if template is None else [beside(path, str(template), where="data.annotations")]


def from_raw(raw: Any, options: Mapping[str, Any], path: Path) -> Recording:
    """Make a recording of a Raw object of MNE.

    Trigger channels are left out. Annotations that last become trials; what ``events`` asks for besides, or
    instead, becomes an annotation of one sample. Those that begin with "bad" (MNE's convention) make their
    samples unobserved.

    Parameters
    ----------
    raw : mne.io.BaseRaw
        The signals, in volt as everywhere in MNE.
    options : mapping
        ``strip`` (prefix to take off channel names), ``exclude`` (channels, by their name in the file or the
        stripped one), ``rename`` (old name to new; absent ones are passed over), ``montage`` (a standard
        montage of MNE, gives the positions; else the file's own, where every channel has one), ``events``
        (see `eegdae.recordings.mne_events.annotations_of`; by default ``"trials"``), ``bads`` (channels that
        the file marks as bad: ``"keep"`` them as they are, the default, ``"mask"``: keep them as unobserved,
        or ``"drop"`` them).
    path : Path
        What errors call it.

    Returns
    -------
    Recording
        Unit ``"uV"`` for channels in volt, ``"a.u."`` for others; ``subject`` is the file's own, if any.

    Raises
    ------
    EegdaeError
        If a channel, a montage or a word is not known, or no channel is left.
    """
    bads, events = _bads(raw, options.get("bads")), check_events(options.get("events"))
    picks, names = _channels(raw, options, path, bads if options.get("bads") == "drop" else ())
    volts = [_is_volt(raw, pick) for pick in picks]
    data = _signals(raw, picks, np.where(volts, 1e6, 1.0), path)
    if options.get("bads") == "mask":
        data[[raw.ch_names[pick] in bads for pick in picks]] = np.nan
    recording = as_recording(
        data,
        sfreq=float(raw.info["sfreq"]),
        ch_names=names,
        unit=["uV" if volt else "a.u." for volt in volts],
        source=str(path),
        ch_pos=_positions(raw, picks, names, options.get("montage"), path),
        mask=bad_stretches(raw, len(picks)),
        annotations=annotations_of(raw, events, source=str(path)),
        subject=_subject(raw),
        copy=False,
    )
    return replace(recording, notes=_slower(raw, picks, names))


def first_parts(paths: Sequence[Path]) -> list[Path]:
    """Leave out the files that go on where another one ends: a FIF recording in parts is one recording.

    Parameters
    ----------
    paths : sequence of Path
        Files, of any kind.

    Returns
    -------
    list of Path
        In the same order, without ``NAME-1.fif`` and ``NAME_split-02_raw.fif`` where the first part is among
        them and says that they follow.
    """
    parts = {path for path in paths if re.search(r"(-\d+|_split-\d+_\w+)\.fif$", path.name)}
    heads = [path for path in paths if path.name.endswith(".fif") and _may_go_on(path, parts)]
    return [path for path in paths if path not in {part for head in heads for part in _following(head)}]


def _may_go_on(path: Path, parts: set[Path]) -> bool:
    stem = path.name.removesuffix(".fif")
    begin = stem.split("_split-")[0]
    return any(
        part != path and part.parent == path.parent and part.name.startswith((f"{stem}-", f"{begin}_split-"))
        for part in parts
    )


def _following(head: Path) -> list[Path]:
    import mne

    try:
        raw = mne.io.read_raw_fif(head, preload=False, verbose="error")
    except Exception:  # a damaged file is told when its turn comes
        return []
    return [head.parent / Path(part).name for part in raw.filenames[1:]]


def _signals(raw: Any, picks: list[int], scale: NDArray[np.float64], path: Path) -> NDArray[np.float32]:
    """Read a block at a time, shape (n_chans, n_times): in float64 there is never more than one."""
    n_times = raw.n_times
    step = n_times if _needs_whole(raw) else max(1, _BLOCK_BYTES // (8 * len(raw.ch_names)))
    data = np.empty((len(picks), n_times), dtype=np.float32)
    try:
        with warnings.catch_warnings(), np.errstate(over="ignore", invalid="ignore"):
            warnings.simplefilter("ignore")
            for start in range(0, n_times, step):
                stop = min(start + step, n_times)
                block = raw.get_data(picks=picks, start=start, stop=stop)
                np.multiply(block, scale[:, None], out=data[:, start:stop], casting="same_kind")
    except Exception as error:  # as above: what lies in a damaged file is met here
        raise _unreadable(path, error) from error
    return data


def _needs_whole(raw: Any) -> bool:
    """Whether MNE resamples channels of other rates while it reads, piece by piece."""
    lengths = [extra.get("n_samps", ()) for extra in raw._raw_extras if isinstance(extra, dict)]
    return any(len(set(np.asarray(one).tolist())) > 1 for one in lengths)


def _unreadable(path: Path, error: Exception) -> EegdaeError:
    hint = "" if path.name.lower().endswith(EXTENSIONS) else f"; known endings: {', '.join(EXTENSIONS)}"
    return EegdaeError(f"{path}: cannot be read by MNE: {one_line(error, 300)}{hint}")


def _bads(raw: Any, word: object) -> tuple[str, ...]:
    if word is not None and word not in BADS:
        raise EegdaeError(f"data.bads={word!r}: {did_you_mean(word, BADS)}")
    return tuple(raw.info["bads"])


def _slower(raw: Any, picks: Sequence[int], names: Sequence[str]) -> tuple[str, ...]:
    """Say which channels of an EDF, BDF or GDF file MNE brought to the rate of its fastest one."""
    about = (getattr(raw, "_raw_extras", None) or [{}])[0] or {}
    if not {"n_samps", "sel", "max_samp", "record_length"} <= set(about):
        return ()
    each, sfreq, most = np.asarray(about["n_samps"]), float(raw.info["sfreq"]), int(about["max_samp"])
    each, (num, den) = each[np.asarray(about["sel"])], about["record_length"]  # a record lasts num / den s
    if len(each) != len(raw.ch_names) or not np.isclose(most * den / num, sfreq):
        return ()  # a Raw object that is no longer as in the file
    told = [
        f"{name} from {sfreq * each[k] / most:g} Hz"
        for k, name in zip(picks, names, strict=True)
        if each[k] < most
    ]
    return (f"brought to {sfreq:g} Hz: {', '.join(told)}",) if told else ()


def _subject(raw: Any) -> str:
    about = raw.info["subject_info"] or {}
    name = str(about.get("his_id") or "").strip()
    return "" if name.upper() == "X" else name  # EDF+ writes X for nothing


def _channels(
    raw: Any, options: Mapping[str, Any], path: Path, dropped: Sequence[str]
) -> tuple[list[int], list[str]]:
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
        and raw.ch_names[pick] not in dropped
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


def _positions(
    raw: Any, picks: Sequence[int], names: list[str], montage: str | None, path: Path
) -> NDArray[np.float64] | None:
    if montage is not None:
        return standard_positions(names, montage, where="data.montage", source=str(path))
    own = np.array([raw.info["chs"][pick]["loc"][:3] for pick in picks], dtype=np.float64)
    has_own = np.isfinite(own).all() and bool(np.any(own != 0, axis=1).all())
    return own if has_own else None

"""Windows from Epochs of MNE: cut already, so nothing is cut here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from eegdae.errors import EegdaeError, did_you_mean
from eegdae.recordings import check_alike
from eegdae.recordings.mne_files import from_raw
from eegdae.windows import Windows

_COLUMNS = ("subject", "session", "run")


def windows_from_epochs(
    epochs: Any,
    *,
    subject: str = "",
    session: str = "",
    run: str = "",
    label: str | None = None,
    classes: Sequence[str] | None = None,
    bads: str = "drop",
    montage: str | None = None,
) -> Windows:
    """Make windows of MNE's Epochs: one an epoch, in microvolt.

    Parameters
    ----------
    epochs : mne.BaseEpochs, or list of these
        Of the same channels, rate and length. Bad epochs are dropped (``Epochs.drop_bad``) and counted.
        Trigger channels are left out.
    subject, session, run : str
        Who, when and which, where ``Epochs.metadata`` has no such column and, for the subject, the epochs'
        own ``info`` has none. Several Epochs of a list are numbered in ``run`` where it is empty.
    label : str or None
        A column of ``Epochs.metadata`` that holds the labels; None = the name of the event's code in
        ``event_id``.
    classes : sequence of str or None
        The labels in the order of ``target``; None = all labels, sorted.
    bads : {"drop", "keep"}
        What to do with channels in ``info["bads"]``.
    montage : str or None
        A standard montage of MNE, for the positions; None = those of the epochs.

    Returns
    -------
    Windows
        ``x`` of shape (n_epochs, n_chans, n_times) in the order given. ``trial`` is the number of the event;
        ``i_start`` and ``i_stop`` count samples of the epochs' rate as MNE's ``events`` do, from the
        beginning of the acquisition. ``dropped`` counts the epochs that MNE dropped, by its reason
        (``"epoch REASON"``).

    Raises
    ------
    EegdaeError
        If these are no Epochs, none is left, they differ, or a column or a label is not known.
    """
    given = list(epochs) if isinstance(epochs, list | tuple) else [epochs]
    for one in given:
        if not (hasattr(one, "event_id") and hasattr(one, "drop_log")):
            raise EegdaeError(f"epochs: {type(one).__name__} is no Epochs object of MNE; give one, or a list")
    if not given:
        raise EegdaeError("epochs: an empty list; give one Epochs object or several")
    if bads not in ("drop", "keep"):
        raise EegdaeError(f"bads={bads!r}: {did_you_mean(bads, ('drop', 'keep'))}")
    options = {"bads": bads, "montage": montage}
    about = {"subject": subject, "session": session, "run": run}
    parts = []
    for k, one in enumerate(given):
        own = about if run or len(given) == 1 else {**about, "run": str(k)}
        parts.append(_one(one, options, own, label, f"epochs [{k}]" if len(given) > 1 else "epochs"))
    check_alike([rec for rec, _, _, _ in parts])
    lengths = {x.shape[2] for _, x, _, _ in parts}
    if len(lengths) > 1:
        raise EegdaeError(f"epochs: of different lengths, {', '.join(map(str, sorted(lengths)))} samples")
    metadata = pd.concat([rows for _, _, rows, _ in parts], ignore_index=True)
    found = sorted(set(metadata["label"]) - {""})
    order = found if classes is None else [str(name) for name in classes]
    for name in found:
        if name not in order:
            raise EegdaeError(f"epochs: label {name!r} is not among the classes; {did_you_mean(name, order)}")
    target = metadata["label"].map({name: k for k, name in enumerate(order)}).fillna(-1).astype(np.int64)
    metadata.insert(int(metadata.columns.get_loc("label")), "target", target)
    first = parts[0][0]
    same = all(_same(first.ch_pos, rec.ch_pos) for rec, _, _, _ in parts)
    x = np.concatenate([x for _, x, _, _ in parts])
    mask = np.isfinite(x)
    x[~mask] = 0.0
    return Windows(
        x=x,
        metadata=metadata,
        sfreq=first.sfreq,
        ch_names=first.ch_names,
        units=first.units,
        classes=tuple(order) if found else (),
        ch_pos=first.ch_pos if same else None,
        mask=None if mask.all() else mask,
        dropped=dict(sum((dropped for _, _, _, dropped in parts), Counter())),
    )


def _one(epochs: Any, options: dict[str, Any], about: dict[str, str], label: str | None, source: str) -> Any:
    import mne

    kept = epochs.copy().drop_bad(verbose="error")
    dropped = Counter(
        f"epoch {' '.join(reasons)}" for reasons in kept.drop_log if reasons and reasons != ("IGNORED",)
    )
    if not len(kept):
        reasons = ", ".join(f"{reason} ({count})" for reason, count in dropped.items()) or "there was none"
        raise EegdaeError(f"{source}: no epoch is left: {reasons}")
    data = kept.get_data(verbose="error")  # (n_epochs, n_chans, n_times)
    n_epochs, n_chans, n_times = data.shape
    # The door for continuous signals checks names, units and values, and takes trigger channels out.
    line = mne.io.RawArray(data.transpose(1, 0, 2).reshape(n_chans, -1), kept.info, verbose="error")
    rec = from_raw(line, options, Path(source))
    x = rec.data.reshape(rec.n_chans, n_epochs, n_times).transpose(1, 0, 2).copy()
    if rec.mask is not None:
        x[~rec.mask.reshape(rec.n_chans, n_epochs, n_times).transpose(1, 0, 2)] = np.nan
    # Events keep the rate of the recording when epochs are decimated or resampled.
    ratio = rec.sfreq / (getattr(kept, "_raw_sfreq", None) or rec.sfreq)
    starts = np.rint(kept.events[:, 0] * ratio).astype(np.int64) + round(kept.tmin * rec.sfreq)
    rows = pd.DataFrame({"trial": kept.selection, "i_start": starts, "i_stop": starts + n_times})
    for column in reversed(_COLUMNS):
        known = kept.metadata is not None and column in kept.metadata
        own = about[column] or (rec.subject if column == "subject" else "")
        rows.insert(0, column, kept.metadata[column].astype(str).to_numpy() if known else own)
    rows["label"] = _labels(kept, label, source)
    return rec, x, rows, dropped


def _labels(epochs: Any, label: str | None, source: str) -> list[str]:
    if label is None:
        names = {code: name for name, code in epochs.event_id.items()}
        return [str(names.get(code, code)) for code in epochs.events[:, 2]]
    columns = () if epochs.metadata is None else tuple(map(str, epochs.metadata.columns))
    if label not in columns:
        raise EegdaeError(
            f"{source}: label={label!r} is no column of its metadata; {did_you_mean(label, columns)}"
        )
    return ["" if pd.isna(value) else str(value) for value in epochs.metadata[label]]


def _same(one: Any, other: Any) -> bool:
    return one is not None and other is not None and bool(np.allclose(one, other))

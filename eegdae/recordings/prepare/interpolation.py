"""Channels computed from the others by spherical splines: bad ones, and those that a cap lacks."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from eegdae.errors import EegdaeError
from eegdae.recordings.caps import pick as keep
from eegdae.recordings.channels import canonical_name, electrodes, find_channels
from eegdae.recordings.montages import standard_montage, standard_positions
from eegdae.recordings.prepare.bridging import bridged
from eegdae.recordings.prepare.choosing import kind_channels
from eegdae.recordings.recording import Recording, bad_channels_of
from eegdae.recordings.reference import HEAD_RADII

_FEWEST = 4  # points that a sphere is fitted to
_ALL = "standard_1005"  # has every electrode of the 10-5 system


def interpolation_operator(
    good: NDArray[np.float64], bad: NDArray[np.float64], *, where: str
) -> NDArray[np.float64]:
    """Build the matrix that computes channels from others by spherical splines.

    Parameters
    ----------
    good : ndarray of float64, shape (n_good, 3)
        Positions of the channels that were measured, in metre, head coordinates.
    bad : ndarray of float64, shape (n_bad, 3)
        Positions of those that are wanted.
    where : str
        What an error calls it.

    Returns
    -------
    ndarray of float64, shape (n_bad, n_good)
        The operator.

    Raises
    ------
    EegdaeError
        If there are fewer than four measured channels, or the positions lie on no sphere.

    Notes
    -----
    That of `mne.io.Raw.interpolate_bads` with its defaults (the sphere fitted to all electrodes), applied to
    the identity, since it is linear.

    References
    ----------
    F. Perrin et al., Spherical splines for scalp potential and current density mapping,
    Electroencephalography and Clinical Neurophysiology 72, 1989.
    """
    import mne

    n_good, n_bad = len(good), len(bad)
    if n_good < _FEWEST:
        raise EegdaeError(f"{where}: {n_good} channels were measured; {_FEWEST} or more are needed")
    names = [str(k) for k in range(n_good + n_bad)]
    raw = mne.io.RawArray(
        np.eye(n_good + n_bad, n_good),
        mne.create_info(names, sfreq=1.0, ch_types="eeg"),
        verbose="error",
    )
    positions = dict(zip(names, np.concatenate([good, bad]), strict=True))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # MNE's, of few electrodes and of a radius that is refused below
            raw.set_montage(mne.channels.make_dig_montage(positions, coord_frame="head"), verbose="error")
            radius, centre, _ = mne.bem.fit_sphere_to_headshape(raw.info, units="m", verbose="error")
            if not HEAD_RADII[0] <= radius <= HEAD_RADII[1]:
                raise ValueError(f"a sphere through them has a radius of {radius:.3g} m")
            raw.info["bads"] = names[n_good:]
            raw.interpolate_bads(origin=centre, on_bad_position="raise", verbose="error")
    except (ValueError, RuntimeError, np.linalg.LinAlgError) as error:
        reason = " ".join(str(error).split())
        raise EegdaeError(
            f"{where}: cannot be computed from the positions of the channels: {reason}; needed: electrodes "
            f"all over a head, {HEAD_RADII[0]:g} to {HEAD_RADII[1]:g} m"
        ) from error
    operator: NDArray[np.float64] = raw.get_data()[n_good:]
    if not np.isfinite(operator).all():
        raise EegdaeError(f"{where}: two of the channels have one position; leave one out")
    return operator


def interpolated(recording: Recording, bad: Sequence[str], *, causal: bool, where: str) -> Recording:
    """Replace channels by what the others say of them.

    EEG channels give; none does that is flat, was never observed, or was interpolated before.

    Parameters
    ----------
    recording : Recording
        EEG with positions.
    bad : sequence of str
        Channels to replace, by their name in the recording.
    causal : bool
        Whether gaps are bridged from the past alone; what is computed there is unobserved either way.
    where : str
        What an error calls it.

    Returns
    -------
    Recording
        The same channels; those replaced are in ``interpolated``, and observed where all that they were
        computed from were.

    Raises
    ------
    EegdaeError
        If there are no positions or too few channels, or the units differ.
    """
    if not bad:
        return recording
    if recording.ch_pos is None:
        raise EegdaeError(
            f"{where}: needs the position of every channel; set data.prepare.montage, for example {_ALL}"
        )
    out = {recording.ch_names.index(name) for name in bad}
    silent = out | set(bad_channels_of(recording))
    silent |= {recording.ch_names.index(name) for name in recording.interpolated}
    good = [c for c in kind_channels(recording, "eeg") if c not in silent]
    units = {recording.units[c] for c in (*good, *out)}
    if len(units) > 1:
        raise EegdaeError(
            f"{where}: channels in {' and '.join(sorted(units))} do not mix; drop what is no EEG"
        )
    replaced = sorted(out)
    operator = interpolation_operator(recording.ch_pos[good], recording.ch_pos[replaced], where=where)
    data = recording.data.copy()
    data[replaced] = operator @ bridged(keep(recording, good), causal=causal)
    mask = recording.mask
    if mask is not None:
        mask = mask.copy()
        mask[replaced] = mask[good].all(axis=0)
        data[~mask] = 0.0
    names = {*recording.interpolated, *bad}
    return replace(
        recording,
        data=data,
        mask=None if mask is None or mask.all() else mask,
        interpolated=tuple(name for name in recording.ch_names if name in names),
    )


def on_common_montage(recording: Recording, target: str | Sequence[str], *, causal: bool) -> Recording:
    """Give a recording the channels of a common montage: those that its cap lacks are computed.

    Channels that the montage has not help to compute the others, and are left out then.

    Parameters
    ----------
    recording : Recording
        EEG; where it has no positions, it gets those of the montage.
    target : str or sequence of str
        A standard montage of MNE, or electrodes (placed as in standard_1005).
    causal : bool
        Of `interpolated`.

    Returns
    -------
    Recording
        With the channels of the montage in its order and spelling; those that were computed are in
        ``interpolated``.

    Raises
    ------
    EegdaeError
        If an electrode has no place, or what `interpolated` raises.
    """
    key = "data.prepare.interpolate_to"
    where = f"{recording.source}: {key}"
    is_name = isinstance(target, str)
    montage = str(target) if is_name else _ALL
    names = tuple(standard_montage(montage, where=key).ch_names) if is_name else tuple(map(str, target))
    if is_name:  # T3 and T7 are one electrode; standard_1005 has both
        names = tuple(dict.fromkeys(canonical_name(name) for name in names))
    wanted = electrodes(names, where=key)
    there = electrodes(recording.ch_names, where=where)
    lacking = [name for name in names if canonical_name(name) not in there]
    if recording.ch_pos is None:
        own = standard_positions(recording.ch_names, montage, where=key, source=recording.source)
        recording = replace(recording, ch_pos=own)
    if lacking:
        recording = interpolated(
            _with_room(recording, lacking, standard_positions(lacking, montage, where=key, source=where)),
            lacking,
            causal=causal,
            where=where,
        )
    kept = keep(recording, find_channels(wanted, recording.ch_names, where=where))
    spelled = dict(zip(kept.ch_names, names, strict=True))
    note = (f"interpolate_to: {', '.join(lacking)} computed from the others",) if lacking else ()
    return replace(
        kept,
        ch_names=names,
        interpolated=tuple(spelled[name] for name in kept.interpolated),
        notes=recording.notes + note,
    )


def _with_room(recording: Recording, names: Sequence[str], places: NDArray[np.float64]) -> Recording:
    room = np.zeros((len(names), recording.n_times), dtype=np.float32)
    mask = recording.mask
    assert recording.ch_pos is not None
    return replace(
        recording,
        data=np.concatenate([recording.data, room]),
        mask=None if mask is None else np.concatenate([mask, np.ones(room.shape, dtype=bool)]),
        ch_names=(*recording.ch_names, *names),
        units=(*recording.units, *(recording.units[0],) * len(names)),
        ch_pos=np.concatenate([recording.ch_pos, places]),
    )

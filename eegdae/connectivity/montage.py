"""Matrices by channel name: picked, masked, joined over caps, averaged over regions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eegdae.connectivity.matrices import Matrices
from eegdae.errors import EegdaeError, did_you_mean
from eegdae.recordings.channels import canonical_name, electrodes, find_channels, shared_channels

# What matrices must have in common to stand in one array; entries for the order of the bands.
_ALIKE = (
    *("measures", "entries", "bands", "freqs", "sfreq", "n_times", "estimator", "reference", "laplacian"),
    "options",
)


def select(m: Matrices, names: Sequence[str]) -> Matrices:
    """Bring matrices into an order of channels; a channel that is not there has masked edges.

    Parameters
    ----------
    m : Matrices
        Of any channels.
    names : sequence of str
        The channels wanted, in their order, by any name of an electrode (T3 is T7).

    Returns
    -------
    Matrices
        With `names` as ``ch_names``. A channel that `m` does not have is NaN, masked, and has no position.

    Raises
    ------
    EegdaeError
        Where two names are of one electrode, or `m` has none of them.
    """
    wanted, there = electrodes(names, where="names"), electrodes(m.ch_names)
    places = np.array([there.get(name, -1) for name in wanted], dtype=int)
    absent = places < 0
    if absent.all():
        hint = did_you_mean(", ".join(names), m.ch_names)
        raise EegdaeError(f"names: none of {', '.join(names) or 'no names'} is a channel; {hint}")
    values, mask = m.values[..., places[:, None], places], m.mask[..., places[:, None], places]
    gone = absent[:, None] | absent
    if absent.any():
        values[..., gone] = np.nan
        mask[..., gone] = False
    ch_pos = None if m.ch_pos is None else np.where(absent[:, None], np.nan, m.ch_pos[places])
    computed = {canonical_name(name) for name in m.interpolated}
    return replace(
        m,
        values=values,
        mask=mask,
        ch_names=tuple(names),
        ch_pos=ch_pos,
        interpolated=[name for name in names if canonical_name(name) in computed],
    )


def mask_interpolated(m: Matrices, names: Sequence[str]) -> Matrices:
    """Mask the edges of channels that were interpolated: they are combinations of the others.

    Parameters
    ----------
    m : Matrices
        Of any channels.
    names : sequence of str
        Channels, by any name of their electrode.

    Returns
    -------
    Matrices
        The same values; False in the mask wherever one of the channels is row or column.

    Raises
    ------
    EegdaeError
        Where one is not a channel.
    """
    places = find_channels(names, m.ch_names, where="interpolated")
    if not places:
        return m
    real = np.ones(m.n_chans, dtype=bool)
    real[places] = False
    marked = {*m.interpolated, *(m.ch_names[k] for k in places)}
    return replace(
        m,
        mask=m.mask & real[:, None] & real,
        interpolated=[name for name in m.ch_names if name in marked],
    )


def concatenate(matrices: Sequence[Matrices], *, channels: str = "shared") -> Matrices:
    """Put the windows of several matrices, also of different caps, one after the other.

    Parameters
    ----------
    matrices : sequence of Matrices
        Of the same measures and bands, made in the same way from windows of one length.
    channels : {"shared", "union"}
        ``shared``: the real electrodes that all have; interpolated ones do not count. ``union``: every
        channel of any, with masked edges where a cap does not have it.

    Returns
    -------
    Matrices
        With canonical names, in the order of the first. Its rank is the smallest of theirs; it has positions
        where all agree.

    Raises
    ------
    EegdaeError
        Where they were made in different ways, or share no electrode: names the difference.
    """
    matrices = list(matrices)
    if not matrices:
        raise EegdaeError("matrices: there are none to put together")
    if channels not in ("shared", "union"):
        raise EegdaeError(f"channels: {channels!r}; {did_you_mean(channels, ['shared', 'union'])}")
    first = matrices[0]
    for k, other in enumerate(matrices[1:], start=1):
        _check_alike(first, other, k)
    computed = {canonical_name(name) for m in matrices for name in m.interpolated}
    if channels == "union":
        names = list(dict.fromkeys(name for m in matrices for name in electrodes(m.ch_names)))
    else:
        shared = shared_channels([m.ch_names for m in matrices])
        names = [name for name in shared if name not in computed]
        if not names:
            raise EegdaeError(
                f"channels: the matrices share no channel that was measured in all of them; the first have "
                f"{', '.join(first.ch_names)}; channels='union' keeps those of any"
            )
    chosen = [select(m, names) for m in matrices]
    ranks = [m.rank for m in matrices if m.rank is not None]
    return replace(
        first,
        values=np.concatenate([m.values for m in chosen]),
        mask=np.concatenate([m.mask for m in chosen]),
        ch_names=names,
        ch_pos=_joined_positions([m.ch_pos for m in chosen]),
        interpolated=[name for name in names if name in computed],
        rank=min(ranks) if len(ranks) == len(matrices) else None,
    )


def region_average(m: Matrices, regions: Mapping[str, Sequence[str]]) -> Matrices:
    r"""Average edges over regions of channels.

    .. math:: \bar c_{AB} = \frac{\sum_{x \in A, y \in B} w_{xy} c_{xy}}{\sum_{x \in A, y \in B} w_{xy}}

    with w the mask: masked edges do not count, nor does a channel with itself. The diagonal is the mean
    within a region, over its pairs in both directions: for antisymmetric measures 0, for dPLI .5. Direction
    is kept: from A to B is not from B to A. ``power`` has the mean power of each region on the diagonal.

    Parameters
    ----------
    m : Matrices
        Of channels.
    regions : mapping of str to sequence of str
        Name of a region -> its channels, by any name of their electrodes. A channel may be in none.

    Returns
    -------
    Matrices
        With the regions as ``ch_names``; masked, and NaN, where two regions have no edge. The position of a
        region is the mean of its channels'.

    Raises
    ------
    EegdaeError
        Where there is no region, one has no channel, or a channel is unknown or in two of them.
    """
    if not regions:
        raise EegdaeError("regions: there are none; give name: [channels]")
    member = np.zeros((len(regions), m.n_chans), dtype=bool)
    for k, (region, names) in enumerate(regions.items()):
        if isinstance(names, str) or not len(names):
            raise EegdaeError(f"regions.{region}: {names!r}; give a list of one channel or more")
        places = find_channels(names, m.ch_names, where=f"regions.{region}")
        for place in places:
            if member[:, place].any():
                other = list(regions)[int(member[:, place].argmax())]
                raise EegdaeError(
                    f"regions.{region}: channel {m.ch_names[place]} is in region {other} already"
                )
        member[k, places] = True
    weight = member.astype(np.float64)
    total = weight @ np.where(m.mask, m.values, 0.0) @ weight.T
    count = weight @ m.mask @ weight.T
    with np.errstate(invalid="ignore", divide="ignore"):
        values = (total / count).astype(m.values.dtype)  # NaN where there is no edge
    ch_pos = None
    if m.ch_pos is not None:
        ch_pos = np.stack([m.ch_pos[inside].mean(axis=0) for inside in member])
    return replace(m, values=values, mask=count > 0, ch_names=tuple(regions), ch_pos=ch_pos, interpolated=())


def _check_alike(first: Matrices, other: Matrices, number: int) -> None:
    for what in _ALIKE:
        one, two = getattr(first, what), getattr(other, what)
        if _plain(one) != _plain(two):
            raise EegdaeError(
                f"matrices: number {number} has {what} {two!r}, the first {one!r}; make them in one way"
            )


def _plain(value: Any) -> Any:
    """Lists, tuples and arrays of the same numbers are the same."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, np.ndarray):
        value = value.tolist()
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


def _joined_positions(positions: Sequence[NDArray[np.float64] | None]) -> NDArray[np.float64] | None:
    joined: NDArray[np.float64] | None = None
    for one in positions:
        if one is None:
            return None
        if joined is None:
            joined = one.copy()
        both = np.isfinite(joined) & np.isfinite(one)
        if not np.allclose(joined[both], one[both]):
            return None
        joined = np.where(np.isfinite(joined), joined, one)
    return joined

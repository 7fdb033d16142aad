"""References and the surface Laplacian: what potentials are measured against, as linear operators."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from eegdae.errors import EegdaeError, did_you_mean, one_line
from eegdae.recordings.channels import find_channels
from eegdae.recordings.recording import Recording, bad_channels_of

# Of spheres that electrodes on a head lie on, an infant's to a large adult's; a few in a row lie on any.
HEAD_RADII = (0.04, 0.15)


def reference_operator(
    ch_names: Sequence[str], reference: str | Sequence[str], *, where: str = "reference"
) -> NDArray[np.float64]:
    r"""Build the matrix that takes the mean of some channels off every channel.

    .. math:: R = I - \tfrac{1}{k} \mathbf 1 r^\top

    with r = 1 at the k channels of the reference, 0 elsewhere: referenced signals are R x. As in MNE, the
    channels of the reference stay; where it is one, that one is 0 afterwards. The rank falls by one.

    Parameters
    ----------
    ch_names : sequence of str, length n_chans
        Names of the channels.
    reference : str or sequence of str
        ``"average"``, all channels, or the names of some.
    where : str
        What an error calls the reference.

    Returns
    -------
    ndarray of float64, shape (n_chans, n_chans)
        The operator.

    Raises
    ------
    EegdaeError
        Where there is one channel only, the reference is no list of names, or a name is not a channel.

    References
    ----------
    `mne.set_eeg_reference`.
    """
    n_chans = len(ch_names)
    if n_chans < 2:
        raise EegdaeError(f"{where}: needs two channels or more, and there is {n_chans}; set it to null")
    if isinstance(reference, str):
        if reference != "average":
            hint = f"[{reference}]" if reference in ch_names else did_you_mean(reference, ["average"])
            raise EegdaeError(f"{where}: {reference!r}; give average, or a list of channels: {hint}")
        places = list(range(n_chans))
    else:
        if not isinstance(reference, Sequence) or not len(reference):
            raise EegdaeError(f"{where}: {reference!r}; give average, or a list of one channel or more")
        places = find_channels(reference, ch_names, where=where)
    weights = np.zeros(n_chans)
    weights[places] = 1 / len(places)
    return np.eye(n_chans) - weights


def laplacian_operator(
    ch_pos: NDArray[np.float64] | None, *, where: str = "laplacian"
) -> NDArray[np.float64]:
    r"""Build the matrix of the surface Laplacian: the current source density of spherical splines.

    It sharpens the map of potentials, does not depend on the reference and suppresses what is volume
    conducted from afar. The rank falls by one, as with any reference.

    Parameters
    ----------
    ch_pos : ndarray of float64, shape (n_chans, 3), or None
        Positions in metre.
    where : str
        What an error calls it.

    Returns
    -------
    ndarray of float64, shape (n_chans, n_chans)
        The operator; its result is in the unit of the signals by square metre.

    Raises
    ------
    EegdaeError
        Where there are no positions, or they lie on no sphere like a head.

    Notes
    -----
    That of `mne.preprocessing.compute_current_source_density` (smoothing 1e-5, stiffness 4, 50 Legendre
    terms), applied to the identity, since it is linear. The sphere is given to it: centre and radius that
    `mne.bem.fit_sphere_to_headshape` fits to the electrodes. MNE's ``sphere="auto"`` takes that radius, but
    for EEG alone puts the centre into the origin of the coordinates, between the ears (so in 1.13).

    References
    ----------
    F. Perrin et al., Spherical splines for scalp potential and current density mapping,
    Electroencephalography and Clinical Neurophysiology 72, 1989. J. Kayser, C. E. Tenke, On the benefits of
    using surface Laplacian (current source density) methodology in electrophysiology, International Journal
    of Psychophysiology 97, 2015.
    """
    import mne

    if ch_pos is None or not np.isfinite(ch_pos).all():
        raise EegdaeError(
            f"{where}: needs the position of every channel; set data.montage, for example standard_1005"
        )
    names = [str(k) for k in range(len(ch_pos))]
    raw = mne.io.RawArray(
        np.eye(len(names)), mne.create_info(names, sfreq=1.0, ch_types="eeg"), verbose="error"
    )
    montage = mne.channels.make_dig_montage(dict(zip(names, ch_pos, strict=True)), coord_frame="head")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # MNE's, of a radius that is refused below
            raw.set_montage(montage, verbose="error")
            radius, centre, _ = mne.bem.fit_sphere_to_headshape(raw.info, verbose="error")
            if not HEAD_RADII[0] <= radius <= HEAD_RADII[1]:
                raise ValueError(f"a sphere through them has a radius of {radius:.3g} m")
            made = mne.preprocessing.compute_current_source_density(
                raw, sphere=(*centre, radius), copy=False, verbose="error"
            )
    except (ValueError, RuntimeError, np.linalg.LinAlgError) as error:
        raise EegdaeError(
            f"{where}: cannot be computed from the positions of {len(names)} channels: {one_line(error)}; "
            f"needed: electrodes all over a head, {HEAD_RADII[0]:g} to {HEAD_RADII[1]:g} m, or false"
        ) from error
    operator: NDArray[np.float64] = made.get_data()
    if not np.isfinite(operator).all():
        raise EegdaeError(f"{where}: two of the {len(names)} channels have one position; leave one out")
    return operator


def montage_operator(
    ch_names: Sequence[str],
    *,
    units: Sequence[str],
    ch_pos: NDArray[np.float64] | None,
    reference: str | Sequence[str] | None,
    laplacian: bool,
    where: str = "",
) -> NDArray[np.float64]:
    """Build the matrix that takes a reference off and, after it, the surface Laplacian.

    Parameters
    ----------
    ch_names, units : sequence of str, length n_chans
        Names and units of the channels.
    ch_pos : ndarray of float64, shape (n_chans, 3), or None
        Positions in metre.
    reference : str, sequence of str or None
        See `reference_operator`; None = as it is.
    laplacian : bool
        Whether to take the Laplacian, see `laplacian_operator`.
    where : str
        What an error puts before ``reference`` or ``laplacian``.

    Returns
    -------
    ndarray of float64, shape (n_chans, n_chans)
        The operator.

    Raises
    ------
    EegdaeError
        Where the channels have different units, or cannot have the reference or the Laplacian.
    """
    if not isinstance(laplacian, bool):
        raise EegdaeError(f"{where}laplacian={laplacian!r}: must be true or false")
    operator = np.eye(len(ch_names))
    if reference is None and not laplacian:
        return operator
    if len(set(units)) > 1:
        key = "laplacian" if reference is None else "reference"
        raise EegdaeError(
            f"{where}{key}: channels of different units ({', '.join(sorted(set(units)))}) have none in "
            "common; leave out those that are no EEG"
        )
    if reference is not None:
        operator = reference_operator(ch_names, reference, where=f"{where}reference")
    if laplacian:
        operator = laplacian_operator(ch_pos, where=f"{where}laplacian") @ operator
    return operator


def shares_of(operator: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Say which channels an operator gives to others: where one has a gap, all have.

    Parameters
    ----------
    operator : ndarray of float64, shape (n_chans, n_chans)
        Of `montage_operator`.

    Returns
    -------
    ndarray of bool, shape (n_chans,)
        True where a column has an entry beside the diagonal.
    """
    used: NDArray[np.bool_] = (operator - np.diag(np.diag(operator)) != 0).any(axis=0)
    return used


def rereference(
    recording: Recording, *, reference: str | Sequence[str] | None = None, laplacian: bool = False
) -> Recording:
    """Take a reference off a recording and, after it, the surface Laplacian.

    Every channel takes part, so what is no EEG has to be left out before. A channel that is flat or was never
    observed stays as it is and takes no part, like a bad channel in MNE. Where any other that goes into the
    reference or the Laplacian was not observed, no channel is afterwards: each then holds a share of it.

    Parameters
    ----------
    recording : Recording
        Any recording.
    reference : str, sequence of str or None
        ``"average"`` or names of channels, see `reference_operator`; None = as it is.
    laplacian : bool
        Whether to take the surface Laplacian, see `laplacian_operator`.

    Returns
    -------
    Recording
        Of the same shape; its ``reference`` and ``laplacian`` say what was done, its units are per square
        metre after a Laplacian.

    Raises
    ------
    EegdaeError
        Where channels have different units, a channel of the reference is unknown, flat or never observed,
        there are no positions for a Laplacian, or it was taken before.
    """
    where = f"{recording.source}: data.prepare."
    dead = bad_channels_of(recording) if reference is not None or laplacian else {}
    alive = [c for c in range(recording.n_chans) if c not in dead]
    if dead and isinstance(reference, Sequence) and not isinstance(reference, str):
        for c in find_channels(reference, recording.ch_names, where=f"{where}reference"):
            if c in dead:
                raise EegdaeError(
                    f"{where}reference: channel {recording.ch_names[c]} is {dead[c]}; name another one"
                )
    operator = montage_operator(
        [recording.ch_names[c] for c in alive],
        units=[recording.units[c] for c in alive],
        ch_pos=None if recording.ch_pos is None else recording.ch_pos[alive],
        reference=reference,
        laplacian=laplacian,
        where=where,
    )
    if reference is None and not laplacian:
        return recording
    if recording.laplacian:
        raise EegdaeError(f"{where}{ALREADY}")
    data = recording.data.copy()
    data[alive] = operator @ recording.data[alive].astype(np.float64)
    mask = recording.mask
    if mask is not None:
        mask = mask & mask[alive][shares_of(operator)].all(axis=0)
        data[~mask] = 0.0
    return replace(
        recording,
        data=data,
        mask=mask,
        units=tuple(f"{unit}/m^2" for unit in recording.units) if laplacian else recording.units,
        reference=recorded(reference, recording.reference),
        laplacian=laplacian,
    )


ALREADY = "laplacian: the signals are surface Laplacians already, which have no other reference; leave it out"


def recorded(
    reference: str | Sequence[str] | None, before: str | tuple[str, ...] | None = None
) -> str | tuple[str, ...] | None:
    """Give a reference as it is kept: ``"average"``, a tuple of names, or that of before."""
    if reference is None or isinstance(reference, str):
        return before if reference is None else reference
    return tuple(str(name) for name in reference)

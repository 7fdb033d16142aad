"""What a configuration may have done to a recording before it is cut, step by step in one fixed order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eegdae.errors import EegdaeError
from eegdae.recordings.prepare.artefacts import as_artefacts, without_artefacts
from eegdae.recordings.prepare.bad_channels import BadChannels, as_bad_channels
from eegdae.recordings.prepare.choosing import chosen
from eegdae.recordings.prepare.filling import filled
from eegdae.recordings.prepare.filters import check_frequencies, filtered, notch_frequencies, notched
from eegdae.recordings.prepare.images import check_images
from eegdae.recordings.prepare.interpolation import on_common_montage
from eegdae.recordings.prepare.treatment import treat_bad_channels
from eegdae.recordings.prepare.units import as_unit, check_plausible, in_microvolt
from eegdae.recordings.recording import Recording, bad_channels_of
from eegdae.recordings.reference import rereference


def prepare(
    recording: Recording,
    *,
    pick: str | Sequence[str] | None = None,
    drop: str | Sequence[str] | None = None,
    rename: Mapping[str, str] | None = None,
    montage: str | None = None,
    unit: str | float | None = None,
    fill: float | None = None,
    notch: float | Sequence[float] | Mapping[str, float] | None = None,
    bad_channels: str | Sequence[str] | Mapping[str, Any] | None = None,
    annotate: Mapping[str, Any] | None = None,
    interpolate_to: str | Sequence[str] | None = None,
    reference: str | Sequence[str] | None = None,
    laplacian: bool = False,
    l_freq: float | None = None,
    h_freq: float | None = None,
    sfreq: float | None = None,
    causal: bool = False,
) -> Recording:
    """Prepare a recording, in the order of the parameters; without any, only the size of EEG is checked.

    Of images only colours can be picked, dropped and renamed. Filtering comes before windowing because the
    filter is longer than a window. Stretches that were not observed are bridged by straight lines while
    filtering and are unobserved again afterwards; a flat channel stays flat. Nothing is fitted to more than
    the one recording: independent components and the regression of ocular channels belong inside the folds,
    and are not here.

    Parameters
    ----------
    recording : Recording
        Any recording.
    pick, drop : str, sequence of str or None
        Channels to keep and then to leave out, by name or kind (all, eeg, eog, ecg, emg, stim, misc).
    rename : mapping of str to str, or None
        Old name of a channel to new; `pick` and `drop` go by the old ones, what follows by the new ones.
    montage : str or None
        A standard montage of MNE for the positions.
    unit : str, float or None
        What the numbers are, if not what the file says: see `eegdae.recordings.prepare.units.in_microvolt`.
        EEG in microvolt is then checked to be of a plausible size, bad channels left aside.
    fill : float or None
        Longest gap, in seconds, that becomes observed, on a straight line: see
        `eegdae.recordings.prepare.filling.filled`.
    notch : float, sequence of float, mapping or None
        Frequencies in hertz to take out, or ``{line: 50, harmonics: 3}``.
    bad_channels : str, sequence of str, mapping or None
        ``"find"``, names, or fields of `eegdae.recordings.prepare.bad_channels.BadChannels`.
    annotate : mapping or None
        Fields of `eegdae.recordings.prepare.artefacts.Artefacts`: what becomes unobserved.
    interpolate_to : str, sequence of str or None
        A standard montage or a list of electrodes; those that the cap lacks are computed from the others.
    reference : str, sequence of str or None
        ``"average"``, or the channels whose mean is taken off all; None = as recorded. See
        `eegdae.recordings.reference.rereference`, also for what becomes of gaps.
    laplacian : bool
        Whether to take the surface Laplacian.
    l_freq : float or None
        Lower edge of the pass band in hertz; None = no high-pass.
    h_freq : float or None
        Upper edge of the pass band in hertz; None = no low-pass.
    sfreq : float or None
        New sampling rate in hertz; None = as it is.
    causal : bool
        Whether all of this uses the past alone, as on a stream (`eegdae.recordings.prepare.causal`). What
        looks at the whole recording is refused then.

    Returns
    -------
    Recording
        Of shape (n_chans, round(n_times * sfreq / old sfreq)); mask and annotations follow, ``notes`` says
        what was found, ``interpolated`` what was computed.

    Raises
    ------
    EegdaeError
        If a value is not allowed or does not fit the recording, or its EEG cannot be in microvolt.

    Notes
    -----
    `mne.filter.notch_filter` and `mne.filter.filter_data` with their defaults (Hamming window, firwin
    design), then `mne.filter.resample` with ``method="polyphase"``, which keeps sample k at time k / sfreq.
    """
    if recording.image_shape is not None:
        check_images(
            recording.source,
            unit=unit,
            montage=montage,
            fill=fill,
            notch=notch,
            bad_channels=bad_channels,
            annotate=annotate,
            interpolate_to=interpolate_to,
            reference=reference,
            laplacian=laplacian,
            l_freq=l_freq,
            h_freq=h_freq,
            sfreq=sfreq,
        )
        return chosen(recording, pick=pick, drop=drop, rename=rename)
    rules, artefacts = as_bad_channels(bad_channels), as_artefacts(annotate)
    recording = chosen(recording, pick=pick, drop=drop, rename=rename, montage=montage)
    units, unit = dict(zip(recording.ch_names, recording.units, strict=True)), as_unit(unit)
    recording = filled(in_microvolt(recording, unit), fill, causal=causal)
    check_frequencies(recording, l_freq, h_freq, sfreq)
    freqs = notch_frequencies(notch, recording.sfreq, source=recording.source)
    if causal:
        spatial = reference is not None or laplacian or interpolate_to is not None
        _check_causal(recording, rules, has_artefacts=artefacts is not None, spatial=spatial)
    recording = notched(recording, freqs, causal=causal)
    treated = treat_bad_channels(recording, rules, causal=causal)
    check_plausible(treated, unit=unit, units=units)
    recording = without_artefacts(treated, artefacts)
    if interpolate_to is not None:
        recording = on_common_montage(recording, interpolate_to, causal=causal)
    recording = rereference(recording, reference=reference, laplacian=laplacian)
    return filtered(recording, l_freq=l_freq, h_freq=h_freq, sfreq=sfreq, causal=causal)


def _check_causal(
    recording: Recording, rules: BadChannels | None, *, has_artefacts: bool, spatial: bool
) -> None:
    """Refuse what only a whole recording can tell."""
    where = f"{recording.source}: data.prepare.causal=true"
    if rules is not None and rules.find:
        raise EegdaeError(f"{where}: bad_channels=find needs the whole recording; name the bad channels")
    if has_artefacts:
        raise EegdaeError(f"{where}: annotate needs the whole recording; leave it out")
    named = () if rules is None else rules.names
    if spatial or (rules is not None and rules.do == "interpolate"):
        for c, what in bad_channels_of(recording).items():
            if recording.ch_names[c] not in named:
                raise EegdaeError(
                    f"{where}: channel {recording.ch_names[c]} is {what}, which only the whole recording "
                    "tells; drop it, or name it in bad_channels"
                )

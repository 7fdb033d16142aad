"""What is kept of one recording when its signals are let go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eegdae.errors import EegdaeError
from eegdae.inspection.duplicates import Fingerprint, fingerprint
from eegdae.inspection.findings import Sign
from eegdae.inspection.rank import Eigenvalues, eigenvalues_of
from eegdae.inspection.signals import signs_of
from eegdae.inspection.spectra import line_noise, spectrum
from eegdae.recordings.prepare import prepare
from eegdae.recordings.recording import Annotation, Recording

MOST_FREQS = 2048


@dataclass(frozen=True, eq=False)
class About:
    """What a recording is.

    Parameters
    ----------
    source, subject, session, run : str
        As the recording has them.
    sfreq : float
        Hertz.
    n_times : int
        Samples.
    ch_names, units : tuple of str, length n_chans
        Its channels.
    has_positions : bool
        Whether they have positions.
    observed : float
        Share of samples that were observed.
    annotations : tuple of Annotation
        Its labelled stretches.
    """

    source: str
    subject: str
    session: str
    run: str
    sfreq: float
    n_times: int
    ch_names: tuple[str, ...]
    units: tuple[str, ...]
    has_positions: bool
    observed: float
    annotations: tuple[Annotation, ...]

    @property
    def seconds(self) -> float:
        """How long the recording lasts."""
        return self.n_times / self.sfreq


@dataclass(frozen=True, eq=False)
class Summary(About):
    """One recording without its signals: what it is, and what the findings need of them.

    Parameters
    ----------
    signs : tuple of Sign
        Faults of its signals.
    eigenvalues : tuple of Eigenvalues
        Of the covariance of each class, as prepared.
    fingerprint : Fingerprint
        What finds it again.
    freqs, power : ndarray of float64, shape (n_freqs,)
        Median over channels of the power spectral density, unit squared per hertz, up to 2048 frequencies.
    unprepared : str
        Why it cannot be prepared; ``""`` where it can.
    """

    signs: tuple[Sign, ...]
    eigenvalues: tuple[Eigenvalues, ...]
    fingerprint: Fingerprint
    freqs: NDArray[np.float64]
    power: NDArray[np.float64]
    unprepared: str = ""


def about(recording: Recording) -> About:
    """Say what a recording is.

    Parameters
    ----------
    recording : Recording
        Any recording.

    Returns
    -------
    About
    """
    return About(
        source=recording.source,
        subject=recording.subject,
        session=recording.session,
        run=recording.run,
        sfreq=recording.sfreq,
        n_times=recording.n_times,
        ch_names=recording.ch_names,
        units=recording.units,
        has_positions=recording.ch_pos is not None,
        observed=1.0 if recording.mask is None else float(recording.mask.mean()),
        annotations=recording.annotations,
    )


def summarise(recording: Recording, options: Mapping[str, Any] | None = None) -> Summary:
    """Look at a recording once and keep what the findings need.

    Parameters
    ----------
    recording : Recording
        As it was recorded.
    options : mapping or None
        Arguments of `eegdae.recordings.prepare.prepare`: eigenvalues are taken of what training will see.

    Returns
    -------
    Summary
    """
    freqs, power = spectrum(recording)
    signs = [*signs_of(recording), *line_noise(freqs, power, recording.ch_names)]
    unprepared, eigenvalues = "", []
    try:
        eigenvalues = eigenvalues_of(prepare(recording, **options) if options else recording)
    except EegdaeError as error:
        unprepared = str(error)
    step = -(-len(freqs) // MOST_FREQS)
    seen = power[np.isfinite(power).all(axis=1)]
    return Summary(
        **vars(about(recording)),
        signs=tuple(signs),
        eigenvalues=tuple(eigenvalues),
        fingerprint=fingerprint(recording),
        freqs=freqs[::step],
        power=(np.median(seen, axis=0) if len(seen) else np.full(len(freqs), np.nan))[::step],
        unprepared=unprepared,
    )

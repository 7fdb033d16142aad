"""What a call of `connectivity` asks for, checked once: measures, bands, estimator and its options."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, SupportsFloat

import numpy as np
from numpy.typing import NDArray

from eegdae.connectivity.bands import Band, band_bins, check_bands
from eegdae.connectivity.covariance import COVARIANCES
from eegdae.connectivity.measures import Measure, get_measure
from eegdae.connectivity.wavelet_request import WaveletRequest, check_morlet, check_multitaper
from eegdae.errors import EegdaeError, did_you_mean

ESTIMATORS: Mapping[str, str] = {
    "hilbert": "analytic signal of a band inside the window, by Fourier transform",
    "filter_hilbert": "analytic signal of a band of the whole recording, filtered before it is cut",
    "morlet": "Morlet wavelets, one a frequency",
    "multitaper": "tapered oscillations, several a frequency",
    "welch": "Fourier transform of overlapping segments of the window",
}
"""Name -> how a band or a frequency is taken out of a window."""

WAVELETS = ("morlet", "multitaper")

_CYCLES, _TIME_BANDWIDTH = 7.0, 4.0

# Which estimators take which option.
_OWN: Mapping[str, tuple[str, ...]] = {
    "freqs": WAVELETS,
    "n_cycles": WAVELETS,
    "time_bandwidth": ("multitaper",),
    "mt_bandwidth": ("multitaper",),
    "n_per_segment": ("welch",),
}


@dataclass(frozen=True)
class Settings:
    """A checked call.

    Attributes
    ----------
    sfreq : float
        Sampling rate, Hz.
    measures : mapping of str to Measure
        In the order asked for.
    estimator : str
        A key of `ESTIMATORS`.
    bands : mapping of str to (float, float), or None
        Name -> edges, Hz; None: one entry a frequency.
    freqs : tuple of float
        Frequencies that are computed, Hz; empty where a band is taken out whole (hilbert, filter_hilbert).
    members : tuple of tuple of int
        For each entry of the result the numbers of its frequencies.
    wavelets : WaveletRequest or None
        Cycles and bandwidth at each of `freqs`, for ``morlet`` and ``multitaper``.
    n_per_segment : int
        Samples of a segment of welch.
    order, max_lag : int or None
        Samples of the past in an autoregressive model; largest lag of a cross-correlation.
    covariance_estimator : str
        ``oas``, ``ledoit_wolf`` or ``empirical``.
    """

    sfreq: float
    measures: Mapping[str, Measure]
    estimator: str
    bands: Mapping[str, Band] | None
    freqs: tuple[float, ...]
    members: tuple[tuple[int, ...], ...]
    wavelets: WaveletRequest | None
    n_per_segment: int
    order: int | None
    max_lag: int
    covariance_estimator: str

    @property
    def entries(self) -> tuple[str, ...]:
        """Name of each entry of the result: the band, or the frequency as ``"10 Hz"``."""
        return tuple(self.bands) if self.bands is not None else tuple(f"{f:g} Hz" for f in self.freqs)

    def as_options(self) -> dict[str, Any]:
        """Keyword arguments of `connectivity` that ask for the same."""
        options: dict[str, Any] = {"sfreq": self.sfreq, "measures": tuple(self.measures), "bands": self.bands}
        options |= {"estimator": self.estimator, "order": self.order, "max_lag": self.max_lag}
        options["covariance_estimator"] = self.covariance_estimator
        if self.wavelets is not None:
            options |= {"freqs": self.freqs, "n_cycles": self.wavelets.n_cycles}
            options["time_bandwidth"] = self.wavelets.time_bandwidths
        if self.estimator == "welch":
            options["n_per_segment"] = self.n_per_segment
        return options


def check_settings(
    *,
    n_chans: int,
    n_times: int,
    sfreq: float,
    measures: Sequence[str] = ("plv",),
    bands: Mapping[str, Sequence[float]] | None = None,
    estimator: str = "hilbert",
    freqs: Sequence[float] | NDArray[Any] | None = None,
    n_cycles: float | Sequence[float] | None = None,
    time_bandwidth: float | Sequence[float] | None = None,
    mt_bandwidth: float | None = None,
    n_per_segment: int | None = None,
    order: int | None = None,
    max_lag: int | None = None,
    covariance_estimator: str = "oas",
) -> Settings:
    """Check what a call asks for against the windows that it gets.

    Parameters
    ----------
    n_chans, n_times : int
        Channels and samples of a window.
    sfreq, measures, bands, estimator, freqs, n_cycles, time_bandwidth, mt_bandwidth, n_per_segment, order, \
max_lag, covariance_estimator
        As in `connectivity`.

    Returns
    -------
    Settings
        Complete: what was left out has its default.

    Raises
    ------
    EegdaeError
        Where an option is unknown, impossible for these windows, or not one of this estimator.
    """
    if estimator not in ESTIMATORS:
        raise EegdaeError(
            f"estimator: unknown estimator {estimator!r}; {did_you_mean(str(estimator), ESTIMATORS)}"
        )
    chosen = {name: get_measure(name) for name in check_measures(measures, n_chans=n_chans)}
    for name, measure in chosen.items():
        if estimator not in measure.estimators:
            raise EegdaeError(
                f"measures: {name!r} does not come from estimator={estimator!r}; "
                f"allowed: {', '.join(measure.estimators)}"
            )
    given = {
        "freqs": freqs,
        "n_cycles": n_cycles,
        "time_bandwidth": time_bandwidth,
        "mt_bandwidth": mt_bandwidth,
        "n_per_segment": n_per_segment,
    }
    for option, value in given.items():
        if value is not None and estimator not in _OWN[option]:
            raise EegdaeError(
                f"{option}: an option of {' and '.join(_OWN[option])}, not of "
                f"estimator={estimator!r}; leave it out"
            )
    if bands is None and estimator not in (*WAVELETS, "welch"):
        raise EegdaeError(f"bands: None; estimator={estimator!r} needs bands: name -> [lo, hi], Hz")
    if bands is None:
        for name, measure in chosen.items():
            if measure.needs == "slope":
                raise EegdaeError(
                    f"bands: None; {name!r} is one value a band; give bands: name -> [lo, hi], Hz"
                )

    segment = _check_segment(n_per_segment, n_times) if estimator == "welch" else 0
    checked = None
    if bands is not None:
        in_window = estimator in ("hilbert", "filter_hilbert")
        checked = check_bands(
            bands,
            sfreq=sfreq,
            n_times=n_times if in_window else segment or n_times,
            min_bins=max(m.min_bins for m in chosen.values()) if in_window else 0,
        )
    elif not (isinstance(sfreq, SupportsFloat) and math.isfinite(sfreq) and float(sfreq) > 0):
        raise EegdaeError(f"sfreq: {sfreq!r} is not a sampling rate; give a number of Hz above 0")
    sfreq = float(sfreq)

    hertz: tuple[float, ...] = ()
    request = None
    if estimator == "welch":
        hertz = tuple(float(f) for f in np.arange(1, segment // 2 + 1) * (sfreq / segment))
    elif estimator in WAVELETS:
        request = _check_wavelets(
            estimator,
            freqs,
            bands=checked,
            sfreq=sfreq,
            n_cycles=n_cycles,
            time_bandwidth=time_bandwidth,
            mt_bandwidth=mt_bandwidth,
        )
        hertz = request.freqs
    whole = estimator in ("hilbert", "filter_hilbert")
    members = _members(checked, hertz, chosen, sfreq=sfreq, segment=segment, whole=whole)
    if checked is not None and not whole:  # only what some band holds is computed
        used = sorted({k for member in members for k in member})
        hertz = tuple(hertz[k] for k in used)
        members = tuple(tuple(used.index(k) for k in member) for member in members)
        request = None if request is None else request.pick(used)
    return Settings(
        sfreq=sfreq,
        measures=chosen,
        estimator=estimator,
        bands=checked,
        freqs=hertz,
        members=members,
        wavelets=request,
        n_per_segment=segment,
        order=_check_order(order, chosen),
        max_lag=_check_max_lag(max_lag, n_times=n_times, sfreq=sfreq),
        covariance_estimator=_check_covariance(covariance_estimator),
    )


def check_measures(measures: Sequence[str], *, n_chans: int) -> tuple[str, ...]:
    """Refuse measures that do not exist or that these channels cannot have.

    Parameters
    ----------
    measures : sequence of str
        Names, each once.
    n_chans : int
        Channels of a window.

    Returns
    -------
    tuple of str
        The names.

    Raises
    ------
    EegdaeError
        Where there is none, one is unknown or stands twice, or one needs two channels and there is one.
    """
    if isinstance(measures, str):
        raise EegdaeError(f"measures: {measures!r} is one string; give a list of names: [{measures}]")
    if not isinstance(measures, Iterable):
        raise EegdaeError(f"measures: {measures!r}; give a list of names, such as [plv]")
    names = tuple(measures)
    if not names:
        raise EegdaeError("measures: the list is empty; name at least one measure")
    for name in names:
        if get_measure(name).of_pairs and n_chans < 2:
            raise EegdaeError(
                f"measures: {name!r} needs two channels or more and there is {n_chans}; use power"
            )
    if len(set(names)) < len(names):
        raise EegdaeError(f"measures: {list(names)} names one twice; name each once")
    return names


def _whole_hertz(bands: Mapping[str, Band] | None) -> tuple[float, ...]:
    """Every whole Hz of the bands: the frequencies of wavelets that nobody named."""
    if bands is None:
        raise EegdaeError("freqs: None, and bands: None; give one of them, in Hz")
    whole = {k for lo, hi in bands.values() for k in range(max(1, math.ceil(lo)), math.floor(hi) + 1)}
    return tuple(float(k) for k in sorted(whole))


def _check_wavelets(
    estimator: str,
    freqs: Sequence[float] | NDArray[Any] | None,
    *,
    bands: Mapping[str, Band] | None,
    sfreq: float,
    n_cycles: float | Sequence[float] | None,
    time_bandwidth: float | Sequence[float] | None,
    mt_bandwidth: float | None,
) -> WaveletRequest:
    """Wavelets of every frequency, or tapers with their bandwidth from either of the two ways to say it."""
    hertz = _whole_hertz(bands) if freqs is None else freqs
    if freqs is None and not len(hertz):
        return WaveletRequest(sfreq, (), (), None)  # no whole Hz in a band, which is refused by its name
    request = check_morlet(hertz, sfreq=sfreq, n_cycles=_CYCLES if n_cycles is None else n_cycles)
    if len(set(request.freqs)) < len(request.freqs):
        raise EegdaeError(f"freqs: {list(request.freqs)} holds one twice; give each once")
    if estimator == "morlet":
        return request
    if time_bandwidth is not None and mt_bandwidth is not None:
        raise EegdaeError(
            f"time_bandwidth: {time_bandwidth!r}, and mt_bandwidth: {mt_bandwidth!r}; give one of them "
            "(a product without unit, or the full width in Hz)"
        )
    if mt_bandwidth is not None:
        if not (isinstance(mt_bandwidth, SupportsFloat) and 0 < float(mt_bandwidth) < math.inf):
            raise EegdaeError(f"mt_bandwidth: {mt_bandwidth!r}; allowed: numbers above 0")
        pairs = list(zip(request.freqs, request.n_cycles, strict=True))
        time_bandwidth = [float(mt_bandwidth) * n / f for f, n in pairs]
        for (f, n), product in zip(pairs, time_bandwidth, strict=True):
            if product < 2:
                raise EegdaeError(
                    f"mt_bandwidth: {mt_bandwidth:g} Hz times {n:g} cycles of {f:g} Hz is {product:.2g}; "
                    "allowed: 2 or more; raise it or n_cycles"
                )
    return check_multitaper(
        request.freqs,
        sfreq=sfreq,
        n_cycles=request.n_cycles,
        time_bandwidth=_TIME_BANDWIDTH if time_bandwidth is None else time_bandwidth,
    )


def _members(
    bands: Mapping[str, Band] | None,
    hertz: tuple[float, ...],
    measures: Mapping[str, Measure],
    *,
    sfreq: float,
    segment: int,
    whole: bool,
) -> tuple[tuple[int, ...], ...]:
    """Numbers of the frequencies of each entry; a band that is taken out whole is a frequency of its own."""
    if bands is None:
        return tuple((k,) for k in range(len(hertz)))
    if whole:
        return tuple((k,) for k in range(len(bands)))
    slopes = [name for name, measure in measures.items() if measure.needs == "slope"]
    members = []
    for band, (lo, hi) in bands.items():
        if segment:
            inside = tuple(k - 1 for k in band_bins((lo, hi), sfreq=sfreq, n_times=segment))
        else:
            slack = 1e-9 * max(1.0, hi)
            inside = tuple(k for k, f in enumerate(hertz) if lo - slack <= f <= hi + slack)
        where = f"bands.{band}: [{lo:g}, {hi:g}] Hz"
        if not inside:
            mend = (
                f"segments of {segment} samples have one every {sfreq / segment:g} Hz; raise "
                "n_per_segment or widen it"
                if segment
                else "give freqs inside it, or widen it"
            )
            raise EegdaeError(f"{where} holds none of the frequencies; {mend}")
        if slopes:
            steps = np.diff([hertz[k] for k in inside])
            if not len(steps) or not np.allclose(steps, steps[0], rtol=1e-6):
                raise EegdaeError(
                    f"{where}: {slopes[0]!r} needs two frequencies or more, evenly spaced, and there are "
                    f"{[round(hertz[k], 6) for k in inside]}; widen the band or choose other freqs"
                )
        members.append(inside)
    return tuple(members)


def _check_segment(n_per_segment: int | None, n_times: int) -> int:
    """Samples of a segment; by default a quarter of the window, which makes seven that overlap by half."""
    if n_per_segment is None:
        return max(2, n_times // 4)
    try:
        n = operator.index(n_per_segment)
    except TypeError:
        n = 0
    # Half an overlap: two segments need one and a half of their length.
    longest = n_times * 2 // 3
    if not 2 <= n <= longest:
        raise EegdaeError(
            f"n_per_segment: {n_per_segment!r}; allowed: whole samples, 2 to {longest}, so that two segments "
            f"that overlap by half fit into the {n_times} of a window"
        )
    return n


def _check_order(order: int | None, measures: Mapping[str, Measure]) -> int | None:
    for name, measure in measures.items():
        if measure.needs == "model" and order is None:
            raise EegdaeError(
                f"order: None; {name!r} needs the samples of the past in its model, a whole number "
                "(eegdae.connectivity.select_order finds one)"
            )
    return order


def _check_max_lag(max_lag: int | None, *, n_times: int, sfreq: float) -> int:
    if max_lag is None:
        return min(round(sfreq / 10), n_times - 1)
    try:
        lag = operator.index(max_lag)
    except TypeError:
        lag = -1
    if not 0 <= lag < n_times:
        raise EegdaeError(f"max_lag: {max_lag!r}; allowed: whole samples, 0 to {n_times - 1} in this window")
    return lag


def _check_covariance(name: str) -> str:
    if name not in COVARIANCES:
        raise EegdaeError(
            f"covariance_estimator: unknown estimator {name!r}; {did_you_mean(str(name), COVARIANCES)}"
        )
    return name

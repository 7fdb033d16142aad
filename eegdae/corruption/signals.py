"""Corruptions that know time: a stretch or a band that is lost, noise of a band, the hum of the mains.

Rows are raw windows, ``(n_chans, n_times)`` channel after channel. Noise has the size ``level * sd`` or
``level * RMS`` of the clean training input of the layer, one number over all channels.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor

from eegdae.corruption.entries import Masking
from eegdae.corruption.kind import Corruption
from eegdae.corruption.noise import Gaussian, training_sd
from eegdae.errors import EegdaeError, did_you_mean
from eegdae.layout import Layout
from eegdae.randomness import Keys

CHANNELS = ("all", "each")


@dataclass(frozen=True, eq=False)
class _OfSignals(Corruption):
    """What needs the samples of channels in order."""

    layout: Layout | None = dataclasses.field(default=None, repr=False)

    needs_rate: ClassVar[bool] = False

    def for_codes(self) -> Corruption:
        """Masking for what is lost, Gaussian for what is added: a dense code has no samples in order."""
        return Masking(clip=self.clip) if self.is_share else Gaussian(clip=self.clip)

    def unusable(self, layout: Layout | None) -> str:
        """Say what rows of a layout lack: they must be raw windows of two samples or more."""
        if layout is not None and layout.kind == "images":
            return "are images, not signals in time"
        if layout is None or layout.kind != "signals" or layout.shape[1] < 2:
            return "are no raw windows"
        if self.needs_rate and layout.sfreq is None:
            return "have no sampling rate"
        return ""

    def fitted(self, x: Tensor, observed: Tensor | None = None, *, layout: Layout | None = None) -> Self:
        """Return a copy that knows the samples of a window and the statistics of the training input."""
        return dataclasses.replace(super().fitted(x, observed, layout=layout), layout=layout)

    def _signals(self) -> Layout:
        if self.layout is None:
            raise EegdaeError("corruption: it knows no window; call fitted(x, layout=layout) first")
        return self.layout

    def _rate(self) -> float:
        return self._signals().sfreq or 1.0


@dataclass(frozen=True, eq=False)
class TimeBlock(_OfSignals):
    """Set one stretch of a window to 0: a share ``level`` of its samples, anywhere in it.

    Parameters
    ----------
    clip : bool
        Keep the result inside the training range of each feature.
    channels : str
        ``all``: the same stretch in all channels. ``each``: every channel has a place of its own.

    References
    ----------
    Park et al., SpecAugment, Interspeech (2019), section 2: time masking.
    """

    is_share: ClassVar[bool] = True

    channels: str = "all"

    def __post_init__(self) -> None:
        if self.channels not in CHANNELS:
            hint = did_you_mean(str(self.channels), CHANNELS)
            raise EegdaeError(f"corruption.channels={self.channels!r}: not known; {hint}")

    def _draw(self, x: Tensor, level: float | Tensor, keys: Keys) -> tuple[Tensor, Tensor]:
        n_chans, n_times = self._signals().shape
        draw = keys.uniform("corruption", n_chans if self.channels == "each" else 1).to(x.device)
        block = _block(draw, level, n_times)  # (..., n_rows, n_chans or 1, n_times)
        touched = block.expand(*block.shape[:-2], n_chans, n_times).flatten(-2)
        corrupted = x.masked_fill(touched, 0.0)
        return corrupted, touched.expand(corrupted.shape)


@dataclass(frozen=True, eq=False)
class FrequencyBand(_OfSignals):
    """Take a band out of a window: a share ``level`` of its frequencies, anywhere from 0 to Nyquist.

    The same band in all channels; its Fourier coefficients become 0.

    References
    ----------
    Park et al., SpecAugment, Interspeech (2019), section 2: frequency masking.
    """

    is_share: ClassVar[bool] = True

    def _draw(self, x: Tensor, level: float | Tensor, keys: Keys) -> tuple[Tensor, Tensor]:
        shape = self._signals().shape
        spectra = torch.fft.rfft(_windows(x, shape))  # (..., n_rows, n_chans, n_freqs)
        band = _block(keys.uniform("corruption", 1).to(x.device), level, spectra.shape[-1])
        # what is taken away, not what is left: at level 0 that is exactly 0
        corrupted = x - torch.fft.irfft(spectra * band, n=shape[1]).flatten(-2)
        return corrupted, corrupted != x


@dataclass(frozen=True, eq=False)
class BandNoise(_OfSignals):
    """Add normal noise of one band: ``x + level * sd * n``, n of sd 1 with nothing outside of the band.

    Parameters
    ----------
    clip : bool
        Keep the result inside the training range of each feature.
    band : (float, float)
        Lower and upper edge in hertz, both inside.
    """

    needs_rate: ClassVar[bool] = True

    band: Sequence[float] = (20.0, 40.0)
    sd: Tensor | None = dataclasses.field(default=None, repr=False)

    def __post_init__(self) -> None:
        edges = self.band
        if (
            isinstance(edges, str)
            or not isinstance(edges, Sequence)
            or len(edges) != 2
            or not all(_is_number(f) for f in edges)
            or not 0 <= edges[0] < edges[1]
        ):
            raise EegdaeError(
                f"corruption.band={edges!r}: must be a lower and a higher frequency in hertz, for example "
                "[20, 40]"
            )
        object.__setattr__(self, "band", tuple(float(f) for f in edges))

    def fitted(self, x: Tensor, observed: Tensor | None = None, *, layout: Layout | None = None) -> Self:
        """Return a copy that knows the sd of the clean training input; refuses a band that holds nothing."""
        one = dataclasses.replace(super().fitted(x, observed, layout=layout), sd=training_sd(x, observed))
        nyquist, n_times = one._rate() / 2, one._signals().shape[1]
        if not bool(one._inside(n_times).any()):
            raise EegdaeError(
                f"corruption.band={list(self.band)}: holds no frequency of windows of {n_times} samples at "
                f"{2 * nyquist:g} Hz; they have every {2 * nyquist / n_times:g} Hz up to {nyquist:g}"
            )
        return one

    def _draw(self, x: Tensor, level: float | Tensor, keys: Keys) -> tuple[Tensor, Tensor]:
        shape = self._signals().shape
        inside = self._inside(shape[1])
        white = torch.fft.rfft(_windows(keys.normal("corruption", x.shape[-1]).to(x), shape))
        # every frequency but 0 and Nyquist stands for two of the n_times that share the variance
        twice = torch.full((len(inside),), 2.0)
        twice[0] = 1.0
        if shape[1] % 2 == 0:
            twice[-1] = 1.0
        gain = (shape[1] / twice[inside].sum()).sqrt() * inside
        noise = torch.fft.irfft(white * gain.to(x), n=shape[1]).flatten(-2)
        corrupted = x + level * self._statistic(self.sd, x) * noise
        return corrupted, corrupted != x

    def _inside(self, n_times: int) -> Tensor:
        freqs = torch.fft.rfftfreq(n_times, 1.0 / self._rate(), dtype=torch.float64)
        inside: Tensor = (freqs >= self.band[0]) & (freqs <= self.band[1])
        return inside


@dataclass(frozen=True, eq=False)
class LineNoise(_OfSignals):
    """Add the hum of the mains: sinusoids at ``freq`` and its multiples, of RMS ``level`` times that of x.

    Harmonic k has 1 / k of the first one's amplitude. Each row draws a phase for each harmonic, which all
    channels share as they share the mains, and a weight for each channel (normal, RMS 1 over the channels).

    Parameters
    ----------
    clip : bool
        Keep the result inside the training range of each feature.
    freq : float
        Of the mains, in hertz: 50, or 60 in the Americas.
    n_harmonics : int
        Multiples of it, the first counted in; those at half the sampling rate and above are left out.
    """

    needs_rate: ClassVar[bool] = True

    freq: float = 50.0
    n_harmonics: int = 3
    rms: Tensor | None = dataclasses.field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not _is_number(self.freq) or self.freq <= 0:
            raise EegdaeError(f"corruption.freq={self.freq!r}: must be a frequency in hertz, for example 50")
        n = self.n_harmonics
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise EegdaeError(f"corruption.n_harmonics={n!r}: must be a whole number, 1 or more")

    def fitted(self, x: Tensor, observed: Tensor | None = None, *, layout: Layout | None = None) -> Self:
        """Return a copy that knows the RMS of the clean training input; refuses mains above Nyquist."""
        square = x.square().mean() if observed is None else x[observed].square().mean().nan_to_num()
        one = dataclasses.replace(super().fitted(x, observed, layout=layout), rms=square.sqrt())
        if self.freq >= one._rate() / 2:
            raise EegdaeError(
                f"corruption.freq={self.freq:g}: must be below half the sampling rate of the windows, "
                f"{one._rate() / 2:g} Hz"
            )
        return one

    def _draw(self, x: Tensor, level: float | Tensor, keys: Keys) -> tuple[Tensor, Tensor]:
        n_chans, n_times = self._signals().shape
        freqs = [k * self.freq for k in range(1, self.n_harmonics + 1) if k * self.freq < self._rate() / 2]
        # a sinusoid of amplitude a has RMS a / sqrt 2
        gain = math.sqrt(2.0 / sum((self.freq / f) ** 2 for f in freqs))
        times = 2 * math.pi * torch.arange(n_times, dtype=torch.float64) / self._rate()
        phase = 2 * math.pi * keys.uniform("phase", len(freqs))  # (n_rows, n_freqs)
        hum = torch.zeros(len(phase), n_times)
        for f, p in zip(freqs, phase.unbind(1), strict=True):
            # sin(a + p) = sin a cos p + cos a sin p: no sine for each sample of each row
            wave = p.cos()[:, None] * (times * f).sin() + p.sin()[:, None] * (times * f).cos()
            hum += gain * self.freq / f * wave.float()
        weights = channel_weights(keys, n_chans).to(x)
        noise = (weights[:, :, None] * hum.to(x)[:, None, :]).flatten(-2)
        corrupted = x + level * self._statistic(self.rms, x) * noise
        return corrupted, corrupted != x


def channel_weights(keys: Keys, n_chans: int) -> Tensor:
    """Draw how much of one source each channel sees: normal numbers of RMS 1 over the channels.

    Parameters
    ----------
    keys : Keys
        Which rows.
    n_chans : int
        Channels of a window.

    Returns
    -------
    Tensor, shape (n_rows, n_chans)
        Of either sign; with one channel 1 or -1.
    """
    weights = keys.normal("weights", n_chans)
    return weights / weights.square().mean(1, keepdim=True).sqrt().clamp(min=1e-12)


def _block(draw: Tensor, level: float | Tensor, n: int) -> Tensor:
    """Place a block of a share ``level`` of n samples: one at least where the level is above 0, not all.

    A larger block holds every smaller one of the same draw, and all places are equally likely.

    Parameters
    ----------
    draw : Tensor, shape (n_rows, n_blocks)
        Uniform in [0, 1).
    level : float or Tensor of shape (n_models, 1, 1)
        The share.
    n : int
        Samples.

    Returns
    -------
    Tensor of bool, shape (..., n_rows, n_blocks, n)
        True inside.
    """
    share = torch.as_tensor(level, dtype=torch.float64, device=draw.device)
    # a level of float32 is rounded as the same level of float64
    length = (share * n + 0.5 + 1e-5).floor().clamp(min=1, max=n - 1) * (share > 0)
    start = (draw.double() * (n - length + 1)).floor()  # (..., n_rows, n_blocks)
    stop = start + length
    at = torch.arange(n, device=draw.device)
    return (at >= start[..., None]) & (at < stop[..., None])


def _windows(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Unfold rows: (..., n_features) -> (..., n_chans, n_times)."""
    return x.reshape(*x.shape[:-1], *shape)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)

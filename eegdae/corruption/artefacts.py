"""Real artefacts, from recordings that the user names, mixed in at a signal-to-noise ratio."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from eegdae.corruption.signals import _is_number, _OfSignals, channel_weights
from eegdae.errors import EegdaeError
from eegdae.layout import Layout
from eegdae.randomness import Keys
from eegdae.recordings.channels import canonical_name, find_channels
from eegdae.recordings.recording import Recording


@dataclass(frozen=True, eq=False)
class Artefacts(_OfSignals):
    """Add a stretch of a real recording: ``x + level * RMS(x) / RMS(n) * n``, RMS over the row.

    ``level`` is RMS n / RMS x, so ``snr_db = 20 log10(RMS x / RMS n)``, exactly so in every row, and units do
    not matter. Each row draws a stretch as long as a window; every channel of it loses its mean.

    Where channels of the artefact recordings are channels of the data too, by name, each is added to its own
    and the others stay clean. Where none is, each row draws one artefact channel, and a weight for each
    channel of the data (normal, RMS 1 over the channels).

    Parameters
    ----------
    clip : bool
        Keep the result inside the training range of each feature.
    path : str or sequence of str
        Recordings of artefacts: a file, a glob, a folder or a list of them.
    channels : sequence of str or None
        Which of their channels; None = all.
    reading : mapping or None
        Keys of a data configuration that the files need, ``{"sfreq": 256, "layout": "trials_times"}``.
    l_freq, h_freq : float or None
        Edges of the pass band of a filter over the recordings, in hertz; None = none.
    loudest : float
        Share of a recording's stretches to draw from, those of the largest RMS; 1 = all.

    Raises
    ------
    EegdaeError
        If an option makes no sense.

    Notes
    -----
    EEGdenoiseNet's "SNR" is ``10 log10`` of the same ratio: its -7 to 2 are -14 to 4 here.

    References
    ----------
    Zhang et al., EEGdenoiseNet, J Neural Eng 18:056057 (2021), eq. 1 and 2.
    """

    path: str | Sequence[str] = ""
    channels: Sequence[str] | None = None
    reading: Mapping[str, Any] | None = None
    l_freq: float | None = None
    h_freq: float | None = None
    loudest: float = 0.25
    signal: Tensor | None = dataclasses.field(default=None, repr=False)
    seen: Tensor | None = dataclasses.field(default=None, repr=False)
    borders: tuple[int, ...] = dataclasses.field(default=(), repr=False)
    sfreq: float | None = dataclasses.field(default=None, repr=False)
    target: Tensor | None = dataclasses.field(default=None, repr=False)
    starts: Tensor | None = dataclasses.field(default=None, repr=False)

    def __post_init__(self) -> None:
        places = [self.path] if isinstance(self.path, str) else self.path
        if not isinstance(places, Sequence) or not all(isinstance(place, str) for place in places):
            raise EegdaeError(
                f"corruption.path={self.path!r}: must be a file, a glob, a folder or a list of them"
            )
        names = self.channels
        if names is not None and (
            isinstance(names, str)
            or not isinstance(names, Sequence)
            or not names
            or not all(isinstance(name, str) for name in names)
        ):
            raise EegdaeError(
                f"corruption.channels={names!r}: must be a list of names, for example [EOG], or null for all"
            )
        if self.reading is not None and not isinstance(self.reading, Mapping):
            raise EegdaeError(
                f"corruption.reading={self.reading!r}: must be keys of a data configuration, for example "
                "{sfreq: 256, layout: trials_times}, or null"
            )
        for key, value in (("l_freq", self.l_freq), ("h_freq", self.h_freq)):
            if value is not None and not (_is_number(value) and value > 0):
                raise EegdaeError(f"corruption.{key}={value!r}: must be a frequency in hertz, or null")
        if not _is_number(self.loudest) or not 0 < self.loudest <= 1:
            raise EegdaeError(f"corruption.loudest={self.loudest!r}: must be above 0 and at most 1")

    def with_recordings(
        self, recordings: Sequence[Recording], *, sfreq: float, ch_names: Sequence[str]
    ) -> Self:
        """Return a copy that holds the artefacts.

        Parameters
        ----------
        recordings : sequence of Recording
            Filtered, and at the rate of the windows.
        sfreq : float
            Sampling rate of the windows, in hertz.
        ch_names : sequence of str
            Channels of the windows, in order.

        Returns
        -------
        Artefacts
            To be `fitted`.

        Raises
        ------
        EegdaeError
            If there is no recording, one has another rate, or they do not have the same channels.
        """
        if not recordings:
            raise EegdaeError(f"corruption.path={self.path}: holds no recording")
        parts, seen = [], []
        names: tuple[str, ...] = ()
        for rec in recordings:
            if rec.sfreq != sfreq:
                raise EegdaeError(f"{rec.source}: {rec.sfreq:g} Hz; the windows have {sfreq:g} Hz")
            at = (
                list(range(rec.n_chans))
                if self.channels is None
                else find_channels(self.channels, rec.ch_names, where="corruption.channels")
            )
            own = tuple(rec.ch_names[k] for k in at)
            if names and own != names:
                raise EegdaeError(
                    f"{rec.source}: has channels {', '.join(own)}, another {', '.join(names)}; "
                    "give those that all have as corruption.channels"
                )
            names = own
            parts.append(torch.from_numpy(rec.data[at]))
            mask = None if rec.mask is None else torch.from_numpy(rec.mask[at]).all(0)
            seen.append(torch.ones(rec.n_times, dtype=torch.bool) if mask is None else mask)
        places = {canonical_name(name): k for k, name in enumerate(ch_names)}
        matched = [places.get(canonical_name(name), -1) for name in names]
        kept = [k for k, place in enumerate(matched) if place >= 0] or list(range(len(names)))
        target = torch.tensor([matched[k] for k in kept]) if max(matched) >= 0 else None
        borders = torch.tensor([0, *(part.shape[1] for part in parts)]).cumsum(0).tolist()
        return dataclasses.replace(
            self,
            signal=torch.cat(parts, 1)[kept],
            seen=torch.cat(seen),
            borders=tuple(borders),
            sfreq=float(sfreq),
            target=target,
        )

    def fitted(self, x: Tensor, observed: Tensor | None = None, *, layout: Layout | None = None) -> Self:
        """Return a copy that knows which stretches of the recordings are as long as a window, and loud."""
        one = super().fitted(x, observed, layout=layout)
        if self.signal is None or self.seen is None:
            raise EegdaeError("corruption=artefacts: it holds no recordings; call with_recordings(...) first")
        n_times, rate = one._signals().shape[1], one._signals().sfreq
        if rate != self.sfreq:
            raise EegdaeError(f"corruption=artefacts: recordings of {self.sfreq} Hz for windows of {rate} Hz")
        starts = [
            start + _loud(self.signal[:, start:stop], self.seen[start:stop], n_times, self.loudest)
            for start, stop in zip(self.borders[:-1], self.borders[1:], strict=True)
        ]
        found = torch.cat(starts)
        if not len(found):
            raise EegdaeError(
                f"corruption.path={self.path}: no stretch of {n_times} samples at {self.sfreq:g} Hz, "
                "as long as a window, without gaps and not flat"
            )
        return dataclasses.replace(one, starts=found)

    def told(self, ch_names: Sequence[str]) -> str:
        """Say how much there is of the artefacts, and which channels of the data they are added to."""
        n, total = len(self.borders) - 1, self._known(self.signal).shape[1]
        onto = "a random weight for each channel"
        if self.target is not None:
            onto = f"onto {', '.join(ch_names[int(k)] for k in self.target)}"
        seconds = total / (self.sfreq or 1.0)
        return f"{n} recording{'s' * (n > 1)}, {seconds:.0f} s at {self.sfreq:g} Hz, {onto}"

    def describe(self, level: float) -> str:
        """Say from where, and how much."""
        places = [self.path] if isinstance(self.path, str) else self.path
        return f"{super().describe(level)} of {', '.join(places)}"

    def _draw(self, x: Tensor, level: float | Tensor, keys: Keys) -> tuple[Tensor, Tensor]:
        n_chans, n_times = self._signals().shape
        signal, starts = self._known(self.signal), self._known(self.starts)
        draw = keys.uniform("corruption", 1)[:, 0].double()
        start = starts[(draw * len(starts)).long()]
        at = start[:, None] + torch.arange(n_times)
        clip = signal[:, at].transpose(0, 1)  # (n_rows, n_sources, n_times)
        clip = clip - clip.mean(-1, keepdim=True)
        if self.target is None:
            one = (keys.uniform("source", 1)[:, 0] * len(signal)).long().clamp(max=len(signal) - 1)
            source = clip[torch.arange(len(clip)), one]
            noise = channel_weights(keys, n_chans)[:, :, None] * source[:, None, :]
        else:
            noise = clip.new_zeros(len(clip), n_chans, n_times).index_add_(1, self.target, clip)
        noise = noise.flatten(-2)
        unit = noise / noise.square().mean(-1, keepdim=True).sqrt().clamp(min=1e-30)
        corrupted = x + level * x.square().mean(-1, keepdim=True).sqrt() * unit.to(x)
        return corrupted, corrupted != x


def _loud(signal: Tensor, seen: Tensor, n_times: int, share: float) -> Tensor:
    """Where the stretches of the largest RMS start: a share of those that are whole and not flat.

    Every channel is measured by its own sd over the recording, so that units do not decide.
    """
    if signal.shape[1] < n_times:
        return torch.empty(0, dtype=torch.int64)
    x = signal.double()
    x = (x - x.mean(1, keepdim=True)) / x.std(1, correction=0, keepdim=True).clamp(min=1e-30)
    variance = _moving_mean(x.square(), n_times) - _moving_mean(x, n_times).square()
    # rounding of the running sums leaves a little of the variance of a flat stretch
    whole = (_moving_mean(seen.double()[None], n_times)[0] > 1 - 0.5 / n_times) & (variance > 1e-9).all(0)
    starts = whole.nonzero()[:, 0]
    n = max(1, round(share * len(starts)))
    best = variance.mean(0)[starts].argsort(descending=True, stable=True)[:n]
    return starts[best].sort().values


def _moving_mean(x: Tensor, n: int) -> Tensor:
    """Mean over every n samples in a row: (n_chans, n_times) -> (n_chans, n_times - n + 1)."""
    total = torch.nn.functional.pad(x.cumsum(1), (1, 0))
    return (total[:, n:] - total[:, :-n]) / n

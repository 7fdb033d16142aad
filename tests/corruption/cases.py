"""Every kind with rows that it fits: what all of them promise is tested on all of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from eegdae.corruption import (
    Artefacts,
    BandNoise,
    Chain,
    ChannelDropout,
    Corruption,
    EdgeDropout,
    FrequencyBand,
    Gaussian,
    LineNoise,
    Masking,
    Multiplicative,
    NodeDropout,
    Part,
    SaltAndPepper,
    SampleSwap,
    TimeBlock,
    Uniform,
    WindowNoise,
)
from eegdae.layout import Layout
from eegdae.randomness import Keys, Stream
from eegdae.recordings.recording import as_recording

N = 300
ROWS = Layout.rows(6)
SIGNALS = Layout("signals", (3, 40), sfreq=100.0)
PLV = Layout("matrices", (2, 5, 5), measure="plv")
GRANGER = Layout("matrices", (2, 4, 4), measure="granger")
POWER = Layout("matrices", (3, 4, 4), measure="power")
COVARIANCE = Layout("matrices", (1, 4, 4), measure="covariance")


@dataclass(frozen=True)
class Case:
    """A kind and a layout that it takes; ``additive``: the noise of another level is the same, scaled."""

    kind: Corruption
    layout: Layout = ROWS
    additive: bool = False

    def __str__(self):
        options = [k for k, v in self.kind.options().items() if k != "parts" and getattr(self.kind, k) != v]
        return "-".join([self.kind.name, self.layout.measure or self.layout.kind, *options])

    def rows(self, n=N):
        """Columns of different spread and offset; no entry is 0, and extremes are met once."""
        generator = torch.Generator().manual_seed(0)
        x = torch.randn(n, self.layout.n_features, generator=generator)
        return x * (1 + torch.arange(self.layout.n_features) % 6) + 50

    def fitted(self, x=None, observed=None):
        x = self.rows() if x is None else x
        return self.kind.fitted(x, observed, layout=self.layout)


def bursts(n_chans=2, n_times=400, sfreq=100.0, names=("E1", "E2")):
    data = np.random.default_rng(3).normal(size=(n_chans, n_times)) * 1e3
    data[:, 100:200] *= 3
    return as_recording(data + 7e4, sfreq=sfreq, ch_names=names)


def artefacts(names=("E1", "E2"), **options):
    return Artefacts(**options).with_recordings([bursts(names=names)], sfreq=100.0, ch_names=("A", "B", "C"))


CASES = [
    Case(Gaussian(), additive=True),
    Case(Gaussian(per_feature=True), additive=True),
    Case(Gaussian(clip=True)),
    Case(Uniform(), additive=True),
    Case(Multiplicative(), additive=True),
    Case(WindowNoise().for_rows(torch.arange(N), torch.zeros(N, dtype=torch.int64)), additive=True),
    Case(Masking()),
    Case(SaltAndPepper()),
    Case(SampleSwap()),
    Case(ChannelDropout(), SIGNALS),
    Case(ChannelDropout(), POWER),
    Case(ChannelDropout(), PLV),
    Case(TimeBlock(), SIGNALS),
    Case(TimeBlock(channels="each"), SIGNALS),
    Case(FrequencyBand(), SIGNALS),
    Case(BandNoise(), SIGNALS, additive=True),
    Case(LineNoise(freq=20.0), SIGNALS, additive=True),
    Case(artefacts(), SIGNALS, additive=True),
    Case(artefacts(names=("B", "E2"), channels=("B",)), SIGNALS, additive=True),
    Case(EdgeDropout(), PLV),
    Case(EdgeDropout(), GRANGER),
    Case(EdgeDropout(), COVARIANCE),
    Case(NodeDropout(), PLV),
    Case(NodeDropout(), COVARIANCE),
    Case(Chain(parts=(Part("a", Gaussian(), 0.5), Part("b", ChannelDropout(), 0.9))), SIGNALS),
]


def keys(n=N, *, epoch=0, rows=None):
    return Keys(Stream(0, 0, "x", "layer 1", epoch), torch.arange(n) if rows is None else rows)


def every_kind(*, but=()):
    """Parametrise a test over all cases."""
    cases = [case for case in CASES if not isinstance(case.kind, but)]
    return pytest.mark.parametrize("case", cases, ids=str)

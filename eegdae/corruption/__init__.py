"""What the autoencoder has to undo: ``corrupt(x) -> (corrupted x, touched)``, one class a kind."""

from __future__ import annotations

from eegdae.corruption.artefacts import Artefacts
from eegdae.corruption.chain import Chain, Part
from eegdae.corruption.channels import ChannelDropout, EdgeDropout, NodeDropout
from eegdae.corruption.entries import Masking, SaltAndPepper, SampleSwap
from eegdae.corruption.kind import Corruption, level_of_snr, snr_of_level
from eegdae.corruption.noise import Gaussian, Multiplicative, Uniform
from eegdae.corruption.schedule import LevelSchedule
from eegdae.corruption.signals import BandNoise, FrequencyBand, LineNoise, TimeBlock
from eegdae.corruption.window_noise import WindowNoise

__all__ = [
    "Artefacts",
    "BandNoise",
    "Chain",
    "ChannelDropout",
    "Corruption",
    "EdgeDropout",
    "FrequencyBand",
    "Gaussian",
    "LevelSchedule",
    "LineNoise",
    "Masking",
    "Multiplicative",
    "NodeDropout",
    "Part",
    "SaltAndPepper",
    "SampleSwap",
    "TimeBlock",
    "Uniform",
    "WindowNoise",
    "level_of_snr",
    "snr_of_level",
]

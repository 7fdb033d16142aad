"""What the autoencoder has to undo: ``corrupt(x) -> (corrupted x, touched)``, one class a kind."""

from __future__ import annotations

from eegdae.corruption.entries import Gaussian, Masking, SaltAndPepper
from eegdae.corruption.kind import Corruption
from eegdae.corruption.schedule import LevelSchedule
from eegdae.corruption.window_noise import WindowNoise

__all__ = ["Corruption", "Gaussian", "LevelSchedule", "Masking", "SaltAndPepper", "WindowNoise"]

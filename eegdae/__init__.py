"""Codes from recordings: stacked denoising autoencoders over EEG connectivity and sensor streams."""

from __future__ import annotations

__version__ = "0.1.0"

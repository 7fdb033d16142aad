"""Real recordings that the measures are tested on."""

from __future__ import annotations

import os
from pathlib import Path

import mne
import numpy as np
import pytest


@pytest.fixture(scope="session")
def eegmat():
    """Windows of 2 s of one person's recording, (8, 19, 1000), microvolt."""
    path = Path(os.environ.get("EEGDAE_DATA_DIR", "nowhere")) / "eegmat" / "Subject00_1.edf"
    if not path.exists():
        pytest.skip("EEGDAE_DATA_DIR has no eegmat")
    raw = mne.io.read_raw_edf(path, verbose="error")
    names = [name for name in raw.ch_names if "A2" not in name and "ECG" not in name]
    return np.ascontiguousarray(raw.get_data(names, stop=8000).reshape(19, 8, 1000).swapaxes(0, 1)) * 1e6

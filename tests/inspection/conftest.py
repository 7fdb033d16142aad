import os
from pathlib import Path

import numpy as np
import pytest

from eegdae.recordings import Annotation, Recording, as_recording


def noise(n_chans=8, n_times=5000, *, seed=0, scale=20.0):
    """Signals as large and smooth as EEG, microvolt: noise of falling spectrum, shape (n_chans, n_times)."""
    white = np.random.default_rng(seed).normal(size=(n_chans, n_times + 8))
    smooth = sum(white[:, k : k + n_times] for k in range(8)) + 0.5 * white[:, :n_times]
    return scale * smooth / smooth.std()


def recording(data=None, **changes) -> Recording:
    """A recording of `noise`, or of other signals."""
    data = noise() if data is None else np.asarray(data)
    about = {"sfreq": 250.0, "unit": "uV", "ch_names": [f"c{k}" for k in range(len(data))], "source": "r.edf"}
    return as_recording(data, **{**about, **changes})


def whole(label, n_times=5000):
    """One label from beginning to end."""
    return [Annotation(0, n_times, label)]


@pytest.fixture
def data_folder():
    """The folder of a set of the data folder; skips the test where it is not."""

    def find(name: str) -> Path:
        folder = Path(os.environ.get("EEGDAE_DATA_DIR", "/nowhere")) / name
        if not folder.is_dir():
            pytest.skip(f"EEGDAE_DATA_DIR has no {name}")
        return folder

    return find

"""Damage to small valid files: what is read of them is a recording or one line that says what is wrong."""

from __future__ import annotations

import time

import numpy as np

from eegdae.errors import EegdaeError
from eegdae.recordings import Recording


def mutated(content, rng):
    """Change, take out or put in a few bytes of a file, one to three times."""
    changed = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        at = int(rng.integers(0, len(changed) + 1))
        kind = rng.integers(0, 3)
        if kind == 0:
            changed[at : at + 1] = rng.bytes(1)
        elif kind == 1:
            del changed[at : at + int(rng.integers(1, 40))]
        else:
            changed[at:at] = rng.bytes(int(rng.integers(1, 8)))
    return bytes(changed)


def read_or_refuse(read, *args, **kwargs):
    """Read what may be damaged, within 5 s; give the recordings, none where it is refused in one line."""
    started = time.monotonic()
    try:
        recordings = read(*args, **kwargs)
    except EegdaeError as error:
        message = str(error)
        recordings = []
        if not message or "\n" in message:
            raise
    assert time.monotonic() - started < 5
    for got in recordings:
        assert isinstance(got, Recording)
        assert got.data.dtype == np.float32
        assert got.data.shape == (len(got.ch_names), got.n_times)
        assert np.isfinite(got.data).all()
        assert got.mask is None or got.mask.shape == got.data.shape
        assert all(0 <= a.start < a.stop <= got.n_times for a in got.annotations)
    return recordings

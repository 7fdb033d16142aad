"""Damaged copies of a small valid file: bytes flipped, cut out, put in or repeated, the end cut off."""

import signal
from contextlib import contextmanager

import numpy as np

from eegdae.errors import EegdaeError
from eegdae.recordings import Recording, read_recordings


def mutants(content, *, n, seed=0):
    """Give n damaged copies, the same for the same seed."""
    rng = np.random.default_rng(seed)
    for _ in range(n):
        damaged = bytearray(content)
        for _ in range(int(rng.integers(1, 4))):
            place, length = int(rng.integers(len(damaged) + 1)), int(rng.integers(1, 17))
            kind = rng.integers(5)
            if kind == 0:
                for k in range(place, min(place + 1 + length // 6, len(damaged))):
                    damaged[k] ^= 1 << int(rng.integers(8))
            elif kind == 1:
                del damaged[place : place + length]
            elif kind == 2:
                damaged[place:place] = rng.bytes(length)
            elif kind == 3:
                damaged[place:place] = damaged[max(place - length, 0) : place]
            else:
                del damaged[place:]
        yield bytes(damaged)


@contextmanager
def within(seconds):
    """Raise TimeoutError where the block takes longer."""

    def stop(*_):
        raise TimeoutError(f"took more than {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def survives(path, content, *, n, seed=0, **options):
    """Read n damaged copies: each gives sound recordings, or an EegdaeError of one line that names the file.

    Returns how many were read and how many were refused.
    """
    read = refused = 0
    for damaged in mutants(content, n=n, seed=seed):
        path.write_bytes(damaged)
        try:
            with within(5):
                got = read_recordings(path, **options)
        except EegdaeError as error:
            message = str(error)
            assert "\n" not in message
            assert path.name in message or message.startswith("data.")
            refused += 1
            continue
        read += 1
        assert got
        for rec in got:
            assert isinstance(rec, Recording)
            assert rec.data.dtype == np.float32
            assert rec.data.shape == (len(rec.ch_names), rec.n_times)
            assert np.isfinite(rec.data).all()
            assert all(0 <= a.start < a.stop <= rec.n_times for a in rec.annotations)
    return read, refused

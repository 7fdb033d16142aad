"""Damage to small valid files: what is read of them is a recording or one line that says what is wrong."""

from __future__ import annotations

import signal
from contextlib import contextmanager

import numpy as np

from eegdae.errors import EegdaeError
from eegdae.recordings import Recording, read_recordings


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


def check_sound(recordings):
    """Check that what was read of a damaged file is made of recordings whose parts fit together."""
    for got in recordings:
        assert isinstance(got, Recording)
        assert got.data.dtype == np.float32
        assert got.data.shape == (len(got.ch_names), got.n_times)
        assert np.isfinite(got.data).all()
        assert got.mask is None or got.mask.shape == got.data.shape
        assert all(0 <= a.start < a.stop <= got.n_times for a in got.annotations)


def read_or_refuse(read, *args, **kwargs):
    """Read what may be damaged, within 5 s; give the recordings, none where it is refused in one line."""
    try:
        with within(5):
            recordings = read(*args, **kwargs)
    except EegdaeError as error:
        message = str(error)
        assert message
        assert "\n" not in message
        return []
    check_sound(recordings)
    return recordings


def survives(path, content, *, n, seed=0, reading=None, **options):
    """Read n damaged copies: each gives sound recordings, or an EegdaeError of one line that names the file.

    `reading` is the file that is read, where `path` only belongs to it. Returns how many were read and how
    many were refused.
    """
    whole = path if reading is None else reading
    read = refused = 0
    for damaged in mutants(content, n=n, seed=seed):
        path.write_bytes(damaged)
        try:
            with within(5):
                got = read_recordings(whole, **options)
        except EegdaeError as error:
            message = str(error)
            assert "\n" not in message
            assert path.name in message or whole.name in message or message.startswith("data.")
            refused += 1
            continue
        read += 1
        assert got
        check_sound(got)
    return read, refused

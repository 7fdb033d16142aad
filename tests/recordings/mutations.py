"""Damage to small valid files: what is read of them is a recording or one line that says what is wrong."""

from __future__ import annotations

import signal
from contextlib import contextmanager

import numpy as np

from eegdae.errors import EegdaeError
from eegdae.recordings import Recording, read_recordings


def mutated(content, rng):
    """Damage a copy in one to four places: bits, bytes, a piece cut out, put in or doubled, the end cut off.

    In half of the copies all places are in the first tenth, where headers are.
    """
    damaged = bytearray(content)
    reach = 1.0 if rng.random() < 0.5 else 0.1
    for _ in range(int(rng.integers(1, 5))):
        most = max(int(reach * len(damaged)), min(len(damaged), 60))
        place, length = int(rng.integers(most + 1)), int(rng.integers(1, 17))
        kind = rng.integers(6)
        if kind == 0:
            for k in range(place, min(place + 1 + length // 6, len(damaged))):
                damaged[k] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            damaged[place : place + length] = rng.bytes(len(damaged[place : place + length]))
        elif kind == 2:
            del damaged[place : place + length * int(rng.integers(1, 4))]
        elif kind == 3:
            damaged[place:place] = rng.bytes(length)
        elif kind == 4:
            damaged[place:place] = damaged[max(place - length, 0) : place]
        elif rng.random() < 0.5:
            del damaged[place:]
    return bytes(damaged)


def mutants(content, *, n, seed=0):
    """Give n damaged copies, the same for the same seed."""
    return (mutated(content, np.random.default_rng([seed, k])) for k in range(n))


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


def survives(file, content, *, n, seed=0, reading=None, check=check_sound, **options):
    """Read n damaged copies: each gives sound recordings, or an EegdaeError of one line that names the file.

    ``content`` is the whole file; ``reading`` what is read, where the file only belongs to it. Returns how
    many were read and how many were refused.
    """
    counts = {"read": 0, "refused": 0}
    path = reading or file
    for k, damaged in enumerate(mutants(content, n=n, seed=seed)):
        file.write_bytes(damaged)
        try:
            with within(5):
                got = read_recordings(path, **options)
        except EegdaeError as error:
            message = str(error)
            assert "\n" not in message, k
            named = (file.name.split(".")[0], path.name)  # the file, or one that belongs to it
            assert any(name in message for name in named) or message.startswith("data."), (k, message)
            counts["refused"] += 1
        except BaseException as error:
            raise AssertionError(f"copy {k} of seed {seed}: {type(error).__name__}: {error}") from error
        else:
            assert got, k
            check(got)
            counts["read"] += 1
    file.write_bytes(content)
    return counts["read"], counts["refused"]

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

import eegdae


def run(*args):
    return subprocess.run([sys.executable, *args], capture_output=True, text=True, check=True).stdout


def seconds(*args):
    start = time.perf_counter()
    run(*args)
    return time.perf_counter() - start


def test_import_brings_nothing_heavy():
    code = "import sys, eegdae; print(' '.join(m.partition('.')[0] for m in sys.modules))"
    found = set(run("-c", code).split())
    assert "eegdae" in found
    assert not found & {"torch", "numpy", "mne", "pandas", "sklearn", "matplotlib", "scipy", "hydra"}


def test_import_takes_at_most_twice_as_long_as_numpys():
    # one after the other, so that a busy moment of the machine hits both
    times = [(seconds("-c", "import eegdae"), seconds("-c", "import numpy")) for _ in range(5)]
    own, numpy = (statistics.median(column) for column in zip(*times, strict=True))
    assert own <= 2 * numpy


def test_help_answers_within_a_second():
    command = ("-c", "from eegdae.cli import main; main(['--help'])")
    assert "usage" in run(*command)
    assert min(seconds(*command) for _ in range(3)) < 1.0


@pytest.mark.parametrize("name", eegdae.__all__)
def test_what_is_public_is_there_and_documented(name):
    assert name in dir(eegdae)
    assert getattr(eegdae, name).__doc__


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError, match="no attribute 'conectivity'"):
        eegdae.conectivity  # noqa: B018


def test_a_star_import_brings_all_of_it():
    found = {}
    exec("from eegdae import *", found)
    assert set(eegdae.__all__) <= set(found)
    assert callable(found["connectivity"])


def test_the_api_of_the_readme(finished_run):
    """From files to codes in the calls that the package promises."""
    recordings = eegdae.read_recordings(Path(eegdae.__file__).parent / "samples" / "watch.npz")[:20]
    windows = eegdae.make_windows(recordings, size=2.0, stride=2.0)
    assert isinstance(recordings[0], eegdae.Recording)
    assert isinstance(windows, eegdae.Windows)
    bands = {"slow": (1, 3), "fast": (3, 12)}
    c = eegdae.connectivity(windows.x, sfreq=windows.sfreq, measures=("plv",), bands=bands)
    assert c.shape == (len(windows), 1, 2, 6, 6)
    f = eegdae.Connectivity(measures=("power", "plv"), bands=bands, sfreq=windows.sfreq).fit_transform(
        windows.x
    )
    sdae = eegdae.StackedDenoisingAutoencoder(hidden=(8, 4), epochs=1, joint_epochs=1, random_state=0)
    assert sdae.fit(f).transform(f).shape == (len(windows), 4)
    assert eegdae.load(finished_run).transform(windows).shape == (len(windows), 4)

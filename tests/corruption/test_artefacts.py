import gzip
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from eegdae.corruption import Artefacts
from eegdae.errors import EegdaeError
from eegdae.layout import Layout
from eegdae.recordings.prepare import prepare
from eegdae.recordings.recording import as_recording
from tests.corruption.cases import SIGNALS, Case, N, artefacts, bursts, keys

DATA = Path(os.environ.get("EEGDAE_DATA_DIR", "/nowhere"))


def mixed(kind, x, level=2.0, layout=SIGNALS):
    return (kind.fitted(x, layout=layout).corrupt(x, level=level, keys=keys(len(x)))[0] - x).reshape(
        -1, *layout.shape
    )


def rms(x):
    return x.square().flatten(1).mean(1).sqrt()


@pytest.mark.parametrize("names", [("E1", "E2"), ("B", "E2")])
def test_every_row_has_the_snr_whatever_the_units(names):
    x = Case(artefacts(), SIGNALS).rows() - 50
    noise = mixed(artefacts(names=names), x, 0.5)
    torch.testing.assert_close(rms(noise), 0.5 * rms(x), rtol=1e-4, atol=0)


def test_noise_is_a_stretch_of_the_recording_without_its_mean():
    clip = torch.from_numpy(bursts().data[0]).double()
    windows = clip.unfold(0, 40, 1)
    windows = windows - windows.mean(1, keepdim=True)
    windows = windows / windows.norm(dim=1, keepdim=True)
    noise = mixed(artefacts(channels=("E1",)), Case(artefacts(), SIGNALS).rows()).double()
    noise = noise / noise.norm(dim=2, keepdim=True)
    # each channel is the same stretch with a weight of its own, of either sign
    alike = torch.einsum("nct,st->ncs", noise, windows).abs()
    best = alike.amax(2)
    assert best.min() > 0.999
    assert torch.equal(alike.argmax(2), alike.argmax(2)[:, :1].expand(-1, 3))


def test_only_loud_stretches_are_drawn():
    x = Case(artefacts(), SIGNALS).rows()
    all_starts, loud = (artefacts(loudest=s).fitted(x, layout=SIGNALS).starts for s in (1.0, 0.1))
    assert all_starts.tolist() == list(range(361))
    assert len(loud) == 36
    # the burst is in samples 100 to 199
    assert loud.min() >= 95
    assert loud.max() <= 165


def test_channels_of_one_name_are_added_to_each_other():
    x = Case(artefacts(), SIGNALS).rows()
    noise = mixed(artefacts(names=("B", "E2")), x)
    assert (noise[:, 1] != 0).all(1).all()
    assert not noise[:, [0, 2]].any()
    onto = artefacts(names=("B", "E2")).told(("A", "B", "C"))
    assert onto == "1 recording, 4 s at 100 Hz, onto B"
    assert "random weight" in artefacts().told(("A", "B", "C"))


def test_stretches_lie_within_one_recording_and_where_it_was_observed():
    first, second = bursts(n_times=100), bursts(n_times=60)
    data = first.data.copy()
    data[0, 50] = np.nan
    first = as_recording(data, sfreq=100.0, ch_names=("E1", "E2"))
    kind = Artefacts(loudest=1.0).with_recordings([first, second], sfreq=100.0, ch_names=("A", "B", "C"))
    starts = kind.fitted(Case(kind, SIGNALS).rows(), layout=SIGNALS).starts
    assert starts.tolist() == [*range(0, 11), *range(51, 61), *range(100, 121)]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Artefacts(path=3), r"corruption\.path=3"),
        (lambda: Artefacts(channels="E1"), r"corruption\.channels='E1': must be a list"),
        (lambda: Artefacts(channels=[]), r"corruption\.channels=\[\]"),
        (lambda: Artefacts(loudest=0), r"corruption\.loudest=0"),
        (lambda: Artefacts(l_freq="x"), r"corruption\.l_freq='x'"),
        (lambda: artefacts(channels=["E3"]), r"corruption\.channels: 'E3' is not a channel; known: E1, E2"),
        (lambda: Artefacts().with_recordings([], sfreq=1, ch_names=()), "holds no recording"),
        (
            lambda: Artefacts().with_recordings([bursts()], sfreq=50.0, ch_names=()),
            "100 Hz; the windows have 50 Hz",
        ),
        (
            lambda: Artefacts().with_recordings(
                [bursts(), bursts(names=("E1", "E3"))], sfreq=100.0, ch_names=("A",)
            ),
            r"has channels E1, E3, another E1, E2; give",
        ),
        (lambda: mixed(Artefacts(), torch.ones(2, 120)), "with_recordings"),
        (
            lambda: mixed(artefacts(), torch.ones(2, 1200), layout=Layout("signals", (3, 500), 100.0)),
            "no stretch of 500 samples",
        ),
        (
            lambda: mixed(artefacts(), torch.ones(2, 120), layout=Layout("signals", (3, 40), 50.0)),
            "recordings of 100.0 Hz for windows of 50.0 Hz",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(make, said):
    with pytest.raises(EegdaeError, match=said) as caught:
        make()
    assert "\n" not in str(caught.value)


def read(file, columns, comment, sfreq, names):
    with gzip.open(file, "rt") as lines:
        data = np.loadtxt(lines, delimiter=",", comments=comment, usecols=columns, skiprows=1)[:12000]
    return as_recording(data.T, sfreq=sfreq, ch_names=names)


def real(kind):
    """A recording of blinks (frontal electrodes of a headband) or of muscles (forearm), as it was made."""
    if kind == "blinks":
        files = sorted((DATA / "muse-erp/P300/subject1/session1").glob("*.csv.gz"))
        return files and read(files[0], (2, 3), "#", 256.0, ("AF7", "AF8"))
    files = sorted((DATA / "emg-openbci").glob("*S03_S1R0.txt.gz"))
    return files and read(files[0], (1, 2), "%", 200.0, ("m1", "m2"))


@pytest.mark.parametrize(("kind", "l_freq", "band"), [("blinks", 1.0, (0.5, 8)), ("muscles", 10.0, (10, 50))])
def test_real_blinks_and_muscles(kind, l_freq, band):
    recording = real(kind)
    if not recording:
        pytest.skip("EEGDAE_DATA_DIR has no artefact recordings")
    layout = Layout("signals", (3, 200), sfreq=100.0)
    ready = prepare(recording, l_freq=l_freq, sfreq=100.0)
    loud = Artefacts(loudest=0.05).with_recordings([ready], sfreq=100.0, ch_names=("Fp1", "AF7", "Oz"))
    x = torch.randn(N, 600, generator=torch.Generator().manual_seed(0))
    noise = mixed(loud, x, 1.0, layout)
    torch.testing.assert_close(rms(noise), rms(x), rtol=1e-4, atol=0)
    assert (noise[:, [0, 2]] == 0).all() == (kind == "blinks")
    power = (np.abs(np.fft.rfft(noise[:, 1].numpy())) ** 2).mean(0)
    freqs = np.fft.rfftfreq(200, 0.01)
    inside = (freqs >= band[0]) & (freqs <= band[1])
    assert power[inside].sum() > 0.6 * power.sum()

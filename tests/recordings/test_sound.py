import shutil
import sys
import wave

import numpy as np
import pytest
import soundfile
from scipy.io import wavfile

from eegdae.recordings import load_recordings, read_recordings

from .mutations import check_sound, survives

RNG = np.random.default_rng(0)
BITS = {"PCM_U8": 8, "PCM_S8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32, "FLOAT": 24, "DOUBLE": 53}


@pytest.fixture(params=["soundfile", "scipy"])
def reader(request, monkeypatch):
    """WAV is read by soundfile where it is there, else by SciPy."""
    if request.param == "scipy":
        monkeypatch.setitem(sys.modules, "soundfile", None)
    return request.param


def signal(n_chans=2, n_times=500):
    return RNG.uniform(-0.99, 0.99, size=(n_times, n_chans))


def write(path, subtype="PCM_16", n_chans=2, sfreq=8000, n_times=500):
    values = signal(n_chans, n_times)
    soundfile.write(path, values, sfreq, subtype=subtype)
    return values


@pytest.mark.parametrize("n_chans", [1, 2, 5])
@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_wav_holds_what_was_written_to_its_resolution(tmp_path, reader, subtype, n_chans):
    values = write(tmp_path / "a.wav", subtype, n_chans)
    (got,) = read_recordings(tmp_path / "a.wav")
    assert got.data.shape == (n_chans, 500)
    assert (got.sfreq, got.unit, got.mask) == (8000, "a.u.", None)
    assert got.ch_names == tuple(f"ch{c + 1}" for c in range(n_chans))
    assert np.abs(got.data - values.T).max() <= 2.0 ** (1 - min(BITS[subtype], 23))


@pytest.mark.parametrize("n_chans", [1, 2])
@pytest.mark.parametrize("subtype", ["PCM_S8", "PCM_16", "PCM_24"])
def test_flac_holds_what_was_written_to_its_resolution(tmp_path, subtype, n_chans):
    values = write(tmp_path / "a.flac", subtype, n_chans, n_times=70000)
    (got,) = read_recordings(tmp_path / "a.flac")
    assert (got.data.shape, got.sfreq) == ((n_chans, 70000), 8000)
    assert np.abs(got.data - values.T).max() <= 2.0 ** (1 - BITS[subtype])
    expected, _ = soundfile.read(tmp_path / "a.flac", always_2d=True)
    assert np.array_equal(got.data, expected.T.astype(np.float32))


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float32", "float64"])
def test_wav_written_by_scipy(tmp_path, reader, dtype):
    """Whole numbers over the whole range; the extremes are -1 and just below 1."""
    if dtype[0] == "f":
        written, expected = signal().astype(dtype), None
    else:
        info = np.iinfo(dtype)
        written = RNG.integers(info.min, info.max, size=(300, 2), endpoint=True).astype(dtype)
        written[0], written[1] = info.min, info.max
        half = 2.0 ** (info.bits - 1)
        expected = (written.astype(np.float64) - (half if dtype == "uint8" else 0)) / half
    wavfile.write(tmp_path / "a.wav", 44100, written)
    (got,) = read_recordings(tmp_path / "a.wav")
    assert got.sfreq == 44100
    wanted = written if expected is None else expected
    assert np.array_equal(got.data, wanted.T.astype(np.float32))


def test_24_bit_by_hand(tmp_path, reader):
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((1, 3, 100, 0, "NONE", ""))
        file.writeframes(b"".join(v.to_bytes(3, "little", signed=True) for v in (0, 1, -1, 2**22, -(2**23))))
    (got,) = read_recordings(tmp_path / "a.wav")
    assert got.data.tolist() == [[0, 2.0**-23, -(2.0**-23), 0.5, -1]]


def test_names_people_and_labels_from_the_configuration(tmp_path, data_config):
    for name in ("Zoë 1_hum.wav", "Zoë 1_clap.wav"):
        write(tmp_path / name)
    config = data_config("sound_files", path=str(tmp_path), ch_names=["left", "right"])
    config |= {"pattern": "{subject}_{run}.wav", "labels": {"from": "run", "map": None}}
    first, second = load_recordings(config)
    assert first.ch_names == ("left", "right")
    assert {r.subject for r in (first, second)} == {"Zoë 1"}
    assert [r.annotations[0].label for r in (first, second)] == ["clap", "hum"]
    assert (first.annotations[0].start, first.annotations[0].stop) == (0, 500)


def test_gaps_and_infinity_in_floats(tmp_path, reader, one_line):
    values = signal().astype(np.float32)
    values[7, 1] = np.nan
    wavfile.write(tmp_path / "a.wav", 100, values)
    (got,) = read_recordings(tmp_path / "a.wav")
    assert got.mask is not None
    assert np.argwhere(~got.mask).tolist() == [[1, 7]]
    values[7, 1] = np.inf
    wavfile.write(tmp_path / "a.wav", 100, values)
    assert "channel ch2 is infinite" in one_line(read_recordings, tmp_path / "a.wav")


def test_a_wav_of_unknown_length_is_read_to_its_end(tmp_path):
    """As programs leave it that write to a pipe."""
    values = write(tmp_path / "a.wav")
    content = bytearray((tmp_path / "a.wav").read_bytes())
    at = content.index(b"data")
    content[at + 4 : at + 8] = b"\xff" * 4
    (tmp_path / "a.wav").write_bytes(content)
    assert read_recordings(tmp_path / "a.wav")[0].n_times == len(values)


def test_compressed_wav(tmp_path):
    values = 0.5 * np.sin(np.arange(800) / 10)
    soundfile.write(tmp_path / "a.wav", values, 8000, subtype="ULAW")
    (got,) = read_recordings(tmp_path / "a.wav")
    assert np.abs(got.data[0] - values).max() < 0.02


def test_flac_without_its_package(tmp_path, monkeypatch, one_line):
    write(tmp_path / "a.flac")
    monkeypatch.setitem(sys.modules, "soundfile", None)
    assert "pip install 'eegdae[sound]'" in one_line(read_recordings, tmp_path / "a.flac")


@pytest.mark.parametrize("ending", ["wav", "flac"])
def test_cut_off_anywhere(tmp_path, ending, reader, one_line):
    write(tmp_path / f"whole.{ending}", n_times=3000)
    content = (tmp_path / f"whole.{ending}").read_bytes()
    cut = tmp_path / f"a cut {ending}.{ending}"
    for keep in [0, 3, 4, 11, 20, 30, 40, 43, 44, 46, 100, len(content) // 2, len(content) - 1]:
        cut.write_bytes(content[:keep])
        assert str(cut) in one_line(read_recordings, cut)


@pytest.mark.parametrize(("at", "said"), [(20000, "cannot be read"), (30, "MD5"), (25, "cannot be read")])
def test_a_flac_file_with_a_changed_byte(tmp_path, at, said, one_line):
    """In the samples, in their checksum, in their number."""
    write(tmp_path / "a.flac", n_times=20000)
    content = bytearray((tmp_path / "a.flac").read_bytes())
    content[at] ^= 0x10
    (tmp_path / "a.flac").write_bytes(content)
    assert said in one_line(read_recordings, tmp_path / "a.flac")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"time,a,b\n0,1,2\n", "neither a WAV nor a FLAC file: it begins with b'time'"),
        (b"RIFF\x10\x00\x00\x00AVI fmt ", "its form is b'AVI '"),
        (b"RIFF\x24\x00\x00\x00WAVEdata\x08\x00\x00\x00" + bytes(8), "before their format"),
        (b"RIFF\x24\x00\x00\x00WAVE", "its samples are not"),
        (b"fLaC" + bytes(40), "FLAC header is damaged"),
    ],
)
def test_what_is_no_sound(tmp_path, content, said, one_line):
    (tmp_path / "a.wav").write_bytes(content)
    message = one_line(read_recordings, tmp_path / "a.wav")
    assert "a.wav" in message
    assert said in message


@pytest.mark.parametrize(
    ("at", "value", "said"),
    [(22, 0, "0 channels"), (24, 0, "0 Hz"), (32, 0, "0 bytes"), (32, 3, "no multiple of 3")],
)
def test_a_header_that_cannot_be(tmp_path, at, value, said, reader, one_line):
    write(tmp_path / "a.wav")
    content = bytearray((tmp_path / "a.wav").read_bytes())
    content[at : at + 2] = value.to_bytes(2, "little")
    (tmp_path / "a.wav").write_bytes(content)
    assert said in one_line(read_recordings, tmp_path / "a.wav")


def test_names_that_do_not_fit_and_a_swapped_ending(tmp_path, one_line):
    write(tmp_path / "a.wav")
    assert "3 channel names for 2 channels" in one_line(
        read_recordings, tmp_path / "a.wav", ch_names=list("abc")
    )
    assert "more than once: a" in one_line(read_recordings, tmp_path / "a.wav", ch_names=["a", "a"])
    shutil.copy(tmp_path / "a.wav", tmp_path / "b.flac")  # told by its content, not by its name
    assert read_recordings(tmp_path / "b.flac")[0].n_times == 500


@pytest.mark.parametrize("ending", ["wav", "flac"])
@pytest.mark.parametrize(("n", "seed"), [(200, 1), pytest.param(5000, 2, marks=pytest.mark.slow)])
def test_random_damage(tmp_path, ending, reader, n, seed):
    def check(recordings):
        check_sound(recordings)
        if ending == "flac":  # what changed is not part of the sound
            assert [got.data.shape for got in recordings] == [(2, 200)]

    file = tmp_path / f"own.{ending}"
    write(file, n_times=200)
    assert sum(survives(file, file.read_bytes(), n=n, seed=seed, check=check)) == n

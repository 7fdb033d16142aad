"""A live stream from another process, over loopback: no network is needed."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from shell import command, error_line, finish, left_overs

from eegdae.cli import main
from eegdae.recordings import load_recordings, read_recordings
from eegdae.recordings.streams.lsl import cut, record_stream

OUTLET = """
import sys, time
import pylsl

name, form = sys.argv[1:3]
sfreq, pause, stop = map(float, sys.argv[3:])
info = pylsl.StreamInfo(name, "Test" + name, 2, sfreq, form, name)
channels = info.desc().append_child("channels")
for label, unit in (("Cz", "millivolts"), ("Oz", "millivolts")):
    channel = channels.append_child("channel")
    channel.append_child_value("label", label)
    channel.append_child_value("unit", unit)
outlet = pylsl.StreamOutlet(info, chunk_size=1)
print("ready", flush=True)
outlet.wait_for_consumers(60)
start, sent = pylsl.local_clock(), 0
while stop <= 0 or sent < stop * sfreq:
    if pause and sent == 50:
        time.sleep(max(pause, 0))
        start += pause
        pause = 0
    value = ["a", "b"] if form == "string" else [sent / 1000, -sent / 1000]
    stamp = start + sent / (sfreq or 100)
    time.sleep(max(stamp - pylsl.local_clock(), 0))
    outlet.push_sample(value, stamp)
    sent += 1
"""


@pytest.fixture(scope="module", autouse=True)
def loopback(tmp_path_factory):
    """Streams of this machine only, for this process and those that it starts."""
    config = tmp_path_factory.mktemp("lsl") / "lsl_api.cfg"
    config.write_text("[multicast]\nResolveScope = machine\n[lab]\nKnownPeers = {127.0.0.1}\n")
    before = os.environ.get("LSLAPICFG")
    os.environ["LSLAPICFG"] = str(config)
    yield
    del os.environ["LSLAPICFG"]
    if before is not None:
        os.environ["LSLAPICFG"] = before


@pytest.fixture
def outlet():
    """Start a stream in a process of its own."""
    started = []

    def start(name, form="float32", sfreq=100.0, pause=0.0, stop=0.0):
        # names of this process: other tests may run beside
        args = [f"{name}{os.getpid()}", form, str(sfreq), str(pause), str(stop)]
        process = subprocess.Popen(
            [sys.executable, "-c", OUTLET, *args],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        started.append(process)
        assert process.stdout.readline() == "ready\n"
        return args[0], process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def rising(recording):
    """Check that no sample is missing or twice: each is one microvolt above the one before."""
    seen = recording.data[0] if recording.mask is None else recording.data[0][recording.mask[0]]
    steps = np.diff(seen)
    assert np.allclose(recording.data[1], -recording.data[0])
    return np.allclose(steps, 1, atol=1e-3)


def test_a_stream_to_a_file_and_back(tmp_path, capsys, outlet, data_config):
    name, _ = outlet("Amp")
    out = tmp_path / "my rec ä.npz"
    about = ["subject=7", "session=home", "run=2", "label=rest"]
    assert main(["data", "record", f"stream={name}", "seconds=1.5", f"out={out}", *about]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert told.out.splitlines()[0] == f"recording {name}: 2 channels at 100 Hz; Ctrl-C ends it"
    assert told.out.splitlines()[1] == f"{out}: 1.5 s, 2 channels x 150 samples at 100 Hz"
    (got,) = load_recordings(data_config("npz_files", path=str(out)))
    assert (got.ch_names, got.unit, got.sfreq, got.n_times) == (("Cz", "Oz"), "uV", 100, 150)
    assert (got.subject, got.session, got.run) == ("7", "home", "2")
    assert [(a.start, a.stop, a.label) for a in got.annotations] == [(0, 150, "rest")]
    assert got.mask is None
    assert rising(got)
    assert sorted(os.listdir(tmp_path)) == [out.name]
    line = error_line(capsys, ["data", "record", f"stream={name}", "seconds=1", f"out={out}"])
    assert "is there already" in line


def test_what_was_not_sent_is_not_observed(outlet):
    name, _ = outlet("Gap", pause=1.5)
    got = record_stream(name, seconds=2.6)
    assert got.ended == "whole"
    assert got.recording.mask is not None
    seen = got.recording.mask.all(axis=0)
    assert seen[:50].all()
    assert not seen[50:200].any()
    assert seen[200:].all()
    assert got.recording.data[0, 200] == pytest.approx(50)
    assert rising(got.recording)
    assert got.measured == pytest.approx(100, rel=0.01)


def test_time_stamps_that_go_back_cost_no_sample(outlet):
    name, _ = outlet("Back", pause=-30.0)
    got = record_stream(name, seconds=0.7)
    assert got.ended.startswith("whole; samples stand one after the other, since its time stamps: goes back")
    assert got.recording.mask is None
    assert rising(got.recording)
    assert cut(got, 0.7).recording.n_times == 70


def test_a_lost_stream_keeps_what_came(tmp_path, capsys, outlet):
    name, _ = outlet("Lost", stop=1)
    out = tmp_path / "a.npz"
    assert main(["data", "record", f"stream=Test{name}", "seconds=60", f"out={out}"]) == 0
    assert capsys.readouterr().out.splitlines()[1].endswith("; the stream was lost")
    (got,) = read_recordings(out)
    assert 95 <= got.n_times <= 100
    assert rising(got)


def test_interrupted_keeps_what_came(tmp_path, outlet):
    """Ctrl-C in a process; what liblsl logs is not on its screen."""
    name, _ = outlet("Stop")
    out = tmp_path / "a.npz"
    process = command(["data", "record", f"stream={name}", f"out={out}"])
    assert process.stdout.readline().startswith("recording Stop")
    time.sleep(1)
    assert not out.exists()
    process.send_signal(signal.SIGINT)
    status, told, err = finish(process)
    assert (status, err) == (0, "")
    assert told.endswith("; interrupted\n")
    (got,) = read_recordings(out)
    assert got.n_times >= 50
    assert rising(got)
    assert left_overs(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_a_recording_in_order(outlet, number):
    name, _ = outlet("Sig")
    before = signal.getsignal(number)
    timer = threading.Timer(0.5, os.kill, (os.getpid(), number))
    got = record_stream(name, tell=lambda _: timer.start())
    assert got.ended == "interrupted"
    assert got.recording.n_times >= 25
    assert rising(got.recording)
    assert signal.getsignal(number) is before


def test_what_cannot_be_recorded(tmp_path, capsys, outlet, monkeypatch):
    monkeypatch.setattr("eegdae.recordings.streams.lsl._WAIT_S", 1)
    text, _ = outlet("Text", form="string")
    loose, _ = outlet("Loose", sfreq=0.0)
    to = f"out={tmp_path}/a.npz"
    for words, said in [
        ([f"stream={text}", to], "holds text, no signal"),
        ([f"stream={loose}", to], "has no constant rate"),
        ([f"stream={loose}x", to], f"no such stream in 1 s; did you mean '{loose}'"),
    ]:
        assert said in error_line(capsys, ["data", "record", *words])
    assert os.listdir(tmp_path) == []


def test_two_streams_of_one_type(outlet, one_line):
    name, _ = outlet("Twin")
    outlet("Twin")
    assert f"2 streams are meant: {name} (Test{name}, on " in one_line(record_stream, name)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["stream=x"], "out=... is needed; usage: eegdae data record stream=NAME out=FILE.npz"),
        (["out=a.npz"], "stream=... is needed"),
        (["stream=x", "out=a.npz", "secs=3"], "'secs=3': did you mean 'seconds'"),
        (["x"], "data record 'x': known: "),
        (["stream=x", "out=a.edf"], "out=a.edf: must end in .npz"),
        (["stream=x", "out=nowhere/a.npz"], "out=nowhere/a.npz: cannot be written: No such file"),
        (["stream=x", "out=a.npz", "seconds=long"], "seconds=long: a number above 0"),
        (["stream=x", "out=a.npz", "seconds=-1"], "seconds=-1.0: a number above 0"),
        (["stream=x", "out=a.npz", "seconds=nan"], "seconds=nan: a number above 0"),
    ],
)
def test_words_that_do_not_fit(tmp_path, monkeypatch, capsys, words, said):
    monkeypatch.chdir(tmp_path)
    assert said in error_line(capsys, ["data", "record", *words])
    assert os.listdir(tmp_path) == []


def test_without_pylsl(monkeypatch, one_line):
    monkeypatch.setitem(sys.modules, "pylsl", None)
    assert "pip install 'eegdae[lsl]'" in one_line(record_stream, "x")

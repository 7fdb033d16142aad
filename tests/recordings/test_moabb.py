"""Data sets of MOABB: one that it makes up, and files of the true format for its real loaders."""

import functools
import http.server
import sys
import threading

import numpy as np
import pytest
from edfio import Edf, EdfAnnotation, EdfSignal
from scipy.io import savemat
from shell import as_anyone

from eegdae.recordings import get, load_recordings

RNG = np.random.default_rng(0)


@pytest.fixture
def fake(tmp_path):
    """A configuration of MOABB's FakeDataset: 3 people, 2 sessions, 2 runs, 3 classes, 128 Hz."""
    options = {"n_subjects": 3, "n_events": 9, "duration": 40, "seed": 7}

    def config(**changes):
        more = {**options, **changes.pop("options", {})}
        return {"source": "moabb", "dataset": "FakeDataset", "path": str(tmp_path), "options": more} | changes

    return config


def raws(cfg):
    from moabb.datasets import FakeDataset

    return FakeDataset(**cfg["options"]).get_data()


@pytest.mark.parametrize("stim", [True, False])
def test_runs_become_recordings_and_trials_annotations(fake, stim):
    cfg = fake(options={"stim": stim, "annotations": not stim})
    recordings = load_recordings(cfg)
    assert [(r.subject, r.session, r.run) for r in recordings] == [
        (s, n, k) for s in "123" for n in "01" for k in "01"
    ]
    data = raws(cfg)
    for rec in recordings:
        raw = data[int(rec.subject)][rec.session][rec.run]
        assert np.allclose(rec.data, raw.get_data(picks="eeg") * 1e6, rtol=1e-6)
        assert (rec.sfreq, rec.ch_names, rec.unit) == (128, ("C3", "Cz", "C4"), "uV")
        assert rec.ch_pos is not None
        assert np.allclose(rec.ch_pos, [raw.info["chs"][k]["loc"][:3] for k in range(3)])
        assert [a.label for a in rec.annotations] == ["fake1", "fake2", "fake3"] * 3
        assert {a.stop - a.start for a in rec.annotations} == {3 * 128}
        onsets = [round(at * 128) for at in raw.annotations.onset]
        assert [a.start for a in rec.annotations] == onsets
        assert f"subject {rec.subject} session {rec.session} run {rec.run}" in rec.source


def test_subjects_and_sessions(fake):
    got = load_recordings(fake(subjects=[3, "1", 3], sessions=[1]))
    assert [(r.subject, r.session, r.run) for r in got] == [(s, "1", k) for s in "31" for k in "01"]


def test_labels_can_be_the_subject(fake):
    got = load_recordings(fake(subjects=[2], labels={"from": "subject"}))
    assert {(a.start, a.stop, a.label) for r in got for a in r.annotations} == {(0, 40 * 128, "2")}


def test_a_paradigm_chooses_events_and_window(fake):
    from moabb.datasets import FakeDataset
    from moabb.paradigms import MotorImagery

    how = {"events": ["fake1", "fake3"], "n_classes": 2, "tmin": 0.5, "tmax": 2.5}
    cfg = fake(paradigm={"name": "MotorImagery", **how}, subjects=[1, 2])
    got = load_recordings(cfg)
    x, labels, meta = MotorImagery(**how).get_data(FakeDataset(**cfg["options"]), subjects=[1, 2])
    assert [a.label for r in got for a in r.annotations] == list(labels)
    assert [r.subject for r in got for _ in r.annotations] == list(meta["subject"].astype(str))
    assert [r.session for r in got for _ in r.annotations] == list(meta["session"])
    assert {a.stop - a.start for r in got for a in r.annotations} == {256} == {x.shape[-1] - 1}
    whole = load_recordings(fake(subjects=[1, 2]))
    starts = [a.start + 64 for r in whole for a in r.annotations if a.label != "fake2"]
    assert [a.start for r in got for a in r.annotations] == starts


def test_trials_beyond_the_end_are_left_out_and_counted(fake, caplog):
    with caplog.at_level("INFO", "eegdae"):
        got = load_recordings(fake(paradigm={"name": "MotorImagery", "tmax": 4.0}, subjects=[1]))
    assert {len(r.annotations) for r in got} == {8}
    assert "left out 1 trials" in caplog.text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"dataset": "BNCI2014_01"},
            "data.dataset=BNCI2014_01: no such data set of MOABB; did you mean 'BNCI2014_001'",
        ),
        ({"dataset": "BaseDataset"}, "no such data set"),
        ({"options": {"n_subjets": 3}}, "FakeDataset cannot be made with it"),
        ({"subjects": [9]}, "has no subject 9; known: 1, 2, 3"),
        ({"subjects": 1}, "data.subjects=1: must be a list"),
        ({"subjects": []}, "data.subjects=[]: must be a list"),
        ({"sessions": 0}, "data.sessions=0: must be a list"),
        ({"sessions": [5]}, "no run is left of data.sessions=[5] and data.paradigm=None; sessions: 0, 1"),
        ({"paradigm": "MotorImagry"}, "no such paradigm of MOABB; did you mean 'MotorImagery'"),
        ({"paradigm": 3}, "data.paradigm=3: must be a name"),
        ({"paradigm": {"name": "MotorImagery", "fmin": 3}}, "data.paradigm.fmin: unknown key"),
        ({"paradigm": {"name": "MotorImagery", "tmin": 3, "tmax": 1}}, "tmax must be greater than tmin"),
        ({"paradigm": "P300"}, "data.paradigm=P300: does not fit FakeDataset"),
        ({"paradigm": "LeftRightImagery"}, "does not fit FakeDataset"),
        ({"exclude": ["C9"]}, "'C9' is not a channel"),
        ({"path": "nowhere"}, "data.path=nowhere: no such folder; make it"),
        ({"path": None}, "data.path=None: a folder is needed"),
        ({"datset": "x"}, "data.datset: unknown key; did you mean 'dataset'"),
    ],
)
def test_what_does_not_fit_names_the_key(fake, changes, said, one_line):
    assert said in one_line(load_recordings, fake(**changes))


def test_a_folder_without_permission_and_a_circle_of_links(fake, tmp_path, one_line):
    closed, loop = tmp_path / "closed", tmp_path / "loop"
    closed.mkdir(mode=0)
    loop.symlink_to(loop)
    within = fake(path=str(closed / "a"))
    assert as_anyone(one_line, load_recordings, within).endswith("cannot be looked into: Permission denied")
    real = {"source": "moabb", "dataset": "BNCI2014_004", "subjects": [1], "path": str(closed)}
    assert "Permission denied" in as_anyone(one_line, load_recordings, real)
    assert "no such folder" in one_line(load_recordings, fake(path=str(loop)))


def test_options_that_are_no_mapping(fake, one_line):
    assert "data.options=[1]: must be a mapping" in one_line(load_recordings, fake() | {"options": [1]})


def test_without_moabb(fake, monkeypatch, one_line):
    for name in [name for name in sys.modules if name.split(".")[0] == "moabb"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "moabb", None)
    assert "pip install 'eegdae[moabb]'" in one_line(load_recordings, fake())


# true formats, downloaded from a server of this machine


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Serve a folder over http on the loopback; give the folder, its address and what was asked for."""
    root, asked = tmp_path / "server", []
    root.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            asked.append(self.path)

        def copyfile(self, source, outputfile):
            """Break off in the middle where the name of the folder says so."""
            content = source.read()
            outputfile.write(content[: len(content) // 2] if (root / "break off").exists() else content)

    handler = functools.partial(Handler, directory=str(root))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        monkeypatch.setenv("MOABB_DOWNLOAD_PROVIDER", "upstream")
        yield root, f"http://127.0.0.1:{running.server_port}/", asked
        running.shutdown()


def graz(path, n_chans, labels, sfreq, sessions_y):
    """A .mat file as of BNCI Horizon 2020: runs with X (uV), trial (samples from 1), y, fs, classes."""
    runs = []
    for y in sessions_y:
        n = round(sfreq) * 7 * max(len(y), 1)
        runs.append(
            {
                "X": RNG.normal(scale=10, size=(n, n_chans)),
                "trial": np.arange(len(y)) * round(sfreq) * 7 + 101.0,
                "y": np.array(y, dtype=float),
                "fs": float(sfreq),
                "classes": np.array(labels, dtype=object),
                "artifacts": np.zeros(len(y)),
                "gender": "male",
                "age": 22.0,
            }
        )
    data = np.empty((1, len(runs)), dtype=object)
    for k, run in enumerate(runs):
        run["trial"] = run["trial"].astype(np.int32)
        data[0, k] = run
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {"data": data})
    return runs


def redirect_graz(monkeypatch, module, url):
    """The address is a default argument of its loaders; the function that downloads is told ours."""
    true = module.data_path

    def data_path(address, *args, **kwargs):
        return true(url + address.removeprefix(module.BNCI_URL), *args, **kwargs)

    monkeypatch.setattr(module, "data_path", data_path)


def test_bnci2014_001(server, cache, data_config, monkeypatch, tmp_path):
    from moabb.datasets.bnci import bnci_2014

    root, url, asked = server
    labels = ["left hand", "right hand", "feet", "tongue"]
    written = {
        r: graz(root / f"001-2014/A02{r}.mat", 25, labels, 250, [[], [1, 2, 3, 4], [4, 3, 2, 1]])
        for r in "TE"
    }
    redirect_graz(monkeypatch, bnci_2014, url)
    config = data_config("bnci2014_001", data_dir=tmp_path / "none", subjects=[2], prepare=None)
    assert get(config) == cache / "bnci2014_001"
    assert asked == ["/001-2014/A02T.mat", "/001-2014/A02E.mat"]
    recordings = load_recordings(config)
    assert len(asked) == 2  # read from the cache folder
    assert [(r.subject, r.session, r.run) for r in recordings] == [
        ("2", s, k) for s in ("0train", "1test") for k in "01"
    ]
    assert (recordings[0].sfreq, recordings[0].unit, recordings[0].n_chans) == (250, "uV", 22)
    assert recordings[0].ch_names[:3] == ("Fz", "FC3", "FC1")
    assert np.allclose(recordings[0].data, written["T"][1]["X"][:, :22].T, atol=1e-3)
    assert [a.label for a in recordings[0].annotations] == config["classes"]
    assert [a.label for a in recordings[1].annotations] == config["classes"][::-1]
    # the interval of the set: imagery from 2 to 6 s after the begin of the trial
    assert [(a.start, a.stop) for a in recordings[0].annotations] == [
        (k * 1750 + 600, k * 1750 + 1600) for k in range(4)
    ]


def test_bnci2015_001(server, cache, data_config, monkeypatch, tmp_path):
    from moabb.datasets.bnci import bnci_2015

    root, url, asked = server
    for r in "ABC":
        graz(root / f"001-2015/S08{r}.mat", 13, ["right hand", "feet"], 512, [[1, 2]])
    redirect_graz(monkeypatch, bnci_2015, url)
    config = data_config("bnci2015_001", data_dir=tmp_path / "none", subjects=[8], sessions=["0A", 2])
    recordings = load_recordings(config)
    assert len(asked) == 3
    assert [r.session for r in recordings] == ["0A", "2C"]
    assert {(r.sfreq, r.n_chans, r.unit) for r in recordings} == {(128, 13, "uV")}
    assert [a.label for a in recordings[0].annotations] == ["right_hand", "feet"]
    assert {a.stop - a.start for a in recordings[0].annotations} == {5 * 128}


def test_lee2019(server, cache, data_config, monkeypatch, tmp_path):
    import mne
    from moabb.datasets import Lee2019

    root, url, _ = server
    names = [n for n in mne.channels.make_standard_montage("standard_1020").ch_names if n[0] in "FCPO"][:62]
    x = RNG.normal(scale=10, size=(20000, len(names)))
    run = {
        "fs": 1000.0,
        "class": np.array([[1, "right"], [2, "left"]], dtype=object),
        "x": x,
        "chan": np.array(names, dtype=object)[None],
        "EMG": RNG.normal(size=(20000, 4)),
        "EMG_index": np.array([f"EMG_{k}" for k in range(4)], dtype=object)[None],
        "t": np.array([[3000.0, 12000.0]]).astype(np.int32),
        "y_dec": np.array([[2, 1]], dtype=np.int32),
    }
    for session in (1, 2):
        path = root / f"session{session}/s1/sess{session:02d}_subj01_EEG_MI.mat"
        path.parent.mkdir(parents=True)
        savemat(path, {"EEG_MI_train": run, "EEG_MI_test": run})
    monkeypatch.setattr(Lee2019, "Lee2019_URL", url)
    config = data_config("lee2019", data_dir=tmp_path / "none", subjects=[1], prepare=None)
    first, second = load_recordings(config)
    assert [(r.subject, r.session, r.run) for r in (first, second)] == [
        ("1", "1", "1train"),
        ("1", "2", "1train"),
    ]
    assert (first.sfreq, first.unit, first.ch_names) == (1000, "uV", tuple(names))
    assert np.allclose(first.data, x.T, atol=1e-3)
    assert [(a.start, a.stop, a.label) for a in first.annotations] == [
        (3000, 7000, "left_hand"),
        (12000, 16000, "right_hand"),
    ]


BCI2000 = (
    "Fc5 Fc3 Fc1 Fcz Fc2 Fc4 Fc6 C5 C3 C1 Cz C2 C4 C6 Cp5 Cp3 Cp1 Cpz Cp2 Cp4 Cp6 Fp1 Fpz Fp2 Af7 Af3 Afz "
    "Af4 Af8 F7 F5 F3 F1 Fz F2 F4 F6 F8 Ft7 Ft8 T7 T8 T9 T10 Tp7 Tp8 P7 P5 P3 P1 Pz P2 P4 P6 P8 Po7 Po3 Poz "
    "Po4 Po8 O1 Oz O2 Iz"
)


def test_physionet_mi(server, cache, data_config, monkeypatch, tmp_path):
    from moabb.datasets import physionet_mi

    root, url, asked = server
    names = BCI2000.split()
    x = RNG.uniform(-90, 90, size=(64, 160 * 20))
    (root / "S003").mkdir()
    for run in (4, 6, 8, 10, 12, 14):
        signals = [
            EdfSignal(
                v,
                160,
                label=n.ljust(4, "."),
                physical_dimension="uV",
                physical_range=(-100, 100),
            )
            for v, n in zip(x, names, strict=True)
        ]
        marks = [
            EdfAnnotation(0, 4.2, "T0"),
            EdfAnnotation(4.2, 4.1, "T2"),
            EdfAnnotation(8.3, 4.2, "T0"),
            EdfAnnotation(12.5, 4.1, "T1"),
        ]
        Edf(signals, annotations=marks).write(root / f"S003/S003R{run:02d}.edf")
    monkeypatch.setattr(physionet_mi, "BASE_URL", url)
    config = data_config("physionet_mi", data_dir=tmp_path / "none", subjects=[3], prepare=None)
    recordings = load_recordings(config)
    assert sorted(asked) == [f"/S003/S003R{run:02d}.edf" for run in (4, 6, 8, 10, 12, 14)]
    assert [r.run for r in recordings] == list("012345")
    hands, feet = recordings[0], recordings[3]
    # MNE finds no event at the very first sample, so MOABB has no rest there
    assert [a.label for a in hands.annotations] == ["right_hand", "rest", "left_hand"]
    assert [a.label for a in feet.annotations] == ["feet", "rest", "hands"]
    assert {a.stop - a.start for a in hands.annotations} == {3 * 160}
    assert [a.start for a in hands.annotations] == [672, 1328, 2000]
    assert (hands.sfreq, hands.unit) == (160, "uV")
    assert np.abs(hands.data - x).max() < 200 / 65535


def test_a_download_that_breaks_off_leaves_nothing_and_goes_again(
    server, cache, data_config, monkeypatch, tmp_path, one_line
):
    from moabb.datasets.bnci import bnci_2014

    root, url, _ = server
    for r in "TE":
        graz(root / f"001-2014/A01{r}.mat", 25, ["left hand", "right hand", "feet", "tongue"], 250, [[1, 2]])
    redirect_graz(monkeypatch, bnci_2014, url)
    config = data_config("bnci2014_001", data_dir=tmp_path / "none", subjects=[1])
    (root / "break off").touch()
    assert "MOABB cannot get subject 1" in one_line(get, config)
    assert not list(cache.rglob("*.mat"))
    (root / "break off").unlink()
    assert len(load_recordings(config)) == 2


@pytest.mark.parametrize("content", [None, b"", b"no mat file", "half"])
def test_a_download_that_fails_or_is_damaged(
    server, cache, data_config, monkeypatch, tmp_path, content, one_line
):
    from moabb.datasets.bnci import bnci_2014

    root, url, _ = server
    file = root / "001-2014/A01T.mat"
    graz(file, 25, ["left hand", "right hand", "feet", "tongue"], 250, [[1, 2]])
    whole = file.read_bytes()
    if content is None:
        file.unlink()
    else:
        file.write_bytes(whole[: len(whole) // 2] if content == "half" else content)
    redirect_graz(monkeypatch, bnci_2014, url)
    config = data_config("bnci2014_001", data_dir=tmp_path / "none", subjects=[1])
    message = one_line(load_recordings, config)
    assert message.startswith("data.dataset=BNCI2014_001: MOABB cannot get subject 1 into ")

"""Bad input from the shell: one line, status 2, the key or file and the mend; nothing half-written."""

from __future__ import annotations

import sys

import mne
import numpy as np
import pytest
import torch
import yaml
from shell import (
    SMALL,
    as_anyone,
    eeg_files,
    error_line,
    full_disk,
    left_overs,
    my_recordings,
    recordings,
    run_json,
)
from test_run import bad_checkpoints

from eegdae.cli import main

OWN = [word for word in SMALL if word not in ("~experiment", "data=mine")]


def begun_and_failed(folder):
    """A run had begun: its run.json says failed and why, and nothing half-written is left."""
    told = run_json(folder)
    assert told["status"] == "failed"
    assert told["error"]
    assert left_overs(folder) == []
    return told["error"]


def train(capsys, tmp_path, *overrides, flags=None):
    """Train on recordings of one's own; return the error line after the checks of a run that had begun."""
    flags = flags if flags is not None else my_recordings(tmp_path)
    folder = tmp_path / "run"
    line = error_line(capsys, ["train", *flags, *SMALL, f"hydra.run.dir={folder}", *overrides])
    assert begun_and_failed(folder) in line
    return line


def refused(capsys, tmp_path, *args):
    """A command that must be refused before a run begins: its error line."""
    folder = tmp_path / "run"
    line = error_line(capsys, [*args, f"hydra.run.dir={folder}"])
    assert not (folder / "run.json").exists()
    return line


# files


@pytest.mark.parametrize(
    ("name", "keep", "said"),
    [
        ("missing.edf", None, "no such file"),
        ("empty.edf", 0, "the file is empty"),
        ("half.edf", 0.5, "was cut off: its header says 3848636 bytes, the file has 1924318; get it anew"),
        ("short.edf", 0.9999, "was cut off"),
        ("header.edf", 0.0001, "header is damaged or cut off"),
        ("edf.fif", 1, "is no FIF file"),
        ("edf.bdf", 1, "is no BDF file"),
        ("edf.set", 1, "cannot be read by MNE"),
    ],
)
def test_an_edf_file_that_is_not_what_it_should_be(capsys, tmp_path, name, keep, said):
    content = eeg_files()[0].read_bytes()
    file = tmp_path / name
    if keep is not None:
        file.write_bytes(content[: int(len(content) * keep)])
    folder = tmp_path / "run"
    line = error_line(capsys, ["train", f"data={file}", *OWN, f"hydra.run.dir={folder}"])
    assert str(file) in line
    assert said in line
    begun_and_failed(folder)


@pytest.mark.parametrize("content", [b"", b"hello" * 99, "half", "pickle"])
def test_an_npz_file_that_is_not_what_it_should_be(capsys, tmp_path, content):
    flags = my_recordings(tmp_path)
    file = tmp_path / "mine.npz"
    if content == "pickle":
        my_recordings(tmp_path, data=np.array([{}], dtype=object))
    else:
        file.write_bytes(file.read_bytes()[:2000] if content == "half" else content)
    assert str(file) in train(capsys, tmp_path, flags=flags)


def test_a_recording_shorter_than_a_window(capsys, tmp_path):
    line = train(capsys, tmp_path, "windows.size=5")
    assert (
        "mine.npz [0]: the longest trial lasts 4 s, shorter than a window of 5 s; shorten windows.size"
        in line
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ch_names": np.array(["c0", "c1", "zz"])}, "only in the first: c2; only in the second: zz"),
        ({"sfreq": np.array(25.0)}, "50 Hz and 25 Hz; resample both, e.g. data.prepare.sfreq=25"),
        ({"units": np.array(["uV"] * 3)}, "different units: a.u. and uV"),
    ],
)
def test_files_that_differ(capsys, tmp_path, change, said):
    flags = my_recordings(tmp_path)
    np.savez(tmp_path / "other.npz", **{**recordings(), **change})
    line = train(capsys, tmp_path, f"data.path=[{tmp_path}/mine.npz,{tmp_path}/other.npz]", flags=flags)
    assert said in line
    assert "mine.npz" in line
    assert "other.npz" in line


# channels


@pytest.mark.parametrize(("value", "what"), [(3.0, "flat"), (np.nan, "all-NaN")])
def test_a_channel_without_signal_is_refused_or_dropped_and_counted(capsys, tmp_path, value, what):
    arrays = recordings()
    arrays["data"][200:400, 1] = value
    flags = my_recordings(tmp_path, arrays)
    line = train(capsys, tmp_path, flags=flags)
    assert f"mine.npz [1]: channel c1 is {what}; set windows.bad_channels=drop" in line
    folder = tmp_path / "dropped"
    drop = [*flags, *SMALL, "windows.bad_channels=drop", f"hydra.run.dir={folder}"]
    assert main(["train", *drop]) == 0
    assert "2 channels" in capsys.readouterr().out
    assert f"{what} channel c1" in (folder / "report.html").read_text()
    saved = torch.load(folder / "model.ckpt", weights_only=True)["model"]
    assert list(saved["ch_names"]) == ["c0", "c2"]


def test_an_infinite_sample(capsys, tmp_path):
    arrays = recordings()
    arrays["data"][250, 2] = np.inf
    line = train(capsys, tmp_path, flags=my_recordings(tmp_path, arrays))
    assert "mine.npz [1]: channel c2 is infinite" in line
    assert "first at sample 50" in line


def test_nan_in_every_window(capsys, tmp_path):
    arrays = recordings()
    arrays["data"][::20, 0] = np.nan
    line = train(capsys, tmp_path, flags=my_recordings(tmp_path, arrays))
    assert "windows.max_missing=0" in line


def test_a_key_that_the_source_does_not_know(capsys, tmp_path):
    assert "data.pth: unknown key; did you mean 'path'?" in train(capsys, tmp_path, "+data.pth=x")


def test_no_channel_left(capsys, tmp_path):
    arrays = recordings()
    arrays["data"][:] = 1
    line = train(capsys, tmp_path, "windows.bad_channels=drop", flags=my_recordings(tmp_path, arrays))
    assert "leaves no channel" in line


# classes and folds


def test_a_single_class(capsys, tmp_path):
    line = train(capsys, tmp_path, flags=my_recordings(tmp_path, label=np.array(["x"] * 8)))
    assert "data.labels: ['x'] is a single class" in line


@pytest.mark.parametrize("label", [["z", "y"] + ["x", "y"] * 3, ["x"] * 7 + ["y"]])
def test_a_class_in_one_recording_only(capsys, tmp_path, label):
    line = train(capsys, tmp_path, flags=my_recordings(tmp_path, label=np.array(label)))
    missing = "z" if "z" in label else "y"
    assert f"has no training row of class {missing}; split by another group, or leave out what few" in line


def test_what_preparation_did_stands_in_the_report(tmp_path, capsys):
    import edfio

    for k in range(4):
        noise = np.random.default_rng(k).normal(size=(3, 1000)) * 20
        signals = [
            edfio.EdfSignal(x[: 10 * rate], rate, label=name, physical_dimension="uV")
            for x, name, rate in zip(noise, ("Fz", "Cz", "Pz"), (100, 100, 50), strict=True)
        ]
        marks = [edfio.EdfAnnotation(at, 4, label) for at, label in ((0, "a"), (5, "b"), (70, "late"))]
        edfio.Edf(signals, annotations=marks).write(tmp_path / f"S{k}.edf")
    folder = tmp_path / "run"
    args = [word for word in OWN if not word.startswith("~")]
    args += ["windows.size=1", "windows.bad_channels=drop", "data.prepare.bad_channels=[Cz]"]
    args += ["~experiment", f"data={tmp_path}/S*.edf", "data.pattern='S{subject}.edf'"]
    assert main(["train", *args, f"hydra.run.dir={folder}"]) == 0
    out, page = capsys.readouterr().out, (folder / "report.html").read_text()
    for note in (
        "brought to 100 Hz: Pz from 50 Hz",
        "1 event left out: outside the recording",
        "bad channel Cz",
    ):
        assert f"S3.edf: {note}" in out or f"; {note}" in out
        assert note in page


def test_fewer_groups_than_folds(capsys, tmp_path):
    line = train(capsys, tmp_path, "split.n_folds=5")
    assert "split.n_folds=5: only 4 groups by subject (0, 1, 2, 3); set split.n_folds=4 or less" in line


def test_windows_that_overlap_across_a_split(capsys, tmp_path):
    """Trials of a FIF file reach into one another; folds by trial would test on what was trained on."""
    noise = np.random.default_rng(0).normal(size=(3, 3000)) * 1e-5
    raw = mne.io.RawArray(noise, mne.create_info(3, 100.0, "eeg"), verbose="error")
    starts = np.arange(0, 24, 2.0)
    raw.set_annotations(mne.Annotations(starts, 4.0, ["x", "x", "y", "y"] * 3))
    raw.save(tmp_path / "a_raw.fif", verbose="error")
    by_trial = ["split=run_kfold", "split.by=trial", "split.n_folds=2", "windows.stride=2"]
    flags = ["--config-dir", str(tmp_path)]
    (tmp_path / "data").mkdir()
    (tmp_path / "data/mine.yaml").write_text(
        f"name: mine\nsource: mne\npath: {tmp_path}/a_raw.fif\nbands: {{low: [1, 5]}}\n"
    )
    line = train(capsys, tmp_path, *by_trial, flags=flags)
    assert "rows 2 (train) and 1 (test) overlap in time" in line
    assert "split by a larger group" in line


def test_bce_outside_the_unit_interval(capsys, tmp_path):
    line = train(capsys, tmp_path, "loss=bce")
    assert "loss=bce: view 'power' lies in [" in line
    assert "set scaler=minmax" in line


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (
            "model.factor=26",
            "model.factor=26: pools more than there is of a layer's input, 32 x 4; at most 4",
        ),
        (
            "model.kernel_size=201",
            "model.kernel_size=201: reaches beyond both ends of a layer's input, 3 x 100",
        ),
    ],
)
def test_convolutions_larger_than_the_windows(capsys, tmp_path, option, said):
    assert said in train(capsys, tmp_path, "model=conv1d", "features=[raw]", option)


def test_a_code_larger_than_its_input_without_noise_is_warned_of_once(capsys, tmp_path):
    sizes = [*SMALL, "model.hidden=[8,4]", "corruption.level=0", f"hydra.run.dir={tmp_path}/run"]
    assert main(["train", *my_recordings(tmp_path), *sizes]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "identity" in line]
    (line,) = lines
    assert line.startswith("warning: level 0, and a code larger than its input in power layer 1 (6 to 8)")


# overrides


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["sed=1"], "sed: unknown key; did you mean 'seed'?"),
        (["+sed=1"], "sed: unknown key; did you mean 'seed'?"),
        (["model.hidden=[8,0]"], "model.hidden=0: must be a whole number, 1 or more"),
        (["model.activation=null"], "model.activation=None: no such activation"),
        (["model.activation=rleu"], "model.activation='rleu': no such activation; did you mean 'relu'?"),
        (["model=conv1d", "features=power"], "model.convolution=1d: convolves raw windows (features=[raw])"),
        (["model=conv2d", "features=[raw,power]"], "model.convolution=2d: convolves matrices of connect"),
        (["model=conv1d", "model.channels=[]"], "model.channels=[]: must be one or more whole numbers"),
        (["model=conv1d", "model.kernel_size=4"], "model.kernel_size=4: must be an odd whole number"),
        (["+model.channels=[8]"], "model.channels: there are no convolutions; choose model=conv1d"),
        (["features=power", "model.joint_layer=8"], "model.joint_layer=8: there is one view"),
        (["corrupton.level=1"], "corrupton.level: unknown key; did you mean 'corruption'?"),
        (["model.hiden=[3]"], "model.hiden: unknown key; did you mean 'hidden'?"),
        (["+corruption.lvel=1"], "corruption.lvel: unknown key; did you mean 'level'"),
        (["data=wach"], "data=wach: no such choice; did you mean 'watch'? known: "),
        (
            ["corruption=gausian"],
            "corruption=gausian: no such choice; did you mean 'gaussian'? known: artefacts",
        ),
        (["features=[powr]"], "features=powr: no such choice; did you mean 'power'?"),
        (["experiment=eegmt"], "experiment=eegmt: no such choice; did you mean 'eegmat'?"),
        (["features.power.measure=plw", "features=[power]"], "features.power.measure='plw': no such measure"),
        (["corruption.level=-1"], "corruption.level=-1.0: the level of Gaussian must be a number, 0 or more"),
        (
            ["corruption=masking", "corruption.level=1.5"],
            "corruption.level=1.5: the level of Masking must be 0 or more and less than 1",
        ),
        (["seed=${nothing}"], "seed: Interpolation key 'nothing' not found"),
        (["==="], "'===': is no override"),
        (["windows=null"], "windows=null: must name a choice: default, events, five_seconds"),
        (["data=files"], "data.path"),
        (["--bogus"], "unrecognized arguments: --bogus"),
        (["--resolve"], "--resolve"),
        (["--config-dir", "nowhere"], "--config-dir nowhere: no such folder"),
        (["--config-path", "x"], "--config-dir DIR"),
        (["--experimental-rerun", "x.pickle"], "--experimental-rerun: refused, it unpickles a file"),
        (["--experimental-r=x.pickle"], "--experimental-rerun: refused"),
        (["-m", "seed=range(0,0)"], "seed=range(0,0): a sweep over nothing"),
        (["corruption.level=0,1"], "'corruption.level=0,1': a sweep needs -m"),
        (["resume=abc"], "resume='abc': must be true or false"),
        (["debug=5"], "debug=5: must be true or false"),
        (["finetune.enabled=5"], "finetune.enabled=5: must be true or false"),
        (["baselines=5"], "baselines=5: must be a list of eigenvalue_ratio, deviation"),
        (["baselines=[msd]"], "baselines='msd': not known; did you mean 'msda'"),
        (
            ["baselines=[{msda: 1.5}]"],
            "baselines.msda=1.5: a share of entries, must be more than 0 and less than",
        ),
        (["committee=persn"], "committee=persn: no such choice; did you mean 'person'"),
        (
            ["committee=person", "committee.n_members=0"],
            "committee.n_members=0: must be a whole number, 1 or",
        ),
        (["committee=person", "committee.head=mlp"], "committee.head='mlp': must be a mapping"),
        (["committee.enabled=5"], "committee.enabled=5: must be true or false"),
        (["features=[power]", "features.power.bands=5"], "features.power.bands=5: must be a mapping"),
        (["windows.max_missing=x"], "windows.max_missing='x': must be a number"),
        (["optimizer.lr=abc"], "optimizer.lr='abc': must be a number"),
        (["+optimizer.momentun=0.9", "optimizer=sgd"], "momentun=0.9: SGD has no such option; did you mean"),
        (["lr_schedule.warmup=-1"], "lr_schedule.warmup=-1.0: must be a share of the stage"),
        (["lr_schedule.name=cosin"], "lr_schedule.name='cosin': no such schedule; did you mean 'cosine'"),
        (["pretrain.epochs=[3,4,5]"], "pretrain.epochs=[3, 4, 5]: one a layer, but the stack has 2"),
        (["pretrain.early_stopping=5"], "pretrain.early_stopping=5: must be null, or for example"),
        (["pretrain.early_stopping={patiense: 3}"], "pretrain.early_stopping.patiense: unknown key; did you"),
        (["pretrain.early_stopping={by: sex}"], "pretrain.early_stopping.by='sex': not known"),
        (["trainer.clip_norm=0"], "trainer.clip_norm=0.0: must be above 0, or null"),
        (["trainer.precision=16"], "trainer.precision='16': not known"),
        (["trainer.memory_gb=lots"], "trainer.memory_gb='lots': must be a number"),
        (["corruption.level=inf"], "corruption.level=inf: the level of Gaussian must be a number, 0 or more"),
        (["head.C=[]"], "head.C=[]: must be a number above 0"),
        (["head.C=[1,-1]"], "head.C=[1, -1]: must be a number above 0"),
        (["features=[]"], "features: is missing"),
        (["head=null"], "head=null: must name a choice: logistic, mlp"),
        (["data="], "data=: must name a choice: "),
    ],
)
def test_overrides_that_are_wrong(capsys, tmp_path, overrides, said):
    line = refused(capsys, tmp_path, "train", *overrides)
    assert said in line


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["windows.bad_channels=5"], "windows.bad_channels=5"),
        (
            ["committee=person"],
            "committee=person: fold 0 has 2 training people with rows of two classes or more; a committee "
            "needs 3: set committee=none, or train on more people",
        ),
        (
            ["split.kind=fixed", "~split.n_folds", "+split.train=5"],
            "split.train=5: a fixed split needs a mapping",
        ),
        (["+data.classes=5"], "data.classes=5: must be a list"),
        (["data.path=5"], "data.path=5: must be a file"),
        (["+data.subject=[a]"], "data.subject=['a']: must be a name"),
        (["+data.pattern=5"], "data.pattern=5: must be text"),
        (["+data.labels.from=session"], "data.labels.from=session: "),
        (
            ["head.C=[0.1,1.0]", "split.n_folds=4", "+data.subject=1"],
            "split.n_folds=4: only 1 group by subject (1); set split.by=",
        ),
    ],
)
def test_values_of_another_type(capsys, tmp_path, overrides, said):
    assert said in train(capsys, tmp_path, *overrides)


def test_an_error_that_no_check_foresaw_is_one_line_too(capsys, tmp_path, monkeypatch):
    def broken(*args, **options):
        raise ZeroDivisionError("no check for this")

    monkeypatch.setattr("eegdae.tasks.train.judge_fold", broken)
    line = train(capsys, tmp_path)
    assert "unforeseen ZeroDivisionError: no check for this; debug=true shows where" in line


def test_data_given_as_files_of_one_kind_or_a_list(capsys, tmp_path):
    np.savez(tmp_path / "a.npz", **recordings())
    small = [*OWN, "features.power.bands={low: [1, 5]}"]
    assert (
        main(
            ["train", "~experiment", f"data={tmp_path / 'a.npz'}", *small, f"hydra.run.dir={tmp_path / 'r'}"]
        )
        == 0
    )
    capsys.readouterr()
    both = f"data=[{tmp_path / 'a.npz'},{tmp_path / 'gone.npz'}]"
    line = error_line(capsys, ["train", "~experiment", both, *small, f"hydra.run.dir={tmp_path / 's'}"])
    assert "gone.npz: no such file" in line


@pytest.mark.parametrize("name", ["", "NA"])
def test_a_person_without_a_name_is_judged_too(tmp_path, name):
    arrays = recordings()
    arrays["subject"] = np.array([name] * len(arrays["subject"]))
    flags = my_recordings(tmp_path, arrays)
    folder = tmp_path / "run"
    assert main(["train", *flags, *SMALL, "split.by=run", "split.n_folds=4", f"hydra.run.dir={folder}"]) == 0
    assert run_json(folder)["metrics"]["codes"]["roc_auc"]["mean"] is not None


# what could run code


@pytest.fixture
def evil(tmp_path, monkeypatch):
    """A module that leaves a file when it is imported; gives a check that it was not."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules/eegdae_evil.py").write_text(
        f"open({str(tmp_path / 'touched')!r}, 'w')\ndef f(*a, **k): pass\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path / "modules"))
    yield
    assert "eegdae_evil" not in sys.modules
    assert not (tmp_path / "touched").exists()


NODE = "{_target_: eegdae_evil.f}"


@pytest.mark.usefixtures("evil")
@pytest.mark.parametrize(
    ("overrides", "key"),
    [
        (["optimizer._target_=eegdae_evil.f"], "optimizer._target_='eegdae_evil.f'"),
        (["optimizer._target_='eegdae_evil.f'"], "optimizer._target_='eegdae_evil.f'"),
        (["optimizer._target_=os.system"], "optimizer._target_='os.system'"),
        (
            ["optimizer._target_=torch.optim.swa_utils.torch.load"],
            "optimizer._target_='torch.optim.swa_utils",
        ),
        (["+x._target_=eegdae_evil.f"], "x._target_="),
        ([f"corruption={NODE}"], "corruption._target_="),
        ([f"+x=[1,{{a: {NODE}}}]"], "x[1].a._target_="),
        (["hydra.launcher._target_=eegdae_evil.f"], "hydra.launcher._target_="),
        (["hydra.sweeper._target_=eegdae_evil.f"], "hydra.sweeper._target_="),
        ([f"+hydra.callbacks.x={NODE}"], "hydra.callbacks.x._target_="),
        (["+hydra.callbacks.x='${oc.create:" + NODE + "}'"], "hydra.callbacks.x._target_="),
        (["+x='${oc.create:" + NODE + "}'", "+hydra.callbacks.x='${x}'"], "hydra.callbacks.x._target_="),
        (["+x=eegdae_evil.f", "+y._target_='${x}'"], "y._target_='${x}'"),
        (
            ["hydra.job_logging.handlers.console.class=eegdae_evil.f"],
            "hydra.job_logging.handlers.console.class=",
        ),
        (["hydra.job_logging.handlers.console.stream=ext://eegdae_evil.f"], "handlers.console.stream="),
        (["hydra.searchpath=[pkg://eegdae_evil]"], "hydra.searchpath"),
        (["-m", f"corruption=gaussian,{NODE}"], "corruption._target_="),
        (["seed=0,1", "-m", f"+x={{a: 1}},{NODE}"], "x._target_="),
    ],
)
def test_a_target_in_an_override(capsys, tmp_path, overrides, key):
    assert key in refused(capsys, tmp_path, "train", *overrides)


@pytest.mark.usefixtures("evil")
@pytest.mark.parametrize(
    "flags", [["experiment=bad"], ["-m", "experiment=watch,bad"], ["-m", "experiment=glob(b*)"]]
)
@pytest.mark.parametrize("where", ["corruption", "hydra.callbacks.x", "hydra.launcher"])
def test_a_target_in_a_configuration(capsys, tmp_path, flags, where):
    node = {"_target_": "eegdae_evil.f"}
    for key in reversed(where.split(".")):
        node = {key: node}
    (tmp_path / "c/experiment").mkdir(parents=True)
    (tmp_path / "c/experiment/bad.yaml").write_text("# @package _global_\n" + yaml.safe_dump(node))
    line = refused(capsys, tmp_path, "train", "--config-dir", str(tmp_path / "c"), *flags)
    assert f"{where}._target_='eegdae_evil.f'" in line


@pytest.mark.usefixtures("evil")
def test_a_folder_of_ones_own_replaces_nothing_of_ours(capsys, tmp_path):
    """Were it searched before ours, its train.yaml would be composed, which the check never saw."""
    (tmp_path / "my conf/optimizer").mkdir(parents=True)
    (tmp_path / "my conf/optimizer/adam.yaml").write_text("_target_: eegdae_evil.f\n")
    (tmp_path / "my conf/train.yaml").write_text(f"hydra:\n  callbacks:\n    x: {NODE}\n")
    assert "no such file" in train(capsys, tmp_path, "data.path=/no/such.npz")


def test_a_configuration_that_is_no_yaml(capsys, tmp_path):
    (tmp_path / "c/experiment").mkdir(parents=True)
    (tmp_path / "c/experiment/bad.yaml").write_text('a: ["\n')
    assert "bad.yaml" in refused(
        capsys, tmp_path, "train", "--config-dir", str(tmp_path / "c"), "experiment=bad"
    )


# runs that are not to be trusted


def a_copy(run, folder):
    """The small files of a run, to be spoilt."""
    folder.mkdir()
    for name in ("run.json", "config.yaml", "metadata.csv", "codes.npz", "model.ckpt", "split_audit.json"):
        (folder / name).write_bytes((run / name).read_bytes())
    return folder


@pytest.mark.parametrize("kind", ["truncated", "of another version", "code", "module", "bare pickle"])
def test_a_checkpoint_that_is_not_to_be_trusted(capsys, tmp_path, finished_run, kind):
    run = a_copy(finished_run, tmp_path / "run")
    content, _ = bad_checkpoints(tmp_path / "bad")[kind]
    (run / "model.ckpt").write_bytes(content)
    line = error_line(capsys, ["extract", f"run={run}", f"out={tmp_path}/codes.npz"])
    assert str(run / "model.ckpt") in line
    assert not (tmp_path / "bad/touched").exists()
    assert not (tmp_path / "codes.npz").exists()
    assert left_overs(tmp_path) == []


@pytest.mark.usefixtures("evil")
@pytest.mark.parametrize(("name", "out"), [("extract", "out.npz"), ("classify", "out.csv")])
def test_a_target_in_a_run_folder(capsys, tmp_path, finished_run, name, out):
    run = a_copy(finished_run, tmp_path / "run")
    config = yaml.safe_load((run / "config.yaml").read_text())
    config["head"]["_target_"] = "eegdae_evil.f"
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    line = error_line(capsys, [name, f"run={run}", f"out={tmp_path}/{out}"])
    assert "head._target_='eegdae_evil.f'" in line


# where the run is to go


def test_a_full_output_folder(capsys, tmp_path):
    """No file may grow beyond 20 kB, as on a disk that is full: the model and the report do not fit."""
    args = ["train", *my_recordings(tmp_path), *SMALL, f"hydra.run.dir={tmp_path}/run", "model.hidden=[64,8]"]
    with full_disk(20_000):
        line = error_line(capsys, [*args, "prepare.store=null"])  # that it is full is tested elsewhere
    assert f"hydra.run.dir={tmp_path}/run: cannot write" in line
    assert "File too large" in line
    assert "cannot write" in begun_and_failed(tmp_path / "run")


def test_a_read_only_output_folder(capsys, tmp_path):
    folder = tmp_path / "closed"
    folder.mkdir()
    flags = my_recordings(tmp_path)
    folder.chmod(0o555)
    line = as_anyone(error_line, capsys, ["train", *flags, *SMALL, f"hydra.run.dir={folder}/run"])
    assert "hydra.run.dir" in line
    assert str(folder) in line
    assert "Permission denied" in line
    assert list(folder.iterdir()) == []


# alignment and adaptation


def test_more_windows_than_a_person_has(capsys, tmp_path):
    options = ("windows.size=1", "alignment=zscore")
    said = train(capsys, tmp_path, *options, "alignment.n_windows=9")
    assert said == "alignment.n_windows=9: '0' has 8 windows; give 8 or less, or null for all"
    said = train(capsys, tmp_path / "all", *options, "alignment.n_windows=8")
    assert said == (
        "alignment.n_windows=8: leaves none of the 8 windows of '0' to judge; give 7 or less, or null for all"
    )


def test_recentring_one_channel_or_missing_samples(capsys, tmp_path):
    flags = my_recordings(tmp_path, recordings(n_chans=1))
    said = train(capsys, tmp_path, "windows.size=1", "alignment=euclidean", flags=flags)
    assert said.startswith("alignment=euclidean: needs 2 channels or more, there is 1 (c0)")
    gaps = recordings()
    gaps["data"][10, 0] = np.nan
    folder = tmp_path / "gaps"
    options = ("windows.size=1", "windows.max_missing=0.1", "alignment=riemann")
    said = train(capsys, folder, *options, flags=my_recordings(folder, gaps))
    assert said.startswith("alignment=riemann: mixes channels, so it needs windows without missing samples")


def test_a_step_size_at_which_an_adaptation_breaks(capsys, tmp_path):
    options = ("windows.size=1", "adaptation=asdae", "adaptation.batch_size=2", "adaptation.lr=1e30")
    said = train(capsys, tmp_path, *options)
    assert said.startswith("adaptation.lr=1e+30: the loss of the first layers became ")

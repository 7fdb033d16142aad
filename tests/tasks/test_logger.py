"""Loggers: what was written is read back by their own readers, after an interruption too; nothing is sent."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import socket
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
import yaml
from shell import SMALL, error_line, my_recordings, run_json

from eegdae.cli import main
from eegdae.errors import EegdaeError
from eegdae.reporting.loggers import MLflow, check_package
from eegdae.tasks.logger import check_logger, flat_settings, history_steps
from eegdae.tasks.run_names import run_name, sweep_of

KINDS = ("tensorboard", "mlflow", "wandb")
OVERRIDES = (*SMALL, "pretrain.epochs=2", "pretrain.early_stopping={patience: 2, share: 0.3, by: subject}")


@pytest.fixture(params=KINDS)
def kind(request):
    return needed(request.param)


def needed(kind):
    try:
        check_package(kind)
    except EegdaeError as error:
        pytest.skip(str(error))
    return kind


@pytest.fixture(scope="module")
def flags(tmp_path_factory):
    return my_recordings(tmp_path_factory.mktemp("mine"))


def train(flags, *overrides):
    return main(["train", *flags, *OVERRIDES, *overrides])


# readers: (name, epoch, value) of every loss, name -> figure, status, settings


def read_tensorboard(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (place,) = (folder / "tensorboard").iterdir()
    read = EventAccumulator(str(place)).Reload()
    scalars = {name: [(e.step, e.value) for e in read.Scalars(name)] for name in read.Tags()["scalars"]}
    figures = {name: found[0][1] for name, found in scalars.items() if is_figure(name)}
    rows = [(name, *row) for name, found in scalars.items() if not is_figure(name) for row in found]
    (status,) = read.Tensors("status/text_summary")
    (table,) = read.Tensors("settings/text_summary")
    lines = table.tensor_proto.string_val[0].decode().splitlines()[2:]
    settings = dict(line.strip("| ").split(" | ", 1) for line in lines)
    assert ("_hparams_/session_end_info" in read.summary_metadata) == bool(figures)
    return rows, figures, status.tensor_proto.string_val[0].decode(), settings


def read_mlflow(folder):
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{folder}/mlflow.db")
    (run,) = client.search_runs([e.experiment_id for e in client.search_experiments()])
    rows = [
        (name, m.step, m.value)
        for name in run.data.metrics
        if not is_figure(name)
        for m in client.get_metric_history(run.info.run_id, name)
    ]
    figures = {name: value for name, value in run.data.metrics.items() if is_figure(name)}
    status = {"FINISHED": "done", "KILLED": "interrupted"}.get(run.info.status, run.info.status)
    return rows, figures, status, run.data.params


def read_wandb(folder):
    from wandb.proto.wandb_internal_pb2 import Record

    (file,) = (folder / "wandb").glob("offline-run-*/*.wandb")
    rows, summary, settings = [], {}, {}
    for data in wandb_records(file.read_bytes()):
        record = Record.FromString(data)
        if record.HasField("history"):
            row = {(i.key or "/".join(i.nested_key)): json.loads(i.value_json) for i in record.history.item}
            rows += [(name, row["epoch"], row[name]) for name in row if "/" in name]
        if record.HasField("summary"):
            summary |= {
                (i.key or "/".join(i.nested_key)): json.loads(i.value_json) for i in record.summary.update
            }
        if record.HasField("run"):
            found = {i.key: json.loads(i.value_json) for i in record.run.config.update}
            settings |= {key: value for key, value in found.items() if key != "_wandb"}
    figures = {name: value for name, value in summary.items() if is_figure(name)}
    return rows, figures, summary["status"], settings


def wandb_records(data):
    """Records of a file in LevelDB's log format: blocks of 32 kB, chunks with checksum, length and type."""
    assert data[:4] == b":W&B"
    at, whole = 7, b""
    while at + 7 <= len(data):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
            continue
        length, part = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        whole += data[at + 7 : at + 7 + length]
        at += 7 + length
        if part in (1, 4):  # full, last
            yield whole
            whole = b""


READ = {"tensorboard": read_tensorboard, "mlflow": read_mlflow, "wandb": read_wandb}


def is_figure(name):
    return name.startswith(("metrics/", "validation/"))


def check_all_is_there(kind, folder):
    """Compare what a logger holds with the run folder: every loss once, every figure, status, settings."""
    rows, figures, status, settings = READ[kind](folder)
    assert status == "done"
    expected = {}
    for row in pd.read_csv(folder / "history.csv").to_dict("records"):
        fold = "final" if row["fold"] == "final" else f"fold-{row['fold']}"
        for column in ("loss", "val_loss"):
            if row[column] == row[column]:
                words = (fold, row["view"], row["model"], row["stage"].replace(" ", "-"), column)
                expected["/".join(words), row["epoch"]] = row[column]
    assert any(name.endswith("/val_loss") for name, _ in expected)
    assert Counter((name, epoch) for name, epoch, _ in rows) == Counter(list(expected))
    assert {(name, epoch): value for name, epoch, value in rows} == pytest.approx(expected, rel=1e-6)
    metrics = json.loads((folder / "metrics.json").read_text())
    known = {
        f"metrics/{r}/{m}/{n}": value
        for r, found in metrics.items()
        for m, numbers in found.items()
        for n, value in numbers.items()
        if value is not None
    }
    assert known
    assert {name: value for name, value in figures.items() if "metrics/" in name} == pytest.approx(known)
    config = yaml.safe_load((folder / "config.yaml").read_text())
    assert {key: str(value) for key, value in settings.items()} == {
        key: str(value) for key, value in flat_settings(config).items()
    }
    assert settings["model.hidden"] == "[8, 4]"
    assert "logger.kind" not in settings


@pytest.mark.slow  # the same check as of a run that was interrupted, below
def test_all_that_the_run_folder_says(kind, flags, tmp_path):
    folder = tmp_path / "run"
    assert train(flags, f"logger={kind}", f"hydra.run.dir={folder}") == 0
    check_all_is_there(kind, folder)


def interrupted(flags, *overrides, at):
    """Train until a line begins with a text, as if Ctrl-C had been pressed then."""

    def stop(record):
        if record.getMessage().startswith(at):
            raise KeyboardInterrupt
        return True

    logging.getLogger("eegdae").addFilter(stop)
    try:
        assert train(flags, *overrides) == 130
    finally:
        logging.getLogger("eegdae").removeFilter(stop)


@pytest.mark.parametrize("at", ["fold 2/2", pytest.param("representation", marks=pytest.mark.slow)])
def test_an_interrupted_run_goes_on_in_the_same_logger_run(kind, flags, tmp_path, at):
    """Once a fold is written and not logged yet; once all is trained and the end is not logged yet."""
    folder = tmp_path / "run"
    args = (f"logger={kind}", f"hydra.run.dir={folder}")
    interrupted(flags, *args, at=at)
    rows, figures, status, _ = READ[kind](folder)
    assert status == "interrupted"
    assert rows
    assert not figures
    assert train(flags, *args, "resume=true") == 0
    check_all_is_there(kind, folder)
    assert train(flags, *args, "resume=true") == 0  # done already: nothing is touched
    check_all_is_there(kind, folder)


def test_a_failed_run_says_so(flags, tmp_path):
    needed("tensorboard")
    folder = tmp_path / "run"
    assert train(flags, "logger=tensorboard", "windows.size=500", f"hydra.run.dir={folder}") == 2
    assert read_tensorboard_status(folder) == "failed"


def read_tensorboard_status(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (place,) = (folder / "tensorboard").iterdir()
    (status,) = EventAccumulator(str(place)).Reload().Tensors("status/text_summary")
    return status.tensor_proto.string_val[0].decode()


# what goes wrong


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("tensorboard", ()),
        ("mlflow", ("logger.store=/proc/nowhere",)),
        pytest.param("mlflow", (), marks=pytest.mark.slow),
        pytest.param("wandb", (), marks=pytest.mark.slow),
    ],
)
def test_a_logger_that_fails_costs_a_line_and_not_the_run(flags, tmp_path, kind, more):
    needed(kind)
    folder = tmp_path / "run"
    folder.mkdir()
    # what is in the way: a file of the name of the logger's folder, or one that is no database
    (folder / {"tensorboard": "tensorboard", "mlflow": "mlflow.db", "wandb": "wandb"}[kind]).write_text(
        "x" * 200
    )
    assert train(flags, f"logger={kind}", *more, f"hydra.run.dir={folder}") == 0
    assert run_json(folder)["status"] == "done"
    said = (folder / "train.log").read_text()
    assert said.count(f"warning: logger={kind}: ") == 1
    assert "Traceback" not in said


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_package_is_told_before_anything_begins(capsys, monkeypatch, flags, tmp_path, kind):
    monkeypatch.setitem(sys.modules, kind, None)  # what an import of it finds where it is not installed
    folder = tmp_path / "run"
    args = ["train", *flags, *OVERRIDES, f"logger={kind}", f"hydra.run.dir={folder}"]
    line = error_line(capsys, args)
    assert line == f"logger={kind}: needs the package {kind}: pip install 'eegdae[{kind}]'"
    assert not (folder / "run.json").exists()


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("logger=tensorbord", "logger=tensorbord: no such choice; did you mean 'tensorboard'?"),
        ("logger.kind=tensorbord", "logger.kind='tensorbord': no such logger"),
        ("+logger.stor=here", "logger.stor: no such key"),
        ("logger=null", "must name a choice: csv, mlflow, tensorboard, wandb"),
    ],
)
def test_what_is_no_logger(capsys, flags, tmp_path, override, said):
    args = ["train", *flags, *OVERRIDES, override, f"hydra.run.dir={tmp_path / 'run'}"]
    assert said in error_line(capsys, args)
    assert not (tmp_path / "run/run.json").exists()


@pytest.mark.parametrize("value", [7, "", " ", None, ["a"]])
def test_a_key_that_is_no_text(value):
    with pytest.raises(EegdaeError, match=r"logger\.project=.*: must be a text"):
        check_logger({"logger": {"kind": "wandb", "project": value}})


# a sweep


def test_jobs_of_a_sweep_are_told_apart(flags, tmp_path):
    needed("tensorboard")
    sweep = tmp_path / "sweep"
    args = ("-m", "logger=tensorboard", "seed=0,1", "corruption.level=0.5", f"hydra.sweep.dir={sweep}")
    assert train(flags, *args) == 0
    places = {str(file.parent.relative_to(sweep)) for file in sweep.rglob("events.out.tfevents.*")}
    assert places == {"0/tensorboard/seed=0", "1/tensorboard/seed=1"}
    assert sweep_of(sweep / "1") == sweep
    assert run_name(sweep / "1") == "seed=1"


@pytest.mark.slow
def test_one_store_for_a_sweep(flags, tmp_path):
    needed("mlflow")
    from mlflow.tracking import MlflowClient

    sweep = tmp_path / "sweep 50% #1?"
    assert train(flags, "-m", "logger=mlflow", "seed=0,1", f"hydra.sweep.dir='{sweep}'") == 0
    place = str(sweep / "mlflow.db").replace("%", "%25").replace("?", "%3F")
    client = MlflowClient(tracking_uri=f"sqlite:///{place}")
    runs = client.search_runs([client.get_experiment_by_name("mine").experiment_id])
    assert {(run.info.run_name, run.info.status) for run in runs} == {
        ("seed=0", "FINISHED"),
        ("seed=1", "FINISHED"),
    }
    assert not list(sweep.glob("*/mlflow.db"))


def write_into(store, number):
    check_package("mlflow")
    backend = MLflow(store, store / str(number), name=str(number), experiment="many")
    backend.start({"seed": number})
    backend.losses("fold-0", [(epoch, {"fold-0/loss": float(number)}) for epoch in range(1500)])
    backend.end("done", {"metrics/x": float(number)}, {})


@pytest.mark.slow  # each process imports MLflow anew
def test_many_processes_share_a_store(tmp_path):
    needed("mlflow")
    from mlflow.tracking import MlflowClient

    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=write_into, args=(tmp_path, k)) for k in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * 4
    client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path}/mlflow.db")
    runs = client.search_runs([client.get_experiment_by_name("many").experiment_id])
    assert {run.data.metrics["metrics/x"] for run in runs} == {0, 1, 2, 3}
    assert [len(client.get_metric_history(run.info.run_id, "fold-0/loss")) for run in runs] == [1500] * 4


# names and steps


def test_steps_of_a_history():
    table = pd.DataFrame(
        {
            "model": ["codes", "codes", "autoencoder"],
            "fold": ["0"] * 3,
            "view": ["my view"] * 3,
            "stage": ["layer 1"] * 3,
            "epoch": [1, 2, 1],
            "loss": [0.5, 0.25, 1.0],
            "val_loss": [float("nan"), 2.0, float("nan")],
        }
    )
    where = "fold-0/my-view/codes/layer-1"
    assert list(history_steps(table, "fold-0")) == [
        (1, {f"{where}/loss": 0.5, "fold-0/my-view/autoencoder/layer-1/loss": 1.0}),
        (2, {f"{where}/loss": 0.25, f"{where}/val_loss": 2.0}),
    ]


def test_a_job_is_named_by_what_was_swept(tmp_path):
    def named(given, job):
        (tmp_path / "0/.hydra").mkdir(parents=True, exist_ok=True)
        (tmp_path / "multirun.yaml").write_text(yaml.safe_dump({"hydra": {"overrides": {"task": given}}}))
        (tmp_path / "0/.hydra/overrides.yaml").write_text(yaml.safe_dump(job))
        return run_name(tmp_path / "0")

    swept = ["corruption.level=0,0.5", "seed=range(0,3)", "features=[power]"]
    assert (
        named(swept, ["corruption.level=0.5", "seed=2", "features=[power]"]) == "corruption.level=0.5,seed=2"
    )
    assert named(["seed=1"], ["seed=1", "corruption.level=0.7"]) == "corruption.level=0.7"
    assert named(["a=1"], ["a=1"]) == "0"
    long = named(["model.hidden=[8],[4]"], [f"model.hidden=[{','.join(['8'] * 99)}]"])
    assert len(long) == 100
    assert named(["data=a,b"], ["data='../x y'"]) == "data=_.._x_y_"


# nothing is sent, nothing is imported that was not asked for

TELL = """
import sys
from pathlib import Path
from eegdae.reporting.loggers import MLflow, TensorBoard, WeightsAndBiases, check_package
kind, folder = sys.argv[1], Path(sys.argv[2])
check_package(kind)
if kind == "mlflow":
    told = MLflow(folder, folder, name="n", experiment="e")
else:
    told = WeightsAndBiases(folder, name="n", mark="abc", group=None, project="p")
told.start({"seed": 0})
told.losses("fold-0", [(1, {"fold-0/loss": 1.0})])
told.end("done", {"metrics/x": 1.0}, {"seed": 0})
print([name for name in sys.modules if name.partition(".")[0] in ("coreweave_evaluations", "sentry_sdk")])
"""


@pytest.mark.parametrize("kind", [pytest.param("mlflow", marks=pytest.mark.slow), "wandb"])
def test_nothing_is_sent(tmp_path, kind):
    """Every request would go through the proxy that the environment names, which here only counts."""
    needed(kind)
    asked = []
    with socket.socket() as proxy:
        proxy.bind(("127.0.0.1", 0))
        proxy.listen()

        def answer():
            try:
                while True:
                    with proxy.accept()[0] as connection:
                        asked.append(connection.recv(200))
            except OSError:
                pass

        threading.Thread(target=answer, daemon=True).start()
        address = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        names = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "WANDB_BASE_URL")
        env = {
            k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW", "WANDB", "DO_NOT", "PYTEST"))
        }
        env |= dict.fromkeys(names, address) | {"HOME": str(tmp_path), "WANDB_MODE": "online"}
        env.pop("CI", None)  # MLflow sends nothing there, told or not
        env["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[2]), env.get("PYTHONPATH", "")])
        done = subprocess.run(
            [sys.executable, "-c", TELL, kind, str(tmp_path)],
            env=env, capture_output=True, text=True, timeout=100, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
    assert done.stderr == ""
    assert asked == []
    assert not (tmp_path / ".config/mlflow").exists()  # the mark by which it knows a machine


def test_csv_adds_nothing(flags, tmp_path):
    assert train(flags, "logger=csv", f"hydra.run.dir={tmp_path / 'run'}") == 0
    assert not {path.name for path in (tmp_path / "run").iterdir()} & {*KINDS, "mlflow.db", "mlruns"}


@pytest.mark.slow  # imports the package anew
def test_csv_imports_no_logger():
    code = (
        "import sys; from eegdae.tasks.train import train; from eegdae.tasks.logger import *\n"
        "check_logger({'logger': {'kind': 'csv'}}); check_logger({})\n"
        "print(*{m.partition('.')[0] for m in sys.modules} & {'tensorboard', 'mlflow', 'wandb', 'alembic'})"
    )
    root = str(Path(__file__).parents[2])
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""

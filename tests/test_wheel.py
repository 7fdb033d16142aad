"""The wheel, installed into a fresh environment away from the checkout, and the editable install."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.wheel

ROOT = Path(__file__).parents[1]
QUICK = ("features=[power]", "model.hidden=[8,4]", "pretrain.epochs=1", "pretrain.joint_epochs=1")
FOLDS = ("split=subject_kfold", "split.n_folds=2", "windows.stride=4.0")


def run(*args, cwd):
    """Run a command outside the checkout; nothing of it is on the path."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(
        [str(a) for a in args], cwd=cwd, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def fresh_environment(folder):
    run(sys.executable, "-m", "venv", folder / "env", cwd=folder)
    python = folder / "env" / "bin" / "python"
    run(python, "-m", "pip", "install", "-q", "-c", ROOT / "constraints.txt", "torch", cwd=folder)
    return python


def train_anywhere(folder):
    (folder / "elsewhere").mkdir()
    out = run(
        folder / "env" / "bin" / "eegdae",
        "train",
        *QUICK,
        *FOLDS,
        "hydra.run.dir=run",
        cwd=folder / "elsewhere",
    )
    assert "report:" in out
    assert json.loads((folder / "elsewhere" / "run" / "run.json").read_text())["status"] == "done"


def test_wheel_trains_from_any_folder(tmp_path):
    run(sys.executable, "-m", "build", "--wheel", "--outdir", tmp_path, ROOT, cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "eegdae/conf/train.yaml" in names
    assert "eegdae/samples/watch.npz" in names
    assert {"kernels.cpp", "signals.h"} <= {Path(name).name for name in names if "/kernels/" in name}
    assert not any(name.startswith(("tests/", "scripts/")) for name in names)
    python = fresh_environment(tmp_path)
    run(python, "-m", "pip", "install", "-q", "-c", ROOT / "constraints.txt", wheel, cwd=tmp_path)
    where = run(python, "-c", "import eegdae; print(eegdae.__file__)", cwd=tmp_path)
    assert str(tmp_path) in where
    train_anywhere(tmp_path)


def test_editable_install_trains_from_any_folder(tmp_path):
    python = fresh_environment(tmp_path)
    run(python, "-m", "pip", "install", "-q", "-c", ROOT / "constraints.txt", "-e", ROOT, cwd=tmp_path)
    where = run(python, "-c", "import eegdae; print(eegdae.__file__)", cwd=tmp_path)
    assert str(ROOT) in where
    train_anywhere(tmp_path)

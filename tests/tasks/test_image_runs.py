"""Images through the commands: shown, checked, trained on, encoded."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from eegdae.cli import main

TINY = (
    "features=[raw]",
    "model=conv2d",
    "model.channels=[4]",
    "model.hidden=[8,4]",
    "model.raw_view_hidden=null",
    "pretrain.epochs=1",
    "pretrain.joint_epochs=1",
    "split.n_folds=2",
    "trainer.threads=1",
    "prepare.store=null",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Zeros and ones of scikit-learn's digits, as PNG files in a folder for each."""
    root, bunch = tmp_path_factory.mktemp("digits"), load_digits()
    for label in (0, 1):
        (root / f"a {label}").mkdir()
        for k in np.flatnonzero(bunch.target == label)[:20]:
            image = Image.fromarray((bunch.images[k] * 15).astype(np.uint8))
            image.save(root / f"a {label}/{k}.png")
    return root


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    place = tmp_path_factory.mktemp("runs") / "images"
    assert main(["train", f"data={folder}", *TINY, f"hydra.run.dir={place}"]) == 0
    return place


def test_a_folder_of_images_is_trained_on_with_nothing_but_the_view(run):
    assert json.loads((run / "run.json").read_text())["status"] == "done"
    audit = json.loads((run / "split_audit.json").read_text())
    assert audit["by"] == "trial"
    assert [fold["n_test"] for fold in audit["folds"]] == [20, 20]
    page = (run / "report.html").read_text()
    assert "40 images of 8 x 8 pixels" in page
    assert "1: grey (a.u.)" in page
    assert "1 x 8 x 8" in page  # the convolution unfolds the image
    assert (run / "figures/reconstruction_0_raw.png").exists()


def test_codes_of_other_images(run, folder, tmp_path, capsys):
    assert main(["extract", f"run={run}", f"data={folder}", f"out={tmp_path / 'codes.npz'}"]) == 0
    with np.load(tmp_path / "codes.npz") as arrays:
        assert arrays["codes"].shape == (40, 4)
    more = [f"data={folder}", "data.size=[9,9]", f"out={tmp_path / 'more.npz'}"]
    assert main(["extract", f"run={run}", *more]) == 2
    told = capsys.readouterr().err
    assert "data: holds images of 9 x 9 pixels, the run was trained on images of 8 x 8" in told


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ([], "features.power: power is of signals in time, and these are images"),
        (
            ["features=[raw]", "model=conv1d"],
            "model.convolution=1d: convolves signals in time, and these",
        ),
        (
            ["features=[raw]", "windows=two_seconds"],
            "windows.size=2: a window of images is one image",
        ),
        (
            ["features=[raw]", "alignment=euclidean"],
            "alignment=euclidean: mixes the channels of signals",
        ),
        (["features=[raw]", "data.prepare.h_freq=10"], "data.prepare.h_freq=10: is done to signals in time"),
        (
            ["features=[raw]", "ocular=regression", "ocular.channels=[grey]"],
            "ocular=regression: corrects EEG",
        ),
        (["features=[raw]", "corruption=time_block"], "are images, not signals in time; use masking"),
    ],
)
def test_what_only_signals_have_is_refused_in_one_line(args, said, folder, tmp_path, capsys):
    place = [f"hydra.run.dir={tmp_path}", "prepare.store=null"]
    assert main(["train", f"data={folder}", *args, *place]) == 2
    line = capsys.readouterr().err.strip()
    assert said in line
    assert "\n" not in line


def test_shown(folder, tmp_path, capsys):
    assert main(["data", "show", str(folder), f"out={tmp_path / 'x.png'}"]) == 0
    told = capsys.readouterr().out
    assert "images      40" in told
    assert "a 0 (20), a 1 (20)" in told
    assert any(mark in told for mark in ("\u2588", "#"))
    assert (tmp_path / "x.png").read_bytes()[:4] == b"\x89PNG"


def test_checked(folder, tmp_path, capsys):
    copies = tmp_path / "copies"
    shutil.copytree(folder, copies)
    (copies / "a 1/copy.png").write_bytes(next((folder / "a 0").iterdir()).read_bytes())
    assert main(["data", "check", str(copies), f"out={tmp_path / 'x.html'}"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "1 times: the same image stands under two labels" in told
    assert "<img" in (tmp_path / "x.html").read_text()
    (copies / "a 1/broken.png").write_bytes(b"text")
    assert main(["data", "check", str(copies)]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "1 file cannot be read" in told
    assert "broken.png: cannot be read as a picture" in told

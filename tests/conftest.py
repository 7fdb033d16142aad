from __future__ import annotations

import pytest

from eegdae.cli import main

TINY = (
    "experiment=watch_raw",
    "features=[power]",
    "features.power.bands={slow: [1, 3], fast: [3, 12]}",
    "model.hidden=[8, 4]",
    "pretrain.epochs=1",
    "pretrain.joint_epochs=1",
    "split=subject_kfold",
    "split.n_folds=2",
    "windows.stride=8.0",
    "trainer.threads=1",
)
"""Overrides that make a run of the packaged set as small as it gets; everything else is as delivered."""


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory):
    """The folder of a finished run: power of two bands of the watch set, 4 codes, 2 folds, logistic head."""
    folder = tmp_path_factory.mktemp("runs") / "watch"
    assert main(["train", *TINY, "name=tiny", f"hydra.run.dir={folder}"]) == 0
    return folder

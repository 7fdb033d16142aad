"""Runs without labels: what is held out is brought back, by models that never saw it."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from conftest import TINY

from eegdae.cli import main
from eegdae.tasks.reconstructions import pooled_errors


def made(folder, *, n_people, seed=0):
    """One file a person: six correlated channels at 50 Hz, no labels."""
    rng = np.random.default_rng(seed)
    mix = rng.normal(size=(6, 2))
    for person in range(n_people):
        x = mix @ rng.normal(size=(2, 1500)) + 0.3 * rng.normal(size=(6, 1500))
        table = pd.DataFrame(x.T, columns=[f"s{k}" for k in range(6)])
        table.insert(0, "time", np.arange(1500) / 50)
        table.to_csv(folder / f"{person}.csv", index=False)
    return [f"data.path={folder}", "data=table_files", "data.time=time", "data.pattern='{subject}.csv'"]


def trained(folder, *overrides):
    assert main(["train", *TINY, *overrides, f"hydra.run.dir={folder}"]) == 0
    return folder


@pytest.fixture(scope="module")
def unlabelled(tmp_path_factory):
    files, run = (tmp_path_factory.mktemp(name) for name in ("files", "run"))
    data = made(files, n_people=4)
    return data, trained(run / "run", *data)


def test_every_group_is_held_out_once_and_its_error_is_that_of_its_fold(unlabelled, capsys):
    _, run = unlabelled
    audit = json.loads((run / "split_audit.json").read_text())["folds"]
    assert [fold["test_groups"] for fold in audit] == ["0 2", "1 3"]
    assert all(fold["shared_groups"] == fold["overlapping_windows"] == 0 for fold in audit)
    rows = [np.load(run / f"folds/{k}/codes.npz")["rows"] for k in range(2)]
    assert sorted(np.concatenate(rows)) == list(range(len(pd.read_csv(run / "metadata.csv"))))
    by_fold = [json.loads((run / f"folds/{k}/reconstruction.json").read_text())["power"] for k in range(2)]
    assert set(by_fold[0]) == {"corrupted", "reconstructed", "pca", "autoencoder"}
    expected = {w: np.sqrt(np.mean([fold[w] ** 2 for fold in by_fold])) for w in by_fold[0]}
    assert pooled_errors(run, 2)["power"] == pytest.approx(expected)
    assert json.loads((run / "metrics.json").read_text()) == {}
    page = (run / "report.html").read_text()
    assert "nothing was classified" in page
    assert "the held-out windows of 2 folds" in page
    assert f"the same network trained without noise {expected['autoencoder']:.3g}" in page


def test_a_held_out_window_moves_nothing_that_is_fitted(unlabelled, tmp_path):
    """Ten times louder, the people of fold 0 leave the losses of its training as they were."""
    data, run = unlabelled
    made(tmp_path, n_people=4)
    for person in (0, 2):
        table = pd.read_csv(tmp_path / f"{person}.csv")
        table.iloc[:, 1:] *= 10
        table.to_csv(tmp_path / f"{person}.csv", index=False)
    other = trained(tmp_path / "run", f"data.path={tmp_path}", *data[1:])
    for name in ("history.csv",):
        assert (run / "folds/0" / name).read_bytes() == (other / "folds/0" / name).read_bytes()
        assert (run / "folds/1" / name).read_bytes() != (other / "folds/1" / name).read_bytes()


def test_one_person_without_labels_is_told_to_be_in_sample(tmp_path, capsys):
    (tmp_path / "files").mkdir()
    data = made(tmp_path / "files", n_people=1)
    run = trained(tmp_path / "run", *data)
    said = capsys.readouterr().out
    assert "split: one group by subject, so nothing is held out" in said
    assert "(in-sample, nothing was held out)" in said
    assert "this network" in said.splitlines()[-4]
    assert not (run / "folds").exists()

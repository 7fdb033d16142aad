from __future__ import annotations

import json

import pytest

from eegdae.errors import EegdaeError
from eegdae.tasks.sweep.search import read_search


def write(folder, trials, **more):
    record = {"study": "mine", "direction": ["maximize", "minimize"], "objectives": ["auc", "size"], **more}
    (folder / "search.json").write_text(json.dumps({**record, "trials": trials}))


def test_trials_with_values(tmp_path):
    assert read_search(tmp_path) is None
    write(
        tmp_path,
        [
            {
                "number": 0,
                "params": {"lr": 0.1, "h": [8, 4]},
                "values": [0.7, 4],
                "state": "TrialState.COMPLETE",
            },
            {"number": 1, "params": {"lr": 0.2}, "values": None, "state": "PRUNED"},
            {"number": 2, "params": {"lr": 0.3, "k": "x"}, "values": [0.8, None], "state": "COMPLETE"},
            {"number": 3, "params": {}, "values": None, "state": "FAIL"},
        ],
    )
    found = read_search(tmp_path)
    assert found.study == "mine"
    assert found.objectives == ["auc", "size"]
    assert found.maximize == [True, False]
    assert found.states == {"complete": 2, "pruned": 1, "fail": 1}
    assert found.parameters["lr"].tolist() == [0.1, 0.3]
    assert found.parameters["h"].tolist() == ["[8, 4]", None]
    assert found.values["auc"].tolist() == [0.7, 0.8]
    assert found.values["size"].isna().tolist() == [False, True]


def test_what_may_be_missing(tmp_path):
    write(tmp_path, [{"params": {"lr": 1}, "value": 3}], objectives=None, direction="minimize")
    found = read_search(tmp_path)
    assert found.objectives == ["value 0"]
    assert found.maximize == [False]
    write(tmp_path, [])
    assert read_search(tmp_path).parameters.empty


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"trials": 5}', '{"trials": [{"params": 5, "values": [1]}]}']
)
def test_damaged_files(tmp_path, text):
    (tmp_path / "search.json").write_text(text)
    with pytest.raises(EegdaeError, match=r"search\.json: damaged"):
        read_search(tmp_path)

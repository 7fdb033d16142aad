from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from eegdae.evaluation.multiplicity import holm
from eegdae.evaluation.sweep import LEVEL, SNR, curve_key, flat_config, level_curve, setting_table, swept_keys


def test_flat_config_leaves_out_what_decides_nothing():
    config = {
        "seed": 3,
        "paths": {"data_dir": "/"},
        "resume": True,
        "model": {"hidden": [8, 4]},
        "baselines": [],
    }
    assert flat_config(config) == {"model.hidden": "[8, 4]", "baselines": "[]"}


@pytest.mark.parametrize(
    ("configs", "keys"),
    [
        ([{"a": 1}, {"a": 1}], [LEVEL]),
        ([{LEVEL: 0, "a": 1}, {LEVEL: 1, "a": 1}], [LEVEL]),
        # two keys of different groups never stand for one another, however they vary
        ([{"a.x": 1, "b.x": 1}, {"a.x": 2, "b.x": 2}], ["a.x", "b.x"]),
        ([{"a.x": 1, "a.y": 1}, {"a.x": 2, "a.y": 2}], ["a.x"]),
        ([{"a.x": 1, "a.y": 1}, {"a.x": 1, "a.y": 2}, {"a.x": 2, "a.y": 1}], ["a.x", "a.y"]),
        # the level stays beside the kind, and a key that one of them lacks is no setting of its own
        (
            [
                {"corruption._target_": "G", LEVEL: 1.0, "corruption.per_feature": False},
                {"corruption._target_": "M", LEVEL: 0.3},
            ],
            ["corruption._target_", LEVEL],
        ),
        ([{"name": "watch", "data.path": "a"}, {"name": "scp1", "data.path": "b"}], ["name"]),
    ],
)
def test_swept_keys(configs, keys):
    assert swept_keys(configs) == keys


def figures(rows):
    frame = pd.DataFrame(rows, columns=[LEVEL, "lr", "run", "group", "value", "reference"])
    return frame.assign(kind="gaussian")


def test_a_group_that_level_0_lacks_is_left_out_of_the_difference():
    table = setting_table(
        figures([(0, 1, 0, "a", 0.5, 0), (1, 1, 1, "a", 0.7, 0), (1, 1, 1, "b", 0.1, 0)]), [LEVEL]
    )
    assert table["mean"].tolist() == pytest.approx([0.5, 0.4])
    assert table.loc[1, "difference"] == pytest.approx(0.2)


def test_a_setting_whose_key_is_missing_finds_its_level_0():
    table = setting_table(
        figures([(0, None, 0, "a", 0.5, 0), (1, None, 1, "a", 0.7, 0), (0, 2, 2, "a", 0.1, 0)]), ["lr", LEVEL]
    )
    assert table["against"].tolist() == ["", "level 0", ""]
    assert table.loc[1, "difference"] == pytest.approx(0.2)


def test_the_curve_names_the_other_settings():
    table = setting_table(figures([(0, 1, 0, "a", 0.5, 0), (1, 1, 1, "a", 0.7, 0)]), ["lr", LEVEL])
    curve = level_curve(table, ["lr", LEVEL])
    assert curve["corruption"].tolist() == ["gaussian"] * 2
    assert curve["setting"].tolist() == ["", ""]
    assert curve["level"].tolist() == [0, 1]
    assert curve["reference"].tolist() == pytest.approx([0.5, 0.5])
    assert curve["mean"].tolist() == pytest.approx([0.5, 0.7])
    assert level_curve(table.head(1), ["lr", LEVEL]).empty
    assert level_curve(table, ["lr"]).empty


def test_lines_that_other_keys_tell_apart_and_single_points():
    rows = [(0, 1, 0, "a", 0.5, 0), (1, 1, 1, "a", 0.7, 0), (0, 2, 2, "a", 0.4, 0), (1, 2, 3, "a", 0.6, 0)]
    table = setting_table(figures([*rows, (2, 3, 4, "a", 0.9, 0)]), ["lr", LEVEL])
    curve = level_curve(table, ["lr", LEVEL])
    assert curve["setting"].tolist() == ["lr=1", "lr=1", "lr=2", "lr=2"]


def test_level_0_of_another_corruption_is_level_0_too():
    table = figures([(0, 1, 0, "a", 0.5, 0.1), (1, 1, 1, "a", 0.7, 0.1)])
    table["kind"] = ["gaussian", "masking"]
    table["corruption._target_"] = ["G", "M"]
    found = setting_table(table, ["corruption._target_", LEVEL])
    assert found["against"].tolist() == ["", "level 0"]
    assert found.loc[1, "difference"] == pytest.approx(0.2)
    # but not that of another network
    found = setting_table(table.assign(lr=[1, 2]), ["corruption._target_", LEVEL, "lr"])
    assert found["against"].tolist() == ["", "own autoencoder"]
    assert found.loc[1, "difference"] == pytest.approx(0.6)


def test_tests_are_corrected_over_the_settings_tested():
    rng = np.random.default_rng(0)
    rows = [
        (level, 1, level, f"p{k}", 0.5 + 0.02 * level + rng.normal(0, 0.02), 0.5)
        for level in range(4)
        for k in range(8)
    ]
    table = setting_table(figures(rows), [LEVEL])
    assert table["p"].isna().tolist() == [True, False, False, False]
    np.testing.assert_allclose(table["p_holm"], holm(table["p"].to_numpy()))
    assert table["p_holm"].min() == pytest.approx(3 * table["p"].min())


def test_the_ratio_in_decibel_is_an_axis_too():
    table = figures([(None, 1, 0, "a", 0.5, 0.4), (None, 1, 1, "a", 0.7, 0.4)]).assign(**{SNR: [0.0, 10.0]})
    found = setting_table(table, [SNR])
    assert curve_key(found, [SNR]) == SNR
    assert level_curve(found, [SNR])["level"].tolist() == [0, 10]
    assert found["against"].tolist() == ["own autoencoder"] * 2

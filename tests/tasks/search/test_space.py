"""What a search may draw, read and laid out as overrides."""

import pytest
import yaml

from eegdae.errors import EegdaeError
from eegdae.tasks.search.space_settings import read_space

LEVELS = {
    "kind": {"key": "corruption", "type": "categorical", "choices": ["gaussian", "masking"]},
    "level": {
        "key": "corruption.level",
        "type": "float",
        "low": 0.1,
        "high": 1,
        "step": 0.3,
        "scale_by": "kind",
        "scale": {"gaussian": 3, "masking": 0.9},
    },
}


def space(text):
    return read_space(yaml.safe_load(text))


def test_a_draw_becomes_overrides():
    levels = read_space(LEVELS)
    drawn = {"kind": "masking", "level": 0.7}
    assert levels.overrides(drawn) == ["corruption=masking", "corruption.level=0.63"]
    assert levels.values(drawn) == {"corruption": "masking", "corruption.level": 0.63}
    assert levels.overrides({"kind": "gaussian", "level": 0.7})[1] == "corruption.level=2.1"


def test_a_choice_without_a_factor_is_not_scaled():
    node = {**LEVELS, "level": {**LEVELS["level"], "scale": {"gaussian": 3}}}
    assert read_space(node).overrides({"kind": "masking", "level": 0.7})[1] == "corruption.level=0.7"


def test_a_grid_has_every_combination_the_last_fastest():
    grid = read_space(LEVELS).grid()
    assert len(grid) == 2 * 4
    assert grid[:2] == [{"kind": "gaussian", "level": 0.1}, {"kind": "gaussian", "level": 0.4}]
    assert [point["level"] for point in grid[4:]] == [0.1, 0.4, 0.7, 1.0]


def test_whole_numbers_stay_whole():
    widths = space("w: {key: model.hidden.0, type: int, low: 8, high: 32, step: 8}")
    assert [p["w"] for p in widths.grid()] == [8, 16, 24, 32]
    assert widths.overrides({"w": 16}) == ["model.hidden.0=16"]


def test_choices_are_values_or_names_of_overrides():
    both = space(
        "features: {type: categorical, choices: [[power], [power, plv], null, true, 0.5]}\n"
        "size: {type: categorical, choices: {few: ['model.hidden=[8,2]', pretrain.epochs=1], many: []}}\n"
    )
    assert both.grid()[0] == {"features": "[power]", "size": "few"}
    assert both.overrides({"features": "[power,plv]", "size": "few"}) == [
        "features=[power,plv]",
        "model.hidden=[8,2]",
        "pretrain.epochs=1",
    ]
    assert both.overrides({"features": None, "size": "many"}) == ["features=null"]
    assert both.values({"features": True, "size": "many"}) == {"features": True, "size": "many"}


def test_what_is_checked_first_has_every_choice_and_both_ends_with_every_factor():
    probes = [read_space(LEVELS).values(drawn) for drawn in read_space(LEVELS).probes()]
    assert {"corruption": "masking", "corruption.level": 0.9} in probes
    assert {"corruption": "gaussian", "corruption.level": 3.0} in probes
    assert {"corruption": "gaussian", "corruption.level": 0.3} in probes
    assert len(probes) == 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "search.space={}: nothing to search"),
        ("[a]", "nothing to search"),
        ("a: 5", "search.space.a=5: must be a mapping"),
        ("a: {low: 0, high: 1}", "search.space.a.type=None: not known; known: categorical, float, int"),
        ("a: {type: flaot, low: 0, high: 1}", "did you mean 'float'"),
        ("a: {type: float, low: 0}", "search.space.a.high: is missing"),
        ("a: {type: float, low: 1, high: 1}", "search.space.a: low=1 must be below high=1"),
        ("a: {type: float, low: 2, high: 1}", "low=2 must be below high=1"),
        ("a: {type: float, low: 0, high: .inf}", "must be below high=inf, both of them numbers"),
        ("a: {type: float, low: none, high: 1}", "search.space.a.low='none': must be a number"),
        ("a: {type: int, low: 0.5, high: 3}", "search.space.a.low=0.5: must be a whole number"),
        ("a: {type: float, low: 0, high: 1, step: 2}", "search.space.a.step=2: must be above 0"),
        ("a: {type: float, low: 0, high: 1, log: true}", "log=true: needs low above 0"),
        ("a: {type: int, low: 1, high: 9, log: true, step: 2}", "and no step"),
        ("a: {type: float, low: 0, high: 1, lgo: true}", "search.space.a.lgo: unknown key; did you mean"),
        ("a: {type: categorical}", "search.space.a.choices=None: must be a list"),
        ("a: {type: categorical, choices: []}", "search.space.a.choices=[]: must be a list"),
        ("a: {type: categorical, choices: ab}", "search.space.a.choices='ab': must be a list"),
        ("a: {type: categorical, choices: [x, y, x]}", "search.space.a.choices: x stands there twice"),
        ("a: {type: categorical, choices: {x: seed=1}}", "search.space.a.choices.x='seed=1': must be a list"),
        ("a: {key: b, type: categorical, choices: {x: []}}", "search.space.a.key='b': not with choices"),
        ("a: {type: categorical, choices: {x: [hydra.run.dir=/]}}", "hydra.run.dir is no setting"),
        (
            "a: {key: search.seed, type: int, low: 0, high: 1}",
            "search.seed is no setting that can be searched",
        ),
        ("a: {type: float, low: 0, high: 1, scale_by: b}", "search.space.a.scale: a mapping"),
        ("a: {type: float, low: 0, high: 1, scale_by: b, scale: {c: 1}}", "a.scale_by='b': no categorical"),
        (
            "a: {key: x, type: int, low: 0, high: 1}\nb: {key: x, type: int, low: 0, high: 1}",
            "two parameters set x",
        ),
    ],
)
def test_a_space_that_is_wrong(text, said):
    with pytest.raises(EegdaeError) as told:
        space(text)
    assert said in str(told.value)


def test_a_factor_of_a_choice_that_is_not_there():
    node = {**LEVELS, "level": {**LEVELS["level"], "scale": {"maskign": 1}}}
    with pytest.raises(
        EegdaeError, match=r"search.space.level.scale.maskign: unknown key; did you mean 'masking'"
    ):
        read_space(node)


def test_a_grid_over_what_is_continuous():
    with pytest.raises(EegdaeError, match=r"search.space.a: a grid needs points: give a a step"):
        _ = space("a: {type: float, low: 0, high: 1}").grid()

"""Digits with noisy backgrounds: no digit in two parts, the same bytes from a seed, pixels in [0, 1]."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("make_noisy_digits", ROOT / "scripts/make_noisy_digits.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture(scope="module")
def parts(script):
    return script.make_noisy_digits(3, n_copies=2)


def test_no_digit_is_in_two_parts_and_none_is_lost(parts):
    originals = [set(part.original.tolist()) for part in parts.values()]
    assert set.union(*originals) == set(range(1797))
    assert sum(map(len, originals)) == 1797


def test_each_digit_is_copied_as_often_with_its_own_class_and_no_copy_twice(parts):
    y = load_digits().target
    for part in parts.values():
        assert set(np.bincount(part.original)[part.original].tolist()) == {2}
        assert np.array_equal(part.y, y[part.original])
        assert len(np.unique(part.x, axis=0)) == len(part.x)


def test_pixels_are_in_the_unit_interval(parts):
    for part in parts.values():
        assert part.x.dtype == np.float32
        assert part.x.min() >= 0
        assert part.x.max() <= 1


def test_the_seed_decides_every_pixel(script, parts):
    again, other = (script.make_noisy_digits(seed, n_copies=2)["test"] for seed in (3, 4))
    assert again.x.tobytes() == parts["test"].x.tobytes()
    assert not np.array_equal(other.original, again.original)


def test_a_quarter_turn_is_a_quarter_turn_and_a_full_one_changes_nothing(script):
    image = load_digits().images[5] / 16
    upright = script.turned(image, 0.0)
    assert script.turned(image, 2 * np.pi) == pytest.approx(upright, abs=1e-9)
    assert script.turned(image, np.pi / 2) == pytest.approx(np.rot90(upright), abs=1e-9)
    # enlarged about its middle: the mean of four pixels is near the one that they came from
    small = upright.reshape(8, 2, 8, 2).mean((1, 3))[1:-1, 1:-1]
    assert np.corrcoef(small.ravel(), image[1:-1, 1:-1].ravel())[0, 1] > 0.95


def test_without_noise_the_background_is_dark(script):
    image = load_digits().images[:3] / 16
    rng = np.random.default_rng(0)
    plain = script.noisy_copies(image, rng, largest_angle=0.0, background=0.0)
    expected = np.stack([script.turned(i, 0.0) for i in image]).reshape(3, -1)
    assert plain == pytest.approx(expected.astype(np.float32))

from __future__ import annotations

import numpy as np
import pytest

from eegdae.inspection.images import Sheet
from eegdae.reporting import ImageExample
from eegdae.reporting.figures_images import MOST_COLUMNS, image_sheet, reconstruction_images
from eegdae.reporting.text import text_images

from .checks import texts

RNG = np.random.default_rng(0)


def draw(n=12, n_colours=1, **changes):
    clean = RNG.random((n, n_colours, 6, 5))
    example = {
        "clean": clean,
        "corrupted": clean + 0.3,
        "reconstructed": clean * 0.9,
        "pca": clean,
        "view": "raw",
        "corruption": "gaussian",
        "level": 0.5,
        "errors": {"corrupted": 0.4, "reconstructed": 0.2, "pca": 0.3},
        "errors_over": "12 held-out windows",
        "errors_unit": "training sd",
    }
    options = {**vars(ImageExample(**example)), **changes}
    arrays = [options.pop(key) for key in ("clean", "corrupted", "reconstructed", "pca")]
    return clean, reconstruction_images(*arrays, **options)


@pytest.mark.parametrize("n_colours", [1, 2, 3])
def test_an_image_a_column_and_a_way_a_row(n_colours):
    clean, figure = draw(n_colours=n_colours)
    assert figure.get_suptitle()
    assert len(figure.axes) == 4 * MOST_COLUMNS
    shown = np.asarray(figure.axes[0].images[0].get_array())
    expected = clean[0].mean(0) if n_colours < 3 else clean[0].transpose(1, 2, 0)
    np.testing.assert_allclose(shown, expected, atol=1e-6)
    brighter = np.asarray(figure.axes[MOST_COLUMNS].images[0].get_array())
    assert brighter.max() <= 1.0
    assert brighter.mean() > shown.mean()
    shown = texts(figure)
    assert "RMSE 0.2 training sd\nthis network" in shown
    assert "gaussian, level 0.5" in shown


def test_few_images_and_no_pca():
    _, figure = draw(n=2, pca=None)
    assert figure.get_suptitle()
    assert len(figure.axes) == 6


def test_other_scales_are_those_of_the_clean_images():
    clean = RNG.normal(size=(3, 1, 6, 5)) * 100
    _, figure = draw(n=3, clean=clean, corrupted=clean, reconstructed=clean, pca=None)
    shown = np.asarray(figure.axes[0].images[0].get_array())
    low, high = np.quantile(clean, [0.01, 0.99])
    np.testing.assert_allclose(shown, np.clip((clean[0, 0] - low) / (high - low), 0, 1), atol=1e-6)


def test_shapes_that_disagree():
    with pytest.raises(ValueError, match="corrupted has shape"):
        draw(corrupted=np.zeros((12, 1, 5, 6)))


def test_a_sheet_has_its_labels():
    figure = image_sheet(RNG.random((13, 3, 4, 4)), ["cat"] * 12 + [""], title="mine")
    assert figure.get_suptitle()
    assert texts(figure).count("cat") == 12


def test_images_in_letters():
    image = np.zeros((3, 1, 2, 3), np.float32)
    image[0, 0, 0, 1] = 1.0
    image[1, 0] = np.nan
    sheet = Sheet("mine", image, ("a", "b", "a"))
    lines = text_images(sheet, plain=True).splitlines()
    assert lines[0] == "mine, 3 of its images"
    assert lines[1].split() == ["a", "b", "a"]
    assert lines[2] == "  ##"
    large = Sheet("mine", np.ones((2, 3, 100, 150), np.float32), ("", ""))
    drawn = text_images(large)
    assert "\u2588" in drawn
    assert max(map(len, drawn.splitlines())) <= 72
    assert len(drawn.splitlines()) <= 17

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from eegdae.reporting.figures_signal import reconstruction, reconstruction_features

from .checks import check_figure, texts


def draw(example, function):
    options = dict(vars(example))
    arrays = [options.pop(key) for key in ("clean", "corrupted", "reconstructed", "pca")]
    return function(*arrays, **options)


def test_reconstruction_says_every_error(report_data):
    example = report_data.examples[0]
    figure = draw(example, reconstruction)
    check_figure(figure)
    shown = texts(figure)
    for key, meaning in (
        ("corrupted", "doing nothing"),
        ("reconstructed", "this network"),
        ("pca", "PCA of the same dimension"),
    ):
        assert f"RMSE {example.errors[key]:.3g} training sd\n{meaning}" in shown
    assert "gaussian, level 0.5" in shown
    assert len(figure.axes) == 4
    assert len(draw(replace(example, pca=None), reconstruction).axes) == 3


def test_channels_of_one_unit_share_a_scale_and_it_is_true(report_data):
    """A trace must give its samples back through the scale and offset that the axis states."""
    example = report_data.examples[0]
    figure = draw(example, reconstruction)
    label = figure.axes[0].get_ylabel()
    scale = {
        unit: float(number)
        for number, unit in (p.split() for p in label[label.index("=") + 1 : -1].split(", "))
    }
    assert set(scale) == {"g", "rad/s"}
    for row, line in enumerate(figure.axes[0].lines):
        centre = np.median(example.clean[row])
        expected = (example.clean[row] - centre) / scale[example.units[row]] - row
        np.testing.assert_allclose(line.get_ydata(), expected, atol=1e-9)
        np.testing.assert_allclose(line.get_xdata()[[0, 1]], [0, 1 / example.sfreq])


def test_a_constant_does_not_change_the_scale(report_data):
    example = report_data.examples[0]
    shifted = {key: getattr(example, key) + 1000 for key in ("clean", "corrupted", "reconstructed", "pca")}
    labels = [draw(e, reconstruction).axes[0].get_ylabel() for e in (example, replace(example, **shifted))]
    assert labels[0] == labels[1]


def test_at_most_eight_channels_and_the_title_says_so(report_data):
    example = report_data.examples[0]
    many = {
        key: np.tile(getattr(example, key), (4, 1)) for key in ("clean", "corrupted", "reconstructed", "pca")
    }
    figure = draw(
        replace(example, **many, ch_names=list("abcdefghijklmnopqrstuvwx"), units=["uV"] * 24), reconstruction
    )
    check_figure(figure)
    assert len(figure.axes[0].lines) == 8
    assert "first 8 of 24 channels" in texts(figure)
    assert "µV" in figure.axes[0].get_ylabel()


def test_flat_windows_are_drawn(report_data):
    example = report_data.examples[0]
    zeros = {key: np.zeros((6, 100)) for key in ("clean", "corrupted", "reconstructed", "pca")}
    check_figure(draw(replace(example, **zeros), reconstruction))


def test_shapes_that_differ_are_refused(report_data):
    example = report_data.examples[0]
    with pytest.raises(ValueError, match="corrupted has shape"):
        draw(replace(example, corrupted=example.corrupted[:, 1:]), reconstruction)
    with pytest.raises(ValueError, match="5 names"):
        draw(replace(example, ch_names=example.ch_names[:5]), reconstruction)


def test_features_as_a_map_and_as_a_line(report_data):
    example = report_data.examples[1]
    many = draw(example, reconstruction_features)
    check_figure(many)
    assert "20 windows" in texts(many)
    limits = {image.get_clim() for axes in many.axes[:3] for image in axes.images}
    assert len(limits) == 1
    one = replace(
        example,
        clean=example.clean[0],
        corrupted=example.corrupted[0],
        reconstructed=example.reconstructed[0],
    )
    figure = draw(one, reconstruction_features)
    check_figure(figure)
    np.testing.assert_array_equal(figure.axes[1].lines[0].get_ydata(), one.clean)
    np.testing.assert_array_equal(figure.axes[1].lines[1].get_ydata(), one.corrupted)


def test_signed_maps_are_centred_on_zero(report_data):
    example = report_data.examples[1]
    signed = example.clean - example.clean.mean()
    figure = draw(
        replace(example, clean=signed, corrupted=signed, reconstructed=signed), reconstruction_features
    )
    low, high = figure.axes[0].images[0].get_clim()
    assert low == -high

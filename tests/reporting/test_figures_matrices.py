from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from eegdae.reporting.figures_matrices import class_matrices

from .checks import check_figure, texts


def images(figure):
    return [axes.images[0] for axes in figure.axes if axes.images and not hasattr(axes, "_colorbar")]


@pytest.mark.parametrize("n_classes", [1, 2, 3, 4, 7])
def test_mean_reconstruction_difference(report_data, n_classes):
    example = report_data.matrices[0]
    mean, back, classes = (getattr(example, key)[:n_classes] for key in ("mean", "reconstructed", "classes"))
    figure = class_matrices(
        mean, back, classes=classes, ch_names=example.ch_names, measure="pearson", band="alpha"
    )
    check_figure(figure)
    shown = images(figure)
    assert len(shown) == 3 * n_classes
    assert "Pearson correlation (a.u.)" in texts(figure)
    assert all(name in texts(figure) for name in classes)
    limits = [image.get_clim() for image in shown]
    assert len(set(limits)) == 2
    assert all(low == pytest.approx(-high) for low, high in limits)
    drawn = {image.get_array().filled(np.nan)[0, 1] for image in shown}
    expected = {*mean[:, 0, 1], *back[:, 0, 1], *(back - mean)[:, 0, 1]}
    assert drawn == expected


def test_unsigned_measures_have_a_magnitude_scale(report_data):
    example = report_data.matrices[0]
    options = {key: value for key, value in vars(example).items() if key not in ("mean", "reconstructed")}
    figure = class_matrices(abs(example.mean), abs(example.reconstructed), **options)
    assert images(figure)[0].get_cmap().name == "viridis"
    assert images(figure)[-1].get_cmap().name == "RdBu_r"


def test_many_classes_and_channels_are_thinned_and_said(report_data):
    n_chans = 64
    mean = np.random.default_rng(0).uniform(size=(10, n_chans, n_chans))
    example = replace(
        report_data.matrices[0],
        mean=mean,
        reconstructed=mean,
        classes=[f"class {i}" for i in range(10)],
        ch_names=[f"E{i}" for i in range(n_chans)],
    )
    options = dict(vars(example))
    figure = class_matrices(options.pop("mean"), options.pop("reconstructed"), **options)
    check_figure(figure)
    assert "first 8 of 10 classes" in texts(figure)
    assert len(figure.axes[0].get_yticks()) <= 24


def test_shapes_that_disagree_are_refused(report_data):
    example = report_data.matrices[0]
    with pytest.raises(ValueError, match="1 classes and 6 channels"):
        class_matrices(
            example.mean,
            example.reconstructed,
            classes=["a"],
            ch_names=example.ch_names,
            measure="plv",
            band="",
        )

from __future__ import annotations

import numpy as np
import pytest

from eegdae.connectivity import NoiseFloor, connectivity, mean_modulus, noise_floor
from eegdae.reporting.figures_floors import floors
from eegdae.reporting.style import figure_png

from .checks import check_figure, check_png, texts

BANDS = {"slow": (2, 6), "low_beta": (13, 20), "ten": (10, 10)}
MEASURES = ("plv", "pearson", "dpli", "granger")


def made(n_measures=4, n_bands=3):
    rng = np.random.default_rng(0)
    shape = (n_measures, n_bands)
    modulus = 0.5 + 0.1 * rng.uniform(size=shape)
    names = tuple(f"band{i}" for i in range(n_bands)) if n_bands != 3 else tuple(BANDS)
    return NoiseFloor(
        modulus, modulus / 4, modulus, modulus + 0.2, MEASURES[:n_measures], names, "phase", 200
    )


def test_a_panel_a_measure_with_what_is_drawn_in_it():
    floor = made()
    mean = floor.modulus + 0.1
    figure = floors(mean, floor, bands=BANDS)
    check_figure(figure)
    shown = [axes for axes in figure.axes if axes.axison]
    assert [axes.get_title() for axes in shown] == ["PLV", "Pearson correlation", "dPLI", "Granger causality"]
    assert [axes.get_ylabel() for axes in shown][:3] == [
        "value (a.u.)",
        "|value| (a.u.)",
        "0.5 + |value \N{MINUS SIGN} 0.5| (a.u.)",
    ]
    for k, axes in enumerate(shown):
        dots = next(line for line in axes.lines if line.get_marker() == "o")
        np.testing.assert_array_equal(dots.get_ydata(), mean[k])
        levels = [segment[0, 1] for segment in axes.collections[0].get_segments()]
        np.testing.assert_array_equal(levels, floor.modulus[k])
        low = 0.5 if k == 2 else 0.0
        assert [bar.get_y() for bar in axes.patches] == [low] * 3
        np.testing.assert_allclose([bar.get_y() + bar.get_height() for bar in axes.patches], floor.q95[k])
        assert axes.get_ylim()[0] == low
        assert axes.get_ylim()[1] > floor.q95[k].max()
    said = texts(figure)
    assert "low\nbeta\n13\N{EN DASH}20" in said
    assert "ten\n10" in said
    assert "phase-randomised surrogates" in said
    assert "95 % of single values without coupling" in said
    check_png(figure_png(figure))


def test_a_floor_of_which_the_mean_alone_is_known():
    floor = made()
    unknown = np.full_like(floor.q95, np.nan)
    known = NoiseFloor(floor.mean, unknown, floor.modulus, unknown, MEASURES, tuple(BANDS), "closed_form", 0)
    figure = floors(floor.modulus, known, bands=BANDS)
    check_figure(figure)
    check_png(figure_png(figure))
    assert "by formula, for flat spectra" in texts(figure)


def test_many_frequencies_are_thinned():
    bands = {f"band{i}": (i, i + 1) for i in range(40)}
    floor = made(1, 40)
    figure = floors(floor.modulus, floor, bands=bands)
    check_figure(figure)
    assert len(figure.axes[0].get_xticks()) <= 12


def test_of_real_signals(watch):
    bands = {"slow": (1, 5), "fast": (5, 20)}
    options = {"sfreq": watch["sfreq"], "bands": bands, "measures": ("plv", "pearson")}
    x = watch["x"].astype(np.float64)
    mean = mean_modulus(connectivity(x, **options), measures=options["measures"])
    figure = floors(mean, noise_floor(x, n_surrogates=20, **options), bands=bands)
    check_figure(figure)
    check_png(figure_png(figure))


def test_shapes_that_disagree_are_refused():
    floor = made()
    with pytest.raises(ValueError, match=r"floors: \(4, 2\) values"):
        floors(floor.modulus[:, :2], floor, bands=BANDS)
    with pytest.raises(ValueError, match="2 bands"):
        floors(floor.modulus, floor, bands={"a": (1, 2), "b": (2, 3)})

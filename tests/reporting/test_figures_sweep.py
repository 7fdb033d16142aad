from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from eegdae.reporting.figures_sweep import MOST_LINES, MOST_PANELS, error_curves, noise_curve

from .checks import check_figure, texts


def curve(**columns):
    level = [0.0, 0.5, 1.0]
    table = pd.DataFrame(
        {"level": level, "mean": [0.7, 0.73, 0.75], "low": [0.65, 0.7, 0.7], "high": [0.75, 0.8, 0.8]}
    )
    return table.assign(**{"corruption": "gaussian", "setting": "", "representation": "codes", **columns})


def test_noise_curve_a_line_a_kind_and_level_zero_behind_each():
    table = pd.concat(
        [curve(), curve(corruption="masking").assign(mean=0.6), curve(representation="finetuned")]
    )
    figure = noise_curve(table, metric="roc_auc", transductive="transductive")
    check_figure(figure)
    axes = figure.axes[0]
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == [
        "gaussian, denoising codes",
        "gaussian, fine-tuned encoder",
        "masking, denoising codes",
        "value at level 0",
    ] or sorted(labels[:3]) == [
        "gaussian, denoising codes",
        "gaussian, fine-tuned encoder",
        "masking, denoising codes",
    ]
    references = [
        line.get_ydata()[0] for line in axes.lines if line.get_linestyle() == ":" and len(line.get_xdata())
    ]
    assert sorted(references) == [0.6, 0.7, 0.7]
    assert "transductive" in texts(figure)


def test_noise_curve_without_intervals_or_level_zero():
    table = curve().iloc[1:].assign(low=np.nan, high=np.nan)
    figure = noise_curve(table, metric="balanced_accuracy")
    check_figure(figure)
    assert "gaussian" in texts(figure)


def test_noise_curve_refuses_an_empty_table():
    with pytest.raises(ValueError, match="no rows"):
        noise_curve(curve().head(0), metric="roc_auc")


def shown(figure):
    return [axes for axes in figure.axes if axes.get_visible()]


def curves(axes):
    return [line for line in axes.lines if line.get_marker() != "None"]


def references(axes):
    dotted = [line for line in axes.lines if line.get_linestyle() == ":" and len(line.get_xdata())]
    return [line.get_ydata()[0] for line in dotted]


def test_noise_curve_a_panel_a_corruption_where_there_are_many():
    kinds = ["gaussian", "masking", "salt_and_pepper", "time_block", "line_noise"]
    figure = noise_curve(pd.concat([curve(corruption=kind) for kind in kinds]), metric="roc_auc")
    check_figure(figure)
    assert [axes.get_title() for axes in shown(figure)] == [kind.replace("_", " ") for kind in kinds]
    for axes in shown(figure):
        assert [len(line.get_xdata()) for line in curves(axes)] == [3]
        assert len(axes.collections) == 1  # the band
        assert references(axes) == [0.7]
        assert axes.get_ylim() == shown(figure)[0].get_ylim()


def test_noise_curve_without_a_point_at_level_0_shows_what_it_is_compared_to():
    table = curve().iloc[1:].assign(reference=0.66)
    axes = noise_curve(table, metric="roc_auc").axes[0]
    assert references(axes) == [0.66]


def test_noise_curve_shows_the_highest_of_very_many_lines():
    lines = [curve(setting=f"lr={k}").assign(mean=lambda t, k=k: t["mean"] + 0.001 * k) for k in range(20)]
    figure = noise_curve(pd.concat(lines), metric="roc_auc")
    assert [axes.get_title() for axes in shown(figure)] == [f"lr={k}" for k in range(20 - MOST_PANELS, 20)]
    both = pd.concat([table.assign(corruption=kind) for kind in ("a", "b") for table in lines])
    figure = noise_curve(both, metric="roc_auc")
    check_figure(figure)
    assert [axes.get_title() for axes in shown(figure)] == ["a", "b"]
    for axes in shown(figure):
        looks = {(line.get_color(), line.get_marker(), str(line.get_linestyle())) for line in curves(axes)}
        assert (
            len(curves(axes))
            == MOST_LINES
            == len({look[0] for look in looks})
            == len({look[1] for look in looks})
        )
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == [*(f"lr={k}" for k in range(20 - MOST_LINES, 20)), "value at level 0"]


def test_noise_curve_of_levels_far_apart_and_of_decibel():
    wide = curve().assign(level=[0.0, 0.01, 10.0])
    axes = noise_curve(wide, metric="roc_auc").axes[0]
    assert axes.get_xscale() == "symlog"
    assert axes.get_xlim()[0] > -0.01
    axes = noise_curve(wide.assign(level=[-10.0, 0.1, 20.0]), metric="roc_auc", along="snr_db").axes[0]
    assert axes.get_xscale() == "linear"
    assert "dB" in axes.get_xlabel()


def errors(**columns):
    ways = ("reconstructed", "autoencoder", "pca", "corrupted")
    table = pd.concat([curve().assign(way=way, mean=0.2 * k) for k, way in enumerate(ways)])
    return table.assign(**{"setting": "", "view": "raw", **columns})


def test_error_curves_show_every_way_in_every_view():
    figure = error_curves(pd.concat([errors(), errors(view="power")]))
    check_figure(figure)
    assert [axes.get_title() for axes in shown(figure)] == ["gaussian, raw", "gaussian, power"]
    for axes in shown(figure):
        assert [line.get_ydata()[0] for line in curves(axes)] == pytest.approx([0, 0.2, 0.4, 0.6])
        assert axes.get_ylim()[0] == 0
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend[0] == "this network"
    assert legend[-1] == "doing nothing"
    many = pd.concat([errors(corruption=f"kind {k}") for k in range(MOST_PANELS + 3)])
    assert len(shown(error_curves(many))) == MOST_PANELS
    with pytest.raises(ValueError, match="no rows"):
        error_curves(errors().head(0))

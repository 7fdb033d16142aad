"""The verdict of a run: its codes beside every baseline, in a sentence, a table and figures."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from eegdae.reporting.figures_scores import confusion, metric_bars
from eegdae.reporting.html import Block, FigureBlock, Strong, Table, Text
from eegdae.reporting.names import ERROR_NAMES, REPRESENTATIONS, metric_name, representation_name
from eegdae.reporting.report_data import Metrics, ReportData
from eegdae.reporting.style import pretty_unit
from eegdae.reporting.tables import interval

_NONE = float("-inf")
_COMPARED = ("raw", "pca", "random_encoder", "autoencoder", "chance")


def verdict(data: ReportData) -> list[Block]:
    """Say how good the codes are.

    Parameters
    ----------
    data : ReportData

    Returns
    -------
    list of blocks
        One sentence, the table of representations, the notes, a figure a metric and the confusion matrix;
        without labels how near every view is brought back, beside the baselines.
    """
    if not data.metrics:
        return _unlabelled(data)
    names = list(dict.fromkeys(metric for values in data.metrics.values() for metric in values))
    table = metrics_table(data.metrics, transductive=data.transductive)
    blocks: list[Block] = [Text(_sentence(data, names[0])), table]
    notes = list(data.metric_notes)
    if data.transductive:
        notes.append(
            f"{data.transductive}: unlabelled windows of the test groups were used; new groups must bring "
            "some too."
        )
    blocks.append(Text(*notes))
    if data.paired is not None and len(data.paired):
        blocks.append(paired_table(data.paired, transductive=data.transductive))
    scored = [name for name in names if any(_mean(values, name) > _NONE for values in data.metrics.values())]
    line = "; line: 95 % bootstrap interval over groups" if has_intervals(data.metrics) else ""
    for name in scored:
        blocks.append(
            FigureBlock(
                figure=metric_bars(data.metrics, metric=name, transductive=data.transductive),
                name=f"metrics_{name}",
                caption=f"Dot: mean over held-out groups{line}. Every representation had the same scaler, "
                "folds and classifier.",
                alt=f"{metric_name(name)} of each representation and the chance level",
            )
        )
    if data.confusion is not None:
        blocks.append(
            FigureBlock(
                figure=confusion(data.confusion, classes=data.classes, transductive=data.transductive),
                name="confusion",
                caption="Held-out windows of all folds, classified from the codes. Colour and percentage: "
                "share of the true class; below it, the number of windows.",
                alt="confusion matrix of true against predicted classes",
            )
        )
    return blocks


def _unlabelled(data: ReportData) -> list[Block]:
    blocks: list[Block] = [Text(*data.metric_notes)] if data.metric_notes else []
    if not data.examples:
        return blocks
    ways = [way for way in ERROR_NAMES if way in data.examples[0].errors]
    rows = []
    for example in data.examples:
        least = min(example.errors[way] for way in ways)
        texts = {way: f"{example.errors[way]:.3g}" for way in ways}
        rows.append(
            [example.view, *(Strong(t) if example.errors[w] == least else t for w, t in texts.items())]
        )
    first = data.examples[0]
    caption = f"Root mean squared error ({pretty_unit(first.errors_unit)}) over {first.errors_over}"
    return [
        *blocks,
        Table(header=["view", *(ERROR_NAMES[way] for way in ways)], rows=rows, caption=caption),
    ]


def _sentence(data: ReportData, metric: str) -> str:
    name = metric_name(metric, transductive=data.transductive)
    codes = data.metrics.get("codes", {}).get(metric, {})
    mean = codes.get("mean")
    if mean is None:
        return f"This run has no {name} for its codes."
    others = {key: _mean(data.metrics.get(key, {}), metric) for key in _COMPARED}
    gaps = [
        f"{interval({'mean': mean - other}, signed=True)} against {representation_name(key)}"
        for key, other in others.items()
        if other > _NONE
    ]
    return f"The denoising codes reach a {name} of {interval(codes)}: {', '.join(gaps)}."


def metrics_table(metrics: Metrics, *, transductive: str = "") -> Table:
    """Set every representation beside the others, the best of each metric in bold.

    Parameters
    ----------
    metrics : mapping
        As in ``metrics.json``.
    transductive : str
        What the figures owe to unlabelled test windows, said in every column that holds one; empty = none.

    Returns
    -------
    Table
        Mean and interval of each metric; representations in the order given, chance last.
    """
    keys = sorted(metrics, key=lambda key: key == "chance")
    names = list(dict.fromkeys(metric for key in keys for metric in metrics[key]))
    best = {name: max((_mean(metrics[key], name) for key in keys), default=_NONE) for name in names}
    rows = []
    for key in keys:
        cells = [representation_name(key)]
        for name in names:
            text = interval(metrics[key].get(name, {}))
            cells.append(Strong(text) if _mean(metrics[key], name) == best[name] else text)
        rows.append([*cells, REPRESENTATIONS.get(key, ("", ""))[1]])
    header = [
        "representation",
        *(metric_name(name, transductive=transductive) for name in names),
        "what it is",
    ]
    shown = " [95 % interval]" if has_intervals(metrics) else ""
    return Table(header=header, rows=rows, caption=f"Mean over held-out groups{shown}, best in bold")


def has_intervals(metrics: Metrics) -> bool:
    """Whether any figure comes with an interval: a few people give none."""
    return any(figure.get("low") is not None for of in metrics.values() for figure in of.values())


def paired_table(paired: pd.DataFrame, *, transductive: str = "") -> Table:
    """Set the codes against every other representation, person by person.

    Parameters
    ----------
    paired : DataFrame
        Columns ``representation metric mean low high p``: codes minus the representation.
    transductive : str
        What the figures owe to unlabelled test windows, said beside them; empty = none were used.

    Returns
    -------
    Table
        A row a representation; difference with its interval and p of each metric.
    """
    metrics = list(dict.fromkeys(paired["metric"]))
    rows = []
    for key, part in paired.groupby("representation", sort=False):
        cells = [representation_name(str(key))]
        for metric in metrics:
            row = part[part["metric"] == metric].iloc[0]
            values = {
                name: None if pd.isna(row[name]) else float(row[name])
                for name in ("mean", "low", "high", "p")
            }
            p = "" if values["p"] is None else f", p {values['p']:.2g}"
            cells.append(f"{interval(values, signed=True)}{p}")
        rows.append(cells)
    return Table(
        header=["codes minus", *(metric_name(metric, transductive=transductive) for metric in metrics)],
        rows=rows,
        caption="Codes minus everything else, paired over held-out groups",
        notes=["[95 % interval]; p of Wilcoxon's signed-rank test, not corrected for the number of rows"]
        if paired["low"].notna().any()
        else [],
    )


def _mean(values: Mapping[str, Mapping[str, float | None]], metric: str) -> float:
    mean = values.get(metric, {}).get("mean")
    return _NONE if mean is None else float(mean)

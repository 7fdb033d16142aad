"""The report of one run: what was done, how good the codes are, and what they look like."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from matplotlib.figure import Figure

from eegdae.evaluation.edges import edge_kind
from eegdae.reporting.figures import code_map, loss_curves
from eegdae.reporting.figures_connectivity import connectivity_pictures
from eegdae.reporting.figures_floors import floors
from eegdae.reporting.figures_images import reconstruction_images
from eegdae.reporting.figures_matrices import class_matrices
from eegdae.reporting.figures_scalp import scalp_maps
from eegdae.reporting.figures_signal import reconstruction, reconstruction_features
from eegdae.reporting.html import Block, FigureBlock, Section, Table, figures_of, render
from eegdae.reporting.names import ERROR_NAMES, measure_name
from eegdae.reporting.report_data import (
    FeatureExample,
    ImageExample,
    NetworkExample,
    ReportData,
    SignalExample,
)
from eegdae.reporting.style import MINUS, pretty_unit
from eegdae.reporting.tables import frame_table
from eegdae.reporting.verdict import verdict

__all__ = ["ReportData", "run_report"]


def run_report(data: ReportData) -> tuple[str, dict[str, bytes]]:
    """Write the report of a run.

    Parameters
    ----------
    data : ReportData

    Returns
    -------
    html : str
        The whole of ``report.html``.
    figures : dict of str to bytes
        File name -> PNG of every figure in it.
    """
    sections = [
        Section("What was done", _summary(data)),
        Section("How good the codes are", verdict(data)),
        Section("Codes in two dimensions", _codes(data)),
        Section("Reconstructions", _reconstructions(data)),
        Section("Connectivity by class", _matrices(data)),
        Section("Connectivity above its floor", _floors(data)),
        Section("Where connectivity differs", _networks(data)),
        Section("Power over the scalp", _scalp(data)),
        Section("Training", _training(data)),
        Section("Folds and their audit", _folds(data)),
    ]
    return render(f"eegdae: {data.name}", sections), figures_of(sections)


def _summary(data: ReportData) -> list[Block]:
    blocks: list[Block] = [Table(header=(), rows=[list(row) for row in data.summary])]
    if data.dropped:
        rows = [[reason, str(count)] for reason, count in data.dropped.items()]
        blocks.append(Table(header=("left out", "count"), rows=rows, caption="Windows and channels left out"))
    if data.notes:
        rows = [[note] for note in data.notes]
        blocks.append(Table(header=("recording",), rows=rows, caption="What preparation found"))
    return blocks


def _codes(data: ReportData) -> list[Block]:
    if data.codes2d is None:
        return []
    ways = (("class", data.code_labels), ("subject", data.code_subjects))
    suffix = f" ({data.transductive})" if data.transductive else ""
    return [
        FigureBlock(
            figure=code_map(
                data.codes2d,
                labels=labels,
                title=f"Codes of all windows by {way}{suffix}",
                legend_title=way,
                explained=data.explained,
            ),
            name=f"codes_by_{way}",
            caption=f"The codes' first two principal components, coloured by {way}"
            + (f" ({data.codes_note})." if data.codes_note else "."),
            alt=f"scatter plot of the codes in two dimensions, coloured by {way}",
        )
        for way, labels in ways
        if len(labels)
    ]


def _reconstructions(data: ReportData) -> list[Block]:
    blocks: list[Block] = []
    for i, example in enumerate(data.examples):
        options = dict(vars(example))
        draw = _DRAWN_BY[type(example)]
        arrays = [options.pop(key) for key in ("clean", "corrupted", "reconstructed", "pca")]
        blocks.append(
            FigureBlock(
                figure=draw(*arrays, **options),
                name=f"reconstruction_{i}_{_file_name(example.view)}",
                caption=f"{example.view}: clean, corrupted and reconstructed. {_errors_sentence(example)}",
                alt=f"clean, corrupted and reconstructed {example.view} side by side",
            )
        )
    return blocks


_DRAWN_BY: Mapping[type, Callable[..., Figure]] = {
    SignalExample: reconstruction,
    ImageExample: reconstruction_images,
    FeatureExample: reconstruction_features,
}


def _errors_sentence(example: SignalExample | ImageExample | FeatureExample) -> str:
    unit = pretty_unit(example.errors_unit)
    parts = [
        f"{name} {example.errors[key]:.3g}" for key, name in ERROR_NAMES.items() if key in example.errors
    ]
    return (
        f"Root mean squared error ({unit}) over {example.errors_over}: {', '.join(parts)}." if parts else ""
    )


def _matrices(data: ReportData) -> list[Block]:
    return [
        FigureBlock(
            figure=class_matrices(
                example.mean,
                example.reconstructed,
                classes=example.classes,
                ch_names=example.ch_names,
                measure=example.measure,
                band=example.band,
            ),
            name=f"matrices_{_file_name(example.measure)}_{_file_name(example.band)}",
            caption=f"Mean {measure_name(example.measure)} in {example.band} over the windows of each class, "
            "the same through the network, and what the network changed. Row = x, column = y.",
            alt=f"mean {measure_name(example.measure)} of each class, its reconstruction and the difference",
        )
        for example in data.matrices
    ]


def _floors(data: ReportData) -> list[Block]:
    return [
        FigureBlock(
            figure=floors(example.mean, example.floor, bands=example.bands),
            name=f"floors_{k}",
            caption="What is measured beside what windows of this length give without any coupling "
            f"({example.floor.n_surrogates} surrogate windows with the spectra of these): a dot on the line "
            "is no more than noise, and a single pair in a single window says something above the grey.",
            alt=f"mean {', '.join(measure_name(name) for name in example.floor.measures)} by band, beside "
            "what they are without coupling",
        )
        for k, example in enumerate(data.floors)
    ]


def _networks(data: ReportData) -> list[Block]:
    return [
        FigureBlock(
            figure=connectivity_pictures(
                example.values,
                names=example.names,
                ch_names=example.ch_names,
                ch_pos=example.ch_pos,
                measure=example.measure,
                band=example.band,
                difference=example.difference,
                difference_name=f"{example.names[1]} {MINUS} {example.names[0]}",
                significant=example.significant,
                note=example.test,
            ),
            name=f"networks_{_file_name(example.measure)}_{_file_name(example.band)}",
            caption=_network_caption(example),
            alt=f"mean {measure_name(example.measure)} of {' and '.join(example.names)} and their "
            f"difference, as matrices and networks; {example.test}",
        )
        for example in data.networks
    ]


def _network_caption(example: NetworkExample) -> str:
    first, second = example.names
    head = "" if example.ch_pos is None else " and on the head, seen from above"
    arrows = "" if edge_kind(example.values) == "undirected" else ", arrows from row to column"
    return (
        f"{measure_name(example.measure)} in {example.band} of {first}, of {second}, and how much higher "
        f"(red) or lower (blue) it is in {second}, every subject counted once: as matrices, and the "
        f"strongest pairs of channels as lines round a circle{head}{arrows}. {example.test}"
    )


def _scalp(data: ReportData) -> list[Block]:
    if data.scalp is None:
        return []
    return [
        FigureBlock(
            figure=scalp_maps(**vars(data.scalp)),
            name="scalp_maps",
            caption="Mean log power of the windows of each class, seen from above, nose up. The classes of "
            "a band share their colour scale; between the electrodes the map is interpolated.",
            alt="scalp maps of mean log power by class and band",
        )
    ]


def _training(data: ReportData) -> list[Block]:
    blocks: list[Block] = []
    if len(data.network):
        rows = [
            [view, layer, shape, f"{n_params:,}".replace(",", " ")]
            for view, layer, shape, n_params in data.network
        ]
        blocks.append(
            Table(header=("view", "layer", "shape", "parameters"), rows=rows, caption="The network")
        )
    if not data.history.empty:
        blocks.append(
            FigureBlock(
                figure=loss_curves(data.history),
                name="loss_curves",
                caption="Each layer is trained on the clean codes of the frozen layers below it, so the "
                "losses of different stages are not on one scale; only their courses compare.",
                alt="training loss against epoch for every stage, one panel a view",
            )
        )
    return blocks


def _folds(data: ReportData) -> list[Block]:
    tables = (("Folds", data.folds), ("Split audit", data.audit))
    return [
        frame_table(frame, caption=caption) for caption, frame in tables if frame is not None and len(frame)
    ]


def _file_name(text: str) -> str:
    """Letters, digits and hyphens alone: views and bands are named by the user."""
    return re.sub(r"[^0-9A-Za-z-]+", "-", text).strip("-")[:40] or "unnamed"

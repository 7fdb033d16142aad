"""Write the tables of README and docs from ``benchmarks/*.json``: nothing is typed by hand.

python scripts/readme_tables.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from eegdae.reporting.names import ERROR_NAMES, REPRESENTATIONS, measure_name
from eegdae.tasks.prepare import counted

ROOT = Path(__file__).parents[1]
COLUMNS = ("codes", "finetuned", "raw", "pca", "pca_joint", "random_encoder", "autoencoder", "supervised")
NOTES = {
    "eegmat": "no alignment; setting chosen in each fold among the people trained on",
    "eegmat, aligned": "transductive, each person's features z-scored over that person's unlabelled windows; "
    "setting chosen in each fold among the people trained on",
    "eegmat, aligned, three views": "transductive; Pearson correlation beside power and phase locking; "
    "likewise chosen",
    "eegmat, aligned, two or three views": "transductive; the number of views chosen like the rest; raw and "
    "pca: the best of all penalties and views, judged on the same people, an upper bound",
    "eegmat, aligned, 12 dimensions": "transductive; signals projected to 12 principal components of the "
    "people trained on; likewise chosen",
    "eegmat, as shipped": "no alignment; the setting most often chosen above, by these same people",
    "eegmat, as shipped, aligned": "transductive; the same setting",
    "eegmat_aligned, as shipped": "transductive; the setting most often chosen with alignment, by these "
    "same people",
    "scp1_raw": "official split; setting chosen by cross-validation on the training trials; third attempt",
    "scp1_raw, first attempt": "official split; linear codes of what is slower than 10 Hz",
    "scp1_raw, second attempt": "official split; setting taken by hand, not by a rule",
}


def experiments_table(results: dict[str, Any]) -> str:
    """Lay out one row an experiment and metric: the codes beside every baseline, mean over seeds."""
    head = ["experiment", "figure", *(name.replace("_", " ") for name in COLUMNS)]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for name, result in results.items():
        for metric in ("balanced_accuracy", "roc_auc"):
            cells = [_cell(result["metrics"].get(column, {}).get(metric)) for column in COLUMNS]
            lines.append(f"| {name} | {metric.replace('_', ' ')} | " + " | ".join(cells) + " |")
    notes = [
        f"{name}: seeds {', '.join(map(str, result['seeds']))}"
        + (f"; {NOTES[name]}" if name in NOTES else "")
        for name, result in results.items()
    ]
    traps = [
        f"{name}: ROC-AUC of {trap.replace('_', ' ')}, one number: {_cell(r['metrics'][trap]['roc_auc'])}"
        for name, r in results.items()
        for trap in ("eigenvalue_ratio", "deviation")
        if trap in r["metrics"]
    ]
    together = [
        f"{name}: ROC-AUC of all people's scores in one: "
        + ", ".join(
            f"{column.replace('_', ' ')} {r['pooled_roc_auc'][column]['mean']:.3f}"
            for column in ("codes", "autoencoder", "raw", "pca", "pca_joint")
        )
        for name, r in results.items()
        if "pooled_roc_auc" in r
    ]
    equal = [
        f"{name}: deviation where each person has as many windows of rest as of arithmetic: "
        f"{r['deviation_with_equal_shares']['mean']:.3f}"
        for name, r in results.items()
        if "deviation_with_equal_shares" in r
    ]
    return "\n".join([*lines, "", *(f"- {note}." for note in [*notes, *traps, *together, *equal])])


def sets_table(results: dict[str, Any]) -> str:
    """Lay out one row a set that is trained on as it comes: its codes or errors beside the baselines."""
    ways = ("codes", "autoencoder", "random_encoder", "pca", "pca_joint", "raw", "chance")
    head = ["`data=`", "windows", "people", "classes", "held out", "figure"]
    head += [REPRESENTATIONS[way][0] for way in ways]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    errors = []
    for name, r in results.items():
        n_folds = counted(r["folds"], "fold")
        row = [f"`{name}`", r["windows"], r["people"], r["classes"] or "", f"{r['split_by']}, {n_folds}"]
        for metric in ("balanced_accuracy", "roc_auc") if r["metrics"] else ():
            cells = [_cell(r["metrics"][way][metric]) for way in ways]
            lines.append("| " + " | ".join(map(str, [*row, metric.replace("_", " "), *cells])) + " |")
        if not r["metrics"]:
            lines.append("| " + " | ".join(map(str, [*row, "below", *[""] * len(ways)])) + " |")
            told = (
                f"{view}: " + ", ".join(f"{ERROR_NAMES[way]} {_cell(found[way])}" for way in ERROR_NAMES)
                for view, found in r["reconstruction"].items()
            )
            errors.append(
                f"{name} has no labels; root mean squared error of held-out windows, scaled: "
                + "; ".join(told)
            )
    seeds = {tuple(r["seeds"]) for r in results.values()}
    notes = [f"seeds {', '.join(map(str, next(iter(seeds))))}; ±: standard deviation over them"]
    return "\n".join([*lines, "", *(f"- {note}." for note in [*notes, *errors])])


def recordings_table(result: dict[str, Any]) -> str:
    """Lay out one row a way from files to windows: pace, time over ours, memory."""
    lines = [
        "| from files to windows by | windows a second | time, over eegdae's | peak memory, MB |",
        "|---|---|---|---|",
    ]
    for name, pace in result["windows_per_second"].items():
        ratio = "" if name == "eegdae" else _ratio_of(result["seconds_over_eegdae"][name])
        lines.append(f"| {name} | {pace:.0f} | {ratio} | {result['peak_megabytes'][name]:.0f} |")
    n, n_chans, n_times = result["shape"]["eegdae"]
    notes = [
        f"{result['files']} EDF files of eegmat, {n} windows of {n_chans} channels x {n_times} samples; "
        "eegdae writes them to the disk besides; memory above what the process had after its imports",
        f"random batches from the store, at {result['random_batches_ram_over_store']:.2f} of the pace of "
        "main memory",
    ]
    notes += [f"{name} cannot be imported here" for name in result["cannot_be_imported"]]
    return "\n".join([*lines, "", *(f"- {note}." for note in notes)])


def eyes_table(result: dict[str, Any]) -> str:
    """Lay out one row a correction: what is left of the front of the head in held-out people."""
    names = list(result["held_out"]["none"])
    head = ["`ocular=`", *(f"correlation with the front, {name}" for name in names)]
    head += [f"variance left, {where}, {name}" for name in ("Fz", "O1") for where in ("peaks", "elsewhere")]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for kind, found in result["held_out"].items():
        cells = [f"{found[name]['correlation']:.2f}" for name in names]
        for name in ("Fz", "O1"):
            cells += [f"{found[name][f'variance_{where}']:.2f}" for where in ("at_peaks", "elsewhere")]
        lines.append("| " + " | ".join([f"`{kind}`", *cells]) + " |")
    return "\n".join(lines)


def eyes_verdict_table(result: dict[str, Any]) -> str:
    """Lay out one row a correction and figure: the verdict of experiment=eegmat with and without it."""
    ways = ("codes", "autoencoder", "raw", "pca", "random_encoder", "eigenvalue_ratio")
    head = ["`ocular=`", "figure", *(REPRESENTATIONS[way][0] for way in ways)]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for kind, metrics in result["verdict"].items():
        for metric in ("balanced_accuracy", "roc_auc"):
            cells = [_cell(metrics[way][metric]) for way in ways]
            lines.append("| " + " | ".join([f"`{kind}`", metric.replace("_", " "), *cells]) + " |")
    seeds = ", ".join(map(str, result["seeds"]))
    return "\n".join([*lines, "", f"- seeds {seeds}; ±: standard deviation over them."])


def training_table(result: dict[str, Any]) -> str:
    """Lay out one row a stack or layer: time relative to a hand-written loop and to plain Lightning."""
    lines = [
        "| stack | eegdae / hand-written loop | eegdae / Lightning, default DataLoader | bare products |",
        "|---|---|---|---|",
    ]
    for row in (result["stack"], *result["layers"], result["convolutional"]):
        plain = _ratio(row["eegdae_over_lightning"]) if "eegdae_over_lightning" in row else ""
        share = f"{row['share_of_products']:.0%}" if "share_of_products" in row else ""
        lines.append(f"| {row['stack']} | {_ratio(row['eegdae_over_hand'])} | {plain} | {share} |")
    table = [f"{r['stack']} by {r['batch_size']}: {_ratio(r['eegdae_over_hand'])}" for r in result["table"]]
    gpu = result["gpu"]
    notes = [
        f"{result['rows']} rows ({result['rows'] // 25} windows for the convolutions), batches of "
        f"{result['batch_size']}, {result['threads']} threads; bare products: share of the time that the "
        "matrix products of the steps alone take",
        f"widths and batch sizes, over the hand-written loop: {'; '.join(table)}",
        "on a GPU: not measured"
        if "left_out" in gpu
        else f"on {gpu['device']}: {gpu['rows_a_second']:.0f} rows a second, in "
        f"{_ratio(gpu['eegdae_over_graph'])} times the time of a loop captured as a CUDA graph",
    ]
    return "\n".join([*lines, "", *(f"- {note}." for note in notes)])


def digits_table(result: dict[str, Any]) -> str:
    """Lay out one row a representation of digits: accuracy, and the difference to level 0."""
    lines = ["| representation | accuracy | minus level 0 (95 % interval) |", "|---|---|---|"]
    for name, figure in result["accuracy"].items():
        apart = result["minus_level_0"].get(name)
        told = f"{apart['mean']:+.4f} ({apart['low']:+.4f} to {apart['high']:+.4f})" if apart else ""
        lines.append(f"| {name} | {figure['mean']:.4f} ± {figure['sd_over_seeds']:.4f} | {told} |")
    return "\n".join(lines)


def depth_table(result: dict[str, Any]) -> str:
    """Lay out one row a stack: wrong test digits after each layer, in percent."""
    lines = ["| stack | pixels | layer 1 | layer 2 | layer 3 |", "|---|---|---|---|---|"]
    for name, layers in result["test_error"].items():
        cells = (f"{100 * one['mean']:.1f} ± {100 * one['sd_over_seeds']:.1f}" for one in layers)
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def denoising_table(result: dict[str, Any]) -> str:
    """Lay out one row a set and noise: distance to the clean rows of what was made of the noisy ones."""
    lines = [
        "| set | noise, trained and tested | doing nothing | PCA | level 0 | network | minus doing nothing "
        "| minus PCA |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, of_set in result.items():
        for noise, row in of_set["own_level"].items():
            means = (f"{row[way]['mean']:.3f}" for way in ("features", "pca", "level_0", "network"))
            apart = (
                f"{one['mean']:+.3f} ({one['low']:+.3f} to {one['high']:+.3f})"
                for one in (row["minus_features"], row["minus_pca"])
            )
            lines.append(f"| {name} | {noise} | " + " | ".join([*means, *apart]) + " |")
    return "\n".join(lines)


def identity_table(result: dict[str, Any]) -> str:
    """Lay out one row a set and training noise: what a stack wider than its input does."""
    lines = [
        "| set | trained on | error of clean rows | share of added noise that comes through |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {name} | {noise} | {row['clean_error']['mean']:.3f} | {row['noise_passed_on']['mean']:.3f} |"
        for name, of_set in result.items()
        for noise, row in of_set["over_complete"].items()
    ]
    return "\n".join(lines)


def connectivity_table(result: dict[str, Any]) -> str:
    """Lay out one row a measure: milliseconds a window in mne-connectivity and here, and the ratio."""
    lines = [
        "| measure | mne-connectivity, ms a window | eegdae, ms a window | times faster |",
        "|---|---|---|---|",
    ]
    rows = [(f"{measure_name(name)}, Morlet", row) for name, row in result["morlet"]["measures"].items()]
    rows += [("all six at once, their sum there", result["morlet"]["all_six"])]
    envelopes = {
        "pairwise": "envelope correlation, orthogonalised",
        "plain": "envelope correlation, plain",
    }
    rows += [(label, result["envelope_correlation"][key]) for key, label in envelopes.items()]
    rows += [("PLV of one band, 64 channels, Hilbert", result["hilbert_plv"]["against_mne"])]
    for label, row in rows:
        low, high = row.get("ratios", (row["ratio"], row["ratio"]))
        spread = f" ({low:.0f} to {high:.0f})" if round(low) != round(high) else ""
        theirs = row.get("mne_ms", row.get("mne_sum_ms"))
        lines.append(f"| {label} | {theirs:.3g} | {row['eegdae_ms']:#.2g} | {row['ratio']:.0f}{spread} |")
    case, machine, morlet = result["case"], result["machine"], result["morlet"]
    apart = max(row["largest_difference"] for name, row in morlet["measures"].items() if name != "pli")
    channels = {
        f"{n} channels": f"{row['windows_per_second']:.0f} ({row['share_of_fft_and_matrix_product']:.0%})"
        for n, row in result["hilbert_plv"]["channels"].items()
    }
    bounds = {name.replace("_", " "): f"{ms:.2g}" for name, ms in morlet["bounds_ms"].items()}
    without = {name: f"{ms:.0f}" for name, ms in result["morlet_without_compiler_ms"].items()}
    peaks = {
        f"{int(n) // 1000} 000 windows": f"{mib:.0f}"
        for n, mib in result["memory"]["to_file_peak_mib"].items()
    }
    held = {
        f"{n} channels": f"{mib:.0f}"
        for n, mib in result["memory"]["hilbert_plv_1000_windows_peak_mib"].items()
    }
    gpu = result["gpu"]
    notes = [
        f"{case['channels']} channels, {case['samples']} samples, {case['frequencies']} frequencies in "
        f"{len(case['bands'])} bands for the wavelets; float32 here and float64 there, {machine['threads']} "
        f"threads, mne-connectivity at its better of one and two jobs; the results differ by {apart:.0e} at "
        "most (PLI by a sign)",
        f"what bounds these, ms a window: {_listed(bounds)}; the machine reaches "
        f"{result['limits']['matrix_product_gflop_per_second']:.0f} GFLOP/s in large matrix products and "
        f"{result['limits']['memory_gb_per_second']:.0f} GB/s",
        f"Hilbert PLV of one band, windows a second, and the share of its time that the bare "
        f"Fourier transforms and matrix product take: {_listed(channels)}",
        f"compiling the kernels, once: {result['first_call']['compiling_seconds']:.1f} s; without compiler, "
        f"ms a window: {_listed(without)}",
        f"memory beyond the imports, MiB: Hilbert PLV and coherence to a file, {_listed(peaks)}; "
        f"PLV of 1000 windows, result included, {_listed(held)}",
        "on a GPU: not measured"
        if gpu is None
        else f"on {gpu['device']}: {gpu['windows_per_second']:.0f} windows of 64 channels a second, "
        f"{100 * gpu['share_of_memory_bandwidth']:.0f} % of its memory bandwidth",
    ]
    return "\n".join([*lines, "", *(f"- {note}." for note in notes)])


def sweep_table(result: dict[str, Any]) -> str:
    """Lay out what a hundred jobs take under each launcher, and where the time goes."""
    sets = {name: part for name, part in result.items() if isinstance(part, dict) and "fit" in part}
    ways = ("basic", "joblib", "vectorized")
    head = [
        "100 jobs, 64-16",
        "features",
        *(f"{way}, s" for way in ways),
        "faster than basic",
        "than joblib (2)",
    ]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    notes = []
    for name, part in sets.items():
        rows = {f"{name}, {part['fit']['n_fits']} fits": part["fit"]}
        if "command" in part:
            rows[f"{name}, command to report"] = part["command"]
        for what, row in rows.items():
            seconds = [f"{row['seconds'][way]:.0f}" for way in ways]
            faster = [f"{row['times_faster'][way]:.1f}" for way in ("basic", "joblib")]
            cells = [what, str(row.get("n_features", "")), *seconds, *faster]
            lines.append("| " + " | ".join(cells) + " |")
        notes += [f"{name}: {note}" for note in _sweep_notes(part)]
    return "\n".join([*lines, "", *(f"- {note}." for note in notes)])


def _sweep_notes(part: dict[str, Any]) -> list[str]:
    """Say how far results are apart, how many jobs were measured, and where the time went."""
    fit, notes = part["fit"], []
    apart, threads = fit["loss_apart"], fit["loss_apart_of_one_and_two_threads"]
    notes.append(
        f"{fit['n_equal_to_the_bit']} of {apart['n_models']} models equal those of single fits to the bit, "
        f"losses are at most {_tiny(apart['largest'])} apart, {fit['n_other_stopping_epoch']} stopped in "
        f"another epoch; one thread for two moves losses by at most {_tiny(threads['largest'])}"
    )
    if fit["n_measured"] < fit["n_jobs"]:
        notes.append(
            f"basic and joblib fitted {fit['n_measured']} of the 100 jobs, every level; their time is scaled"
        )
    if "command" in part:
        different = part["command"]["figures_apart"]
        near = different["of_these_within_1e-3_of_the_boundary"]
        counts = {key: str(n) for key, n in part["command"]["n_jobs_measured"].items()}
        notes.append(
            f"jobs run by command: {_listed(counts)}, the time of fewer than 100 is scaled; figures at most "
            f"{_tiny(different['metric_largest'])} apart, {different['labels_that_differ']} of "
            f"{different['n_labels']} labels other, {near} of these within 1e-3 of the boundary"
        )
    if "breakdown" in part:
        parts = {key: f"{value:.0f}" for key, value in part["breakdown"].items()}
        notes.append(f"seconds of the vectorised command: {_listed(parts)}")
    if "methods" in part:
        whole = {f"without {key}" if key else "as it is": found for key, found in part["methods"].items()}
        told = {
            key: f"{found['whole']:.0f} s (fit {found['fit']:.0f}, heads {found['heads']:.0f})"
            for key, found in whole.items()
        }
        notes.append(f"the vectorised command on 20 jobs: {_listed(told)}")
    if "curve" in part:
        points = {
            str(point["n_models"]): f"{point['seconds']:.2g} s, {point['peak_mb_beyond_the_data']:.0f} MB"
            for point in part["curve"]
        }
        alone = f"{part['curve'][0]['seconds_alone']:.2g} s"
        notes.append(f"models of one fold fitted together (one alone: {alone}): {_listed(points)}")
    return notes


def _read(name: str) -> dict[str, Any]:
    """Read what a benchmark left; the file is written after each of its parts."""
    found: dict[str, Any] = json.loads((ROOT / f"benchmarks/{name}.json").read_text())
    return found


def fill(text: str, tables: dict[str, str]) -> str:
    """Put tables between their markers."""
    for name, table in tables.items():
        before, start, rest = text.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition(f"<!-- /{name} -->")
        text = f"{before}{start}{table}\n{end}{after}"
    return text


def pages() -> dict[str, dict[str, str]]:
    """Make every table: page -> name of the marker -> text."""
    return {
        "README.md": {
            "experiments": experiments_table({**_read("eegmat"), **_read("experiments")}),
            "training": training_table(_read("training")),
            "connectivity": connectivity_table(_read("connectivity")),
        },
        "docs/recordings.md": {
            "sets": sets_table(_read("sets")),
            "recordings": recordings_table(_read("recordings")),
            "eyes": eyes_table(_read("ocular")),
            "eyes_verdict": eyes_verdict_table(_read("ocular")),
        },
        "docs/sweeps.md": {"sweep": sweep_table(_read("sweep"))},
        "docs/denoising.md": {
            "digits": digits_table(_read("digits")),
            "depth": depth_table(_read("depth")),
            "denoising": denoising_table(_read("denoising")),
            "identity": identity_table(_read("denoising")),
        },
    }


def _tiny(value: float) -> str:
    return f"{value:.0e}" if value else "0"


def _listed(figures: dict[str, str]) -> str:
    return "; ".join(f"{name}: {value}" for name, value in figures.items())


def _cell(figure: dict[str, Any] | None) -> str:
    if not figure or figure["mean"] is None:
        return ""
    sd = figure.get("sd_over_seeds")
    return f"{figure['mean']:.3f}" + (f" ± {sd:.3f}" if sd and sd >= 0.0005 else "")


def _ratio_of(ratio: dict[str, float]) -> str:
    return f"{ratio['median']:.2f} ({ratio['low']:.2f} to {ratio['high']:.2f})"


def _ratio(ratio: dict[str, float]) -> str:
    return f"{ratio['median']:.2f} ({ratio['min']:.2f} to {ratio['max']:.2f})"


if __name__ == "__main__":
    for page, tables in pages().items():
        path = ROOT / page
        path.write_text(fill(path.read_text(), tables))

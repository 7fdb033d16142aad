"""What correcting ocular artefacts does to people held out, and to a verdict: ``benchmarks/ocular.json``.

    python scripts/bench_ocular.py [--out benchmarks/ocular.json]

eegmat (16 people, below ``EEGDAE_DATA_DIR``), 1 to 45 Hz, by Fp1 and Fp2. First a correction is fitted on the
windows of 15 people and applied to the 16th, for each: how far every channel goes with the front of the head,
and how much of its variance is left where the front peaks (the 2 % of samples farthest from its mean) and
elsewhere. Then ``experiment=eegmat`` is judged with and without the correction, three seeds; run folders go
below ``outputs/bench``.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from bench_experiments import over_seeds, run
from numpy.typing import NDArray

from eegdae.ocular import OcularFilter, OcularSpec
from eegdae.recordings import load_recordings
from eegdae.run import git_commit, versions
from eegdae.tasks.launch import conf_dir, register_resolvers
from eegdae.tasks.overrides import compose_command
from eegdae.windows import Windows, make_windows

EYES = ("Fp1", "Fp2")
SEEDS = (0, 1, 2)
SHOWN = ("Fz", "Cz", "Pz", "O1")
PEAKS = 0.02
KINDS: dict[str, OcularSpec | None] = {
    "none": None,
    "regression": OcularSpec("regression", EYES),
    "ica": OcularSpec("ica", EYES, keep=True),
}


def eegmat() -> Windows:
    """Windows of five seconds of all people, 1 to 45 Hz."""
    from omegaconf import OmegaConf

    register_resolvers()
    config = compose_command("train", ["data=eegmat", "data.prepare.l_freq=1"], conf_dir())
    data: Any = OmegaConf.to_container(config.data, resolve=True)
    return make_windows(load_recordings(data), size=5.0)


def held_out(windows: Windows, spec: OcularSpec | None) -> dict[str, dict[str, float]]:
    """Channel -> what is left of the front in it, means over people who were not fitted on."""
    people = windows.metadata["subject"].to_numpy()
    eyes = [windows.ch_names.index(name) for name in EYES]
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in SHOWN}
    for person in sorted(set(people)):
        test = np.flatnonzero(people == person)
        before = np.asarray(windows.x[test], np.float64)
        front = before[:, eyes].mean(1).ravel()
        after = before
        if spec is not None:
            fitted = OcularFilter.fit(spec, windows, np.flatnonzero(people != person), seed=0)
            names = [windows.ch_names[k] for k in fitted.keep]
            after = np.asarray(fitted.transform(windows).x[test], np.float64)
        else:
            names = list(windows.ch_names)
        away = np.abs(front - front.mean())
        is_peak = away >= np.quantile(away, 1 - PEAKS)
        for name in SHOWN:
            old = before[:, windows.ch_names.index(name)].ravel()
            new = after[:, names.index(name)].ravel()
            peaks, elsewhere = (_power(new[at]) / _power(old[at]) for at in (is_peak, ~is_peak))
            found[name].append((abs(float(np.corrcoef(front, new)[0, 1])), peaks, elsewhere))
    keys = ("correlation", "variance_at_peaks", "variance_elsewhere")
    return {
        name: dict(zip(keys, np.mean(rows, axis=0).tolist(), strict=True)) for name, rows in found.items()
    }


def _power(x: NDArray[np.float64]) -> float:
    return float(np.mean(x**2))


def main() -> None:
    """Measure and write after every part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/ocular.json"))
    args = parser.parse_args()
    windows = eegmat()
    result: dict[str, Any] = {
        "command": "python scripts/bench_ocular.py",
        "seeds": list(SEEDS),
        "cores": os.cpu_count(),
        "commit": git_commit(),
        "versions": versions(),
        "held_out": {kind: held_out(windows, spec) for kind, spec in KINDS.items()},
        "verdict": {},
    }
    for kind in KINDS:
        overrides = ["experiment=eegmat", "data.prepare.l_freq=1", f"ocular={kind}"]
        overrides += [] if kind == "none" else [f"ocular.channels=[{','.join(EYES)}]"]
        runs = [run(f"ocular/{kind}/seed{seed}", [*overrides, f"seed={seed}"]) for seed in SEEDS]
        result["verdict"][kind] = over_seeds([r["metrics"] for r in runs])
        args.out.write_text(json.dumps(result, indent=1) + "\n")
        print(f"written: {args.out} ({kind})", flush=True)


if __name__ == "__main__":
    main()

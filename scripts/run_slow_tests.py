"""Run the slow tests and keep their dated summary, with the commit, in ``benchmarks/slow.json``."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path

from eegdae.run import git_commit

OUT = Path(__file__).parents[1] / "benchmarks" / "slow.json"


def main() -> int:
    """Run, show, summarise; return pytest's exit status."""
    start = time.time()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-m", "slow", "-q", "--color=no"],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    print(done.stdout, end="")
    counts = {
        what: int(n) for n, what in re.findall(r"(\d+) (passed|failed|skipped|errors?)", done.stdout[-400:])
    }
    summary = {
        "date": time.strftime("%Y-%m-%d"),
        "commit": git_commit(),
        "command": "make test-slow",
        "minutes": round((time.time() - start) / 60, 1),
        **counts,
    }
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(summary, indent=1) + "\n")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())

"""Open a page in headless Chromium and tell what was wrong."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--v=0",
    "--dump-dom",
    "--proxy-server=127.0.0.1:9",
)


def check_page(path: Path | str) -> list[str]:
    """Open a file in Chromium, which can reach nothing.

    Returns
    -------
    list of str
        One complaint a console message, and one a request that the page made beyond itself.
    """
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium on PATH")
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "net.json"
        options = [f"--user-data-dir={folder}/profile", f"--log-net-log={log}"]
        command = [chromium, *FLAGS, *options, Path(path).resolve().as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        events = json.loads(log.read_text(encoding="utf-8"))["events"]
    complaints = [f"exit status {done.returncode}"] * (done.returncode != 0)
    complaints += ["no page"] * ("</body>" not in done.stdout)
    complaints += [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
    for event in events:
        parameters = event.get("params") or {}
        # Chromium asks for things on its own account too; those requests have no origin.
        asked_by_page = parameters.get("initiator", "not an origin") != "not an origin"
        url = parameters.get("url", "")
        if asked_by_page and url.split(":")[0] in ("http", "https", "ws", "wss", "ftp"):
            complaints.append(f"request: {url}")
    return complaints

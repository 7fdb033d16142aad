"""Several processes that train one model together: how they are started, watched and kept from writing.

Lightning would start the others by repeating the command line of this process, which Hydra and the console
script have changed by then. So the command starts all of them itself and only watches; Lightning finds
``LOCAL_RANK`` and starts none. Under torchrun or SLURM the processes are there already.
"""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from eegdae.errors import EegdaeError, one_line
from eegdae.run import RunFolder, read_json
from eegdae.tasks.settings import read_settings
from eegdae.training.hardware import Hardware, is_rank, rank

GRACE_SECONDS = 5.0
"""What the other processes get to end by themselves after one has failed."""

TOLD = "EEGDAE_TOLD"
"""Environment variable: file in which a process leaves the line of its error, for the one that watches."""

QUIET = ("hydra.output_subdir=null", "hydra/job_logging=disabled", "hydra/hydra_logging=disabled")
"""Overrides of a process beside the first: it leaves neither files nor lines on the screen."""


class FollowedRun(RunFolder):
    """A run folder as the processes beside the first see it: they read it, and neither lock it nor write.

    Parameters
    ----------
    path : Path
        The folder.
    config : mapping
        Of the run, plain Python.
    resume : bool
        Go on with the run that is there.
    """

    def __init__(self, path: Path, config: Mapping[str, Any], *, resume: bool = False) -> None:
        self.path = Path(path)
        self.config = config
        status = self.path / "run.json"
        self.before = read_json(status) if resume and status.exists() else {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        pass

    def finish(self, metrics: Mapping[str, Any]) -> None:
        """Do nothing: the first process does it."""

    def write_bytes(self, name: str, data: bytes) -> None:
        """Write nothing: the first process does it."""

    def save(self, key: str, state: dict[str, Any]) -> None:
        """Save nothing: the first process does it."""


def open_run(folder: Path, config: Mapping[str, Any], hardware: Hardware, *, resume: bool) -> RunFolder:
    """Open the folder of a run: to write in the first process, to read in the others."""
    return (FollowedRun if rank(hardware) else RunFolder)(folder, config, resume=resume)


def train_together(args: Sequence[str], folder: Path, config: Mapping[str, Any], *, in_sweep: bool) -> bool:
    """Let several processes do a training run, where the configuration asks for them and none is started.

    Parameters
    ----------
    args : sequence of str
        Of ``eegdae train``, as the shell gave them.
    folder : Path
        Of the run.
    config : mapping
        Of the run, plain Python.
    in_sweep : bool
        Whether this is one job of several.

    Returns
    -------
    bool
        True: they have done it. False: this process has to do it, alone or as one of several.

    Raises
    ------
    EegdaeError
        If a process fails, or in a sweep.
    """
    hardware = read_settings(config).recipe.schedule.hardware
    if hardware.n_processes == 1:
        return False
    if in_sweep:
        raise EegdaeError(
            f"trainer.devices={hardware.devices}: not inside a sweep (-m), whose jobs share one process; "
            "start the jobs one by one, or set trainer.devices=1"
        )
    if is_rank():
        if rank(hardware):
            # not none at all: logging would print warnings by itself then
            logging.getLogger().handlers[:] = [logging.NullHandler()]
        return False
    start_ranks(args, folder, config, hardware)
    return True


def start_ranks(args: Sequence[str], folder: Path, config: Mapping[str, Any], hardware: Hardware) -> None:
    """Start the processes of this machine and watch them until the run is done.

    Parameters
    ----------
    args : sequence of str
        Of ``eegdae train``, as the shell gave them.
    folder : Path
        Of the run.
    config : mapping
        Of the run, plain Python.
    hardware : Hardware
        How many processes.

    Raises
    ------
    EegdaeError
        With the line of the process that failed first; all others have ended then.
    """
    kept = [arg for arg in args if not arg.startswith("hydra.run.dir=")]
    quoted = str(folder.resolve()).replace("\\", "\\\\").replace("'", "\\'")
    command = [sys.executable, "-m", "eegdae.tasks.ranks", *kept, f"hydra.run.dir='{quoted}'"]
    node = int(os.environ.get("NODE_RANK", 0))
    if hardware.num_nodes > 1 and not {"MASTER_ADDR", "MASTER_PORT"} <= set(os.environ):
        raise EegdaeError(
            f"trainer.num_nodes={hardware.num_nodes}: start the command on every machine with the "
            "environment variables NODE_RANK, MASTER_ADDR and MASTER_PORT, or all of them by srun or torchrun"
        )
    shared = {
        "NODE_RANK": str(node),
        "WORLD_SIZE": str(hardware.n_processes),
        "MASTER_ADDR": os.environ.get("MASTER_ADDR", "127.0.0.1"),
        "MASTER_PORT": os.environ.get("MASTER_PORT", str(_free_port())),
    }
    with tempfile.TemporaryDirectory(prefix="eegdae-") as told:
        ranks: list[subprocess.Popen[bytes]] = []
        try:
            for local in range(hardware.devices):
                number = node * hardware.devices + local
                is_first = number == 0
                own = {"LOCAL_RANK": str(local), "RANK": str(number), TOLD: f"{told}/{local}"}
                ranks.append(
                    subprocess.Popen(
                        [*command, *(() if is_first else QUIET)],
                        env={**os.environ, **shared, **own},
                        # each ends when this pipe closes: also if this process is killed
                        stdin=subprocess.PIPE,
                        stdout=None if is_first else subprocess.DEVNULL,
                        stderr=None if is_first else subprocess.DEVNULL,
                        # Ctrl-C is for this process, which ends them
                        start_new_session=True,
                    )
                )
            failed = _wait(ranks)
        except KeyboardInterrupt as error:
            _end(ranks)
            if node == 0:
                _mark_failed(folder, config, error)
            raise
        finally:
            _end(ranks)
        if failed is None:
            return
        line = Path(told, str(failed))
        number, status = node * hardware.devices + failed, ranks[failed].returncode
        reason = EegdaeError(
            line.read_text()
            if line.exists()
            else f"trainer.devices={hardware.devices}: process {number} ended with status {status}; the "
            f"others were stopped; go on with resume=true hydra.run.dir={folder}"
        )
        if node == 0:
            _mark_failed(folder, config, reason)
        raise reason


def _wait(ranks: Sequence[subprocess.Popen[bytes]]) -> int | None:
    """Wait for all; give the number of the one that failed first, None where none did."""
    until = float("inf")
    while True:
        is_alive = [process.poll() is None for process in ranks]
        # what was killed from outside comes before those that missed it
        failed = sorted((process.returncode > 0, k) for k, process in enumerate(ranks) if process.returncode)
        if failed and until == float("inf"):
            until = time.monotonic() + GRACE_SECONDS
        if not any(is_alive) or time.monotonic() > until:
            return failed[0][1] if failed else None
        time.sleep(0.05)


def _end(ranks: Sequence[subprocess.Popen[bytes]]) -> None:
    # nothing is lost: a run can be gone on with after any end
    for process in ranks:
        if process.poll() is None:
            process.kill()
        process.wait()
        if process.stdin:
            process.stdin.close()


def _mark_failed(folder: Path, config: Mapping[str, Any], error: BaseException) -> None:
    """Leave ``run.json`` true where the first process was ended before it could."""
    status = folder / "run.json"
    if status.exists() and read_json(status).get("status") == "running":
        with RunFolder(folder, config, resume=True) as run:
            run.__exit__(type(error), error, None)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _end_with_parent() -> None:
    # sys.stdin would be locked when the interpreter ends
    os.read(0, 1)
    os._exit(1)


def main() -> int:
    """Be one of the processes: ``python -m eegdae.tasks.ranks``, arguments of ``eegdae train``."""
    from eegdae.cli import run_command

    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        return run_command(["train", *sys.argv[1:]])
    except EegdaeError as error:
        if any(arg.lower().lstrip("+") == "debug=true" for arg in sys.argv):
            traceback.print_exc()
        Path(os.environ[TOLD]).write_text(one_line(error, None))
        return 2


if __name__ == "__main__":
    sys.exit(main())

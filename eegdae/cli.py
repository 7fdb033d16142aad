"""``eegdae COMMAND [overrides]``: the one place where errors become one line and exit status 2."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from eegdae.errors import EegdaeError, did_you_mean
from eegdae.process import interrupts_kept, tell_warnings

COMMANDS = {
    "train": "recordings -> windows -> features -> autoencoder -> codes -> verdict -> report",
    "extract": "codes of other recordings from a finished run: run=RUN data=... out=codes.npz",
    "classify": "classes of other recordings from a finished run: run=RUN data=... head=...",
    "sweep-report": "what a sweep found: eegdae sweep-report DIR",
    "data": "the data sets: eegdae data list | get | show | check | record | cache",
}

HELP = """eegdae: codes from recordings, by stacked denoising autoencoders

usage: eegdae COMMAND [key=value ...]
       eegdae COMMAND --help

commands:
{commands}

examples:
  eegdae train                                    the packaged set, in two minutes
  eegdae train experiment=eegmat alignment=zscore
  eegdae train data=my_recordings.edf 'features=[power,connectivity]'
  eegdae train -m corruption.level=0,0.25,0.5,1.0 'seed=range(0,3)'
  eegdae extract run=outputs/train/watch/LATEST data=other.edf out=codes.npz
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status.

    Parameters
    ----------
    argv : sequence of str or None
        Command and overrides; None = those of the process.

    Returns
    -------
    int
        0; 2 after an error, told in one line; 130 after Ctrl-C.
    """
    args = list(sys.argv[1:] if argv is None else argv)
    debug = any(arg.lower() in ("debug=true", "++debug=true", "+debug=true") for arg in args)
    try:
        return run_command(args)
    except EegdaeError as error:
        if debug:
            raise
        print(f"eegdae: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as interrupt:
        again = str(interrupt) or "go on with resume=true and the same folder"
        if args[:1] == ["data"]:
            again = "the same command goes on"
        print(f"eegdae: interrupted; {again}", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # the reader of our output went away: nothing is left to tell it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def run_command(args: Sequence[str]) -> int:
    """Run a command and return its exit status; errors are raised, our own warnings told in a line each."""
    with warnings.catch_warnings(), interrupts_kept():
        tell_warnings()
        return _dispatch(list(args))


def _dispatch(args: list[str]) -> int:
    if not args or args[0] in ("-h", "--help", "help"):
        lines = "\n".join(f"  {name:<14}{what}" for name, what in COMMANDS.items())
        print(HELP.format(commands=lines), end="")
        return 0
    if args[0] == "--version":
        import eegdae

        print(eegdae.__version__)
        return 0
    command, rest = args[0], args[1:]
    if command not in COMMANDS:
        raise EegdaeError(f"{command!r}: no such command; {did_you_mean(command, COMMANDS)}")
    if command == "sweep-report":
        from eegdae.tasks.sweep.report import sweep_report

        if len(rest) != 1 or rest[0].startswith("-"):
            if rest in (["-h"], ["--help"]):
                print("usage: eegdae sweep-report DIR    DIR: the folder of a multirun or of a search")
                return 0
            raise EegdaeError("sweep-report: give the folder of one sweep: eegdae sweep-report DIR")
        return sweep_report(Path(rest[0]))
    if command == "data":
        from eegdae.tasks.data import data_command

        return data_command(rest)
    from eegdae.tasks.launch import launch

    return launch(command, rest)

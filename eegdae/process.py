"""What a process of a command does with warnings and with Ctrl-C."""

from __future__ import annotations

import _thread
import logging
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any


@contextmanager
def interrupts_kept() -> Iterator[None]:
    """Send a Ctrl-C again that came while an object was done away with: Python drops it there."""
    before = sys.unraisablehook

    def hook(unraisable: Any) -> None:
        if issubclass(unraisable.exc_type, KeyboardInterrupt):
            # a moment later, when this call is over: inside it, it would be dropped once more
            threading.Timer(0.01, _thread.interrupt_main).start()
        else:
            before(unraisable)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before


def tell_warnings() -> None:
    """Tell our own warnings in a line each from here on: for a process that does a part of a command."""
    if not isinstance(warnings.showwarning, partial):
        warnings.showwarning = partial(_tell, told=set(), otherwise=warnings.showwarning)


def _tell(
    message: Warning | str,
    category: type[Warning],
    *place: Any,
    told: set[str],
    otherwise: Callable[..., None],
    **where: Any,
) -> None:
    """Say a warning of our own once, in one line, where all other lines of a command go."""
    if not category.__module__.startswith("eegdae."):
        otherwise(message, category, *place, **where)
    elif str(message) not in told:
        told.add(str(message))
        logging.getLogger("eegdae").warning(f"warning: {message}")

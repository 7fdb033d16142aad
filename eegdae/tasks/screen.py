"""What of a job's lines is shown: a sweep of a hundred jobs would fill the screen with them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def in_files_only() -> Iterator[None]:
    """Keep what a job of a sweep says off the screen, warnings apart: its log file has it."""
    screens = [
        handler
        for handler in logging.getLogger().handlers
        if isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler)
    ]
    before = [screen.level for screen in screens]
    for screen in screens:
        screen.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for screen, level in zip(screens, before, strict=True):
            screen.setLevel(level)

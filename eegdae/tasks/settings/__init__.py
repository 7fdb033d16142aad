"""A composed configuration as checked Python objects: each key is known, of its type and in its range.

One module a group of ``conf/``; `read_settings` puts them together.
"""

from __future__ import annotations

from eegdae.tasks.settings.alignment import read_adaptation, read_alignment
from eegdae.tasks.settings.corruption import read_corruption
from eegdae.tasks.settings.heads import read_head
from eegdae.tasks.settings.objective import read_objective
from eegdae.tasks.settings.whole import Settings, read_settings

__all__ = [
    "Settings",
    "read_adaptation",
    "read_alignment",
    "read_corruption",
    "read_head",
    "read_objective",
    "read_settings",
]

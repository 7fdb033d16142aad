"""A composed configuration as checked Python objects: each key is known, of its type and in its range.

One module a group of ``conf/``; `read_settings` puts them together.
"""

from __future__ import annotations

from eegdae.tasks.settings.heads import read_head
from eegdae.tasks.settings.whole import Settings, read_settings

__all__ = ["Settings", "read_head", "read_settings"]

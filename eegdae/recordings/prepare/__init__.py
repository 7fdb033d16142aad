"""What is done to a whole recording before it is cut."""

from __future__ import annotations

from eegdae.recordings.prepare.options import check_prepare
from eegdae.recordings.prepare.steps import prepare

__all__ = ["check_prepare", "prepare"]

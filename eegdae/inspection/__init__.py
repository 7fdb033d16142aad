"""What a careful colleague would tell you about recordings before you train on them."""

from __future__ import annotations

from eegdae.inspection.findings import Finding
from eegdae.inspection.whole import Inspection, check_recordings

__all__ = ["Finding", "Inspection", "check_recordings"]

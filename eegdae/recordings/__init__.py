"""Where signals come from: one module a source, all of which return `Recording`."""

from __future__ import annotations

from eegdae.recordings.catalogue import cache_dir, data_dir, describe, fetch, get
from eegdae.recordings.channels import canonical_name, shared_channels
from eegdae.recordings.load import (
    SOURCES,
    Source,
    as_config,
    iter_recordings,
    load_recordings,
    read_recordings,
)
from eegdae.recordings.recording import Annotation, Recording, as_recording, check_alike

__all__ = [
    "SOURCES",
    "Annotation",
    "Recording",
    "Source",
    "as_config",
    "as_recording",
    "cache_dir",
    "canonical_name",
    "check_alike",
    "data_dir",
    "describe",
    "fetch",
    "get",
    "iter_recordings",
    "load_recordings",
    "read_recordings",
    "shared_channels",
]

"""Where signals come from: one module a source, all of which return `Recording`."""

from __future__ import annotations

from eegdae.recordings.catalogue import describe, get, here
from eegdae.recordings.channels import canonical_name, shared_channels
from eegdae.recordings.downloads.fetching import fetch
from eegdae.recordings.downloads.folders import cache_dir, data_dir
from eegdae.recordings.load import as_config, iter_recordings, load_recordings, read_recordings
from eegdae.recordings.reader import Reader, check_interpolated
from eegdae.recordings.recording import Annotation, Recording, as_recording, check_alike
from eegdae.recordings.sources import SOURCES, Source

__all__ = [
    "SOURCES",
    "Annotation",
    "Reader",
    "Recording",
    "Source",
    "as_config",
    "as_recording",
    "cache_dir",
    "canonical_name",
    "check_alike",
    "check_interpolated",
    "data_dir",
    "describe",
    "fetch",
    "get",
    "here",
    "iter_recordings",
    "load_recordings",
    "read_recordings",
    "shared_channels",
]

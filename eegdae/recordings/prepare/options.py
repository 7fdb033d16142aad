"""The ``prepare`` block of a data configuration, checked before anything is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eegdae.errors import EegdaeError, did_you_mean
from eegdae.recordings.montages import standard_montage
from eegdae.recordings.prepare.artefacts import as_artefacts
from eegdae.recordings.prepare.bad_channels import as_bad_channels
from eegdae.recordings.prepare.filling import check_fill
from eegdae.recordings.prepare.filters import notch_frequencies
from eegdae.recordings.prepare.units import as_unit

KEYS = (
    *("pick", "drop", "rename", "montage", "unit", "fill", "notch", "bad_channels", "annotate"),
    *("interpolate_to", "reference", "laplacian", "l_freq", "h_freq", "sfreq", "causal"),
)
_ANY_RATE = 1e6  # hertz: what fits no rate is told before any is known


def check_prepare(options: object) -> Mapping[str, Any]:
    """Check the ``prepare`` block of a data configuration.

    Parameters
    ----------
    options : object
        The block as read: a mapping, or None for none.

    Returns
    -------
    mapping
        The keyword arguments of `eegdae.recordings.prepare.prepare`.

    Raises
    ------
    EegdaeError
        If it is not a mapping, holds an unknown key, or a value that fits no recording.
    """
    if options is None:
        return {}
    if not isinstance(options, Mapping):
        raise EegdaeError(f"data.prepare={options!r}: a mapping with {', '.join(KEYS)} is needed")
    for key in options:
        if key not in KEYS:
            raise EegdaeError(f"data.prepare.{key}: unknown key; {did_you_mean(str(key), KEYS)}")
    for key in ("pick", "drop", "interpolate_to"):
        _check_names(key, options.get(key))
    rename = options.get("rename")
    if rename is not None and not isinstance(rename, Mapping):
        raise EegdaeError(f"data.prepare.rename={rename!r}: must be a mapping, for example {{T3: T7}}")
    if options.get("montage") is not None:
        standard_montage(options["montage"], where="data.prepare.montage")
    if not isinstance(options.get("causal", False), bool):
        raise EegdaeError(f"data.prepare.causal={options['causal']!r}: must be true or false")
    as_unit(options.get("unit"))
    check_fill(options.get("fill"))
    as_bad_channels(options.get("bad_channels"))
    as_artefacts(options.get("annotate"))
    notch_frequencies(options.get("notch"), _ANY_RATE, source="data")
    return options


def _check_names(key: str, value: object) -> None:
    is_list = isinstance(value, Sequence) and not isinstance(value, str)
    names = list(value) if is_list else [value]  # type: ignore[call-overload]
    if value is not None and (not names or not all(isinstance(name, str) and name for name in names)):
        raise EegdaeError(f"data.prepare.{key}={value!r}: must be a name or a list of names, or null")

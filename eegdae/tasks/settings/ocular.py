"""``ocular``: how ocular artefacts are corrected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eegdae.errors import EegdaeError
from eegdae.ocular import KINDS, OcularSpec
from eegdae.tasks.settings.checks import flag, known, needed, one_of

_REGRESSION = ("channels", "keep")
_ICA = (*_REGRESSION, "n_components", "method", "threshold", "max_iter")


def read_ocular(node: Mapping[str, Any]) -> OcularSpec | None:
    """Check ``ocular`` and give how ocular artefacts are corrected; None: not at all.

    Parameters
    ----------
    node : mapping
        What the key holds.

    Returns
    -------
    OcularSpec or None
        Checked.

    Raises
    ------
    EegdaeError
        Names the key, the value and what is allowed.
    """
    options = {str(key): value for key, value in node.items()}
    needed("ocular.", options, ("kind",))
    kind = one_of("ocular.kind", options.pop("kind"), ("none", *KINDS))
    if kind == "none":
        known("ocular.", options, ())
        return None
    keys = _ICA if kind == "ica" else _REGRESSION
    known("ocular.", options, keys)
    needed("ocular.", options, keys)
    channels = options["channels"]
    if isinstance(channels, str) or not isinstance(channels, list | tuple):
        raise EegdaeError(f"ocular.channels={channels!r}: must be a list of channels, for example [Fp1, Fp2]")
    flag("ocular.keep", options["keep"])
    return OcularSpec(kind, **{**options, "channels": tuple(str(name) for name in channels)})

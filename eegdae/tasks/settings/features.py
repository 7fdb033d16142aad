"""``features``: the views."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eegdae.errors import EegdaeError
from eegdae.features import FROM_WINDOWS, View
from eegdae.tasks.settings.checks import widths


def read_views(node: Mapping[str, Any]) -> tuple[View, ...]:
    """Check ``features`` and give the views."""
    views = []
    for name, given in node.items():
        if not isinstance(given, Mapping):
            raise EegdaeError(f"features.{name}={given!r}: must be a mapping with a measure")
        options = dict(given)
        if name in FROM_WINDOWS and "measure" not in options:
            # what an experiment says of a view that was not chosen: eegdae train 'features=[power]'
            continue
        hidden = options.pop("hidden", None)
        own = None if hidden is None else widths(f"features.{name}.hidden", hidden)
        bands = options.pop("bands", None)
        if bands is not None and not isinstance(bands, Mapping):
            raise EegdaeError(
                f"features.{name}.bands={bands!r}: must be a mapping, for example {{alpha: [8, 13]}}"
            )
        if bands is not None:
            bands = {str(band): edges for band, edges in dict(bands).items()}
        # what is left are options of the measure, which the view checks
        views.append(View(str(name), options.pop("measure", ""), bands, own, options))
    if not views:
        raise EegdaeError("features: no view; choose one or more of raw, power, connectivity")
    return tuple(views)

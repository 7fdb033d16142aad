"""``baselines``: what codes are judged beside."""

from __future__ import annotations

from eegdae.errors import EegdaeError
from eegdae.features import View
from eegdae.tasks.settings.checks import one_of

BASELINES = ("eigenvalue_ratio", "deviation")


def read_baselines(value: object, views: tuple[View, ...]) -> tuple[str, ...]:
    """Check ``baselines``; the eigenvalue ratio is added where a view is of covariances."""
    if not isinstance(value, list | tuple):
        raise EegdaeError(f"baselines={value!r}: must be a list of {', '.join(BASELINES)}; [] for none")
    named = tuple(one_of("baselines", name, BASELINES) for name in value)
    # how a recording was cleaned shows in its covariance, and may tell its class
    of_covariances = any(view.is_tangent or view.measure == "covariance" for view in views)
    return ("eigenvalue_ratio", *named) if of_covariances and "eigenvalue_ratio" not in named else named

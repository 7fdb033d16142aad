"""A warning: without noise, a code larger than its input can be the input itself."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

from eegdae.models.stack import StackedAutoencoder


class IdentityWarning(UserWarning):
    """A network is trained that can learn to copy."""


def warn_of_identity(stacks: Mapping[str, StackedAutoencoder], level: float) -> None:
    """Warn, in one line for all of them, of networks that can learn the identity.

    Parameters
    ----------
    stacks : mapping of str to StackedAutoencoder
        By view.
    level : float
        Of their corruption; above 0 nothing is said: to copy noise is no help.
    """
    found = [
        f"{view} layer {k} ({layer.n_in} to {layer.n_out})".lstrip()
        for view, stack in stacks.items()
        for k, layer in enumerate(stack.layers, 1)
        if layer.n_out > layer.n_in  # type: ignore[operator]
    ]
    if level == 0 and found:
        line = (
            f"level 0, and a code larger than its input in {', '.join(found)}: it can learn the identity; "
            "corrupt the input, or make the layer smaller"
        )
        warnings.warn(line, IdentityWarning, stacklevel=2)

"""``model``: the stacks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eegdae.tasks.settings.checks import known, needed, widths, without_target


def read_network(config: Mapping[str, Any]) -> tuple[tuple[int, ...], dict[str, Any]]:
    """Check ``model`` and give the widths of a stack and the other options of `eegdae.models.new_stack`."""
    model = without_target("model", config, ("eegdae.models.StackedAutoencoder",))
    known("model.", model, ("hidden", "raw_view_hidden", "activation", "code_activation"))
    needed("model.", model, ("hidden",))
    hidden = widths("model.hidden", model.pop("hidden"))
    model.pop("raw_view_hidden", None)  # features.raw.hidden has it, by interpolation
    return hidden, model

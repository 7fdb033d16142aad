"""The networks of all views of one fit: told before they are trained, fused by a joint layer after."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from eegdae.layout import Layout
from eegdae.models import FUSION, StackedAutoencoder, ViewStacks, new_stack
from eegdae.models.identity import warn_of_identity
from eegdae.models.table import layer_table, table_lines
from eegdae.training import FitResult, FitSpec

log = logging.getLogger("eegdae")


def log_networks(specs: Sequence[FitSpec], joint_layer: int | None) -> None:
    """Put the table of all layers on screen, and one line of warning where a network may learn to copy.

    Parameters
    ----------
    specs : sequence of FitSpec
        One a view.
    joint_layer : int or None
        Width of the layer over their codes.
    """
    stacks = ViewStacks(
        {
            spec.view: new_stack(
                spec.layout or Layout.rows(spec.x.shape[1]), hidden=spec.hidden, **spec.network
            )
            for spec in specs
        }
    )
    if joint_layer:
        joint = StackedAutoencoder(stacks.n_codes, hidden=[joint_layer], **_joint_network(specs[0]))
        stacks = ViewStacks(stacks, joint)
    for line in table_lines(layer_table(stacks)):
        log.info(line)
    named = {**stacks, **({FUSION: stacks.joint} if stacks.joint else {})}
    warn_of_identity(named, specs[0].level)


def joint_specs(stacks: Mapping[str, ViewStacks], specs: Sequence[FitSpec], *, width: int) -> list[FitSpec]:
    """Ask for one more layer over the clean codes of all views, trained as the views' own layers were.

    Parameters
    ----------
    stacks : mapping of str to ViewStacks
        By model: ``codes``, ``autoencoder``, ``random_encoder``; trained, and left as they are.
    specs : sequence of FitSpec
        What they were fitted by, each view of each model.
    width : int
        Of the code.

    Returns
    -------
    list of FitSpec
        One a model, in their order; each is trained at its model's own level, or left as drawn.
    """
    joint = []
    for model, views in stacks.items():
        own = [spec for spec in specs if spec.name == model]
        with torch.no_grad():
            codes = views.encode_views({spec.view: spec.x for spec in own})  # (n_rows, sum of n_codes)
        joint.append(_joint_spec(own[0], codes, width))
    return joint


def fused(stacks: Mapping[str, ViewStacks], results: Sequence[FitResult]) -> dict[str, ViewStacks]:
    """Put the joint layers over the views' stacks: by model, in the order of `joint_specs`."""
    return {
        model: ViewStacks(views, result.model)
        for (model, views), result in zip(stacks.items(), results, strict=True)
    }


def _joint_spec(spec: FitSpec, codes: torch.Tensor, width: int) -> FitSpec:
    pretrain = spec.schedule.pretrain
    # of a stack of one layer the joint pass would be the greedy stage once more
    schedule = replace(spec.schedule, pretrain="greedy") if pretrain.startswith("greedy") else spec.schedule
    if isinstance(schedule.epochs, tuple):
        schedule = replace(schedule, epochs=schedule.epochs[-1])
    return replace(
        spec,
        x=codes,
        hidden=(width,),
        view=FUSION,
        corruption=spec.corruption.for_codes(),
        schedule=schedule,
        observed=None,
        layout=None,
        network=_joint_network(spec),
        # codes are no probabilities
        objective=spec.objective.for_codes(is_probability=False),
    )


def _joint_network(spec: FitSpec) -> dict[str, Any]:
    """Give the options of the views' networks to the joint layer; it reconstructs what they end with."""
    options = {key: value for key, value in spec.network.items() if key != "convolution"}
    output = "linear" if options.get("residual") else options.get("code_activation", "relu")
    return {**options, "output": output}

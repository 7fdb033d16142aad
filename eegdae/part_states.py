"""Parts of a trained model as plain data and tensors, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from eegdae.alignment import AlignmentSpec
from eegdae.evaluation.heads import LogisticHead
from eegdae.models import CodeClassifier, PassThrough, StackedAutoencoder, stack_from_config


def alignment_from(state: Mapping[str, Any] | str) -> AlignmentSpec:
    """How people are aligned, as a checkpoint has it."""
    # older runs name the kind alone
    return AlignmentSpec(state) if isinstance(state, str) else AlignmentSpec(**state)


def stack_state(stack: StackedAutoencoder) -> dict[str, Any]:
    """A stack as its configuration and weights."""
    return {"config": stack.config, "state": dict(stack.state_dict())}


def stack_from(state: Mapping[str, Any]) -> StackedAutoencoder:
    """Make a stack of `stack_state`, for use and not for training."""
    stack = stack_from_config(state["config"])
    stack.load_state_dict(state["state"])
    return stack.requires_grad_(False).eval()


def head_state(head: LogisticHead | CodeClassifier | None) -> dict[str, Any] | None:
    """A head of either kind as plain data and tensors."""
    if head is None:
        return None
    if isinstance(head, LogisticHead):
        return {"kind": "logistic", **{name: torch.from_numpy(v) for name, v in head.state().items()}}
    widths = [linear.out_features for linear in head.head]
    n_codes = len(head.code_mean)
    return {"kind": "mlp", "n_codes": n_codes, "widths": widths, "state": dict(head.state_dict())}


def head_from(state: Mapping[str, Any] | None) -> LogisticHead | CodeClassifier | None:
    """Make a head of `head_state`."""
    if state is None:
        return None
    if state["kind"] == "logistic":
        return LogisticHead.from_state(state)
    widths = state["widths"]
    width = widths[0] if len(widths) > 1 else 0
    head = CodeClassifier({"x": PassThrough(state["n_codes"])}, n_outputs=widths[-1], width=width)
    head.load_state_dict(state["state"])
    return head.requires_grad_(False).eval()

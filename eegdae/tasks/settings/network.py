"""``model``: the stacks, and the layer that may join them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eegdae.connectivity.measures import get_measure
from eegdae.errors import EegdaeError
from eegdae.features import View
from eegdae.models import FUSION, Convolution
from eegdae.models.activations import activation_of
from eegdae.tasks.settings.checks import flag, known, needed, whole, widths, without_target

_CONVOLUTION = ("convolution", "channels", "kernel_size", "factor", "pooling", "upsampling")
_FLAGS = ("tied", "residual", "layer_norm")
_DENSE = ("hidden", "raw_view_hidden", "activation", "code_activation", "joint_layer", *_FLAGS)


def read_network(
    config: Mapping[str, Any], views: Sequence[View]
) -> tuple[tuple[int, ...], dict[str, Any], int | None]:
    """Check ``model`` and give what it says.

    Parameters
    ----------
    config : mapping
        Plain Python with the key; of ``data`` it counts whether they are images.
    views : sequence of View
        What the stacks will look at.

    Returns
    -------
    hidden : tuple of int
        Widths of the dense layers.
    network : dict
        The other options of `eegdae.models.new_stack`.
    joint_layer : int or None
        Width of the layer that fuses the views.

    Raises
    ------
    EegdaeError
        Names the key, the value and what is allowed.
    """
    model = without_target("model", config, ("eegdae.models.StackedAutoencoder",))
    for key in _CONVOLUTION[1:]:
        if key in model and model.get("convolution") is None:
            raise EegdaeError(f"model.{key}: there are no convolutions; choose model=conv1d or model=conv2d")
    known("model.", model, (*_DENSE, *_CONVOLUTION))
    needed("model.", model, ("hidden",))
    model.pop("raw_view_hidden", None)  # features.raw.hidden has it, by interpolation
    for key in _FLAGS:
        flag(f"model.{key}", model.get(key, False))
    for key in ("activation", "code_activation"):
        activation_of(model.get(key, "relu"), f"model.{key}")
    joint_layer = _joint_layer(model.pop("joint_layer", None), views)
    given = {key: model.pop(key) for key in _CONVOLUTION if key in model}
    hidden = model.pop("hidden")
    if given.get("convolution") is None:
        return widths("model.hidden", hidden), model, joint_layer
    needed("model.", given, _CONVOLUTION)
    convolution = Convolution(given.pop("convolution"), **given)
    is_images = (config.get("data") or {}).get("source") == "images"
    convolved = _convolved(convolution, views, is_images=is_images)
    if hidden == []:
        for view in views:
            if view not in convolved and not view.hidden:
                raise EegdaeError(
                    f"model.hidden=[]: view {view.name!r} is not convolved, so it needs one or more widths: "
                    f"here, or in features.{view.name}.hidden"
                )
    return (
        widths("model.hidden", hidden) if hidden != [] else (),
        {**model, "convolution": convolution},
        joint_layer,
    )


def _joint_layer(value: object, views: Sequence[View]) -> int | None:
    if value is None:
        return None
    width = whole("model.joint_layer", value, low=1)
    if len(views) < 2:
        raise EegdaeError(
            f"model.joint_layer={width}: there is one view and nothing to join; add a width to model.hidden, "
            "or a view to features"
        )
    if any(view.name == FUSION for view in views):
        raise EegdaeError(
            f"features.{FUSION}: is what model.joint_layer is called; give the view another name"
        )
    return width


def _convolved(convolution: Convolution, views: Sequence[View], *, is_images: bool) -> list[View]:
    """Give the views that have convolutions; at least one must."""
    if is_images:
        found = [view for view in views if view.is_raw and convolution.kind == "2d"]
        what = (
            "signals in time, and these are images (model=conv2d)"
            if convolution.kind == "1d"
            else "raw images"
        )
    elif convolution.kind == "1d":
        found, what = [view for view in views if view.is_raw], "raw windows (features=[raw])"
    else:
        found = [
            view
            for view in views
            if not (view.is_raw or view.is_tangent) and get_measure(view.measure).of_pairs
        ]
        what = "matrices of connectivity (features=[plv])"
    if not found:
        raise EegdaeError(
            f"model.convolution={convolution.kind}: convolves {what}, and there is no such view among "
            f"{', '.join(view.name for view in views)}; model=dense takes any"
        )
    return found

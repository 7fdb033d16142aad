"""What a stack is trained to minimise: the loss, how entries weigh, and the penalties on its codes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial

import torch
from torch import Tensor

from eegdae.errors import EegdaeError, did_you_mean
from eegdae.layout import Layout
from eegdae.models import LOSSES

LOSS_OPTIONS: dict[str, tuple[str, ...]] = {"huber": ("delta",), "correntropy": ("sigma",)}
"""Loss -> options that it alone has."""


@dataclass(frozen=True)
class Objective:
    """What a stack is trained to minimise; a weight of 0 leaves its term out.

    Parameters
    ----------
    loss : str
        A key of `eegdae.models.LOSSES`; stages on the codes of a layer below use ``bce`` only where those are
        sigmoids, and ``mse`` else.
    delta, sigma : float
        Of `huber` and of `correntropy`.
    touched, kept : float
        What the loss of an entry that the corruption touched, and of one that it left alone, is multiplied
        by. At level 0, and on codes whose noise touches every entry, neither counts.
    channel_weights : mapping of str to float, sequence of float, or None
        What the loss of each channel's features is multiplied by, by name (1 for those that are not named) or
        in the order of the channels; a feature of two channels has the geometric mean. Codes have none.
    l1 : float
        Weight of `l1_sparsity` of the codes.
    kl, kl_target : float
        Weight of `kl_sparsity` of the codes, which must be sigmoids, and its target.
    contractive : float
        Weight of the squared Frobenius norm of the encoder's Jacobian at the clean input, over the number of
        inputs: so it weighs against a mean squared error as it does in the paper against a sum.
    locality : float
        Weight of the distance between the codes of neighbours, and of the floor below; see `LocalityTerm`.
    n_neighbours, heat
        Of `locality_graph`.
    variance_floor : float
        Standard deviation that no code should go below where ``locality`` is above 0; 0 = none.

    Raises
    ------
    EegdaeError
        If there is no such loss, or a number is out of its range.

    References
    ----------
    Emphasis: Vincent et al., JMLR 11:3371 (2010), section 3.4.
    """

    loss: str = "mse"
    delta: float = 1.0
    sigma: float = 1.0
    touched: float = 1.0
    kept: float = 1.0
    channel_weights: Mapping[str, float] | Sequence[float] | None = None
    l1: float = 0.0
    kl: float = 0.0
    kl_target: float = 0.05
    contractive: float = 0.0
    locality: float = 0.0
    n_neighbours: int = 5
    heat: float = 1.0
    variance_floor: float = 1.0

    def __post_init__(self) -> None:
        if self.loss not in LOSSES:
            raise EegdaeError(f"loss={self.loss!r}: no such loss; {did_you_mean(self.loss, LOSSES)}")
        for name in ("delta", "sigma", "heat"):
            _check(f"loss.{name}", getattr(self, name), above_0=True)
        for name in ("touched", "kept", "l1", "kl", "contractive", "locality", "variance_floor"):
            _check(f"loss.{name}", getattr(self, name))
        if not 0 < _check("loss.kl_target", self.kl_target) < 1:
            raise EegdaeError(f"loss.kl_target={self.kl_target}: must lie between 0 and 1")
        n = self.n_neighbours
        if isinstance(n, bool) or not isinstance(n, int) or n < 0:
            raise EegdaeError(f"loss.n_neighbours={n!r}: must be a whole number, 0 or more")
        if self.touched == self.kept == 0:
            raise EegdaeError("loss.touched=0, loss.kept=0: nothing is left to minimise; set one above 0")
        self._check_channel_weights()

    def _check_channel_weights(self) -> None:
        given = self.channel_weights
        if given is None:
            return
        if isinstance(given, str) or not isinstance(given, Mapping | Sequence) or not given:
            raise EegdaeError(
                f"loss.channel_weights={given!r}: must be weights, {{Fz: 2.0}} or [1.0, 0.5, 2.0], or null"
            )
        named = given.items() if isinstance(given, Mapping) else enumerate(given)
        weights = [_check(f"loss.channel_weights.{name}", weight) for name, weight in named]
        if not isinstance(given, Mapping) and max(weights) == 0:
            raise EegdaeError(f"loss.channel_weights={list(given)}: nothing is left to minimise")

    def __str__(self) -> str:
        told = [self.loss]
        unused = {name for loss, names in LOSS_OPTIONS.items() if loss != self.loss for name in names}
        unused |= set() if self.kl else {"kl_target"}
        unused |= set() if self.locality else {"n_neighbours", "heat", "variance_floor"}
        for field in fields(self)[1:]:
            value = getattr(self, field.name)
            if field.name not in unused and (value != field.default or field.name in ("delta", "sigma")):
                told.append(f"{field.name.replace('_', ' ')} {value}")
        return ", ".join(told)

    @property
    def has_emphasis(self) -> bool:
        """Whether touched entries weigh otherwise than those that were kept."""
        return self.touched != 1 or self.kept != 1

    def criterion(self) -> Callable[..., Tensor]:
        """Loss of a reconstruction: ``criterion(reconstruction, target, observed, weight=)``."""
        options = {name: getattr(self, name) for name in LOSS_OPTIONS.get(self.loss, ())}
        return partial(LOSSES[self.loss], **options) if options else LOSSES[self.loss]

    def for_channels(self, ch_names: Sequence[str]) -> Objective:
        """Give weights by name the order of the channels.

        Parameters
        ----------
        ch_names : sequence of str
            Of the data.

        Returns
        -------
        Objective
            With a weight for each channel, or None as before.

        Raises
        ------
        EegdaeError
            If a name is not among the channels, there are more or fewer weights than channels, or all are 0.
        """
        given = self.channel_weights
        if given is None:
            return self
        if isinstance(given, Mapping):
            for name in given:
                if name not in ch_names:
                    raise EegdaeError(
                        f"loss.channel_weights.{name}: no such channel; {did_you_mean(name, ch_names)}"
                    )
            given = [given.get(name, 1.0) for name in ch_names]
        elif len(given) != len(ch_names):
            raise EegdaeError(
                f"loss.channel_weights={list(given)}: {len(given)} weights for the {len(ch_names)} channels "
                f"{', '.join(ch_names)}"
            )
        return replace(self, channel_weights=tuple(given))

    def for_codes(self, *, is_probability: bool) -> Objective:
        """What holds where the input is the code of a layer below: it has no channels.

        Parameters
        ----------
        is_probability : bool
            Whether the codes lie in [0, 1], as ``bce`` needs.

        Returns
        -------
        Objective
            Without weights by channel, with squared error in place of ``bce`` where that cannot be.
        """
        loss = "mse" if self.loss == "bce" and not is_probability else self.loss
        return replace(self, loss=loss, channel_weights=None)

    def of_reconstruction(self) -> Objective:
        """The loss of reconstructions alone: no penalties on codes, no weights by channel."""
        return replace(self, channel_weights=None, l1=0.0, kl=0.0, contractive=0.0, locality=0.0)

    def feature_weights(self, layout: Layout | None) -> Tensor | None:
        """Weight of every feature.

        Parameters
        ----------
        layout : Layout or None
            Of a row; None where nothing is known.

        Returns
        -------
        Tensor of float32, shape (n_features,), or None
            None where all weigh the same.

        Raises
        ------
        EegdaeError
            If there are weights by channel and the features belong to no channel, or to others.
        """
        given = self.channel_weights
        if given is None:
            return None
        if isinstance(given, Mapping):
            raise EegdaeError("loss.channel_weights: are by name; call for_channels(ch_names) first")
        n_chans = layout.n_chans if layout else None
        if layout is None or n_chans is None:
            kind = layout.kind if layout else "unknown"
            raise EegdaeError(
                f"loss.channel_weights={list(given)}: a view's features ({kind}) belong to no channel; "
                "set it to null, or train on views of channels, such as raw, power and connectivity"
            )
        if n_chans != len(given):
            raise EegdaeError(
                f"loss.channel_weights={list(given)}: {len(given)} weights for {n_chans} channels"
            )
        by_channel = torch.tensor(given, dtype=torch.float64)
        first, second = layout.channels()
        return (by_channel[first] * by_channel[second]).sqrt().float()


def _check(key: str, value: object, *, above_0: bool = False) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or value < 0 or (above_0 and value == 0):  # type: ignore[arg-type, operator]
        allowed = "a number above 0" if above_0 else "a number, 0 or more"
        raise EegdaeError(f"{key}={value!r}: must be {allowed}")
    return float(value)  # type: ignore[arg-type]

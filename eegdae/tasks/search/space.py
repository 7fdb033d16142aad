"""What a search may change: named parameters, what each draws, and the overrides that a draw becomes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from eegdae.errors import EegdaeError
from eegdae.tasks.overrides import override_text

TYPES = ("float", "int", "categorical")
_DIGITS = 6

Value = str | float | int | bool | None
"""What Optuna draws and stores."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of a space.

    Parameters
    ----------
    name : str
        What it is called in the study and on the screen.
    key : str or None
        Of the override that it becomes; None where its choices name their overrides.
    type : str
        ``float``, ``int`` or ``categorical``.
    low, high : float
        Both are drawn too.
    step : float or None
        Between the values that may be drawn; None = any.
    log : bool
        Draw evenly in the logarithm.
    choices : dict of value to tuple of str
        What may be drawn -> the overrides that it becomes.
    scale_by : str or None
        The categorical parameter by whose choice a draw is multiplied.
    scale : dict of str to float
        Its choices -> the factor; 1 for a choice that is not there.
    """

    name: str
    key: str | None
    type: str
    low: float = 0.0
    high: float = 1.0
    step: float | None = None
    log: bool = False
    choices: Mapping[Value, tuple[str, ...]] = field(default_factory=dict)
    scale_by: str | None = None
    scale: Mapping[str, float] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """What its value is called: the key of its override, or its own name."""
        return (self.key or self.name).lstrip("+")

    @property
    def grid(self) -> list[Value]:
        """All that may be drawn, in order.

        Raises
        ------
        EegdaeError
            If it is continuous.
        """
        if self.type == "categorical":
            return list(self.choices)
        if self.step is None:
            raise EegdaeError(
                f"search.space.{self.name}: a grid needs points: give {self.name} a step "
                f"(search.space.{self.name}.step=...), or choices, or use search.sampler=tpe"
            )
        n = math.floor((self.high - self.low) / self.step + 1e-9) + 1
        points = [float(f"{self.low + k * self.step:.12g}") for k in range(n)]
        return [int(point) for point in points] if self.type == "int" else [*points]

    def value(self, drawn: Mapping[str, Value]) -> Value:
        """Return what the run gets for a draw: scaled, of six digits.

        Parameters
        ----------
        drawn : mapping of str to value
            Of every parameter, by name.
        """
        own = drawn[self.name]
        if self.type != "float":
            return own
        factor = self.scale.get(str(drawn[self.scale_by]), 1.0) if self.scale_by else 1.0
        return float(f"{float(own or 0.0) * factor:.{_DIGITS}g}")

    def overrides(self, drawn: Mapping[str, Value]) -> tuple[str, ...]:
        """Return the overrides that a draw becomes.

        Parameters
        ----------
        drawn : mapping of str to value
            Of every parameter, by name.
        """
        if self.type == "categorical":
            return self.choices[drawn[self.name]]
        return (f"{self.key}={override_text(self.value(drawn))}",)


@dataclass(frozen=True)
class Space:
    """All parameters of a search, in the order in which they are drawn."""

    parameters: tuple[Parameter, ...]

    def overrides(self, drawn: Mapping[str, Value]) -> list[str]:
        """Return the overrides of a run."""
        return [text for parameter in self.parameters for text in parameter.overrides(drawn)]

    def values(self, drawn: Mapping[str, Value]) -> dict[str, Value]:
        """Return what a run gets: the keys of its overrides, or names of parameters, and their values."""
        return {parameter.label: parameter.value(drawn) for parameter in self.parameters}

    def grid(self) -> list[dict[str, Value]]:
        """Return every combination of points, the last parameter fastest.

        Raises
        ------
        EegdaeError
            If a parameter is continuous.
        """
        points = [[(p.name, value) for value in p.grid] for p in self.parameters]
        return [dict(combination) for combination in itertools.product(*points)]

    def probes(self) -> Iterator[dict[str, Value]]:
        """Give few draws with every choice and both ends of every range among them, to be checked first."""
        first = {p.name: _ends(p)[0] for p in self.parameters}
        yield first
        for parameter in self.parameters:
            by = next((p for p in self.parameters if p.name == parameter.scale_by), None)
            for value in _ends(parameter)[1:]:
                for choice in by.choices if by else (None,):
                    yield {**first, parameter.name: value, **({by.name: choice} if by else {})}


def _ends(parameter: Parameter) -> list[Value]:
    if parameter.type == "categorical":
        return list(parameter.choices)
    ends = (parameter.low, parameter.high)
    return [int(end) for end in ends] if parameter.type == "int" else [*ends]

"""What each stage of a spec trains, and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from eegdae.corruption import Corruption
from eegdae.errors import EegdaeError
from eegdae.layout import Layout
from eegdae.models import StackedAutoencoder
from eegdae.training.locality import LocalityGraph, locality_graph
from eegdae.training.objective import Objective
from eegdae.training.optimizers import Optimizer

if TYPE_CHECKING:
    from eegdae.training.fit import FitSpec


@dataclass(frozen=True, eq=False)
class StagePlan:
    """What a stage trains and how, as the schedule of a spec says.

    Parameters
    ----------
    layer : int or None
        Number of the layer, from 0; None = the whole stack.
    objective : Objective
        What is minimised; an emphasis may turn out to be undefined.
    epochs : int
        Of the stage.
    corruption : Corruption
        Not yet fitted.
    layout : Layout or None
        Of its input.
    optimizer : Optimizer
        How.
    """

    layer: int | None
    objective: Objective
    epochs: int
    corruption: Corruption
    layout: Layout | None
    optimizer: Optimizer

    @property
    def is_input(self) -> bool:
        """Whether the data is trained on, not the codes of a layer below."""
        return not self.layer

    @classmethod
    def of(cls, spec: FitSpec, stack: StackedAutoencoder, name: str) -> StagePlan:
        """Plan a stage: the whole stack on the input, or a layer on codes of the frozen ones below."""
        schedule = spec.schedule
        if name == "joint":
            joint = schedule.joint_epochs, spec.corruption, spec.layout, schedule.joint_optimizer
            return cls(None, spec.objective, *joint)
        k = int(name.split()[1]) - 1
        greedy = schedule.epochs_of(k), spec.corruption, spec.layout, schedule.optimizer
        if k == 0:
            return cls(0, spec.objective, *greedy)
        # only sigmoids are probabilities, and a code has neither channels nor samples
        objective = spec.objective.for_codes(is_probability=stack.codes_are_probabilities)
        return cls(k, objective, greedy[0], spec.corruption.for_codes(), None, schedule.optimizer)


def graph_of(spec: FitSpec) -> LocalityGraph | None:
    """Connect the training rows of a spec: one graph of the data for all stages, None where none counts."""
    objective = spec.objective
    if not objective.locality:
        return None
    if spec.recordings is None:
        raise EegdaeError(
            f"loss.locality={objective.locality:g}: needs the recording of every row; view {spec.view!r} has "
            "none"
        )
    return locality_graph(
        spec.x, spec.recordings, spec.rows, n_neighbours=objective.n_neighbours, heat=objective.heat
    )

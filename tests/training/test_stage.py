import logging
import warnings

import pytest
import torch
from torch import nn
from torch.func import functional_call

from eegdae.training import OPTIMIZERS, Optimizer, Stage, run_stage

X = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
Y = X @ torch.tensor([[1.0], [-2.0], [0.5]])


def stage(*, epochs=30, optimizer=None, loss=None):
    module = nn.Linear(3, 1)
    with torch.no_grad():
        module.weight.zero_()
        module.bias.zero_()
    module.bias.requires_grad_(False)

    def squared(params, batch, keys):
        return (functional_call(module, dict(params), (batch["x"],)) - batch["y"]).square().mean()

    return Stage(
        name="regression",
        module=module,
        loss=loss or squared,
        data={"x": X, "y": Y},
        rows=torch.arange(40),
        epochs=epochs,
        batch_size=8,
        optimizer=optimizer or Optimizer("SGD", {"lr": 0.1}),
        key=(0, 0, "x"),
    )


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_it_minimises_and_leaves_frozen_parameters(name):
    lr = 0.5 if name == "Adagrad" else 0.1
    s = stage(optimizer=Optimizer(name, {"lr": lr, "weight_decay": 0.0}))
    losses = [row["loss"] for row in run_stage(s)]
    assert len(losses) == 30
    assert losses[-1] < 0.02 * losses[0]
    torch.testing.assert_close(s.module.weight.detach(), torch.tensor([[1.0, -2.0, 0.5]]), atol=0.1, rtol=0)
    assert s.module.bias.item() == 0


def test_every_row_once_an_epoch_in_another_order():
    seen = []
    s = stage(epochs=2)
    inner = s.loss

    def watching(params, batch, keys):
        assert torch.equal(batch["x"], X[keys.rows])
        seen.append(keys.rows.tolist())
        return inner(params, batch, keys)

    run_stage(stage(epochs=2, loss=watching))
    assert [len(batch) for batch in seen] == [8] * 10
    first, second = ([row for batch in epoch for row in batch] for epoch in (seen[:5], seen[5:]))
    assert sorted(first) == sorted(second) == list(range(40))
    assert first != second


def test_history_is_the_mean_over_rows_and_0_epochs_do_nothing():
    s = stage(epochs=1, optimizer=Optimizer("SGD", {"lr": 0.0}))
    (row,) = run_stage(s)
    assert row == {"loss": pytest.approx(Y.square().mean().item())}
    idle = stage(epochs=0)
    assert run_stage(idle) == []
    assert (idle.module.weight == 0).all()


def test_saves_are_plain_and_not_more_often_than_asked():
    states = []
    run_stage(stage(epochs=4), save=states.append, checkpoint_seconds=0.0)
    assert [len(s["history"]) for s in states] == [1, 2, 3]
    assert {type(v) for s in states for v in s["module"].values()} == {torch.Tensor}
    rare = []
    run_stage(stage(epochs=4), save=rare.append, checkpoint_seconds=1000.0)
    assert rare == []


def test_other_people_s_warnings_and_logs_are_as_before():
    before, level = list(warnings.filters), logging.getLogger("pytorch_lightning").level
    run_stage(stage(epochs=1))
    assert warnings.filters == before
    assert logging.getLogger("pytorch_lightning").level == level

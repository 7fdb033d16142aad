"""Schedules, clipping, early stopping, precision and broken losses in a stage; the plain stage: test_fit."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import nn

from eegdae.errors import EegdaeError
from eegdae.models import StackedAutoencoder
from eegdae.randomness import Keys, Stream
from eegdae.training import (
    EarlyStopping,
    Hardware,
    LearningRate,
    Objective,
    Optimizer,
    TrainingWarning,
    fit_many,
)
from training.test_fit import ROWS, Interrupted, N, Store, X, fit, same, schedule, spec

GROUPS = np.array([f"p{k // 10}" for k in range(N)], dtype=object)


def by_hand(s, *, at, epochs, clip=None, rate=None):
    """One joint pass in a plain loop on some rows; the losses, and the model after every epoch."""
    model = StackedAutoencoder(s.x.shape[1], hidden=s.hidden).reset(Stream(s.seed, s.fold, s.view))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    sd, step, states = s.x.var(0, correction=0).mean().sqrt(), 0, []
    for epoch in range(epochs):
        stream = Stream(s.seed, s.fold, s.view, "joint", epoch)
        for part in at[stream.permutation("order", len(at))].split(s.schedule.batch_size):
            for group in optimizer.param_groups:
                group["lr"] = 1e-2 * (rate(step) if rate else 1.0)
            noise = Keys(stream, s.rows[part]).normal("corruption", s.x.shape[1])
            loss = nn.functional.mse_loss(model(s.x[part] + s.level * sd * noise), s.x[part])
            optimizer.zero_grad()
            loss.backward()
            if clip:
                nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
            step += 1
        states.append({name: value.clone() for name, value in model.state_dict().items()})
    return states


def joint(**changes):
    return schedule(pretrain="joint", joint_epochs=4, **changes)


def close(model, state):
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, state[name], rtol=0, atol=1e-5, msg=name)


def test_rate_and_clipping_are_those_of_the_plain_loop():
    warm = LearningRate("cosine", warmup=3)
    s = spec(schedule=joint(optimizer=Optimizer("Adam", {"lr": 1e-2}, schedule=warm, clip_norm=0.05)))
    result = fit_many([s])[0]
    n = math.ceil(N / s.schedule.batch_size)

    def rate(step):
        return warm.factor(step, n_steps=4 * n, steps_per_epoch=n)

    close(result.model, by_hand(s, at=torch.arange(N), epochs=4, clip=0.05, rate=rate)[-1])
    assert not same(result.model, fit(schedule=joint()).model)


def test_a_schedule_that_stays_and_a_bound_out_of_reach_change_no_bit():
    plain = fit()
    options = {"lr": 1e-2}
    for optimizer in (
        Optimizer("Adam", options, schedule=LearningRate("cosine", final=1.0)),
        Optimizer("Adam", options, clip_norm=1e9, clip_value=1e9),
    ):
        assert same(fit(schedule=schedule(optimizer=optimizer)).model, plain.model)
    assert "val_loss" not in plain.history[0]


def test_early_stopping_keeps_the_best_weights_on_held_out_groups():
    stopping = EarlyStopping(patience=3, share=0.3)
    # too large a rate: the loss on the other groups soon rises again
    optimizer = Optimizer("Adam", {"lr": 1e-2})
    s = spec(schedule=joint(early_stopping=stopping, optimizer=optimizer), groups=GROUPS)
    s = dataclasses.replace(s, schedule=dataclasses.replace(s.schedule, joint_epochs=60))
    held = stopping.held_out(GROUPS, (s.seed, s.fold))
    result = fit_many([s])[0]
    losses = [row["val_loss"] for row in result.history]
    best = int(np.argmin(losses))
    assert len(losses) == min(60, best + 1 + 3)
    states = by_hand(s, at=(~held).nonzero()[:, 0], epochs=best + 1)
    close(result.model, states[best])
    # the noise on the held-out rows is one draw, the same in every epoch
    noise = Keys(Stream(s.seed, s.fold, s.view, "joint", "held out"), ROWS[held]).normal("corruption", 6)
    model = StackedAutoencoder(6, hidden=s.hidden)
    for epoch in (0, best):
        model.load_state_dict(states[epoch])
        corrupted = X[held] + s.level * X.var(0, correction=0).mean().sqrt() * noise
        assert losses[epoch] == pytest.approx(nn.functional.mse_loss(model(corrupted), X[held]).item())


def test_early_stopping_that_never_stops_trains_on_the_rest_as_ever():
    stopping = EarlyStopping(patience=99, share=0.3)
    s = spec(schedule=schedule(early_stopping=stopping), groups=GROUPS)
    stopped = fit_many([s])[0]
    assert {row["stage"] for row in stopped.history} == {"layer 1", "layer 2", "joint"}
    assert len(stopped.history) == 3 + 3 + 2
    assert all(math.isfinite(row["val_loss"]) for row in stopped.history)
    with pytest.raises(EegdaeError, match=r"^pretrain\.early_stopping: .*give groups$"):
        fit(schedule=schedule(early_stopping=stopping))


def test_stopping_and_schedules_go_on_after_an_interruption_at_any_save():
    optimizer = Optimizer("Adam", {"lr": 0.5}, schedule=LearningRate("cosine", warmup=0.2), clip_norm=1.0)
    often = schedule(
        epochs=6,
        joint_epochs=6,
        optimizer=optimizer,
        early_stopping=EarlyStopping(patience=1, share=0.3),
        checkpoint_seconds=0.0,
    )
    s, store = spec(schedule=often, groups=GROUPS), Store()
    whole = fit_many([s], checkpoints=store)[0]
    assert len(whole.history) < 18  # it does stop
    for k in range(1, store.saves + 1):
        broken = Store(stop_after=k)
        with pytest.raises(Interrupted):
            fit_many([s], checkpoints=broken)
        again = fit_many([s], checkpoints=broken)[0]
        assert same(again.model, whole.model), f"save {k}"
        assert again.history == whole.history, f"save {k}"


def test_what_is_saved_last_is_from_before_the_loss_broke():
    store = Store()
    s = spec(
        schedule=schedule(
            pretrain="joint",
            joint_epochs=400,
            optimizer=Optimizer("SGD", {"lr": 0.1}),
            checkpoint_seconds=0.0,
        ),
        network={"activation": "linear", "code_activation": "linear"},
    )
    with pytest.raises(
        EegdaeError, match=r"^training: the loss of raw joint became .* at optimizer\.lr"
    ) as e:
        fit_many([s], checkpoints=store)
    epoch = int(str(e.value).partition("in epoch ")[2].split()[0])
    kept = store.kept[s.key]["fit"]
    assert len(kept["history"]) == epoch - 1 > 2
    assert all(torch.isfinite(value).all() for value in kept["module"].values())


def test_weights_that_break_in_the_last_step_are_refused():
    """The loss of an epoch is taken before its last step."""
    s = schedule(pretrain="joint", joint_epochs=1, batch_size=N, optimizer=Optimizer("SGD", {"lr": 1e38}))
    with pytest.raises(EegdaeError, match=r"joint became (nan|-?inf) in epoch 1 at optimizer\.lr=1e\+38"):
        fit(schedule=dataclasses.replace(s, optimizer=Optimizer("SGD", {"lr": 1e38, "weight_decay": 1e38})))


def test_rows_without_an_entry_are_left_out():
    observed = torch.rand(N, 6, generator=torch.Generator().manual_seed(3)) > 0.3
    seen = torch.ones(N, dtype=torch.bool)
    seen[[3, 40, 69]] = False
    with pytest.warns(TrainingWarning, match=r"^view 'raw': 3 of 70 training rows have no observed entry"):
        gone = fit(observed=observed & seen[:, None], schedule=schedule(pretrain="joint"))
    observed |= torch.eye(6, dtype=torch.bool).repeat(12, 1)[:N]
    assert observed[seen].any(1).all()
    assert [row["epoch"] for row in gone.history] == [1, 2]
    with pytest.raises(EegdaeError, match=r"^view 'raw': no entry of its 70 training rows was observed"):
        fit(observed=torch.zeros(N, 6, dtype=torch.bool))


def test_a_batch_larger_than_the_data_is_one_step_and_said():
    with pytest.warns(TrainingWarning, match=r"^trainer\.batch_size=500: more than the 70 training rows"):
        large = fit(schedule=schedule(batch_size=500))
    assert same(large.model, fit(schedule=schedule(batch_size=N)).model)


def test_bf16_on_a_cpu_is_near_and_not_the_same():
    half = fit(schedule=schedule(hardware=Hardware(accelerator="cpu", precision="bf16-mixed")))
    plain = fit()
    assert [row["loss"] for row in half.history] == pytest.approx(
        [row["loss"] for row in plain.history], rel=0.02
    )
    assert not same(half.model, plain.model)
    assert {p.dtype for p in half.model.parameters()} == {torch.float32}
    with pytest.raises(EegdaeError, match=r"^trainer\.precision=bf16-mixed: loss=bce needs 32"):
        fit(
            x=X.sigmoid(),
            objective=Objective("bce"),
            schedule=schedule(hardware=Hardware(accelerator="cpu", precision="bf16-mixed")),
        )


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("precision", ["32", "bf16-mixed", "16-mixed"])
def test_a_gpu_gives_the_losses_of_a_cpu(precision):
    """The noise is drawn on the CPU wherever a stage is trained."""
    gpu = fit(schedule=schedule(hardware=Hardware(accelerator="gpu", precision=precision)))
    cpu = fit(schedule=schedule(hardware=Hardware(accelerator="cpu")))
    losses = [[row["loss"] for row in result.history] for result in (gpu, cpu)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4 if precision == "32" else 0.05)

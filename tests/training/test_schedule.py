import pytest

from eegdae.errors import EegdaeError
from eegdae.training import Optimizer, fit_many
from training.test_fit import Store, fit, same, schedule, spec


def test_epochs_by_layer():
    result = fit(schedule=schedule(epochs=(1, 4)))
    stages = [row["stage"] for row in result.history]
    assert (stages.count("layer 1"), stages.count("layer 2"), stages.count("joint")) == (1, 4, 2)
    assert same(fit(schedule=schedule(epochs=(3, 3))).model, fit().model)
    # where no layer is trained by itself they do not count
    assert same(
        fit(schedule=schedule(pretrain="joint", epochs=(1,))).model,
        fit(schedule=schedule(pretrain="joint")).model,
    )


def test_the_joint_pass_has_its_own_rate():
    store = Store()
    plain, other = schedule(), schedule(joint_lr=1e-4)
    assert same(fit(schedule=schedule(joint_lr=1e-2)).model, fit(schedule=plain).model)
    greedy = fit(schedule=schedule(pretrain="greedy"))
    near, far = (fit(schedule=s) for s in (other, plain))
    moved = [
        max(
            (a - b).abs().max().item()
            for a, b in zip(r.model.state_dict().values(), greedy.model.state_dict().values(), strict=True)
        )
        for r in (near, far)
    ]
    assert 0 < moved[0] < 0.1 * moved[1]
    assert [r["loss"] for r in near.history[:6]] == [r["loss"] for r in far.history[:6]]
    fit_many([spec(schedule=other)], checkpoints=store)
    assert other.joint_optimizer == Optimizer("Adam", {"lr": 1e-4})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"epochs": (1, 2, 3)}, r"^pretrain\.epochs=\[1, 2, 3\]: one a layer, but the stack has 2"),
        ({"epochs": ()}, r"^pretrain\.epochs=\[\]: one a layer, but the stack has 2"),
        ({"epochs": (1, -2)}, r"^pretrain\.epochs=-2"),
        ({"joint_lr": 0.0}, r"^pretrain\.joint_lr=0\.0: must be above 0"),
        ({"joint_lr": float("nan")}, r"^pretrain\.joint_lr=nan: must be above 0"),
    ],
)
def test_options_that_make_no_sense(changes, says):
    with pytest.raises(EegdaeError, match=says):
        fit(schedule=schedule(**changes))

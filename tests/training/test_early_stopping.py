import math

import numpy as np
import pytest
import torch

from eegdae.errors import EegdaeError
from eegdae.training import EarlyStopping
from eegdae.training.early_stopping import BestEpoch

GROUPS = np.repeat(np.array(["a", "b", "c", "d", "e"], dtype=object), [4, 1, 3, 2, 5])


@pytest.mark.parametrize(("share", "n_held"), [(0.2, 1), (0.4, 2), (0.01, 1), (0.99, 4)])
def test_whole_groups_are_held_out(share, n_held):
    held = EarlyStopping(share=share).held_out(GROUPS, (0, 0)).numpy()
    out, kept = set(GROUPS[held]), set(GROUPS[~held])
    assert len(out) == n_held
    assert not out & kept


def test_which_depends_on_seed_and_fold_alone():
    stopping = EarlyStopping(share=0.4)
    choices = [stopping.held_out(GROUPS, key) for key in ((0, 0), (0, 0), (1, 0), (0, 1), (2, 0), (3, 5))]
    assert torch.equal(choices[0], choices[1])
    assert len({tuple(choice.tolist()) for choice in choices}) > 2
    shuffled = np.random.default_rng(0).permutation(len(GROUPS))
    assert torch.equal(stopping.held_out(GROUPS[shuffled], (0, 0)), choices[0][shuffled])


def test_the_best_epoch_keeps_its_own_copy_of_the_weights():
    best, weight = BestEpoch.none(), torch.zeros(1)
    assert (best.epoch, best.loss) == (0, math.inf)
    for epoch, loss in enumerate([3.0, 1.0, 2.0, 1.0], 1):
        weight += 1
        best.see(epoch, loss, {"w": weight})
    assert (best.epoch, best.loss, best.weights["w"].item()) == (2, 1.0, 2.0)
    again = BestEpoch.from_state(vars(best))
    assert (again.epoch, again.loss) == (2, 1.0)
    assert BestEpoch.from_state(None).epoch == 0


def test_one_group_cannot_be_held_out():
    with pytest.raises(EegdaeError, match=r"^pretrain\.early_stopping\.by=subject: .*one group.*session"):
        EarlyStopping().held_out(np.array(["a", "a"], dtype=object), (0, 0))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"patience": 0}, r"^pretrain\.early_stopping\.patience=0"),
        ({"patience": 1.5}, r"^pretrain\.early_stopping\.patience=1\.5"),
        ({"share": 0.0}, r"^pretrain\.early_stopping\.share=0\.0"),
        ({"share": 1.0}, r"^pretrain\.early_stopping\.share=1\.0"),
    ],
)
def test_options_are_checked_at_once(options, says):
    with pytest.raises(EegdaeError, match=says):
        EarlyStopping(**options)

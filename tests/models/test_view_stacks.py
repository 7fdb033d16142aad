import copy

import pytest
import torch

from eegdae.models import PassThrough, StackedAutoencoder, ViewStacks
from eegdae.randomness import Stream

G = torch.Generator().manual_seed(0)
X = {"a": torch.randn(6, 4, generator=G), "decoder": torch.randn(6, 5, generator=G)}


def views(joint=None):
    own = {
        "a": StackedAutoencoder(4, hidden=(3,)).reset(Stream("a")),
        "decoder": StackedAutoencoder(5, hidden=(4, 2)).reset(Stream("b")),
    }
    fused = StackedAutoencoder(5, hidden=(joint,)).reset(Stream("c")) if joint else None
    return ViewStacks(own, fused)


def test_side_by_side():
    stacks = views()
    codes = torch.cat([stacks["a"].encode(X["a"]), stacks["decoder"].encode(X["decoder"])], 1)
    assert torch.equal(stacks.encode(X), codes)
    assert torch.equal(stacks.encode_views(X), codes)
    assert stacks.n_codes == 5
    assert stacks.shares == {"a": 3, "decoder": 2}
    back = stacks(X)
    assert all(torch.equal(back[view], stacks[view](X[view])) for view in X)


def test_fused_and_back_through_the_joint_layer():
    stacks = views(joint=7)
    side_by_side = views().encode(X)
    assert stacks.n_codes == 7
    assert stacks.encode(X).shape == (6, 7)
    assert torch.equal(stacks.encode(X), stacks.joint.encode(side_by_side))
    back, codes = stacks.decode(stacks.encode(X)), stacks.joint(side_by_side)
    assert torch.equal(back["a"], stacks["a"].decode(codes[:, :3]))
    assert torch.equal(back["decoder"], stacks["decoder"].decode(codes[:, 3:]))
    assert list(stacks) == ["a", "decoder"]


@pytest.mark.parametrize(
    ("joint", "shares"), [(10, (6, 4)), (5, (3, 2)), (4, (2, 2)), (3, (2, 1)), (2, (1, 1)), (1, (1, 1))]
)
def test_shares_of_a_joint_layer(joint, shares):
    assert tuple(views(joint).shares.values()) == shares


def test_a_copy_and_its_weights_are_whole():
    stacks = views(joint=2)
    twin = copy.deepcopy(stacks)
    assert torch.equal(twin.encode(X), stacks.encode(X))
    assert sum(name.startswith("joint.") for name in stacks.state_dict()) == 4
    assert ViewStacks({"x": PassThrough(3)}).n_codes == 3

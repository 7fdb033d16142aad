import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from eegdae.errors import EegdaeError
from eegdae.scaling import Scaler

FLOATS = arrays(np.float32, (6, 4), elements=st.floats(-1000, 1000, width=32))


@settings(max_examples=50, deadline=None)
@given(FLOATS)
@pytest.mark.parametrize("kind", ["standard", "minmax"])
@pytest.mark.parametrize("n_groups", [None, 2, 1])
def test_scaler(kind, n_groups, x):
    scaler = Scaler.fit(torch.from_numpy(x), kind, n_groups=n_groups)
    z = scaler.transform(torch.from_numpy(x))
    width = 4 // n_groups if n_groups else 1
    for k in range(0, 4, width):
        block, scaled = x[:, k : k + width].astype(float), z[:, k : k + width].double().numpy()
        if kind == "minmax":
            # within [0, 1] to the last bit: binary cross-entropy takes nothing else
            assert scaled.min() == 0
            assert scaled.max() == 1 if np.ptp(block) > 1e-20 else scaled.max() <= 1
        elif block.std() > 1e-3 * (1 + np.abs(block).max()):
            np.testing.assert_allclose(scaled, (block - block.mean()) / block.std(), atol=2e-3)
    torch.testing.assert_close(scaler.inverse_transform(z), torch.from_numpy(x), rtol=1e-4, atol=1e-3)


def test_a_constant_feature_becomes_0():
    x = torch.full((5, 2), 0.1)
    for kind in ("standard", "minmax"):
        scaler = Scaler.fit(x, kind)
        assert scaler.transform(x).abs().max() < 1e-6
        assert torch.equal(scaler.scale, torch.ones(2))
    assert torch.equal(Scaler.fit(x, "none").transform(x), x)
    with pytest.raises(EegdaeError, match=r"^scaler='minmx': .*did you mean 'minmax'"):
        Scaler.fit(x, "minmx")


@pytest.mark.parametrize("kind", ["standard", "minmax"])
def test_scaler_counts_observed_entries_alone(kind):
    x = torch.randn(20, 4, generator=torch.Generator().manual_seed(0)) * 3 + 5
    seen = torch.rand(20, 4, generator=torch.Generator().manual_seed(1)) > 0.4
    seen[:, 3] = False
    a = Scaler.fit(x, kind, observed=seen)
    b = Scaler.fit(x.masked_fill(~seen, 1e6), kind, observed=seen)
    assert torch.equal(a.center, b.center)
    assert torch.equal(a.scale, b.scale)
    for k in range(3):
        values = x[seen[:, k], k]
        centre = values.mean() if kind == "standard" else values.min()
        spread = values.std(correction=0) if kind == "standard" else values.max() - values.min()
        torch.testing.assert_close(a.center[k], centre)
        torch.testing.assert_close(a.scale[k], spread)
    # never observed in training: left as it is
    assert (a.center[3], a.scale[3]) == (0, 1)
    assert (a.transform(x, seen)[~seen] == 0).all()

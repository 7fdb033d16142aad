"""Every measure on a GPU gives what it gives on the CPU."""

import pytest
import torch

from eegdae.connectivity import MEASURES, connectivity

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]

CASES = [(name, e) for name, m in MEASURES.items() for e in m.estimators]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize(("name", "estimator"), CASES)
def test_equal_to_the_cpu(name, estimator, dtype):
    generator = torch.Generator().manual_seed(0)
    options = {
        "sfreq": 128.0,
        "bands": {"alpha": (8, 13)},
        "measures": [name],
        "estimator": estimator,
        "order": 3,
    }
    if estimator == "filter_hilbert":
        x = torch.randn(5, 4096, dtype=dtype, generator=generator)
        options |= {"starts": [0, 700, 3000], "n_times": 512}
    else:
        x = torch.randn(70, 5, 512, dtype=dtype, generator=generator)
    found = connectivity(x.cuda(), **options)
    assert found.is_cuda
    assert found.dtype == dtype
    tolerance = 1e-9 if dtype == torch.float64 else 1e-4
    if name in ("pli", "dpli"):  # a sign or two in a window's samples
        tolerance = 2 * 2 / 512 + 1e-4
    if dtype == torch.float32 and name in ("ciplv", "lagged_coherence"):
        tolerance = 1e-3
    torch.testing.assert_close(found.cpu(), connectivity(x, **options), rtol=tolerance, atol=tolerance)


def test_a_large_batch_goes_in_blocks_and_to_a_file(tmp_path):
    x = torch.randn(5000, 8, 256)
    options = {"sfreq": 128.0, "bands": {"alpha": (8, 13)}, "measures": ["plv", "wpli"]}
    stored = connectivity(x.cuda(), out=tmp_path / "c.npy", **options)
    torch.testing.assert_close(torch.from_numpy(stored.copy()), connectivity(x, **options), rtol=0, atol=1e-4)

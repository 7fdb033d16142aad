import numpy as np
import pytest
import torch

from eegdae.connectivity import connectivity
from eegdae.connectivity.measures import MEASURES, get_measure
from eegdae.errors import EegdaeError

BANDS = {"theta": (4, 8), "alpha": (8, 13)}
CASES = [(name, e) for name, m in MEASURES.items() for e in m.estimators if e != "filter_hilbert"]


def matrices(name, estimator, seed=0):
    x = torch.randn(5, 4, 256, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    options = {"freqs": [6.0, 7.0, 8.0, 9.0, 10.0, 11.0]} if estimator in ("morlet", "multitaper") else {}
    return connectivity(x, sfreq=128, bands=BANDS, measures=[name], estimator=estimator, order=3, **options)[
        :, 0
    ]


@pytest.mark.parametrize(("name", "estimator"), CASES)
def test_every_measure_keeps_its_word(name, estimator):
    """What the table says of a measure holds for what it computes."""
    kind = get_measure(name)
    c = matrices(name, estimator)
    assert c.shape == (5, 2, 4, 4)
    assert bool(c.isfinite().all())
    diagonal = c.diagonal(dim1=-2, dim2=-1)
    if kind.symmetry == "diagonal":
        assert torch.equal(c, torch.diag_embed(diagonal))
    elif kind.symmetry == "definite":
        assert torch.equal(c, c.mT)
        assert float(torch.linalg.eigvalsh(c).min()) > 0
    else:
        assert torch.allclose(diagonal, torch.full_like(diagonal, kind.diagonal), atol=1e-15)
        mirrored = {"symmetric": c, "antisymmetric": -c, "complementary": 1 - c}
        if kind.symmetry in mirrored:
            torch.testing.assert_close(mirrored[kind.symmetry].mT, c, rtol=0, atol=1e-15)
        else:
            assert float((c - c.mT).abs().max()) > 1e-3
    off = c[..., *np.triu_indices(4, k=1)] if kind.of_pairs else diagonal
    assert float(off.std()) > 1e-4 or name == "cross_correlation_lag"


@pytest.mark.parametrize("name", MEASURES)
def test_the_transform_has_an_inverse_and_rises(name):
    transform = get_measure(name).transform
    unsigned = name == "envelope_correlation"
    features = torch.linspace(0.1 if unsigned else -0.9, 0.9, 20, dtype=torch.float64)
    values = transform.backward(features)
    assert bool((values.diff() > 0).all())
    torch.testing.assert_close(transform.forward(values), features)


@pytest.mark.parametrize("name", [n for n, m in MEASURES.items() if m.symmetry != "definite"])
def test_the_diagonal_holds_for_channels_without_signal_too(name):
    kind = get_measure(name)
    estimator = "welch" if "welch" in kind.estimators else "hilbert"
    x = torch.zeros(2, 3, 256, dtype=torch.float64)
    c = connectivity(x, sfreq=128, bands=BANDS, measures=[name], estimator=estimator, order=2)
    assert bool(c.isfinite().all())
    if kind.of_pairs:
        expected = torch.eye(3, dtype=torch.float64) * kind.diagonal
        if kind.symmetry == "complementary":
            expected = torch.full((3, 3), 0.5, dtype=torch.float64)
        assert torch.equal(c, expected.expand_as(c))


def test_unknown():
    with pytest.raises(EegdaeError, match="measures: unknown measure 'pearsn'; did you mean 'pearson'"):
        get_measure("pearsn")

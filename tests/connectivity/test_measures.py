import pytest
import torch

from eegdae.connectivity.measures import MEASURES, get_measure
from eegdae.errors import EegdaeError


@pytest.mark.parametrize("name", MEASURES)
def test_every_measure_keeps_its_word(name):
    """What the table says of a measure holds for what it computes."""
    measure = get_measure(name)
    z = torch.randn(5, 4, 64, dtype=torch.complex128, generator=torch.Generator().manual_seed(0))
    c = measure.compute(z)
    assert c.shape == (5, 4, 4)
    diagonal = c.diagonal(dim1=-2, dim2=-1)
    if measure.of_pairs:
        assert torch.equal(diagonal, torch.ones_like(diagonal))
        values = c.triu(1)[c.triu(1) != 0]
    else:
        assert torch.equal(c, torch.diag_embed(diagonal))
        values = diagonal
    torch.testing.assert_close(measure.from_features(measure.to_features(values)), values)


@pytest.mark.parametrize("name", MEASURES)
def test_features_are_unbounded_and_rising(name):
    measure = get_measure(name)
    features = torch.linspace(-3, 3, 20, dtype=torch.float64)
    values = measure.from_features(features)
    assert (values.diff() > 0).all()
    torch.testing.assert_close(measure.to_features(values), features)


def test_unknown():
    with pytest.raises(EegdaeError, match="measures: unknown measure 'pearsn'; did you mean 'pearson'"):
        get_measure("pearsn")

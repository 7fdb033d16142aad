import numpy as np
import pytest
import torch

from eegdae.connectivity import MEASURES, unvectorize, vectorize
from eegdae.errors import EegdaeError
from eegdae.layout import Layout
from eegdae.models.grid import MatrixGrid, grid_of

PAIRS = [name for name, measure in MEASURES.items() if measure.of_pairs]
ONE_OF_EACH = {MEASURES[name].symmetry: name for name in reversed(PAIRS)}


def matrices(measure, n_chans=5, n_bands=2, n=3):
    """Valid matrices of a measure, far from the limits of its transform."""
    layout = Layout("matrices", (n_bands, n_chans, n_chans), measure=measure)
    v = torch.randn(n, layout.n_features, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return layout, unvectorize(v / 2, measure, n_bands=n_bands, n_chans=n_chans)


@pytest.mark.parametrize(("kind", "shape"), [("signals", (3, 7)), ("images", (2, 3, 5))])
def test_signals_and_images_are_reshaped(kind, shape):
    grid = grid_of(Layout(kind, shape))
    x = torch.arange(2.0 * grid.n_features).reshape(2, -1)
    assert torch.equal(grid.unfold(x), x.reshape(2, *shape))
    assert torch.equal(grid.fold(grid.unfold(x)), x)
    assert str(grid) == " x ".join(map(str, shape))


@pytest.mark.parametrize("measure", PAIRS)
def test_there_and_back(measure):
    layout, c = matrices(measure)
    grid, v = grid_of(layout), vectorize(c, measure)
    assert grid.n_features == layout.n_features == v.shape[1]
    assert grid.unfold(v).shape == (3, 2, 5, 5)
    torch.testing.assert_close(grid.fold(grid.unfold(v)), v)


@pytest.mark.parametrize("measure", ONE_OF_EACH.values(), ids=ONE_OF_EACH)
def test_channels_in_another_order_give_the_same_square_in_that_order(measure):
    """Which holds only if the half that no feature stands for is right."""
    layout, c = matrices(measure)
    order = torch.tensor([3, 0, 4, 1, 2])
    grid = grid_of(layout)
    square = grid.unfold(vectorize(c, measure))
    other = grid.unfold(vectorize(c[..., order, :][..., order], measure))
    torch.testing.assert_close(other, square[..., order, :][..., order])
    on_diagonal = square.diagonal(dim1=-2, dim2=-1)
    assert bool((on_diagonal != 0).any()) == (MEASURES[measure].symmetry == "definite")


@pytest.mark.parametrize("measure", ONE_OF_EACH.values(), ids=ONE_OF_EACH)
def test_whatever_a_network_made_comes_back_with_its_symmetry(measure):
    layout, _ = matrices(measure)
    grid = grid_of(layout)
    maps = torch.randn(3, 2, 5, 5, generator=torch.Generator().manual_seed(1))
    v = grid.fold(maps)
    i, j = np.triu_indices(5, 1)
    symmetry = MEASURES[measure].symmetry
    sign = -1 if symmetry in ("antisymmetric", "complementary") else 1
    again = grid.unfold(v)
    if symmetry == "directed":
        torch.testing.assert_close(again[..., j, i], maps[..., j, i])
    else:
        torch.testing.assert_close(again[..., i, j], (maps[..., i, j] + sign * maps[..., j, i]) / 2)
        torch.testing.assert_close(again[..., j, i], sign * again[..., i, j])
    c = unvectorize(v, measure, n_bands=2, n_chans=5)
    other = {"antisymmetric": -c.mT, "complementary": 1 - c.mT, "directed": c}.get(symmetry, c.mT)
    torch.testing.assert_close(c, other)


def test_gradients_reach_every_feature():
    grid = MatrixGrid(1, (4, 4), "plv")
    x = torch.randn(2, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: grid.fold(grid.unfold(x) ** 2), x)


@pytest.mark.parametrize(
    "layout", [Layout.rows(9), Layout("matrices", (2, 3, 3), measure="power")], ids=["rows", "power"]
)
def test_what_has_no_neighbours_is_refused(layout):
    with pytest.raises(EegdaeError, match=r"^model\.convolution: (rows|power) have neither"):
        grid_of(layout)

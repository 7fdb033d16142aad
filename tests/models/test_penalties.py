"""Penalties on codes: by hand, against autograd's Jacobian, and their slopes against finite differences."""

import itertools

import pytest
import torch
from scipy.stats import entropy
from torch.autograd import gradcheck
from torch.autograd.functional import jacobian

from eegdae.models import ACTIVATIONS, DenseLayer
from eegdae.models.penalties import (
    dense_contraction,
    estimated_contraction,
    kl_sparsity,
    l1_sparsity,
    variance_floor,
)
from eegdae.randomness import Stream


def draws(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


X = draws(6, 4)


def layer(activation):
    made = DenseLayer(4, 3, activation=activation, output="linear")
    made.reset(Stream(0), "init")
    return made.double()


def norms(encode):
    """Squared Frobenius norm of the Jacobian, a row at a time, by reverse mode."""
    return torch.stack([jacobian(encode, row).square().sum() for row in X]).mean()


def test_sparsity_by_hand():
    z = draws(6, 3)
    assert l1_sparsity(z) == z.abs().mean()
    p, target = z.sigmoid(), 0.2
    by_hand = [entropy([target, 1 - target], [m, 1 - m]) for m in p.mean(0).tolist()]
    assert kl_sparsity(p, target).item() == pytest.approx(sum(by_hand) / 3)
    assert kl_sparsity(torch.full((4, 2), 0.2), 0.2) == pytest.approx(0, abs=1e-6)
    # a code that is saturated everywhere: dear, and a number
    assert 1 < kl_sparsity(torch.ones(4, 2), 0.2) < 100


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_closed_form_is_the_norm_of_the_jacobian(activation):
    one = layer(activation)
    got = dense_contraction(X, one.encoder.weight, one.encoder.bias, one.activation)
    torch.testing.assert_close(got, norms(one.encode))


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_the_estimate_is_the_norm_on_average_over_all_probes(activation):
    one, two = layer(activation), layer("sigmoid")

    def encode(x):
        return two.encode(one.decode(one.encode(x)))

    probes = [torch.tensor(signs, dtype=X.dtype) for signs in itertools.product((-1.0, 1.0), repeat=4)]
    found = torch.stack([estimated_contraction(encode, X, probe.expand_as(X)) for probe in probes])
    torch.testing.assert_close(found.mean(), norms(encode))
    assert found.std() > 0.01 * found.mean()


def test_the_floor_holds_up_what_falls_below_it_and_nothing_else():
    z = draws(500, 3) * torch.tensor([0.5, 2.0, 0.0])
    sd = (z.var(0, correction=0) + 1e-4).sqrt()
    expected = ((1 - sd[0]) + 0 + (1 - 0.01)) / 3
    torch.testing.assert_close(variance_floor(z, 1.0), expected)
    z.requires_grad_()
    (slope,) = torch.autograd.grad(variance_floor(z, 1.0), z)
    # down the slope the code that is too narrow spreads, and the wide one is left alone
    assert ((-slope * (z - z.mean(0))).sum(0)[0]) > 0
    assert (slope[:, 1:] == 0).all()
    assert variance_floor(z[:1], 1.0).isfinite()


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "gelu", "elu"])
def test_gradients(activation):
    one, z = layer(activation), draws(5, 3).requires_grad_()
    assert gradcheck(l1_sparsity, z)
    assert gradcheck(lambda z: kl_sparsity(z.sigmoid(), 0.1), z)
    assert gradcheck(lambda z: variance_floor(z, 2.0), z)
    w, b = (p.detach().clone().requires_grad_() for p in one.encoder.parameters())
    assert gradcheck(lambda w, b: dense_contraction(X, w, b, one.activation), (w, b))
    probe = draws(6, 4, seed=1).sign()

    def estimate(w, b):
        encode = lambda x: one.activation(torch.nn.functional.linear(x, w, b))  # noqa: E731
        return estimated_contraction(encode, X, probe)

    assert gradcheck(estimate, (w, b))

import pytest
import torch
from torch.func import functional_call

from eegdae.corruption import Gaussian
from eegdae.errors import EegdaeError
from eegdae.models import StackedAutoencoder
from eegdae.randomness import Keys, Stream
from eegdae.training.objective import Objective, contractive_penalty, denoising_loss

X = torch.randn(5, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def stack(activation):
    made = StackedAutoencoder(4, hidden=(6, 3), activation=activation, code_activation=activation)
    return made.reset(Stream(1)).double()


@pytest.mark.parametrize("activation", ["linear", "relu", "gelu", "elu", "tanh", "sigmoid"])
def test_the_closed_form_is_the_jacobian_of_autograd(activation):
    whole, expected, x = stack(activation), [], X
    for layer in whole.layers:
        jacobians = [torch.autograd.functional.jacobian(layer.encode, row) for row in x]
        expected.append(sum(float(j.square().sum()) for j in jacobians) / len(x) / x.shape[1])
        x = layer.encode(x)
    first = whole.layers[0]
    torch.testing.assert_close(
        contractive_penalty(first, dict(first.named_parameters()), X).item(), expected[0]
    )
    total = contractive_penalty(whole, dict(whole.named_parameters()), X)
    torch.testing.assert_close(total.item(), sum(expected))


@pytest.mark.parametrize("activation", ["elu", "gelu", "tanh", "sigmoid"])
def test_its_gradient_is_that_of_finite_differences(activation):
    layer = stack(activation).layers[0]
    bias, weight = layer.encoder.bias.detach(), layer.encoder.weight.detach()

    def penalty(w, b):
        return contractive_penalty(layer, {"encoder.weight": w, "encoder.bias": b}, X)

    assert torch.autograd.gradcheck(penalty, (weight.requires_grad_(), bias.requires_grad_()))


def test_weight_0_is_bit_for_bit_the_plain_loss():
    whole, keys = stack("tanh"), Keys(Stream(0), torch.arange(5))
    params, noise = dict(whole.named_parameters()), Gaussian().fitted(X)
    plain, zero, some = (
        denoising_loss(whole, noise, 0.0, objective)(params, {"x": X}, keys)
        for objective in (Objective(), Objective(contractive=0.0), Objective(contractive=0.5))
    )
    assert torch.equal(plain, zero)
    assert torch.equal(plain, ((functional_call(whole, params, (X,)) - X) ** 2).mean())
    torch.testing.assert_close(some - plain, 0.5 * contractive_penalty(whole, params, X))


@pytest.mark.parametrize("weight", [-0.1, float("inf"), float("nan")])
def test_a_weight_that_makes_no_sense(weight):
    with pytest.raises(EegdaeError, match=r"loss\.contractive=.*must be a number, 0 or more"):
        Objective(contractive=weight)

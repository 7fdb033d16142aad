import pytest
import torch

from eegdae.errors import EegdaeError
from eegdae.models.activations import ACTIVATIONS, activation_of

X = torch.linspace(-4, 4, 41)
MODULES = {
    "linear": torch.nn.Identity, "relu": torch.nn.ReLU, "leaky_relu": torch.nn.LeakyReLU, "elu": torch.nn.ELU,
    "selu": torch.nn.SELU, "gelu": torch.nn.GELU, "silu": torch.nn.SiLU, "softplus": torch.nn.Softplus,
    "tanh": torch.nn.Tanh, "sigmoid": torch.nn.Sigmoid,
}  # fmt: skip


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_they_are_those_of_torch_nn(name):
    assert torch.equal(activation_of(name, "model.activation")(X), MODULES[name]()(X))


def test_a_name_that_is_not_known():
    with pytest.raises(EegdaeError, match=r"^model\.code_activation='sofplus': .*did you mean 'softplus'"):
        activation_of("sofplus", "model.code_activation")

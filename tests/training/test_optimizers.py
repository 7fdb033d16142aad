import pytest
import torch
from torch import nn

from eegdae.errors import EegdaeError
from eegdae.training import OPTIMIZERS, Optimizer


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_it_is_the_one_of_torch(name):
    """Fused or not: the same steps as the plain implementation."""
    mine, plain = (nn.Parameter(torch.tensor([1.0, -2.0, 3.0])) for _ in range(2))
    steps = (Optimizer(name, {"lr": 0.1}).build([mine]), OPTIMIZERS[name]([plain], lr=0.1, foreach=False))
    for _ in range(5):
        for parameter, optimizer in zip((mine, plain), steps, strict=True):
            parameter.grad = parameter.detach() ** 2
            optimizer.step()
    assert isinstance(steps[0], getattr(torch.optim, name))
    torch.testing.assert_close(mine, plain)


def test_gradients_are_clipped_by_value_then_by_norm():
    parameters = [nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(1))]

    def clipped(**options):
        parameters[0].grad, parameters[1].grad = torch.tensor([3.0, -4.0]), torch.tensor([12.0])
        Optimizer(**options).clip(parameters)
        return torch.cat([p.grad for p in parameters])

    gradient = torch.tensor([3.0, -4.0, 12.0])
    assert torch.equal(clipped(), gradient)
    torch.testing.assert_close(clipped(clip_norm=1.0), gradient / 13)
    assert torch.equal(clipped(clip_norm=14.0), gradient)
    assert torch.equal(clipped(clip_value=3.5), torch.tensor([3.0, -3.5, 3.5]))
    both = clipped(clip_value=3.5, clip_norm=1.0)
    torch.testing.assert_close(both, torch.tensor([3.0, -3.5, 3.5]) / (9 + 2 * 3.5**2) ** 0.5)


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("Adm", {"lr": 1e-3}, r"^optimizer='Adm': no such optimiser; did you mean 'Adam'"),
        ("Adam", {"lr": 1e-3, "momentum": 0.9}, r"^optimizer\.momentum=0\.9: Adam has no such option; known"),
        ("SGD", {"lr": 1e-3, "momentun": 0.9}, r"^optimizer\.momentun=0\.9: SGD .*did you mean 'momentum'"),
        ("SGD", {"lr": -1.0}, r"^optimizer: SGD does not take .*Invalid learning rate"),
        ("SGD", {"lr": 0.1, "nesterov": True}, r"^optimizer: SGD does not take .*momentum"),
        ("Adam", {"lr": 0.1, "betas": [0.9]}, r"^optimizer: Adam does not take "),
        ("AdamW", {"lr": "fast"}, r"^optimizer\.lr='fast': must be a number"),
    ],
)
def test_options_are_checked_at_once(name, options, says):
    with pytest.raises(EegdaeError, match=says) as caught:
        Optimizer(name, options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["clip_norm", "clip_value"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan")])
def test_a_bound_is_above_0(key, value):
    with pytest.raises(EegdaeError, match=rf"^trainer\.{key}={value}: must be above 0, or null"):
        Optimizer(**{key: value})

import pytest
import torch
from torch.func import functional_call

from eegdae.errors import EegdaeError
from eegdae.models import DenseLayer
from eegdae.models.dense import new_linear
from eegdae.randomness import Stream

X = torch.randn(7, 9, generator=torch.Generator().manual_seed(0))
FLAGS = ("tied", "residual", "residual_output", "layer_norm")


def layer(n_out=5, **options):
    made = DenseLayer(9, n_out, **{"activation": "tanh", "output": "sigmoid", **options})
    made.reset(Stream(3), "init.0")
    return made


def test_the_plain_layer_by_hand():
    """Weights, codes and reconstruction of the default layer, bit for bit, from their definition."""
    draw, plain = Stream(3).symmetric_uniform, layer()
    w, b = draw("init.0.encoder.weight", (5, 9), 9**-0.5), draw("init.0.encoder.bias", (5,), 9**-0.5)
    v, c = draw("init.0.decoder.weight", (9, 5), 5**-0.5), draw("init.0.decoder.bias", (9,), 5**-0.5)
    assert [name for name, _ in plain.named_parameters()] == [
        "encoder.weight", "encoder.bias", "decoder.weight", "decoder.bias"
    ]  # fmt: skip
    assert all(torch.equal(a, b) for a, b in zip(plain.parameters(), (w, b, v, c), strict=True))
    z = torch.tanh(torch.nn.functional.linear(X, w, b))
    assert torch.equal(plain.encode(X), z)
    assert torch.equal(plain(X), torch.sigmoid(torch.nn.functional.linear(z, v, c)))
    assert plain.is_plain
    assert plain.shape == "9 → 5 → 9"


def test_tied_weights_are_one_tensor_and_begin_as_untied_ones_do():
    tied, plain = layer(tied=True), layer()
    assert {name for name, _ in tied.named_parameters()} == {"encoder.weight", "encoder.bias", "decoder_bias"}
    assert torch.equal(tied.encode(X), plain.encode(X))
    assert torch.equal(tied.decoder_bias, plain.decoder.bias)
    z = tied.encode(X)
    torch.testing.assert_close(tied(X), torch.sigmoid(z @ tied.encoder.weight + tied.decoder_bias))
    # one weight, two ways to it: the gradient is the sum of both
    weight = tied.encoder.weight
    (whole,) = torch.autograd.grad(tied(X).square().sum(), weight)
    (up,) = torch.autograd.grad(tied.decode(tied.encode(X).detach()).square().sum(), weight)
    frozen = DenseLayer(9, 5, activation="tanh", output="sigmoid")
    frozen.load_state_dict(
        {
            **tied.state_dict(),
            "decoder.weight": weight.detach().T,
            "decoder.bias": tied.decoder_bias.detach(),
        },
        strict=False,
    )
    (down,) = torch.autograd.grad(frozen(X).square().sum(), frozen.encoder.weight)
    torch.testing.assert_close(whole, up + down)


@pytest.mark.parametrize("n_out", [5, 9, 12])
@pytest.mark.parametrize("tied", [False, True])
def test_formula_of_norm_and_shortcuts(n_out, tied):
    full = layer(n_out, tied=tied, residual=True, residual_output=True, layer_norm=True)
    assert not full.is_plain
    with torch.no_grad():
        full.norm.weight.uniform_(0.5, 2, generator=torch.Generator().manual_seed(1))
        full.norm.bias.uniform_(-1, 1, generator=torch.Generator().manual_seed(2))
    u = X @ full.encoder.weight.T + full.encoder.bias
    u = (u - u.mean(-1, keepdim=True)) / (u.var(-1, correction=0, keepdim=True) + 1e-5).sqrt()
    s = torch.eye(9) if n_out == 9 else full.shortcut.weight
    z = torch.tanh(u * full.norm.weight + full.norm.bias) + X @ s.T
    torch.testing.assert_close(full.encode(X), z)
    w, b = (full.encoder.weight.T, full.decoder_bias) if tied else (full.decoder.weight, full.decoder.bias)
    back = torch.eye(9) if n_out == 9 else s.T if tied else full.decoder_shortcut.weight
    torch.testing.assert_close(full.decode(z), torch.sigmoid(z @ w.T + b) + z @ back.T)


@pytest.mark.parametrize("flag", FLAGS)
@pytest.mark.parametrize("lead", [(), (2,), (2, 3)])
def test_shapes_and_gradients(flag, lead):
    made = layer(**{flag: True})
    x = X.expand(*lead, 7, 9)
    assert made.encode(x).shape == (*lead, 7, 5)
    assert made(x).shape == x.shape
    made(x).square().sum().backward()
    assert all((p.grad != 0).any() for p in made.parameters())
    # the training loss calls a copy with parameters of its own
    other = {name: p + 0.1 for name, p in made.named_parameters()}
    assert not torch.isclose(functional_call(made, other, (x,)), made(x)).all()


def test_an_untied_shortcut_back_without_one_forth():
    assert layer(residual_output=True, tied=True).decoder_shortcut.weight.shape == (9, 5)


def test_a_norm_begins_as_one_and_needs_two_units():
    norm = layer(layer_norm=True).norm
    assert (norm.weight == 1).all()
    assert (norm.bias == 0).all()
    with pytest.raises(EegdaeError, match=r"^model\.layer_norm=True: a layer of 1 unit"):
        layer(1, layer_norm=True)


def test_nothing_is_drawn_from_the_global_generator():
    before = torch.get_rng_state()
    layer(tied=True, residual=True, layer_norm=True)
    new_linear(3, 4)
    assert torch.equal(torch.get_rng_state(), before)


def test_activations_are_checked():
    with pytest.raises(EegdaeError, match=r"^model\.output='softmax'"):
        layer(output="softmax")

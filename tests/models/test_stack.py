import json

import pytest
import torch

from eegdae.errors import EegdaeError
from eegdae.layout import Layout
from eegdae.models import (
    ConvLayer,
    Convolution,
    DenseLayer,
    PassThrough,
    StackedAutoencoder,
    ViewStacks,
    is_of_decoder,
    new_stack,
    stack_from_config,
)
from eegdae.randomness import Stream

X = torch.randn(7, 9, generator=torch.Generator().manual_seed(0))


def stack(hidden=(6, 5, 3), seed=0, **options):
    return StackedAutoencoder(9, hidden=hidden, **options).reset(Stream(seed, 0, "x"))


@pytest.mark.parametrize("hidden", [(4,), (6, 3), (6, 5, 3)])
@pytest.mark.parametrize("lead", [(), (2,), (2, 3)])
def test_shapes(hidden, lead):
    model = stack(hidden)
    x = X.expand(*lead, 7, 9)
    assert (model.n_features, model.n_codes) == (9, hidden[-1])
    assert model.encode(x).shape == (*lead, 7, hidden[-1])
    assert model(x).shape == x.shape
    assert model.encode(x, n_layers=0) is x
    for k, width in enumerate(hidden, 1):
        assert model.encode(x, n_layers=k).shape == (*lead, 7, width)


def test_it_is_the_product_of_its_layers():
    model = stack(activation="tanh", code_activation="linear", output="sigmoid")
    a, b, c = model.layers
    z = c.encoder(torch.tanh(b.encoder(torch.tanh(a.encoder(X)))))
    torch.testing.assert_close(model.encode(X), z)
    back = torch.sigmoid(a.decoder(torch.tanh(b.decoder(torch.tanh(c.decoder(z))))))
    torch.testing.assert_close(model(X), back)
    torch.testing.assert_close(model.decode(z), back)
    # a layer gives back what the layer below gave: through the same activation
    torch.testing.assert_close(b(X[:, :6]), torch.tanh(b.decoder(torch.tanh(b.encoder(X[:, :6])))))


def test_weights_are_a_function_of_the_stream_alone():
    before = torch.get_rng_state()
    torch.manual_seed(1)
    a = stack().state_dict()
    torch.manual_seed(2)
    b = stack().state_dict()
    torch.set_rng_state(before)
    c = stack(seed=1).state_dict()
    for name, value in a.items():
        assert torch.equal(value, b[name])
        assert not torch.isclose(value, c[name]).any()
    bound = {"layers.0.encoder": 9**-0.5, "layers.0.decoder": 6**-0.5, "layers.2.decoder": 3**-0.5}
    for name, width in bound.items():
        assert 0.8 * width < a[f"{name}.weight"].abs().max() <= width
    torch.nn.Linear(2, 2)
    assert not torch.equal(torch.get_rng_state(), before)
    after = torch.get_rng_state()
    stack()
    assert torch.equal(torch.get_rng_state(), after)


def test_config_and_state_make_the_same_model():
    model = stack(activation="gelu", code_activation="linear")
    twin = StackedAutoencoder(**model.config)
    twin.load_state_dict(model.state_dict())
    assert torch.equal(twin(X), model(X))


@pytest.mark.parametrize("hidden", [(), (0,), (4, -1), (2.0,), (True,), ("4",)])
def test_widths_are_checked(hidden):
    with pytest.raises(EegdaeError, match=r"^model\.hidden="):
        StackedAutoencoder(9, hidden=hidden)


def test_a_misspelt_activation_is_named():
    with pytest.raises(EegdaeError, match=r"^model\.activation='rleu'.*did you mean 'relu'"):
        StackedAutoencoder(9, activation="rleu")


def test_every_layer_is_tied_normalised_and_has_its_shortcuts_but_for_the_data():
    model = stack(tied=True, residual=True, layer_norm=True)
    assert all(layer.tied and layer.residual and layer.norm is not None for layer in model.layers)
    assert [layer.residual_output for layer in model.layers] == [False, True, True]
    assert not model.codes_are_probabilities
    assert [stack(activation=name).codes_are_probabilities for name in ("relu", "sigmoid")] == [False, True]
    assert not stack(activation="sigmoid", residual=True).codes_are_probabilities


SIGNALS = Layout("signals", (3, 11))
MATRICES = Layout("matrices", (2, 5, 5), measure="wpli")
CONVOLVED = [
    (SIGNALS, Convolution("1d", (4, 6), 3, 2), (8, 2)),
    (SIGNALS, Convolution("1d", [4], 5, 3, "max", "transposed"), ()),
    (MATRICES, Convolution("2d", (4, 6), 3, 2, "average", "linear"), (5,)),
    (Layout("images", (1, 6, 7)), Convolution("2d", (3,), 3, 4), (5,)),
]


@pytest.mark.parametrize(("layout", "convolution", "hidden"), CONVOLVED)
@pytest.mark.parametrize("flag", ["tied", "residual", "layer_norm"])
def test_convolutions_first_then_dense_layers(layout, convolution, hidden, flag):
    model = new_stack(layout, hidden=hidden, convolution=convolution, **{flag: True}).reset(Stream(0))
    n_conv = len(convolution.channels)
    kinds = [type(layer) for layer in model.layers]
    assert kinds == [ConvLayer] * n_conv + [DenseLayer] * len(hidden)
    x = torch.randn(4, layout.n_features, generator=torch.Generator().manual_seed(0))
    # what a layer gives is what the next one takes, forth and back
    for k, layer in enumerate(model.layers):
        z = model.encode(x, n_layers=k)
        assert z.shape == (4, layer.n_in)
        assert layer(z).shape == z.shape
    assert model(x).shape == x.shape
    assert model.n_codes == model.encode(x).shape[1] == (hidden[-1] if hidden else model.layers[-1].n_out)
    model(x).square().sum().backward()
    assert all(p.grad is not None and (p.grad != 0).any() for p in model.parameters())
    # plain data makes the same model again
    twin = stack_from_config(json.loads(json.dumps(model.config)))
    twin.load_state_dict(model.state_dict())
    assert torch.equal(twin(x), model(x))


def test_what_cannot_be_convolved_has_the_dense_layers_alone():
    for layout in (Layout.rows(9), Layout("images", (1, 3, 3))):
        model = new_stack(layout, hidden=(4,), convolution=CONVOLVED[0][1])
        assert [type(layer) for layer in model.layers] == [DenseLayer]
    with pytest.raises(EegdaeError, match=r"^model\.convolution: needs the layout"):
        StackedAutoencoder(9, convolution=CONVOLVED[0][1])
    with pytest.raises(EegdaeError, match=r"^model\.kernel_size=7: .* 8 x 3; at most 5"):
        new_stack(SIGNALS, hidden=(4,), convolution=Convolution("1d", (4, 8, 9), 7, 2))


def test_a_checkpoint_of_a_plain_stack_from_before_is_read():
    config = {
        "n_features": 9,
        "hidden": [4, 2],
        "activation": "tanh",
        "code_activation": "relu",
        "output": "linear",
    }
    assert stack_from_config(config).n_codes == 2


def test_parameters_of_decoders_by_name():
    """They are those that no code depends on, whatever a view is called."""
    model = new_stack(SIGNALS, hidden=(4,), convolution=CONVOLVED[0][1], residual=True).reset(Stream(0))
    views = ViewStacks(
        {"decoder": model, "layers": stack()}, StackedAutoencoder(7, hidden=(2,)).reset(Stream(1))
    )
    x = {"decoder": torch.ones(2, model.n_features), "layers": torch.ones(2, 9)}
    names = dict(views.named_parameters())
    grads = torch.autograd.grad(views.encode(x).sum(), names.values(), allow_unused=True)
    assert {name for name in names if is_of_decoder(name)} == {
        name for name, grad in zip(names, grads, strict=True) if grad is None
    }


def test_pass_through():
    assert PassThrough(9).encode(X) is X
    assert PassThrough(9).n_codes == 9

import pytest
import torch

from eegdae.errors import EegdaeError
from eegdae.models import ACTIVATIONS, DenseLayer, PassThrough, StackedAutoencoder
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


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name):
    by_name = {"linear": torch.nn.Identity(), "relu": torch.nn.ReLU(), "gelu": torch.nn.GELU()}
    by_name |= {"elu": torch.nn.ELU(), "tanh": torch.nn.Tanh(), "sigmoid": torch.nn.Sigmoid()}
    assert torch.equal(ACTIVATIONS[name](X), by_name[name](X))
    assert stack((3,), code_activation=name).encode(X).shape == (7, 3)


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


def test_activations_are_checked():
    with pytest.raises(EegdaeError, match=r"^model\.activation='rleu'.*did you mean 'relu'"):
        StackedAutoencoder(9, activation="rleu")
    with pytest.raises(EegdaeError, match=r"^model\.output='softmax'"):
        DenseLayer(3, 2, activation="relu", output="softmax")


def test_pass_through():
    assert PassThrough(9).encode(X) is X
    assert PassThrough(9).n_codes == 9

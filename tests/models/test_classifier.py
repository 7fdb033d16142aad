import pytest
import torch

from eegdae.errors import EegdaeError
from eegdae.models import CodeClassifier, PassThrough, StackedAutoencoder
from eegdae.randomness import Stream

X = {"a": torch.randn(50, 4, generator=torch.Generator().manual_seed(0)) * 3 + 2, "b": torch.ones(50, 2)}


def classifier(**options):
    encoders = {"a": StackedAutoencoder(4, hidden=(3,)).reset(Stream(0)), "b": PassThrough(2)}
    return CodeClassifier(encoders, n_outputs=3, **options).reset_head(Stream(1)).requires_grad_(False)


def test_codes_lie_side_by_side_in_the_order_of_the_views():
    model = classifier()
    codes = model.codes(dict(reversed(X.items())))
    assert torch.equal(codes, torch.cat([model.encoders["a"].encode(X["a"]), X["b"]], 1))


@pytest.mark.parametrize("width", [0, 8])
def test_forward_is_standardise_then_perceptron(width):
    model = classifier(width=width, dropout=0.5)
    model.fit_code_scale(X)
    codes = model.codes(X)
    z = (codes - codes.mean(0)) / codes.std(0, correction=0).clamp(min=1e-6)
    for k, linear in enumerate(model.head):
        z = linear(z if k == 0 else z.relu())
    torch.testing.assert_close(model(X), z)
    assert model(X).shape == (50, 3)
    assert len(model.head) == (2 if width else 1)


def test_dropout_drops_by_the_given_numbers_and_keeps_the_mean():
    model = classifier(dropout=0.25)
    model.fit_code_scale(X)
    assert torch.equal(
        model(X, torch.ones(50, 5)), model.head[0]((model.codes(X) - model.code_mean) / model.code_sd / 0.75)
    )
    assert torch.equal(model(X, torch.zeros(50, 5)), model.head[0].bias.expand(50, 3))
    keep = torch.rand(400, 50, 5, generator=torch.Generator().manual_seed(1))
    mean = torch.stack([model(X, k) for k in keep]).mean(0)
    torch.testing.assert_close(mean, model(X), atol=0.2, rtol=0)


def test_head_weights_come_from_the_stream():
    a, b = classifier(width=4).head.state_dict(), classifier(width=4).head.state_dict()
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert all((value == 0).all() for name, value in a.items() if name.endswith("bias"))
    assert a["0.weight"].abs().max() <= 5**-0.5


@pytest.mark.parametrize(
    "options", [{"width": -1}, {"width": 1.5}, {"width": True}, {"dropout": 1.0}, {"dropout": -0.1}]
)
def test_arguments_are_checked(options):
    with pytest.raises(EegdaeError, match=rf"^head\.{next(iter(options))}="):
        classifier(**options)

import itertools

import pytest
import torch

from eegdae.errors import EegdaeError
from eegdae.layout import Layout
from eegdae.models import ConvLayer, Convolution
from eegdae.models.convolution import POOLINGS, UPSAMPLINGS
from eegdae.models.grid import Grid
from eegdae.randomness import Stream

SPACES = [(1,), (2,), (7,), (50,), (3, 5), (4, 2)]
SIZES = [(1, 2), (3, 1), (3, 2), (5, 3), (7, 4)]
FITTING = [
    (space, size, factor)
    for space, (size, factor) in itertools.product(SPACES, SIZES)
    if size <= 2 * min(space) - 1 and factor <= min(space)
]
FLAGS = {"tied": True, "residual": True, "residual_output": True, "layer_norm": True}


def layer(
    space=(7,), n_in=2, n_out=3, *, kernel_size=3, factor=2, pooling="stride", upsampling="nearest", **given
):
    convolution = Convolution(f"{len(space)}d", (n_out,), kernel_size, factor, pooling, upsampling)
    options = {"activation": "tanh", "output": "linear", **given}
    made = ConvLayer(Grid(n_in, space), n_out, convolution, **options)
    made.reset(Stream(0), "init.0")
    return made


def rows(made, n=4):
    return torch.randn(n, made.n_in, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("upsampling", UPSAMPLINGS)
def test_any_size_comes_back_exactly(pooling, upsampling):
    for k, (space, kernel_size, factor) in enumerate(FITTING):
        options = {"kernel_size": kernel_size, "factor": factor, "pooling": pooling, "upsampling": upsampling}
        made = layer(space, **options, **(FLAGS if k % 2 else {}))
        x = rows(made)
        n_out = 3 * torch.tensor([-(-n // factor) for n in space]).prod()
        assert made.encode(x).shape == (4, made.n_out) == (4, n_out), (space, options)
        assert made(x).shape == x.shape, (space, options)


@pytest.mark.parametrize("lead", [(), (4,), (2, 4)])
def test_rows_may_stand_in_any_shape(lead):
    made = layer(residual=True)
    x = rows(made, 8).reshape(*lead, -1, made.n_in) if lead else rows(made)[0]
    one_by_one = torch.cat([made(row[None]) for row in x.reshape(-1, made.n_in)]).reshape(x.shape)
    torch.testing.assert_close(made(x), one_by_one)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_the_code_by_hand(pooling):
    made = layer((5,), n_in=1, n_out=1, pooling=pooling, activation="linear")
    x = torch.tensor([[1.0, -2.0, 3.0, 0.5, 4.0]])
    (w,), bias = made.encoder.weight[0], made.encoder.bias[0]
    padded = [0.0, *x[0].tolist(), 0.0]
    u = torch.stack([bias + sum(w[k] * padded[t + k] for k in range(3)) for t in range(5)])
    expected = {
        "stride": u[[0, 2, 4]],
        "max": torch.stack([u[:2].max(), u[2:4].max(), u[4]]),
        "average": torch.stack([u[:2].mean(), u[2:4].mean(), u[4]]),
    }[pooling]
    torch.testing.assert_close(made.encode(x)[0], expected)


@pytest.mark.parametrize(("space", "kernel_size", "factor"), FITTING)
def test_tied_and_transposed_is_the_adjoint(space, kernel_size, factor):
    """<encode(x), z> = <x, decode(z)> without biases and bends: the decoder is the encoder, transposed."""
    for upsampling in ("transposed", "nearest") if factor == 1 else ("transposed",):
        options = {"kernel_size": kernel_size, "factor": factor, "upsampling": upsampling}
        made = layer(space, **options, tied=True, activation="linear").double()
        assert [name for name, _ in made.named_parameters() if "decoder" in name] == ["decoder_bias"]
        with torch.no_grad():
            made.encoder.bias.zero_()
            made.decoder_bias.zero_()
        x = rows(made).double()
        z = torch.randn(4, made.n_out, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        torch.testing.assert_close((made.encode(x) * z).sum(), (x * made.decode(z)).sum())


@pytest.mark.parametrize("upsampling", UPSAMPLINGS)
@pytest.mark.parametrize("space", [(5,), (3, 5)])
@pytest.mark.parametrize("flag", [None, *FLAGS])
def test_gradients_reach_every_parameter(upsampling, space, flag):
    made = layer(space, upsampling=upsampling, pooling="average", **({flag: True} if flag else {}))
    made(rows(made)).square().sum().backward()
    assert all(p.grad is not None and (p.grad != 0).any() for p in made.parameters())


def test_norm_and_shortcut_where_the_number_of_maps_stays():
    made = layer((5,), n_in=2, n_out=2, residual=True, layer_norm=True)
    assert made.shortcut is None
    x = rows(made)
    u = made.encoder(x.reshape(4, 2, 5)).flatten(1)
    u = (u - u.mean(1, keepdim=True)) / (u.var(1, correction=0, keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(made.encode(x), torch.tanh(u) + x.reshape(4, 2, 5)[..., ::2].flatten(1))


def test_weights_come_from_the_stream_and_are_as_wide_as_their_fan_in():
    before = torch.get_rng_state()
    a, b = (
        layer((9, 9), n_in=4, n_out=8, residual=True, residual_output=True).state_dict() for _ in range(2)
    )
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a[name], b[name]) for name in a)
    for name, fan_in in (("encoder", 36), ("decoder", 72), ("shortcut", 4), ("decoder_shortcut", 8)):
        assert 0.7 * fan_in**-0.5 < a[f"{name}.weight"].abs().max() <= fan_in**-0.5, name


def test_which_layouts_it_fits():
    over_time, over_planes = Convolution("1d", (3,)), Convolution("2d", (3,))
    power, plv = (Layout("matrices", (1, 4, 4), measure=name) for name in ("power", "plv"))
    signals, image, vector = Layout("signals", (2, 9)), Layout("images", (1, 4, 4)), Layout.rows(9)
    assert [over_time.fits(at) for at in (signals, image, plv, power, vector)] == [True] + [False] * 4
    assert [over_planes.fits(at) for at in (signals, image, plv, power, vector)] == [
        False,
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"kind": "3d"}, r"^model\.convolution='3d'.*known: 1d, 2d"),
        ({"channels": []}, r"^model\.channels=\[\]: .*model=dense"),
        ({"channels": [8, 0]}, r"^model\.channels=\[8, 0\]"),
        ({"channels": [8, 1.5]}, r"^model\.channels="),
        ({"channels": 8}, r"^model\.channels=8"),
        ({"channels": "8"}, r"^model\.channels='8'"),
        ({"kernel_size": 4}, r"^model\.kernel_size=4: must be an odd"),
        ({"kernel_size": -1}, r"^model\.kernel_size=-1"),
        ({"kernel_size": [3]}, r"^model\.kernel_size=\[3\]"),
        ({"factor": 0}, r"^model\.factor=0"),
        ({"factor": True}, r"^model\.factor=True"),
        ({"pooling": "mean"}, r"^model\.pooling='mean'.*known: average, max, stride"),
        ({"upsampling": "near"}, r"^model\.upsampling='near'.*did you mean .*'nearest'"),
    ],
)
def test_options_that_make_no_sense(options, says):
    with pytest.raises(EegdaeError, match=says):
        Convolution(**{"kind": "1d", "channels": [8], **options})


def test_an_input_too_small_for_it():
    with pytest.raises(EegdaeError, match=r"^model\.kernel_size=7: reaches .*2 x 3; at most 5"):
        layer((3,), kernel_size=7)
    with pytest.raises(EegdaeError, match=r"^model\.factor=4: pools .*2 x 9 x 3; at most 3"):
        layer((9, 3), factor=4)
    with pytest.raises(EegdaeError, match=r"^model\.layer_norm=True"):
        layer((1,), n_out=1, kernel_size=1, factor=1, layer_norm=True)

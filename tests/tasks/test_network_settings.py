"""``model``: what is read of it, and what each wrong value is told."""

from __future__ import annotations

import pytest

from eegdae.errors import EegdaeError
from eegdae.features import View
from eegdae.models import Convolution
from eegdae.tasks.settings.network import read_network

RAW, POWER, PLV = View("raw", "raw"), View("power", "power"), View("plv", "plv")
TANGENT = View("tangent", "covariance_tangent")
DENSE = {"_target_": "eegdae.models.StackedAutoencoder", "hidden": [8, 4]}
CONV = {
    **DENSE,
    **{"convolution": "1d", "channels": [4], "kernel_size": 3, "factor": 2},
    **{"pooling": "stride", "upsampling": "nearest"},
}


def read(model, views=(RAW, PLV)):
    return read_network({"model": model}, views)


def test_dense():
    model = {**DENSE, "raw_view_hidden": None, "activation": "elu", "tied": True, "joint_layer": 5}
    assert read(model) == ((8, 4), {"activation": "elu", "tied": True}, 5)
    assert read({**DENSE, "joint_layer": None})[2] is None


@pytest.mark.parametrize("kind", ["1d", "2d"])
def test_convolutions(kind):
    hidden, network, joint = read({**CONV, "convolution": kind, "residual": True})
    assert (hidden, joint) == ((8, 4), None)
    assert network == {"convolution": Convolution(kind, (4,), 3, 2, "stride", "nearest"), "residual": True}
    assert read({**CONV, "hidden": []}, (RAW,))[0] == ()
    assert read({**CONV, "hidden": []}, (RAW, View("power", "power", hidden=(3,))))[0] == ()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"hidden": []}, r"model\.hidden=\[\]"),
        ({"hidden": [8, -1]}, r"model\.hidden=-1: must be a whole number, 1 or more"),
        ({"tied": 1}, r"model\.tied=1: must be true or false"),
        ({"residual": "yes"}, r"model\.residual='yes'"),
        ({"layer_norm": None}, r"model\.layer_norm=None"),
        ({"activation": "rleu"}, r"model\.activation='rleu'.*did you mean 'relu'"),
        ({"code_activation": "softmax"}, r"model\.code_activation='softmax'"),
        ({"joint_layer": 0}, r"model\.joint_layer=0: must be a whole number, 1 or more"),
        ({"joint_layer": 2.5}, r"model\.joint_layer=2\.5"),
        ({"channels": [3]}, r"model\.channels: there are no convolutions; choose model=conv1d or"),
        ({"tide": True}, r"model\.tide: unknown key; did you mean 'tied'"),
        ({**CONV, "channels": []}, r"model\.channels=\[\]"),
        ({**CONV, "channels": [4, 0]}, r"model\.channels=\[4, 0\]"),
        ({**CONV, "kernel_size": 4}, r"model\.kernel_size=4: must be an odd"),
        ({**CONV, "factor": 0}, r"model\.factor=0"),
        ({**CONV, "pooling": "avg"}, r"model\.pooling='avg'"),
        ({**CONV, "convolution": "4d"}, r"model\.convolution='4d'"),
        ({**CONV, "hidden": []}, r"model\.hidden=\[\]: view 'plv' is .* features\.plv\.hidden"),
        ({k: v for k, v in CONV.items() if k != "pooling"}, r"model\.pooling: is missing"),
    ],
)  # fmt: skip
def test_values_that_make_no_sense(changes, says):
    with pytest.raises(EegdaeError, match=f"^{says}"):
        read({**DENSE, **changes})


@pytest.mark.parametrize(
    ("model", "views", "says"),
    [
        (CONV, (POWER, TANGENT), r"model\.convolution=1d: .*\[raw\]\).*among power, tangent; model=dense"),
        ({**CONV, "convolution": "2d"}, (RAW, POWER, TANGENT), r"model\.convolution=2d: .*features=\[plv\]"),
        ({**DENSE, "joint_layer": 3}, (RAW,), r"model\.joint_layer=3: there is one view and nothing to join"),
        ({**DENSE, "joint_layer": 3}, (RAW, View("fusion", "plv")), r"features\.fusion: is what"),
    ],
)  # fmt: skip
def test_views_that_do_not_fit(model, views, says):
    with pytest.raises(EegdaeError, match=f"^{says}"):
        read(model, views)

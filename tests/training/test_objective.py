"""What is minimised, as data: what is refused, and what each channel weighs."""

import pytest
import torch

from eegdae.errors import EegdaeError
from eegdae.layout import Layout
from eegdae.models import mse
from eegdae.training import Objective

SIGNALS = Layout("signals", (3, 2))
PAIRS = Layout("matrices", (2, 3, 3), measure="plv")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"loss": "hubr"}, r"^loss='hubr': no such loss; did you mean 'huber'"),
        ({"delta": 0}, r"^loss\.delta=0: must be a number above 0$"),
        ({"sigma": -1.0}, r"^loss\.sigma=-1\.0: must be a number above 0$"),
        ({"heat": 0.0}, r"^loss\.heat=0\.0: must be a number above 0$"),
        ({"touched": -0.5}, r"^loss\.touched=-0\.5: must be a number, 0 or more$"),
        ({"kept": "half"}, r"^loss\.kept='half': must be a number, 0 or more$"),
        ({"touched": 0, "kept": 0.0}, r"^loss\.touched=0, loss\.kept=0: nothing is left"),
        ({"l1": float("nan")}, r"^loss\.l1=nan"),
        ({"kl": float("inf")}, r"^loss\.kl=inf"),
        ({"kl_target": 0.0}, r"^loss\.kl_target=0\.0: must lie between 0 and 1$"),
        ({"kl_target": 1}, r"^loss\.kl_target=1: must lie between 0 and 1$"),
        ({"contractive": True}, r"^loss\.contractive=True"),
        ({"locality": -1}, r"^loss\.locality=-1"),
        ({"n_neighbours": 2.5}, r"^loss\.n_neighbours=2\.5: must be a whole number, 0 or more$"),
        ({"n_neighbours": -1}, r"^loss\.n_neighbours=-1"),
        ({"variance_floor": -1}, r"^loss\.variance_floor=-1"),
        ({"channel_weights": 2.0}, r"^loss\.channel_weights=2\.0: must be weights"),
        ({"channel_weights": []}, r"^loss\.channel_weights=\[\]: must be weights"),
        ({"channel_weights": [1, -1]}, r"^loss\.channel_weights\.1=-1: must be a number, 0 or more"),
        ({"channel_weights": {"Fz": "x"}}, r"^loss\.channel_weights\.Fz='x': must be a number"),
        ({"channel_weights": [0, 0.0]}, r"^loss\.channel_weights=\[0, 0\.0\]: nothing is left"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(options, says):
    with pytest.raises(EegdaeError, match=says) as caught:
        Objective(**options)
    assert "\n" not in str(caught.value)


def test_it_says_what_counts_and_nothing_else():
    assert str(Objective()) == "mse"
    assert str(Objective(kl_target=0.2, heat=3.0, sigma=9.0)) == "mse"
    assert str(Objective("huber", delta=2.0, kept=0.5)) == "huber, delta 2.0, kept 0.5"
    told = "mse, locality 1.0, n neighbours 3"
    assert str(Objective(locality=1.0, n_neighbours=3)) == told


def test_the_options_of_a_loss_reach_it():
    r, t = torch.zeros(1, 1), torch.full((1, 1), 4.0)
    assert Objective("huber", delta=2.0).criterion()(r, t) == 2 * (4 - 1)
    assert Objective("correntropy", sigma=0.5).criterion()(r, t) == pytest.approx(0.5)
    assert Objective(delta=2.0).criterion() is mse


def test_names_become_the_order_of_the_channels():
    by_name = Objective(channel_weights={"c": 4, "a": 0.25})
    assert by_name.for_channels(("a", "b", "c")).channel_weights == (0.25, 1.0, 4)
    assert Objective(channel_weights=[1, 2, 3]).for_channels("abc").channel_weights == (1, 2, 3)
    assert Objective().for_channels(()) == Objective()
    with pytest.raises(EegdaeError, match=r"^loss\.channel_weights\.Fzz: no such channel; did you mean 'Fz'"):
        Objective(channel_weights={"Fzz": 1}).for_channels(("Fz", "Cz"))
    with pytest.raises(
        EegdaeError, match=r"^loss\.channel_weights=\[1, 2\]: 2 weights for the 3 channels a, b"
    ):
        Objective(channel_weights=[1, 2]).for_channels("abc")
    with pytest.raises(EegdaeError, match=r"nothing is left"):
        Objective(channel_weights={"a": 0}).for_channels("a")


def test_a_feature_weighs_as_its_channels_do():
    weighed = Objective(channel_weights=(0.25, 1.0, 4.0))
    assert weighed.feature_weights(SIGNALS).tolist() == [0.25, 0.25, 1, 1, 4, 4]
    assert weighed.feature_weights(PAIRS).tolist() == [0.5, 1, 2] * 2
    power = Layout("matrices", (1, 3, 3), measure="power")
    assert weighed.feature_weights(power).tolist() == [0.25, 1, 4]
    assert Objective().feature_weights(None) is None
    codes = weighed.for_codes(is_probability=True)
    assert codes.feature_weights(None) is None
    for layout, says in [
        (None, r"features \(unknown\) belong to no channel; set it to null"),
        (Layout.rows(6), r"features \(rows\) belong to no channel"),
        (Layout("signals", (2, 3)), r"3 weights for 2 channels"),
    ]:
        with pytest.raises(EegdaeError, match=says):
            weighed.feature_weights(layout)
    with pytest.raises(EegdaeError, match=r"call for_channels"):
        Objective(channel_weights={"a": 1}).feature_weights(SIGNALS)


def test_codes_have_a_squared_error_where_they_are_no_probabilities():
    o = Objective("bce", l1=0.5, channel_weights=(1, 2))
    assert o.for_codes(is_probability=False) == Objective("mse", l1=0.5)
    assert o.for_codes(is_probability=True) == Objective("bce", l1=0.5)
    assert Objective("huber").for_codes(is_probability=False) == Objective("huber")

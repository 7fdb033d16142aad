import warnings

import pytest

from eegdae.models import StackedAutoencoder
from eegdae.models.identity import IdentityWarning, warn_of_identity

STACKS = {
    "raw": StackedAutoencoder(9, hidden=(12, 3)),
    "power": StackedAutoencoder(4, hidden=(4, 2)),
    "plv": StackedAutoencoder(3, hidden=(2, 5)),
}


def test_one_line_for_all_layers_that_can_copy():
    with pytest.warns(IdentityWarning) as caught:
        warn_of_identity(STACKS, 0.0)
    (line,) = [str(each.message) for each in caught]
    assert "in raw layer 1 (9 to 12), plv layer 2 (2 to 5): it can learn the identity" in line
    assert "\n" not in line


@pytest.mark.parametrize(("names", "level"), [(["raw", "plv"], 0.1), (["power"], 0.0)])
def test_nothing_to_say(names, level):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_identity({name: STACKS[name] for name in names}, level)

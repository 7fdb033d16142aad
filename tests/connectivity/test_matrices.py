import numpy as np
import pytest

from eegdae.connectivity import MEASURES, Matrices, edges
from eegdae.connectivity.matrices import measured, symmetry
from eegdae.errors import EegdaeError

RNG = np.random.default_rng(0)


def make(shape=(2, 1, 2, 3, 3), **changes):
    options = {
        "values": RNG.normal(size=shape),
        "measures": ["plv", "power", "granger"][: shape[1]],
        "ch_names": ["Fz", "Cz", "Pz"][: shape[-1]],
        "bands": {"alpha": (8, 13), "beta": (13, 30)},
    }
    return Matrices(**(options | changes))


def test_what_is_measured_follows_from_the_measure():
    pairs, diagonal = ~np.eye(3, dtype=bool), np.eye(3, dtype=bool)
    for name, measure in MEASURES.items():
        expected = {"diagonal": diagonal, "definite": pairs | diagonal}.get(measure.symmetry, pairs)
        assert np.array_equal(measured(name, 3), expected), name
    assert symmetry("plv") == "symmetric"
    assert symmetry("wSMI") == "directed"
    m = make((2, 3, 2, 3, 3))
    assert m.mask.shape == m.values.shape
    assert np.array_equal(m.mask, np.broadcast_to(np.stack([pairs, diagonal, pairs])[:, None], m.mask.shape))


def test_nan_is_no_edge():
    values = RNG.normal(size=(2, 1, 2, 3, 3))
    values[1, 0, 0, 2, 1] = np.nan
    mask = make(values=values).mask
    assert not mask[1, 0, 0, 2, 1]
    assert mask.sum() == 2 * 2 * 6 - 1


def test_a_mask_is_broadcast_and_what_is_known_is_kept():
    seen = np.zeros((3, 3), dtype=bool)
    m = make(mask=seen, ch_pos=np.eye(3), interpolated=["Cz"], rank=2)
    assert m.mask.shape == (2, 1, 2, 3, 3)
    assert not m.mask.any()
    assert (len(m), m.n_chans, m.measures, m.interpolated, m.rank) == (2, 3, ("plv",), ("Cz",), 2)
    assert m.entries == ("alpha", "beta")
    assert make(bands=None, freqs=[10, 12.5]).entries == ("10 Hz", "12.5 Hz")
    assert make((1, 1, 1, 3, 3), bands=None).entries == ("broadband",)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"values": np.zeros((2, 3, 3))}, "values: shape (2, 3, 3)"),
        ({"values": np.zeros((1, 1, 2, 3, 2))}, "values: shape (1, 1, 2, 3, 2)"),
        ({"measures": ["plv", "pli"]}, "measures: 2 for axis 1"),
        ({"bands": {"alpha": (8, 13)}}, "bands: 1 for axis 2"),
        ({"bands": None, "freqs": [10.0]}, "freqs: 1 for axis 2"),
        ({"freqs": [10.0, 12.0]}, "bands, freqs: both"),
        ({"bands": None, "freqs": [10.0, 10.0]}, "freqs: 10 Hz, 10 Hz; each may stand once"),
        ({"ch_names": ["Fz", "Cz"]}, "ch_names: 2 for axis 4"),
        ({"ch_names": ["Fz", "Cz", "Fz"]}, "each may stand once"),
        ({"ch_pos": np.zeros((2, 3))}, "ch_pos: shape (2, 3); expected (3, 3)"),
        ({"mask": np.ones((2, 2))}, "mask: shape (2, 2)"),
    ],
)
def test_what_does_not_fit_is_refused(changes, said):
    with pytest.raises(EegdaeError) as caught:
        make(**changes)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_edges_of_an_undirected_measure():
    m = make(mask=~np.eye(3, dtype=bool) & (np.arange(3) != 1))
    table = edges(m, "plv", "beta")
    assert list(table.columns) == ["window", "from", "to", "value", "mask"]
    assert table[["from", "to"]].to_numpy().tolist() == [["Fz", "Cz"], ["Fz", "Pz"], ["Cz", "Pz"]] * 2
    assert table["window"].tolist() == [0] * 3 + [1] * 3
    assert np.array_equal(table["value"], m.values[:, 0, 1][:, [0, 0, 1], [1, 2, 2]].ravel())
    assert table["mask"].tolist() == [False, True, True] * 2


def test_edges_of_other_measures():
    m = make((1, 3, 2, 3, 3))
    directed = edges(m, "granger", "alpha")
    assert len(directed) == 6
    row = directed[(directed["from"] == "Pz") & (directed["to"] == "Fz")]
    assert row["value"].tolist() == [m.values[0, 2, 0, 2, 0]]
    power = edges(m, "power", "alpha")
    assert power[["from", "to"]].to_numpy().tolist() == [["Fz", "Fz"], ["Cz", "Cz"], ["Pz", "Pz"]]
    regions = make((1, 1, 2, 2, 2), mask=np.array([[True, True], [True, False]]))
    assert edges(regions, "plv", "alpha")["mask"].tolist() == [True, True]


def test_edges_name_what_is_there():
    assert len(edges(make((1, 1, 1, 1, 1), measures=["power"], bands=None), "power")) == 1
    for arguments, said in [
        (("pvl", "alpha"), "measure: 'pvl' is not there; did you mean 'plv'"),
        (("plv", "alfa"), "band: 'alfa' is not there; did you mean 'alpha'"),
        (("plv",), "band: None; name one of alpha, beta"),
    ]:
        with pytest.raises(EegdaeError) as caught:
            edges(make(), *arguments)
        assert said in str(caught.value)

"""Neighbours inside a recording: against plain loops, and on real windows in time."""

import copy
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

import eegdae
from eegdae.corruption import Masking
from eegdae.errors import EegdaeError
from eegdae.evaluation.splits import group_labels
from eegdae.features import View, compute_views
from eegdae.recordings import load_recordings
from eegdae.scaling import Scaler
from eegdae.training import FitSpec, Objective, Optimizer, Schedule, fit_many, locality_graph
from eegdae.training.locality import neighbour_distance
from eegdae.windows import make_windows

N = 40
G = torch.Generator().manual_seed(0)
X = torch.randn(N, 5, generator=G, dtype=torch.float64)
RECORDINGS = torch.tensor([0] * 17 + [1] * 20 + [2] * 2 + [3])
# the rows of a recording are not side by side, and windows of a test fold are missing in between
ORDER = torch.randperm(N, generator=G)
ROWS = torch.arange(N) + torch.arange(N) // 2  # 0 1 3 4 6 7 ...


def by_hand(x, recordings, rows, k, heat):
    """The graph as a matrix of weights, pair by pair."""
    pairs = set()
    for i in range(len(x)):
        mine = [j for j in range(len(x)) if recordings[j] == recordings[i] and j != i]
        nearest = sorted(mine, key=lambda j: float((x[i] - x[j]).square().sum()))[:k]
        next_in_time = [j for j in mine if abs(int(rows[i] - rows[j])) == 1]
        pairs |= {(i, j) for j in [*nearest, *next_in_time]}
    squared = {(i, j): float((x[i] - x[j]).square().sum()) for i, j in pairs}
    t = heat * np.mean(list(squared.values()))
    w = torch.zeros(len(x), len(x), dtype=torch.float64)
    for (i, j), d in squared.items():
        w[i, j] = np.exp(-d / t)
    return w


def as_matrix(graph):
    n = len(graph.weights)
    return torch.zeros(n, n, dtype=graph.weights.dtype).scatter_add(1, graph.neighbours, graph.weights)


@pytest.mark.parametrize("k", [0, 1, 3, 30])
@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("chunk", [1024, 7])
def test_the_graph_is_that_of_plain_loops(k, shuffled, chunk, monkeypatch):
    monkeypatch.setattr("eegdae.training.locality.CHUNK_ROWS", chunk)
    x, recordings, rows = (part[ORDER] if shuffled else part for part in (X, RECORDINGS, ROWS))
    graph = locality_graph(x, recordings, rows, n_neighbours=k, heat=0.7)
    torch.testing.assert_close(as_matrix(graph), by_hand(x, recordings, rows, k, 0.7))
    assert graph.neighbours.shape == (N, k + 2)


def test_no_pair_leaves_its_recording_and_the_lone_row_has_none():
    graph = locality_graph(X, RECORDINGS, ROWS)
    connected = graph.weights > 0
    assert (RECORDINGS[graph.neighbours] == RECORDINGS[:, None])[connected].all()
    assert graph.degree[-1] == 0
    assert (graph.degree[:-1] > 0).all()


def test_a_neighbour_is_drawn_as_often_as_it_weighs():
    graph = locality_graph(X, RECORDINGS, ROWS, n_neighbours=3)
    grid = (torch.arange(4000) + 0.5) / 4000
    for row in (0, 16, 20, 37):
        drawn = graph.draw(torch.full((4000,), row), grid)
        share = torch.bincount(drawn, minlength=N) / 4000
        expected = as_matrix(graph)[row] / graph.degree[row]
        torch.testing.assert_close(share.double(), expected, atol=1e-3, rtol=0)
    # a row without neighbours, and the ends of the unit interval
    assert graph.draw(torch.tensor([39]), torch.tensor([0.3])).tolist() == [39]
    ends = graph.draw(torch.tensor([38, 38]), torch.tensor([0.0, 1 - 2**-24]))
    assert ends.tolist() == [37, 37]


def test_where_nothing_is_near_it_is_said():
    with pytest.raises(EegdaeError, match=r"^loss\.locality: none of the 40 training rows has a neighbour"):
        locality_graph(X, torch.arange(N), ROWS)
    alike = locality_graph(torch.zeros(4, 2), torch.zeros(4), torch.arange(4))
    assert (alike.weights[alike.neighbours != torch.arange(4)[:, None]] == 1).all()


def test_the_distance_counts_rows_by_their_share():
    z, near, share = X[:4], X[4:8], torch.tensor([0.0, 1.0, 3.0, 0.0])
    expected = ((z[1] - near[1]).square().mean() + 3 * (z[2] - near[2]).square().mean()) / 4
    torch.testing.assert_close(neighbour_distance(z, near, share), expected)


class Interrupted(BaseException):
    """What a Ctrl-C is to a program."""


class Store:
    """Checkpoints in a dict; raises after its k-th save."""

    def __init__(self, stop_after):
        self.kept, self.left = {}, stop_after

    def load(self, key):
        return copy.deepcopy(self.kept.get(key))

    def save(self, key, state):
        self.kept[key] = copy.deepcopy(state)
        self.left -= 1
        if self.left == 0:
            raise Interrupted


@pytest.mark.parametrize("k", [1, 3, 4])
def test_it_goes_on_after_an_interruption_with_the_same_bytes(k):
    spec = FitSpec(
        x=X.float(),
        rows=ROWS,
        hidden=(4, 3),
        corruption=Masking(),
        level=0.3,
        schedule=Schedule(epochs=2, joint_epochs=2, batch_size=16, checkpoint_seconds=0.0),
        objective=Objective(locality=1.0, contractive=0.1),
        recordings=RECORDINGS,
    )
    store = Store(k)
    with pytest.raises(Interrupted):
        fit_many([spec], checkpoints=store)
    again, whole = fit_many([spec], checkpoints=store)[0], fit_many([spec])[0]
    assert again.history == whole.history
    for a, b in zip(again.model.state_dict().values(), whole.model.state_dict().values(), strict=True):
        assert torch.equal(a, b)


@pytest.fixture(scope="module")
def watch():
    """Power of the first five people's windows, scaled, with their recordings."""
    recordings = load_recordings(
        {"name": "watch", "source": "npz", "path": Path(eegdae.__file__).parent / "samples/watch.npz"}
    )
    subjects = sorted({r.subject for r in recordings})[:5]
    windows = make_windows([r for r in recordings if r.subject in subjects], size=4.0, stride=2.0)
    view = View("power", "power", {"slow": (1.5, 3.0), "mid": (3.0, 8.0), "fast": (8.0, 20.0)})
    x = compute_views(windows, (view,))["power"]
    labels = group_labels(windows.metadata, "run")
    return Scaler.fit(x, "standard", n_groups=None).transform(x), torch.from_numpy(
        np.unique(labels, return_inverse=True)[1]
    )


def test_codes_of_neighbouring_windows_of_people_draw_nearer(watch):
    x, recordings = watch
    rows = torch.arange(len(x))
    spec = FitSpec(
        x=x,
        rows=rows,
        hidden=(16, 4),
        corruption=Masking(),
        level=0.2,
        schedule=Schedule(epochs=4, joint_epochs=8, batch_size=64, optimizer=Optimizer("Adam", {"lr": 5e-3})),
        network={"code_activation": "linear"},
        recordings=recordings,
    )
    weights = (0.0, 1.0, 10.0)
    specs = [dataclasses.replace(spec, objective=Objective(locality=w)) for w in weights]
    in_time = torch.nonzero(recordings[1:] == recordings[:-1])[:, 0]
    ratios, sds = [], []
    for result in fit_many(specs):
        z = result.model.encode(x)
        apart = (z[in_time + 1] - z[in_time]).square().sum(1).mean()
        ratios.append(float(apart / z.var(0, correction=0).sum()))
        sds.append(z.std(0).tolist())
    assert ratios[2] < ratios[1] < ratios[0]
    assert ratios[2] < 0.8 * ratios[0], ratios
    # and no code has collapsed
    assert min(sds[1] + sds[2]) > 0.5

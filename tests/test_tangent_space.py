import mne
import numpy as np
import pytest
import torch
from pyriemann.tangentspace import TangentSpace as Theirs
from shell import eeg_files
from sklearn.covariance import ledoit_wolf, oas

from eegdae.connectivity import analytic_signal, covariance
from eegdae.errors import EegdaeError
from eegdae.tangent_space import TangentSpace, from_entries, to_entries

TRAIN = np.arange(30)


@pytest.fixture(scope="module")
def eegmat():
    """Windows of 4 s of two people's recordings, (40, 19, 512), microvolt, 128 Hz."""
    files = [file for file in eeg_files() if file.stem in ("Subject00_1", "Subject01_2")]
    parts = []
    for file in files:
        raw = mne.io.read_raw_edf(file, verbose="error")
        names = [name for name in raw.ch_names if "A2" not in name and "ECG" not in name]
        raw = raw.pick(names).crop(tmax=45).load_data(verbose="error").resample(128, verbose="error")
        parts.append(raw.get_data()[:, : 20 * 256].reshape(19, 20, 256).swapaxes(0, 1) * 1e6)
    return np.concatenate(parts)


def entries(x, estimator="oas"):
    """Rows of one band: the entries of the covariances of windows."""
    return to_entries(covariance(torch.from_numpy(np.asarray(x, float)), estimator=estimator)[:, None])


def noise(n=30, n_chans=5, n_times=200, seed=0):
    rng = np.random.default_rng(seed)
    mix = rng.normal(size=(n_chans, n_chans)) * np.geomspace(1, 0.05, n_chans)
    return mix @ (rng.normal(size=(n, n_chans, n_times)) * rng.uniform(0.5, 2, size=(n, n_chans, 1)))


@pytest.mark.parametrize("estimator", [oas, ledoit_wolf], ids=["oas", "ledoit_wolf"])
@pytest.mark.parametrize("metric", ["riemann", "logeuclid"])
@pytest.mark.parametrize("n_components", [12, None])
def test_agrees_with_pyriemann_on_covariances_of_scikit_learn(eegmat, estimator, metric, n_components):
    x = entries(eegmat, estimator.__name__)
    space = TangentSpace.fit(x[TRAIN], n_chans=19, metric=metric, n_components=n_components)
    c = np.stack([estimator(window.T)[0] for window in eegmat])
    w = np.linalg.eigh(c[TRAIN].mean(0))[1][:, ::-1][:, : space.n_components[0]]
    w = w * np.sign(w[np.abs(w).argmax(0), np.arange(w.shape[1])])
    c = w.T @ c @ w
    # the same tangent space; only its point of contact is another mean
    theirs = Theirs(metric={"mean": metric, "map": "riemann"}).fit(c[TRAIN])
    np.testing.assert_allclose(space.transform(x), theirs.transform(c), rtol=1e-6, atol=1e-6)
    vectors = torch.cat([space.transform(x[k : k + 1]) for k in range(3)])
    torch.testing.assert_close(vectors, space.transform(x)[:3])


def test_comes_back_where_nothing_was_left_out():
    x = entries(noise())
    space = TangentSpace.fit(x, n_chans=5, n_components=None)
    assert space.n_components == space.ranks == (5,)
    back = space.inverse_transform(space.transform(x))
    torch.testing.assert_close(back, x, rtol=1e-5, atol=1e-5 * float(x.abs().max()))


def test_outside_of_the_subspace_stands_the_training_mean():
    x = entries(noise())
    space = TangentSpace.fit(x, n_chans=5, n_components=3)
    w = torch.linalg.eigh(from_entries(x, 5)[:, 0].mean(0)).eigenvectors
    inside, outside = w[:, 2:], w[:, :2]
    new = entries(noise(seed=1))
    before, after = (from_entries(c, 5)[:, 0] for c in (new, space.inverse_transform(space.transform(new))))
    torch.testing.assert_close(inside.T @ after @ inside, inside.T @ before @ inside, rtol=1e-4, atol=1e-4)
    mean = from_entries(x, 5)[:, 0].mean(0)
    torch.testing.assert_close(outside.T @ after @ outside, (outside.T @ mean @ outside).expand(30, 2, 2))
    assert (inside.T @ after @ outside).abs().max() < 1e-9


def test_any_vectors_become_positive_definite_matrices():
    space = TangentSpace.fit(entries(noise()), n_chans=5, n_components=3)
    v = 3 * torch.randn(50, 6, generator=torch.Generator().manual_seed(0))
    c = from_entries(space.inverse_transform(v), 5)
    assert torch.equal(c, c.mT)
    assert (torch.linalg.eigvalsh(c) > 0).all()
    torch.testing.assert_close(space.transform(to_entries(c)), v, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("estimator", ["empirical", "oas", "ledoit_wolf"])
class TestRank:
    """What training covariances span is counted beneath the shrinkage, which hides it."""

    def rank(self, x, estimator, n_chans=5):
        return TangentSpace.fit(entries(x, estimator), n_chans=n_chans, n_components=None).ranks[0]

    def test_full(self, estimator):
        assert self.rank(noise(), estimator) == 5

    def test_after_an_average_reference(self, estimator):
        x = noise()
        x = (x - x.mean(1, keepdims=True)).astype(np.float32)
        assert self.rank(x, estimator) == 4

    def test_of_a_narrow_band(self, estimator):
        """Three frequencies have a sine and a cosine each; every window has other ones."""
        x = noise(n_chans=9)
        z = analytic_signal(torch.from_numpy(x), 100.0, band=(10.0, 11.0)).real.numpy()
        assert self.rank(z, estimator, n_chans=9) == 6

    def test_of_one_channel(self, estimator):
        assert self.rank(noise(n_chans=1), estimator, n_chans=1) == 1

    def test_of_white_noise(self, estimator):
        """Shrunk to the same variance in every direction, which tells none from another."""
        white = np.random.default_rng(0).normal(size=(6, 3, 128))
        assert self.rank(white, estimator, n_chans=3) == 3


def test_one_odd_window_does_not_decide_the_rank():
    x = noise()
    x[3, 1:3] = x[3, 0]  # three channels bridged
    assert TangentSpace.fit(entries(x), n_chans=5, n_components=None).ranks == (5,)
    x[:, 1:3] = x[:, :1]
    assert TangentSpace.fit(entries(x), n_chans=5, n_components=None).ranks == (3,)


def test_every_band_has_a_subspace_of_its_own():
    wide, narrow = noise(n_chans=9), noise(n_chans=9, seed=1)
    narrow = analytic_signal(torch.from_numpy(narrow), 100.0, band=(10.0, 11.0)).real.numpy()
    rows = torch.cat([entries(wide), entries(narrow)], 1)
    space = TangentSpace.fit(rows, n_chans=9, n_components=8)
    assert space.ranks == (9, 6)
    assert space.n_components == (8, 6)
    v = space.transform(rows)
    assert v.dtype == torch.float32
    assert v.shape == (30, 36 + 21)
    alone = TangentSpace.fit(entries(narrow), n_chans=9, n_components=8)
    torch.testing.assert_close(v[:, 36:], alone.transform(entries(narrow)))
    torch.testing.assert_close(
        space.inverse_transform(v)[:, 45:], alone.inverse_transform(alone.transform(entries(narrow)))
    )


def test_15_dimensions_unless_other_is_said():
    assert TangentSpace.fit(entries(noise(n_chans=20)), n_chans=20).n_components == (15,)
    assert TangentSpace.fit(entries(noise()), n_chans=5).n_components == (5,)


def test_state_round_trip_through_a_file_of_tensors_and_plain_data(tmp_path):
    x = torch.cat([entries(noise()), entries(noise(seed=1))], 1)
    space = TangentSpace.fit(x, n_chans=5, n_components=4)
    torch.save(space.state(), tmp_path / "x")
    twin = TangentSpace.from_state(torch.load(tmp_path / "x", weights_only=True))
    assert torch.equal(twin.transform(x), space.transform(x))
    assert torch.equal(twin.inverse_transform(twin.transform(x)), space.inverse_transform(space.transform(x)))
    assert twin.ranks == space.ranks


def test_what_has_no_tangent_space_is_refused():
    with pytest.raises(EegdaeError, match=r"^0 rows to fit"):
        TangentSpace.fit(entries(noise())[:0], n_chans=5)
    x = entries(noise())
    with pytest.raises(EegdaeError, match=r"^band 1 has no variance"):
        TangentSpace.fit(torch.cat([x, 0 * x], 1), n_chans=5)
    space = TangentSpace.fit(entries(noise(), "empirical"), n_chans=5)
    flat = noise(seed=1)
    flat[7, 1] = 0.0
    with pytest.raises(EegdaeError, match=r"matrix 7 is not positive definite.*oas"):
        space.transform(entries(flat, "empirical"))
    assert torch.isfinite(space.transform(entries(flat, "oas"))).all()

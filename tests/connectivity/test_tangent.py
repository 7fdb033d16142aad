import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pyriemann.geometry.distance import distance_riemann
from pyriemann.geometry.mean import mean_logeuclid, mean_riemann
from pyriemann.geometry.tangentspace import tangent_space, untangent_space
from scipy.linalg import logm, sqrtm

from eegdae.connectivity.covariance import covariance
from eegdae.connectivity.tangent import (
    fit_subspace,
    from_tangent_vectors,
    mean_covariance,
    reduce,
    tangent,
    tangent_vectors,
    untangent,
)
from eegdae.errors import EegdaeError


def matrices(seed, shape=(7, 5, 5), scale=1.0):
    """Covariances of windows, each mixed in its own way: well apart from one another."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(*shape[:-1], 4 * shape[-1])) * rng.uniform(0.3, 3, size=(*shape[:-1], 1))
    return torch.from_numpy(scale * x @ np.swapaxes(x, -1, -2) / x.shape[-1])


def positive(c):
    return bool((torch.linalg.eigvalsh(c) > 0).all())


@pytest.fixture
def twelve(eegmat):
    """The windows of one person's recording, (8, 12, 1000), microvolt; these 12 channels have full rank."""
    return torch.from_numpy(np.ascontiguousarray(eegmat[:, :12]))


def check_against_pyriemann(c):
    for metric, theirs in [("riemann", mean_riemann), ("logeuclid", mean_logeuclid)]:
        options = {"tol": 1e-12, "maxiter": 500} if metric == "riemann" else {}
        mean = mean_covariance(c, metric=metric)
        expected = theirs(c.numpy(), **options)
        np.testing.assert_allclose(mean.numpy() / expected.max(), expected / expected.max(), atol=1e-9)
        vectors = tangent_vectors(c, mean).numpy()
        np.testing.assert_allclose(vectors, tangent_space(c.numpy(), mean.numpy()), atol=1e-9)
        back = untangent_space(vectors, mean.numpy())
        scale = float(c.abs().max())
        np.testing.assert_allclose(
            from_tangent_vectors(torch.from_numpy(vectors), mean) / scale, back / scale, atol=1e-9
        )


@pytest.mark.parametrize("shape", [(7, 5, 5), (1, 3, 3), (20, 12, 12), (4, 1, 1)])
def test_agrees_with_pyriemann(shape):
    check_against_pyriemann(matrices(0, shape))


def test_agrees_with_pyriemann_on_a_real_recording(twelve):
    check_against_pyriemann(covariance(twelve))
    check_against_pyriemann(covariance(twelve, estimator="oas"))


def test_agrees_with_the_definition():
    c = matrices(1, (3, 4, 4)).numpy()
    whiten = np.linalg.inv(sqrtm(c[0]))
    np.testing.assert_allclose(
        tangent(torch.from_numpy(c), torch.from_numpy(c[0])),
        [logm(whiten @ m @ whiten) for m in c],
        atol=1e-10,
    )


def test_order_and_weights_of_the_entries():
    c = matrices(2, (2, 3, 3))
    s = tangent(c, torch.eye(3, dtype=c.dtype))
    root = 2**0.5
    expected = [s[:, 0, 0], root * s[:, 0, 1], root * s[:, 0, 2], s[:, 1, 1], root * s[:, 1, 2], s[:, 2, 2]]
    torch.testing.assert_close(tangent_vectors(c, torch.eye(3, dtype=c.dtype)), torch.stack(expected, dim=1))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), scale=st.floats(1e-14, 1e14))
def test_properties(seed, scale):
    c = matrices(seed, scale=scale)
    mean = mean_covariance(c)
    s = tangent(c, mean)
    assert torch.equal(mean, mean.mT)
    assert torch.equal(s, s.mT)
    assert positive(mean)
    assert s.mean(dim=0).abs().max() < 1e-9  # what makes it the mean
    vectors = tangent_vectors(c, mean)
    distance = torch.linalg.vector_norm(vectors, dim=-1)
    assert distance[0] == pytest.approx(distance_riemann(c[0].numpy(), mean.numpy()), rel=1e-9)
    torch.testing.assert_close(untangent(s, mean) / scale, c / scale, atol=1e-9, rtol=1e-9)
    torch.testing.assert_close(from_tangent_vectors(vectors, mean) / scale, c / scale, atol=1e-9, rtol=1e-9)
    # A new gain of every channel moves the mean along and leaves the distances.
    gains = torch.diag(torch.from_numpy(np.random.default_rng(seed).uniform(0.1, 10, size=5)))
    moved = gains @ c @ gains
    torch.testing.assert_close(
        mean_covariance(moved) / scale, gains @ mean @ gains / scale, atol=1e-9, rtol=1e-8
    )
    torch.testing.assert_close(
        torch.linalg.vector_norm(tangent_vectors(moved, gains @ mean @ gains), dim=-1),
        distance,
        atol=1e-8,
        rtol=0,
    )


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), size=st.floats(0, 5))
def test_any_vector_gives_a_covariance(seed, size):
    v = torch.from_numpy(np.random.default_rng(seed).normal(size=(6, 15))) * size
    c = from_tangent_vectors(v, matrices(seed)[0])
    assert torch.equal(c, c.mT)
    assert positive(c)
    if size < 1:
        torch.testing.assert_close(tangent_vectors(c, matrices(seed)[0]), v, atol=1e-8, rtol=0)


@pytest.mark.parametrize("metric", ["riemann", "logeuclid"])
def test_mean_of_commuting_matrices_is_the_geometric_one(metric):
    c = torch.diag_embed(torch.tensor([[1.0, 4.0], [16.0, 1.0], [4.0, 2.0]], dtype=torch.float64))
    expected = torch.tensor([4.0, 2.0], dtype=torch.float64).diag()
    torch.testing.assert_close(mean_covariance(c, metric=metric), expected)
    torch.testing.assert_close(mean_covariance(c[:1], metric=metric), c[0])


def test_mean_of_matrices_far_apart():
    rotations = np.linalg.qr(np.random.default_rng(3).normal(size=(30, 8, 8)))[0]
    c = torch.from_numpy(rotations * np.logspace(-5, 0, 8) @ rotations.swapaxes(-1, -2))
    assert tangent((c + c.mT) / 2, mean_covariance(c)).mean(dim=0).abs().max() < 1e-8


def test_means_of_a_batch_are_those_of_its_parts():
    c = matrices(4, (3, 7, 4, 4))
    for metric in ("riemann", "logeuclid"):
        means = mean_covariance(c, metric=metric)
        torch.testing.assert_close(means, torch.stack([mean_covariance(part, metric=metric) for part in c]))
    by_band = c.transpose(0, 1)  # (n_windows, n_bands, n_chans, n_chans)
    s = tangent(by_band, means)
    torch.testing.assert_close(s[:, 1], tangent(c[1], means[1]))
    torch.testing.assert_close(untangent(s, means), by_band)
    subspaces = fit_subspace(c, n_components=2)
    torch.testing.assert_close(
        reduce(by_band, subspaces)[:, 2], reduce(c[2], fit_subspace(c[2], n_components=2))
    )


def test_float32_agrees_with_float64(twelve):
    for c in (matrices(5), covariance(twelve, estimator="oas")):
        single = c.float()
        for metric in ("riemann", "logeuclid"):
            mean = mean_covariance(c, metric=metric)
            ours = mean_covariance(single, metric=metric)
            assert ours.dtype == torch.float32
            torch.testing.assert_close(ours.double() / mean.max(), mean / mean.max(), atol=1e-5, rtol=0)
    c = matrices(
        5
    )  # of real matrices the rounding of the input alone, times their condition, is more than 1e-5
    mean = mean_covariance(c)
    s = tangent(c.float(), mean.float())
    assert s.dtype == torch.float32
    torch.testing.assert_close(s.double(), tangent(c, mean), atol=1e-5, rtol=0)
    torch.testing.assert_close(untangent(s, mean.float()).double(), c, atol=1e-5, rtol=1e-5)


def test_gradients():
    c = matrices(6, (3, 3, 3)).requires_grad_()
    reference = matrices(7, (1, 3, 3))[0].requires_grad_()
    assert torch.autograd.gradcheck(tangent, (c, reference))
    assert torch.autograd.gradcheck(tangent_vectors, (c, reference))
    v = torch.randn(2, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    assert torch.autograd.gradcheck(from_tangent_vectors, (v, reference))
    for metric in ("riemann", "logeuclid"):
        assert torch.autograd.gradcheck(lambda m, metric=metric: mean_covariance(m, metric=metric), c)


def test_gradients_where_eigenvalues_coincide():
    """At the reference itself, at 0 and at a multiple of the identity, where that of torch's eigh is NaN."""
    eye = torch.eye(3, dtype=torch.float64)
    c, v = (2 * eye).requires_grad_(), torch.zeros(6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda m: tangent(m, 2 * eye), c)
    assert torch.autograd.gradcheck(lambda m: tangent(m, eye), c)
    assert torch.autograd.gradcheck(lambda m: tangent(2 * eye, m), c)
    assert torch.autograd.gradcheck(lambda w: from_tangent_vectors(w, 2 * eye), v)
    nearly = torch.diag(torch.tensor([1.0, 1 + 1e-9, 3], dtype=torch.float64)).requires_grad_()
    assert torch.autograd.gradcheck(lambda m: tangent(m, eye), nearly)


def test_subspace_is_that_of_the_mean():
    c = matrices(8, (9, 5, 5))
    w = fit_subspace(c, n_components=3)
    torch.testing.assert_close(w.mT @ w, torch.eye(3, dtype=c.dtype))
    values, vectors = np.linalg.eigh(c.mean(dim=0).numpy())
    np.testing.assert_allclose(np.abs((w.mT.numpy() * vectors.T[[4, 3, 2]]).sum(axis=1)), 1)
    reduced = reduce(c, w)
    assert torch.equal(reduced, reduced.mT)
    torch.testing.assert_close(reduced.mean(dim=0), torch.from_numpy(np.diag(values[[4, 3, 2]])))
    assert (w.gather(0, w.abs().argmax(dim=0, keepdim=True)) > 0).all()
    torch.testing.assert_close(fit_subspace(c.float(), n_components=3).double(), w, atol=1e-5, rtol=0)
    assert reduce(c.float(), w).dtype == torch.float32


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_an_average_reference_is_reduced_to_what_has_a_tangent_space(twelve, dtype):
    x = (twelve - twelve.mean(dim=1, keepdim=True)).to(dtype)
    c = covariance(x)
    with pytest.raises(EegdaeError, match=r"c: matrix 0 is not positive definite .* reduce it to a subspace"):
        mean_covariance(c)
    w = fit_subspace(c)
    assert w.shape == (12, 11)
    reduced = reduce(c, w)
    s = tangent(reduced, mean_covariance(reduced))
    assert torch.isfinite(s).all()
    assert s.abs().max() > 0.1
    torch.testing.assert_close(
        w @ reduced @ w.mT / c.max(), c / c.max(), atol=1e-5, rtol=0
    )  # nothing is lost


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda c: mean_covariance(c, metric="reimann"), "unknown metric 'reimann'; did you mean 'riemann'"),
        (lambda c: mean_covariance(c[0]), r"mean_covariance: shape \(3, 3\); expected"),
        (lambda c: mean_covariance(c[:0]), r"mean_covariance: shape \(0, 3, 3\); expected"),
        (lambda c: mean_covariance(torch.cat([c, -c])), "c: matrix 4 is not positive definite"),
        (lambda c: tangent(c, c[0] - c[0]), "reference: matrix 0 is not positive definite"),
        (lambda c: tangent(torch.cat([c, -c]), c[0]), "c: matrix 4 is not positive definite"),
        (lambda c: tangent(c, torch.eye(2)), r"shape \(4, 3, 3\) does not fit a reference of shape \(2, 2\)"),
        (lambda c: tangent(c[..., :2], c[0]), r"shape \(4, 3, 2\) does not fit"),
        (lambda c: untangent(c, -c[0]), "reference: matrix 0 is not positive definite"),
        (lambda c: untangent(c, torch.eye(4)), "does not fit a reference"),
        (
            lambda c: from_tangent_vectors(torch.zeros(2, 5), c[0]),
            "a reference of 3 channels needs 6 in the last",
        ),
        (lambda c: fit_subspace(c, n_components=4), "n_components: 4; allowed: 1 to 3, the rank"),
        (
            lambda c: fit_subspace(c[:, [0, 1, 0]][:, :, [0, 1, 0]], n_components=3),
            "3; allowed: 1 to 2, the rank",
        ),
        (lambda c: fit_subspace(c, n_components=0), "n_components: 0; allowed: 1 to 3"),
        (lambda c: fit_subspace(0 * c), "n_components: 0; allowed: 1 to 0"),
        (lambda c: fit_subspace(c[0]), r"fit_subspace: shape \(3, 3\)"),
        (lambda c: reduce(c, torch.eye(4)), "c: 3 channels; the subspace was fitted on 4"),
    ],
)
def test_bad_input(call, said):
    with pytest.raises(EegdaeError, match=said) as caught:
        call(matrices(9, (4, 3, 3)))
    assert "\n" not in str(caught.value)


def test_unusual_windows():
    """Two equal channels or a constant one have no tangent space; shrunk ones and one channel have."""
    x = torch.randn(4, 3, 50, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    x[:, 2] = x[:, 1]
    with pytest.raises(EegdaeError, match="not positive definite"):
        tangent(covariance(x), torch.eye(3, dtype=x.dtype))
    x[:, 2] = 0.1
    with pytest.raises(EegdaeError, match="not positive definite"):
        tangent(covariance(x), torch.eye(3, dtype=x.dtype))
    shrunk = covariance(x, estimator="ledoit_wolf")
    assert torch.isfinite(tangent(shrunk, mean_covariance(shrunk))).all()
    one = covariance(x[:, :1])
    torch.testing.assert_close(tangent(one, 2 * torch.eye(1, dtype=x.dtype)), (one / 2).log())

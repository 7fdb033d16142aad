import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import roc_auc_score

from eegdae.errors import EegdaeError
from eegdae.evaluation.baselines import deviation, eigenvalue_ratio, fit_pca, msda_codes, pca_codes
from eegdae.evaluation.marginalised import MarginalisedStack
from eegdae.windows import Windows


@pytest.mark.parametrize("shape", [(40, 7), (30, 70), (150, 80)])
def test_pca_is_the_singular_value_decomposition(shape):
    rng = np.random.default_rng(0)
    x = (rng.normal(size=shape) * np.linspace(3, 1, shape[1]) + 5).astype(np.float32)
    test = rng.normal(size=(9, shape[1])).astype(np.float32)
    mean = x.mean(0, dtype=np.float64)
    _, s, vt = np.linalg.svd(x - mean, full_matrices=False)
    pca = fit_pca(torch.from_numpy(x), 4)
    np.testing.assert_allclose(
        np.abs(pca.transform(test)), np.abs((test - mean) @ vt[:4].T), rtol=1e-2, atol=1e-2
    )
    np.testing.assert_allclose(pca.singular_values_, s[:4], rtol=1e-4)
    back = pca.inverse_transform(pca.transform(test))
    np.testing.assert_allclose(back, mean + (test - mean) @ vt[:4].T @ vt[:4], atol=2e-2)


def test_pca_codes_view_by_view_as_many_as_there_can_be():
    x = {"a": torch.randn(10, 6), "b": torch.randn(10, 3)}
    test = {"b": torch.randn(4, 3), "a": torch.randn(4, 6)}
    train_codes, test_codes = pca_codes(x, test, {"a": 2, "b": 8})
    assert (train_codes.shape, test_codes.shape) == ((10, 5), (4, 5))
    assert test_codes.dtype == np.float32
    np.testing.assert_allclose(test_codes[:, :2], fit_pca(x["a"], 2).transform(test["a"].numpy()), rtol=1e-6)
    with pytest.raises(EegdaeError, match="pca of view 'a': 1 rows"):
        pca_codes({"a": x["a"][:1]}, test, {"a": 2})


def test_msda_codes_have_the_dimension_of_the_codes_and_its_own_depth_a_view():
    x, test = ({"a": torch.randn(n, 6), "b": torch.randn(n, 3)} for n in (40, 4))
    options = {"n_layers": {"a": 2, "b": 1}, "p": 0.3}
    mine = msda_codes(x, test, {"a": 2, "b": 8}, **options)
    assert (mine[0].shape, mine[1].shape) == ((40, 2 + 6), (4, 2 + 6))  # b has 3 features and 3 codes
    for k, (view, columns) in enumerate((("a", slice(0, 2)), ("b", slice(2, 8)))):
        stack = MarginalisedStack.fit(x[view], n_layers=2 - k, p=0.3)
        pca = fit_pca(stack.transform(x[view]), columns.stop - columns.start)
        np.testing.assert_allclose(
            mine[1][:, columns], pca.transform(stack.transform(test[view])), rtol=1e-5, atol=1e-6
        )


def test_eigenvalue_ratio_is_of_the_covariance_a_recording():
    rng = np.random.default_rng(0)
    mixing = {"1": np.diag([1.0, 2.0, 10.0]), "2": np.diag([1.0, 1.0, 0.0])}
    who = ["1", "2", "1", "1", "2"]
    x = np.stack([mixing[s] @ rng.normal(size=(3, 4000)) + 7 for s in who]).astype(np.float32)
    metadata = pd.DataFrame({"subject": who, "session": "s", "run": "r"})
    windows = Windows(x, metadata, 100.0, ("a", "b", "c"), ("uV",) * 3)
    ratio = eigenvalue_ratio(windows)
    assert ratio.shape == (5, 1)
    assert ratio.dtype == torch.float32
    centred = x[[0, 2, 3]].astype(float) - x[[0, 2, 3]].mean(2, keepdims=True, dtype=float)
    values = np.linalg.eigvalsh(np.cov(np.concatenate(list(centred), 1), bias=True))
    np.testing.assert_allclose(ratio[[0, 2, 3], 0], np.log(values[0] / values[-1]), rtol=1e-4)
    assert ratio[0, 0].item() == pytest.approx(np.log(1 / 100), abs=0.1)
    # rank-deficient: counted as 1e-12 of the largest
    np.testing.assert_allclose(ratio[[1, 4], 0], np.log(1e-12), atol=0.5)


def test_deviation_finds_the_rarer_class_of_z_scored_rows_and_nothing_where_classes_are_equal():
    rng = np.random.default_rng(0)
    for n_rare, low, high in ((20, 0.9, 1.0), (60, 0.35, 0.65)):
        y = np.repeat([0, 1], [60, n_rare])
        x = rng.normal(size=(len(y), 200)) + 0.8 * y[:, None]
        z = torch.from_numpy((x - x.mean(0)) / x.std(0)).float()
        score = deviation(z)
        assert score.shape == (len(y), 1)
        np.testing.assert_allclose(score.mean(), 1, rtol=1e-3)
        assert low <= roc_auc_score(y, score[:, 0]) <= high

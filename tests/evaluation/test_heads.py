import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from eegdae.errors import EegdaeError
from eegdae.evaluation.heads import LogisticHead, softmax, validate_head


def draw(n_classes, n=200):
    rng = np.random.default_rng(0)
    y = np.arange(n) ** 2 % 7 % n_classes
    x = (
        rng.normal(size=(n, 5)) * [1, 10, 100, 0.1, 1]
        + [0, 5, 1000, 0, 0]
        + 2 * np.eye(5)[y] * [1, 10, 100, 0.1, 1]
    )
    return x.astype(np.float32), y


@pytest.mark.parametrize("C", [0.01, 0.5, 100.0])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_it_is_scikit_learns(n_classes, C):
    x, y = draw(n_classes)
    other = LogisticRegression(C=C, max_iter=5000, tol=1e-9, solver="newton-cg", class_weight="balanced")
    best = make_pipeline(StandardScaler(), other).fit(x.astype(float), y)
    head = LogisticHead.fit(x, y, n_classes=n_classes, C=C)
    np.testing.assert_allclose(head.predict_proba(x), best.predict_proba(x), atol=2e-4)


@pytest.mark.parametrize("C", [1e4, 1e8, 1e12])
@pytest.mark.parametrize(("n_inputs", "n_classes"), [(20, 3), (64, 5), (10, 2)])
def test_hardly_any_penalty_on_inputs_that_depend_on_one_another(n_inputs, n_classes, C):
    rng = np.random.default_rng(0)
    z = rng.normal(size=(1000, 3))
    x = np.concatenate([z, z @ rng.normal(size=(3, n_inputs - 3))], 1)
    y = np.argmax(z @ rng.normal(size=(3, n_classes)), 1)
    y = np.unique(y, return_inverse=True)[1]
    n = int(y.max()) + 1
    found = validate_head(x, y, np.arange(1000) % 5, candidates=[C], n_classes=n)
    assert (found.head.predict_proba(x).argmax(1) == y).mean() > 0.99
    assert found.figures["balanced_accuracy"] > 0.9


def test_state_round_trip():
    x, y = draw(3)
    head = LogisticHead.fit(x, y, n_classes=3)
    twin = LogisticHead.from_state({name: v.tolist() for name, v in head.state().items()})
    assert np.array_equal(twin.predict_proba(x), head.predict_proba(x))


def test_the_penalty_is_chosen_by_the_inner_folds():
    """Many noise features, few rows: a strong penalty judges unseen rows better, and the oracle agrees."""
    rng = np.random.default_rng(1)
    y = np.arange(60) % 2
    x = rng.normal(size=(60, 80)) + 0.35 * y[:, None]
    inner = np.arange(60) // 2 % 5
    candidates = (10.0, 0.001, 0.1)
    found = validate_head(x, y, inner, candidates=candidates, n_classes=2)
    chosen, scores = found.C, {}
    for C in candidates:
        scores[C] = np.mean(
            [
                roc_auc_score(
                    y[inner == k],
                    LogisticHead.fit(x[inner != k], y[inner != k], n_classes=2, C=C).predict_proba(
                        x[inner == k]
                    )[:, 1],
                )
                for k in range(5)
            ]
        )
    assert chosen == max(sorted(candidates), key=scores.__getitem__)
    assert len(set(scores.values())) > 1
    assert found.figures["roc_auc"] == pytest.approx(scores[chosen], abs=0.01)
    alone = LogisticHead.fit(x, y, n_classes=2, C=chosen)
    np.testing.assert_allclose(found.head.predict_proba(x), alone.predict_proba(x), atol=1e-4)
    assert chosen == found.head.C


def test_no_inner_fold_can_choose():
    x, y = draw(2)
    with pytest.raises(EegdaeError, match=r"^head\.C=\[0\.1, 1\.0\]: no inner fold"):
        validate_head(x, y, y, candidates=(0.1, 1.0), n_classes=2)


def test_softmax_of_large_scores():
    p = softmax(np.array([[1000.0, 0.0, -1000.0], [1.0, 1.0, 1.0]]))
    np.testing.assert_allclose(p, [[1, 0, 0], [1 / 3] * 3])


def test_refusals():
    x, y = draw(2)
    with pytest.raises(EegdaeError, match="2 of 3 classes among the 200 training rows"):
        LogisticHead.fit(x, y, n_classes=3)
    for options in ({"C": 0.0}, {"C": float("nan")}, {"max_iter": 0}):
        with pytest.raises(EegdaeError, match=r"^head\.C="):
            LogisticHead.fit(x, y, n_classes=2, **options)

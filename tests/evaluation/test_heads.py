import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from eegdae.errors import EegdaeError
from eegdae.evaluation.heads import LogisticHead, softmax


def draw(n_classes, n=200):
    rng = np.random.default_rng(0)
    y = np.arange(n) ** 2 % 7 % n_classes
    x = (
        rng.normal(size=(n, 5)) * [1, 10, 100, 0.1, 1]
        + [0, 5, 1000, 0, 0]
        + 2 * np.eye(5)[y] * [1, 10, 100, 0.1, 1]
    )
    return x.astype(np.float32), y


@pytest.mark.parametrize("n_classes", [2, 3])
def test_it_is_scikit_learns(n_classes):
    x, y = draw(n_classes)
    options = {"C": 0.5, "max_iter": 100, "tol": 1e-3, "solver": "newton-cg", "class_weight": "balanced"}
    theirs = make_pipeline(StandardScaler(), LogisticRegression(**options)).fit(x, y)
    head = LogisticHead.fit(x, y, n_classes=n_classes, C=0.5)
    np.testing.assert_allclose(head.predict_proba(x), theirs.predict_proba(x), atol=1e-5)
    # and the optimum itself, found by another solver
    other = LogisticRegression(C=0.5, max_iter=5000, tol=1e-8, class_weight="balanced")
    best = make_pipeline(StandardScaler(), other).fit(x, y)
    np.testing.assert_allclose(head.predict_proba(x), best.predict_proba(x), atol=0.01)


def test_state_round_trip():
    x, y = draw(3)
    head = LogisticHead.fit(x, y, n_classes=3)
    twin = LogisticHead.from_state({name: v.tolist() for name, v in head.state().items()})
    assert np.array_equal(twin.predict_proba(x), head.predict_proba(x))


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

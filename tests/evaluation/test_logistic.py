import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from eegdae.evaluation import logistic
from eegdae.evaluation.logistic import solve_logistic


def draw(n_classes, n=300, d=12, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, n_classes, n)
    mixing = rng.normal(size=(d, d)) * np.geomspace(1, 0.01, d)
    x = (rng.normal(size=(n, d)) + rng.normal(size=(n_classes, d))[y]) @ mixing + rng.normal(size=d)
    return x, y, rng.random((4, n)) < [[1.1], [0.8], [0.6], [0.8]]


def proba(found, number, x):
    score = (x - found.mean[number]) / found.scale[number] @ found.coef[number].T + found.intercept[number]
    power = np.exp(score - score.max(1, keepdims=True))
    return power / power.sum(1, keepdims=True)


@pytest.mark.parametrize("shortcut", ["eigenvectors, hessian", "variances alone", "one problem at a time"])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_every_problem_is_scikit_learns(n_classes, shortcut, monkeypatch):
    if shortcut == "variances alone":
        monkeypatch.setattr(logistic, "MAX_EIGEN", 0)
        monkeypatch.setattr(logistic, "MAX_HESSIAN", 0)
    if shortcut == "one problem at a time":
        monkeypatch.setattr(logistic, "MAX_SCORES", 1)
    x, y, used = draw(n_classes)
    C = np.array([1.0, 0.01, 10.0, 1.0])
    found = solve_logistic(x, y, used, C, n_classes=n_classes)
    for number, rows in enumerate(used):
        scaler = StandardScaler().fit(x[rows])
        model = LogisticRegression(C=C[number], max_iter=9999, tol=1e-9, solver="newton-cg")
        model.set_params(class_weight="balanced").fit(scaler.transform(x[rows]), y[rows])
        np.testing.assert_allclose(found.mean[number], scaler.mean_, atol=1e-9)
        np.testing.assert_allclose(found.scale[number], scaler.scale_, rtol=1e-9)
        theirs = model.predict_proba(scaler.transform(x))
        np.testing.assert_allclose(proba(found, number, x), theirs, atol=1e-3)


def test_a_problem_does_not_depend_on_those_beside_it():
    x, y, used = draw(3)
    both = solve_logistic(x, y, used, np.ones(4), n_classes=3)
    alone = solve_logistic(x, y, used[[2]], np.ones(1), n_classes=3)
    np.testing.assert_allclose(proba(both, 2, x), proba(alone, 0, x), atol=1e-3)


def test_inputs_that_do_not_vary():
    x, y, used = draw(2)
    x = np.concatenate([x, np.full((len(x), 1), 7.0), np.repeat(x[:, :1], 2, 1)], 1)
    x[used[1], 3] = 0.5  # constant in one problem only
    found = solve_logistic(x, y, used[:2], np.ones(2), n_classes=2)
    assert np.isfinite(found.coef).all()
    assert abs(found.coef[0, 1, 12]) < 1e-12
    assert found.scale[1, 3] == pytest.approx(x[:, 3].std())  # of a constant the unit is left as it was


def test_fewer_rows_than_inputs():
    x, y, _ = draw(2, n=20, d=60)
    found = solve_logistic(x, y, np.ones((1, 20), bool), np.ones(1), n_classes=2)
    model = LogisticRegression(max_iter=9999, tol=1e-9, solver="newton-cg", class_weight="balanced")
    theirs = model.fit(StandardScaler().fit_transform(x), y).predict_proba(StandardScaler().fit_transform(x))
    np.testing.assert_allclose(proba(found, 0, x), theirs, atol=1e-3)

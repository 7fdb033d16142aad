"""Signals re-centred: the mean covariance of each group becomes the identity, from its own windows."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch
from pyriemann.geometry.mean import mean_riemann
from pyriemann.transfer import TLCenter, encode_domains

from eegdae.alignment import AlignmentSpec
from eegdae.connectivity import covariance
from eegdae.errors import EegdaeError
from eegdae.recentring import Recentring
from eegdae.windows import Windows

N, CHANS, TIMES = 24, 5, 200


def windows(**changes):
    """Two people of two sessions each; everybody's channels are mixed in another way."""
    rng = np.random.default_rng(0)
    subject, session = np.repeat(["a", "b"], 12), np.tile(np.repeat(["1", "2"], 6), 2)
    x = rng.normal(size=(N, CHANS, TIMES)) * rng.uniform(0.5, 3, size=(N, 1, 1))
    for k in range(4):
        x[6 * k : 6 * k + 6] = rng.normal(size=(CHANS, CHANS)) @ x[6 * k : 6 * k + 6] + 10
    metadata = pd.DataFrame({"subject": subject, "session": session, "run": "r"})
    units = ("uV",) * CHANS
    made = Windows(x.astype(np.float32), metadata, 100.0, tuple("abcde"), units)
    return dataclasses.replace(made, **changes)


def recentred(w, *args, **options):
    spec = AlignmentSpec(*args, **options)
    return Recentring.fit(w, spec).transform(w)


def covariances(w):
    return covariance(torch.from_numpy(w.x).double()).numpy()


MEANS = {"euclidean": lambda c: c.mean(0), "riemann": lambda c: mean_riemann(c, tol=1e-12)}


@pytest.mark.parametrize("by", ["subject", "session"])
@pytest.mark.parametrize("kind", MEANS)
def test_the_mean_covariance_of_each_becomes_the_identity(kind, by):
    w = windows()
    z = recentred(w, kind, by=by)
    groups = AlignmentSpec(kind, by=by).groups(w.metadata)
    assert z.units == ("sd",) * CHANS
    assert z.x.dtype == np.float32
    for name in set(groups):
        found = MEANS[kind](covariances(z)[groups == name])
        np.testing.assert_allclose(found, np.eye(CHANS), atol=1e-6)
    if by == "subject":  # their sessions are as different as they were
        assert abs(MEANS[kind](covariances(z)[:6]) - np.eye(CHANS)).max() > 0.1


@pytest.mark.parametrize(("kind", "metric"), [("euclidean", "euclid"), ("riemann", "riemann")])
def test_covariances_are_those_of_pyriemann(kind, metric):
    w = windows()
    who = w.metadata["subject"].to_numpy()
    _, domains = encode_domains(np.zeros((N, 1)), np.zeros(N, int), who)
    expected = TLCenter("a", metric=metric).fit_transform(covariances(w), domains)
    np.testing.assert_allclose(covariances(recentred(w, kind)), expected, atol=1e-5)


@pytest.mark.parametrize("kind", MEANS)
def test_it_hangs_on_no_other_person_and_on_no_later_window_of_a_calibration(kind):
    w, other = windows(), windows()
    other.x[12:] *= np.geomspace(1, 1e3, CHANS)[:, None].astype(np.float32)
    assert np.array_equal(recentred(w, kind).x[:12], recentred(other, kind).x[:12])
    later = windows()
    later.x[6:12] = np.random.default_rng(9).normal(size=(6, CHANS, TIMES))
    mine, theirs = (recentred(k, kind, n_windows=6).x for k in (w, later))
    assert np.array_equal(mine[:6], theirs[:6])
    assert not np.array_equal(recentred(w, kind).x[:6], recentred(later, kind).x[:6])
    assert np.array_equal(recentred(w, kind, n_windows=12).x, recentred(w, kind).x)


def test_a_planted_leak_is_caught(monkeypatch):
    """One mean over everybody in place of each person's own."""
    monkeypatch.setattr("eegdae.recentring.first_rows", lambda groups, n: dict.fromkeys(groups, np.arange(N)))
    w, other = windows(), windows()
    other.x[12:] *= 5
    assert not np.array_equal(recentred(w, "euclidean").x[:12], recentred(other, "euclidean").x[:12])


@pytest.mark.parametrize("kind", MEANS)
def test_other_gains_and_mixing_of_one_person_are_gone(kind):
    """Up to a rotation: what remains of two mixings of one signal are the same covariances but for one."""
    w = windows()
    mixed = windows(x=(np.random.default_rng(3).normal(size=(CHANS, CHANS)) @ w.x).astype(np.float32))
    for a, b in zip(covariances(recentred(w, kind)), covariances(recentred(mixed, kind)), strict=True):
        np.testing.assert_allclose(np.linalg.eigvalsh(a), np.linalg.eigvalsh(b), rtol=1e-3)


@pytest.mark.parametrize("kind", MEANS)
def test_an_average_reference_is_whitened_where_there_is_variance(kind):
    w = windows()
    w.x[:] -= w.x.mean(1, keepdims=True)
    fitted = Recentring.fit(w, AlignmentSpec(kind))
    assert set(fitted.ranks.values()) == {CHANS - 1}
    z = fitted.transform(w)
    kept = np.eye(CHANS) - 1 / CHANS  # all but the direction of the mean
    for who in ("a", "b"):
        c = covariances(z)[w.metadata["subject"] == who]
        mean = MEANS["euclidean"](c) if kind == "euclidean" else _mean_inside(c)
        np.testing.assert_allclose(mean, kept, atol=1e-5)
    back = fitted.inverse_transform(z.x, w.metadata["subject"].to_numpy())
    np.testing.assert_allclose(back, w.x, atol=1e-4)


def _mean_inside(c):
    basis = np.linalg.svd(np.eye(CHANS) - 1 / CHANS)[0][:, :-1]
    return basis @ MEANS["riemann"](basis.T @ c @ basis) @ basis.T


@pytest.mark.parametrize("kind", MEANS)
def test_signals_come_back(kind):
    w = windows()
    fitted = Recentring.fit(w, AlignmentSpec(kind))
    back = fitted.inverse_transform(fitted.transform(w).x, w.metadata["subject"].to_numpy())
    np.testing.assert_allclose(back, w.x, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("kind", ["none", "zscore"])
def test_other_alignments_leave_signals_alone(kind):
    w = windows(mask=np.zeros((N, CHANS, TIMES), bool))
    assert recentred(w, kind) is w


def test_blocks_change_nothing(monkeypatch):
    whole = recentred(windows(), "euclidean").x
    monkeypatch.setattr("eegdae.recentring._BLOCK", 8 * CHANS * TIMES * 5)
    np.testing.assert_allclose(recentred(windows(), "euclidean").x, whole, atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "change", "said"),
    [
        (
            "euclidean",
            {"mask": np.ones((N, CHANS, TIMES), bool)},
            r"^alignment=euclidean: mixes channels",
        ),
        (
            "riemann",
            {"x": np.ones((N, 1, TIMES), np.float32), "ch_names": ("Cz",), "units": ("uV",)},
            r"^alignment=riemann: needs 2 channels or more, there is 1 \(Cz\)",
        ),
        (
            "euclidean",
            {"x": np.ones((N, CHANS, TIMES), np.float32)},
            r"^alignment=euclidean: the windows of 'a'",
        ),
        (
            "riemann",
            {"x": np.random.default_rng(0).normal(size=(N, CHANS, 3)).astype(np.float32)},
            r"^alignment=riemann: window 0 of 'a' has a singular covariance of the 5 channels",
        ),
    ],
)
def test_what_cannot_be_recentred_is_one_line(kind, change, said):
    with pytest.raises(EegdaeError, match=said) as caught:
        recentred(windows(**change), kind)
    assert "\n" not in str(caught.value)


def test_a_person_with_too_few_windows_is_named():
    with pytest.raises(EegdaeError, match=r"^alignment\.n_windows=13: 'a' has 12 windows; give 12 or less"):
        recentred(windows(), "euclidean", n_windows=13)

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss

from eegdae.errors import EegdaeError
from eegdae.models.losses import LOSSES, bce, check_unit_interval, correntropy, cross_entropy, huber, mse


def draws(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 0.9 + 0.05


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("weight", [None, torch.tensor([0.0, 0.5, 2.0])])
def test_gradients(name, missing, weight):
    x = draws(4, 3).requires_grad_()
    observed = draws(4, 3, seed=2) > 0.4 if missing else None
    assert torch.autograd.gradcheck(
        lambda r: LOSSES[name](r, draws(4, 3, seed=1), observed, weight=weight), x
    )


@pytest.mark.parametrize("name", LOSSES)
def test_a_weight_multiplies_its_entry_and_no_other(name):
    r, t, observed = draws(5, 3), draws(5, 3, seed=1), draws(5, 3, seed=2) > 0.4
    alone = [LOSSES[name](r[:, k], t[:, k], observed[:, k]) * observed[:, k].sum() for k in range(3)]
    got = LOSSES[name](r, t, observed, weight=torch.tensor([0.0, 0.5, 2.0]))
    torch.testing.assert_close(got, (0.5 * alone[1] + 2 * alone[2]) / observed.sum())
    whole = LOSSES[name](r, t, weight=torch.tensor([0.0, 0.0, 2.0]))
    torch.testing.assert_close(whole, 2 * LOSSES[name](r[:, 2], t[:, 2]) / 3)
    assert torch.equal(LOSSES[name](r, t, observed, weight=torch.ones(3)), LOSSES[name](r, t, observed))


def test_cross_entropy_gradient_and_weights():
    logits, y = draws(5, 3).requires_grad_(), torch.tensor([0, 1, 2, 2, 2])
    weight = torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda z: cross_entropy(z, y, weight), logits)
    expected = log_loss(y, logits.detach().softmax(1), sample_weight=weight[y])
    assert cross_entropy(logits, y, weight).item() == pytest.approx(expected)


def test_values():
    r, t = draws(6, 2), draws(6, 2, seed=1)
    assert mse(r, t).item() == pytest.approx(float(np.mean((r.numpy() - t.numpy()) ** 2)))
    by_hand = -(t * r.log() + (1 - t) * (1 - r).log()).mean()
    assert bce(r, t).item() == pytest.approx(float(by_hand))
    e = (3 * (r - t)).numpy()
    small = np.abs(e) <= 0.5
    assert small.any()
    assert not small.all()
    by_hand = np.where(small, e**2 / 2, 0.5 * (np.abs(e) - 0.25)).mean()
    assert huber(3 * r, 3 * t, delta=0.5).item() == pytest.approx(by_hand)
    by_hand = (2 * 0.7**2 * (1 - np.exp(-(e**2) / (2 * 0.7**2)))).mean()
    assert correntropy(3 * r, 3 * t, sigma=0.7).item() == pytest.approx(by_hand)


def test_what_is_robust_is_squared_for_small_errors_and_hardly_moved_by_an_outlier():
    r, t = draws(6, 2), draws(6, 2, seed=1)
    torch.testing.assert_close(huber(r, t, delta=9.0), mse(r, t) / 2)
    torch.testing.assert_close(correntropy(r, t, sigma=1e3), mse(r, t), rtol=1e-5, atol=0)
    r.requires_grad_()
    t[0, 0] = 1e6
    slopes = {}
    for loss in (mse, huber, correntropy):
        (slopes[loss],) = torch.autograd.grad(loss(r, t) * r.numel(), r)
    assert slopes[mse][0, 0] < -1e6
    assert slopes[huber][0, 0] == -1
    assert slopes[correntropy][0, 0] == 0
    assert correntropy(r, t) < (correntropy(r[1:], t[1:]) * 10 + 2 * 2) / 12


@pytest.mark.parametrize("name", LOSSES)
def test_missing_entries_never_count(name):
    r, t, observed = draws(6, 4), draws(6, 4, seed=1), draws(6, 4, seed=2) > 0.4
    loss = LOSSES[name](r, t, observed)
    r2, t2 = r.masked_fill(~observed, 0.99), t.masked_fill(~observed, 0.01)
    assert torch.equal(LOSSES[name](r2, t2, observed), loss)
    torch.testing.assert_close(loss, LOSSES[name](r[observed], t[observed], None))
    assert LOSSES[name](r, t, torch.zeros_like(observed)) == 0


@pytest.mark.parametrize("name", LOSSES)
def test_a_reconstruction_that_is_no_number_gives_a_loss_that_is_none(name):
    r = draws(2, 2)
    r[0, 0] = float("nan")
    assert LOSSES[name](r, draws(2, 2), None).isnan()


@pytest.mark.parametrize("bad", [-0.01, 1.01, float("nan")])
def test_bce_data_outside_the_unit_interval_is_refused(bad):
    check_unit_interval(torch.tensor([[0.0, 1.0]]), "x")
    with pytest.raises(EegdaeError, match=r"^loss=bce: view 'raw' lies in .*scaler=minmax$"):
        check_unit_interval(torch.tensor([[0.5, bad]]), "view 'raw'")

import numpy as np
import pytest
import torch

from eegdae.corruption import Gaussian, Masking
from eegdae.evaluation.baselines import fit_pca
from eegdae.evaluation.reconstruction import compare_reconstructions
from eegdae.models import StackedAutoencoder
from eegdae.randomness import Keys, Stream

G = torch.Generator().manual_seed(0)
TRAIN, TEST = torch.randn(60, 5, generator=G), torch.randn(30, 5, generator=G)
ROWS = np.arange(30) + 60
KEY = (0, 1, "raw")


def stacks():
    models = {
        name: StackedAutoencoder(5, hidden=(2,)).reset(Stream(name)) for name in ("codes", "autoencoder")
    }
    return {name: model.requires_grad_(False) for name, model in models.items()}


def compare(**options):
    base = {"rows": ROWS, "stacks": stacks(), "corruption": Gaussian(), "level": 0.5, "key": KEY}
    return compare_reconstructions(TRAIN, TEST, **base | options)


def rmse(a, b):
    return float(np.sqrt(np.mean((np.asarray(a, float) - np.asarray(b, float)) ** 2)))


def test_errors_are_of_the_clean_rows():
    models = stacks()
    result = compare(stacks=models, n_shown=100)
    noise = Keys(Stream(*KEY, "test"), torch.from_numpy(ROWS)).normal("corruption", 5)
    corrupted = TEST + 0.5 * TRAIN.var(0, correction=0).mean().sqrt() * noise
    np.testing.assert_allclose(result.corrupted, corrupted, atol=1e-6)
    pca = fit_pca(TRAIN, 2)
    expected = {
        "corrupted": rmse(corrupted, TEST),
        "reconstructed": rmse(models["codes"](corrupted), TEST),
        "pca": rmse(pca.inverse_transform(pca.transform(corrupted.numpy())), TEST),
        "autoencoder": rmse(models["autoencoder"](corrupted), TEST),
    }
    assert result.errors == pytest.approx(expected, rel=1e-5)
    assert np.array_equal(result.rows, ROWS)
    assert np.array_equal(result.clean, TEST)


def test_doing_nothing_at_level_0_is_free_and_few_rows_are_shown():
    result = compare(level=0.0, n_shown=4, stacks={"codes": stacks()["codes"]})
    assert result.errors["corrupted"] == 0
    assert "autoencoder" not in result.errors
    assert result.rows.tolist() == [60, 70, 79, 89]
    assert (
        result.clean.shape
        == result.corrupted.shape
        == result.reconstructed.shape
        == result.pca.shape
        == (4, 5)
    )


@pytest.mark.parametrize("corruption", [Gaussian(), Masking()])
def test_missing_entries_do_not_count(corruption):
    seen = torch.rand(30, 5, generator=torch.Generator().manual_seed(1)) > 0.5
    seen_train = torch.rand(60, 5, generator=torch.Generator().manual_seed(2)) > 0.5
    result = compare(corruption=corruption, observed=seen, observed_train=seen_train, n_shown=30)
    at = seen.numpy()
    assert result.errors["corrupted"] == pytest.approx(rmse(result.corrupted[at], TEST[seen]), rel=1e-5)
    assert result.errors["pca"] == pytest.approx(rmse(result.pca[at], TEST[seen]), rel=1e-5)
    assert np.array_equal(result.corrupted[~at], TEST[~seen])

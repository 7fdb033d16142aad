"""Figures that REFERENCES gives for scikit-learn's digits, reached through ``fit_many``."""

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedKFold

from eegdae.corruption import Gaussian
from eegdae.evaluation.baselines import fit_pca
from eegdae.evaluation.heads import LogisticHead
from eegdae.scaling import Scaler
from eegdae.training import FitSpec, Schedule, fit_many


def test_denoising_gives_better_codes_of_digits_than_the_plain_autoencoder():
    x, y = load_digits(return_X_y=True)
    x = torch.from_numpy(x).float()
    folds = list(StratifiedKFold(5, shuffle=True, random_state=0).split(x, y))[:2]  # bench_digits.py has all
    accuracy: dict[str, list[float]] = {"pca": [], "0.0": [], "1.0": []}
    for k, (train, test) in enumerate(folds):
        # one mean and sd over all pixels: PCA-16 of pixels scaled one by one reaches .937 only
        scaler = Scaler.fit(x[train], "standard", n_groups=1)
        a, b = scaler.transform(x[train]), scaler.transform(x[test])

        def judge(name, z_train, z_test, train=train, test=test):
            head = LogisticHead.fit(z_train, y[train], n_classes=10)
            accuracy[name].append(float((head.predict_proba(z_test).argmax(1) == y[test]).mean()))

        pca = fit_pca(a, 16)
        judge("pca", pca.transform(a.numpy()), pca.transform(b.numpy()))
        for level in (0.0, 1.0):
            spec = FitSpec(
                x=a, rows=torch.from_numpy(train), hidden=(256, 256, 16), corruption=Gaussian(), level=level,
                schedule=Schedule(epochs=12, joint_epochs=20), fold=k,
            )  # fmt: skip
            model = fit_many([spec])[0].model
            judge(str(level), model.encode(a).numpy(), model.encode(b).numpy())
    mean = {name: np.mean(values) for name, values in accuracy.items()}
    assert abs(mean["pca"] - 0.948) < 0.01
    assert mean["1.0"] > mean["0.0"] + 0.005

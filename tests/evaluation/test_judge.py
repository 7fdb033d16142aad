import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.decomposition import PCA

from eegdae.alignment import Alignment, AlignmentSpec
from eegdae.coder import head_proba
from eegdae.corruption import Gaussian
from eegdae.evaluation.baselines import msda_codes, pca_codes
from eegdae.evaluation.fit_head import fit_head
from eegdae.evaluation.fitting import fit_models
from eegdae.evaluation.heads import LogisticHead, Validated
from eegdae.evaluation.judge import judge_fold
from eegdae.evaluation.marginalised import MarginalisedStack
from eegdae.evaluation.metrics import roc_auc
from eegdae.evaluation.recipe import Data, FinetuneSpec, HeadSpec, Recipe
from eegdae.evaluation.representations import encode
from eegdae.evaluation.splits import GROUP_COLUMNS, Fold
from eegdae.features import View, compute_views
from eegdae.recentring import Recentring
from eegdae.scaling import Scaler
from eegdae.training import AdaptationSpec, Optimizer, Schedule
from eegdae.windows import Windows

N, TEST = 60, np.arange(40, 60)
FOLD = Fold(np.setdiff1d(np.arange(N), TEST), TEST, ("z",))
G = torch.Generator().manual_seed(0)
Y = (np.arange(N) // 3) % 2
GROUPS = {by: np.array([str(k // 6) for k in range(N)]) for by in GROUP_COLUMNS}
RAW = torch.randn(N, 6, generator=G) * 3 + 5 + 4 * torch.from_numpy(Y)[:, None]
POWER = torch.randn(N, 4, generator=G)
SIGNALS = np.random.default_rng(1).normal(size=(N, 4, 100)) * np.geomspace(1, 8, 4)[:, None]
SIGNALS = (SIGNALS + 0.5 * SIGNALS[:, ::-1]) * (1 + 0.3 * Y[:, None, None])
RECIPE = Recipe(
    views=(View("raw", "raw"), View("power", "power", {"slow": (1, 4), "fast": (4, 8)}, hidden=(3,))),
    hidden=(5, 2),
    scaler="standard",
    corruption=Gaussian(),
    level=0.5,
    schedule=Schedule(epochs=2, joint_epochs=1, batch_size=16),
    network={},
    head=HeadSpec(),
)


def data(raw=RAW, power=POWER, target=Y, **changes):
    y = target.astype(np.int64)
    return Data({"raw": raw, "power": power}, y, n_classes=2, n_chans=2, groups=GROUPS, **changes)


def recipe(**changes):
    return dataclasses.replace(RECIPE, **changes)


def with_other_test_rows():
    """The same training rows; the test rows' features and labels are all different."""
    at, target = torch.from_numpy(TEST), Y.copy()
    target[TEST] = 1 - target[TEST]
    return data(RAW.index_fill(0, at, 1e3), POWER.index_fill(0, at, -1e3), target)


def states(fitted, of, how):
    """All that was fitted on the training rows, flat; heads and PCA as seen through fixed rows."""
    out = {}
    for view, space in fitted.projections.items():
        for part in ("subspaces", "references", "remainders"):
            out |= {f"{part}.{view}.{k}": value for k, value in enumerate(getattr(space, part))}
    for view, scaler in fitted.scalers.items():
        out[f"scaler.{view}.center"], out[f"scaler.{view}.scale"] = scaler.center, scaler.scale
    for model, stacks in fitted.stacks.items():
        for view, stack in stacks.items():
            out |= {f"{model}.{view}.{name}": value for name, value in stack.state_dict().items()}
        if stacks.joint:
            out |= {f"{model}.joint.{name}": value for name, value in stacks.joint.state_dict().items()}
    train = fitted.inputs(of, FOLD.train, how.views)
    n_codes = {view: stack.n_codes for view, stack in fitted.stacks["codes"].items()}
    probe = {view: torch.linspace(-2, 2, 10 * x.shape[1]).reshape(10, -1) for view, x in train.items()}
    represented = {m: (encode(s, train), encode(s, probe)) for m, s in fitted.stacks.items()}
    represented["pca"] = pca_codes(train, probe, n_codes)
    if "msda" in how.baselines:
        n_layers = {view: len(stack.layers) for view, stack in fitted.stacks["codes"].items()}
        represented["msda"] = msda_codes(train, probe, n_codes, n_layers=n_layers, p=how.baselines["msda"])
    for name, (x, x_probe) in represented.items():
        head, _, _ = fit_head(x, of, FOLD.train, how, fold=0, name=name)
        out[f"head.{name}"] = torch.from_numpy(head_proba(head, x_probe))
        out[f"penalty.{name}"] = torch.tensor(getattr(head, "C", 0.0))
        out[f"probe.{name}"] = torch.as_tensor(x_probe)
    return out


def leaks(fit, how=RECIPE, pair=None):
    """Names of the fitted states that depend on the test rows."""
    mine, other = (states(fit(of), of, how) for of in pair or (data(), with_other_test_rows()))
    return [name for name in mine if not torch.equal(mine[name], other[name])]


HEADS = {
    "logistic": HeadSpec(),
    "logistic, C chosen": HeadSpec(C=(1e-4, 1e-2, 1.0, 100.0)),
    "mlp": HeadSpec("mlp", width=3, epochs=1),
}


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
@pytest.mark.parametrize("scaler", ["standard", "minmax"])
def test_nothing_is_fitted_on_test_rows(head, scaler):
    how = recipe(head=head, scaler=scaler, baselines={"msda": 0.3, "cae": 0.1})
    assert leaks(lambda of: fit_models(of, FOLD.train, how, fold=0), how) == []


def test_a_planted_leak_of_the_penalty_is_caught(monkeypatch):
    """Chosen by how it judges the test rows, which in the other data have the other labels."""
    how = recipe(head=HEADS["logistic, C chosen"])

    def leaky(of):
        train, test = (of.features["raw"][torch.from_numpy(k)].numpy() for k in (FOLD.train, TEST))

        def by_test_rows(x, y, inner, *, candidates, **options):
            scores = {}
            for C in candidates:
                head = LogisticHead.fit(train, of.target[FOLD.train], n_classes=2, C=C)
                scores[C] = roc_auc(of.target[TEST], head.predict_proba(test)) + 1e-3 * C * of.target[TEST[0]]
            C = max(scores, key=scores.__getitem__)
            return Validated(C, {}, LogisticHead.fit(x, y, C=C, **options))

        monkeypatch.setattr("eegdae.evaluation.fit_head.validate_head", by_test_rows)
        return fit_models(of, FOLD.train, how, fold=0)

    assert "penalty.codes" in leaks(leaky, how)


def test_a_planted_leak_is_caught():
    def leaky(of):
        honest = fit_models(of, FOLD.train, RECIPE, fold=0)
        everywhere = {view: Scaler.fit(x, "standard") for view, x in of.features.items()}
        return dataclasses.replace(honest, scalers=everywhere)

    assert {"scaler.raw.center", "scaler.power.scale", "head.codes", "head.pca"} <= set(leaks(leaky))
    assert any(
        name.startswith("codes.raw")
        for name in leaks(lambda of: fit_models(of, np.arange(N), RECIPE, fold=0))
    )


COVARIANCES = recipe(
    views=(
        View("whole", "covariance_tangent", hidden=(3,)),
        View(
            "bands",
            "filter_bank_tangent",
            {"low": (2.0, 9.0), "high": (9.0, 20.0)},
            hidden=(2,),
            options={"n_components": 3},
        ),
    )
)


def covariances(signals=None):
    """Covariances of 60 windows of 4 channels, one class louder than the other."""
    signals = SIGNALS if signals is None else signals
    metadata = pd.DataFrame({"subject": GROUPS["subject"], "session": "", "run": ""})
    w = Windows(signals.astype(np.float32), metadata, 50.0, tuple("abcd"), ("uV",) * 4)
    return Data(
        compute_views(w, COVARIANCES.views), Y.astype(np.int64), n_classes=2, n_chans=4, groups=GROUPS
    )


def wild(signals):
    """Other test rows altogether: loud, mixed and in another unit; the training rows as they are."""
    rng = np.random.default_rng(9)
    signals = signals.copy()
    signals[TEST] = 1e3 * rng.normal(size=(4, 4)) @ rng.normal(size=signals[TEST].shape)
    return signals


@pytest.mark.parametrize("metric", ["riemann", "logeuclid"])
def test_no_subspace_and_no_mean_is_fitted_on_test_rows(metric):
    views = tuple(
        dataclasses.replace(view, options={**view.options, "metric": metric}) for view in COVARIANCES.views
    )
    how, pair = dataclasses.replace(COVARIANCES, views=views), (covariances(), covariances(wild(SIGNALS)))
    assert not torch.equal(pair[0].features["whole"], pair[1].features["whole"])
    assert leaks(lambda of: fit_models(of, FOLD.train, how, fold=0), how, pair) == []


def test_a_planted_leak_of_a_subspace_is_caught(monkeypatch):
    """The tangent space is fitted on all rows, everything else on those of the fold."""
    pair = covariances(), covariances(wild(SIGNALS))
    fit = View.fit_projection

    def leaky(of):
        monkeypatch.setattr(View, "fit_projection", lambda view, x, n: fit(view, of.features[view.name], n))
        return fit_models(of, FOLD.train, COVARIANCES, fold=0)

    found = leaks(leaky, COVARIANCES, pair)
    assert {"subspaces.whole.0", "references.bands.1", "remainders.bands.0"} <= set(found)
    assert {"scaler.whole.center", "head.codes", "head.pca", "probe.random_encoder"} & set(found)


def test_every_representation_stands_on_the_tangent_vectors():
    of = covariances()
    verdict = judge_fold(of, FOLD, 0, COVARIANCES)
    spaces = {
        view.name: view.fit_projection(of.features[view.name][torch.from_numpy(FOLD.train)], 4)
        for view in COVARIANCES.views
    }
    assert spaces["bands"].n_components == (3, 3)
    for name, space in spaces.items():
        assert all(map(torch.equal, verdict.projections[name].subspaces, space.subspaces))
    wide = torch.cat([space.transform(of.features[name]) for name, space in spaces.items()], 1)
    assert wide.shape == (N, 10 + 2 * 6)
    wide = ((wide - wide[FOLD.train].mean(0)) / wide[FOLD.train].std(0, correction=0)).numpy()
    head = LogisticHead.fit(wide[FOLD.train], Y[FOLD.train], n_classes=2)
    np.testing.assert_allclose(verdict.proba["raw"], head.predict_proba(wide[TEST]), atol=1e-3)
    assert verdict.reconstructions["whole"].clean.shape[1] == 10
    assert roc_auc(Y[TEST], verdict.proba["raw"]) > 0.9


def test_the_verdict_on_a_covariance_hangs_on_no_other_test_row():
    signals = wild(SIGNALS)
    signals[TEST[0]] = SIGNALS[TEST[0]]
    a, b = (judge_fold(of, FOLD, 0, COVARIANCES) for of in (covariances(), covariances(signals)))
    for name, proba in a.proba.items():
        np.testing.assert_allclose(proba[0], b.proba[name][0], rtol=1e-5, atol=1e-5, err_msg=name)


def test_tangent_vectors_are_aligned_after_the_projection_of_the_fold():
    how, of = dataclasses.replace(COVARIANCES, alignment=AlignmentSpec("zscore")), covariances()
    for number, rows in enumerate((FOLD.train, TEST)):
        fitted = fit_models(of, rows, how, fold=number, compare=False)
        for view in how.views:
            v = view.fit_projection(of.features[view.name][torch.from_numpy(rows)], 4)
            v = v.transform(of.features[view.name])
            expected = Alignment.fit(v, GROUPS["subject"], "zscore").transform(v, GROUPS["subject"])
            assert torch.equal(fitted.features[view.name], expected)
    # what is fitted before the alignment is not moved by the test rows, whatever it does
    other = fit_models(covariances(wild(SIGNALS)), FOLD.train, how, fold=0, compare=False)
    mine = fit_models(of, FOLD.train, how, fold=0, compare=False)
    for name, space in mine.projections.items():
        assert all(map(torch.equal, space.references, other.projections[name].references))


@pytest.mark.parametrize("finetune", [None, FinetuneSpec(epochs=2, level=0.3)], ids=["frozen", "finetuned"])
def test_the_verdict_on_a_test_row_hangs_on_no_other_test_row(finetune):
    how = recipe(finetune=finetune, baselines={"msda": 0.3, "cae": 0.1})
    raw, target = RAW.clone(), Y.copy()
    raw[TEST[1:]] = 1e3
    target[TEST] = 1 - target[TEST]
    a, b = judge_fold(data(), FOLD, 0, how), judge_fold(data(raw, target=target), FOLD, 0, how)
    assert a.history == b.history
    np.testing.assert_allclose(a.codes[0], b.codes[0], rtol=1e-5, atol=1e-5)
    for name, proba in a.proba.items():
        np.testing.assert_allclose(proba[0], b.proba[name][0], rtol=1e-5, atol=1e-5, err_msg=name)
    assert not np.allclose(a.proba["codes"][1:], b.proba["codes"][1:])


def test_every_representation_has_its_verdict():
    of = data(extra={"ratio": RAW[:, :1]})
    verdict = judge_fold(of, FOLD, 3, recipe(finetune=FinetuneSpec(epochs=1)))
    encoders = ["codes", "autoencoder", "random_encoder"]
    others = ["raw", "pca", "pca_joint", "ratio", "finetuned", "supervised", "chance"]
    assert list(verdict.proba) == encoders + others
    for proba in verdict.proba.values():
        assert proba.shape == (20, 2)
        np.testing.assert_allclose(proba.sum(1), 1)
    assert (verdict.proba["chance"] == 0.5).all()
    assert verdict.codes.shape == (20, 5)
    assert list(verdict.reconstructions) == ["raw", "power"]
    assert {h["fold"] for h in verdict.history} == {3}
    # the classes lie 4 apart in each of 6 features of sd 3: the best rule errs once in twenty
    assert ((verdict.proba["raw"].argmax(1) == Y[TEST]).mean()) > 0.8


def test_raw_and_pca_are_judged_on_the_scaled_rows():
    verdict = judge_fold(data(), FOLD, 0, RECIPE)
    scaled = {}
    for view, x in data().features.items():
        train = x[torch.from_numpy(FOLD.train)].double()
        if view == "raw":  # one mean and sd a channel: three samples each
            channels = train.reshape(-1, 2, 3)
            mean, sd = (
                channels.transpose(0, 1).flatten(1).mean(1),
                channels.transpose(0, 1).flatten(1).std(1, correction=0),
            )
            mean, sd = mean.repeat_interleave(3), sd.repeat_interleave(3)
        else:
            mean, sd = train.mean(0), train.std(0, correction=0)
        scaled[view] = ((x - mean) / sd).float()
    wide = torch.cat(list(scaled.values()), 1).numpy()
    head = LogisticHead.fit(wide[FOLD.train], Y[FOLD.train], n_classes=2)
    np.testing.assert_allclose(verdict.proba["raw"], head.predict_proba(wide[TEST]), atol=1e-3)


def test_baselines_of_equal_dimension_are_judged_like_the_codes():
    how = recipe(baselines={"msda": 0.4, "cae": 3.0})
    fitted = fit_models(data(), FOLD.train, how, fold=0)
    verdict = judge_fold(data(), FOLD, 0, how)
    train, test = (fitted.inputs(data(), side, how.views) for side in (FOLD.train, TEST))
    wide = []
    for view, n_codes in (("raw", 2), ("power", 3)):
        stack = MarginalisedStack.fit(train[view], n_layers=2 if view == "raw" else 1, p=0.4)
        pca = PCA(n_codes).fit(stack.transform(train[view]))
        wide.append([pca.transform(stack.transform(side[view])) for side in (train, test)])
    by_hand = [np.concatenate(parts, 1) for parts in zip(*wide, strict=True)]
    by_hand = [by_hand, [encode(fitted.stacks["cae"], side) for side in (train, test)]]
    for name, (x_train, x_test) in zip(("msda", "cae"), by_hand, strict=True):
        assert x_test.shape == verdict.codes.shape
        head = LogisticHead.fit(x_train, Y[FOLD.train], n_classes=2)
        np.testing.assert_allclose(verdict.proba[name], head.predict_proba(x_test), atol=1e-3)
    assert {h["model"] for h in verdict.history} == {"codes", "autoencoder", "cae"}
    # the penalty flattens the first layer, which is trained on the features
    first = [fitted.stacks[name]["raw"].layers[0] for name in ("cae", "autoencoder")]
    slopes = [
        sum(float(torch.autograd.functional.jacobian(layer.encode, x).square().sum()) for x in train["raw"])
        for layer in first
    ]
    assert slopes[0] < slopes[1]


def test_the_contractive_autoencoder_sees_no_noise():
    fitted = fit_models(data(), FOLD.train, recipe(baselines={"cae": 1e-30}), fold=0)
    for view, stack in fitted.stacks["autoencoder"].items():
        torch.testing.assert_close(fitted.stacks["cae"][view].state_dict(), stack.state_dict())


def test_baselines_of_equal_dimension_change_nothing_else():
    with_them = judge_fold(data(), FOLD, 0, recipe(baselines={"msda": 0.4, "cae": 0.1}))
    for name, proba in judge_fold(data(), FOLD, 0, RECIPE).proba.items():
        assert np.array_equal(proba, with_them.proba[name])


def test_at_level_0_the_codes_are_the_autoencoders():
    fitted = fit_models(data(), FOLD.train, recipe(level=0.0), fold=0)
    assert fitted.stacks["autoencoder"] is fitted.stacks["codes"]
    noisy = fit_models(data(), FOLD.train, RECIPE, fold=0)
    for view, stack in fitted.stacks["codes"].items():
        for name, value in noisy.stacks["autoencoder"][view].state_dict().items():
            assert torch.equal(value, stack.state_dict()[name])
    assert set(fit_models(data(), FOLD.train, RECIPE, fold=0, compare=False).stacks) == {"codes"}


def test_a_joint_layer_fuses_the_codes_and_sets_the_dimension_of_pca():
    how = recipe(joint_layer=3, finetune=FinetuneSpec(epochs=1))
    verdict = judge_fold(data(), FOLD, 0, how)
    assert verdict.codes.shape == (20, 3)
    assert {row["view"] for row in verdict.history} == {"raw", "power", "fusion", "all"}
    # raw has 2 codes and power 3: of 3 dimensions 1 and 2
    fitted = fit_models(data(), FOLD.train, how, fold=0)
    train, test = (fitted.inputs(data(), rows, how.views) for rows in (FOLD.train, TEST))
    assert fitted.stacks["codes"].shares == {"raw": 1, "power": 2}
    wide = [{"x": torch.cat(list(x.values()), 1)} for x in (train, test)]
    pca = {
        "pca": pca_codes(train, test, {"raw": 1, "power": 2}),
        "pca_joint": pca_codes(*wide, {"x": 3}),
    }
    for name, (x_train, x_test) in pca.items():
        head = LogisticHead.fit(x_train, Y[FOLD.train], n_classes=2)
        np.testing.assert_allclose(verdict.proba[name], head.predict_proba(x_test), atol=1e-6)
    assert leaks(lambda of: fit_models(of, FOLD.train, how, fold=0, compare=False), how) == []


def test_unlabelled_rows_train_the_stacks_and_no_head():
    target = Y.copy()
    target[:10] = -1
    some, full = judge_fold(data(target=target), FOLD, 0, RECIPE), judge_fold(data(), FOLD, 0, RECIPE)
    assert np.array_equal(some.codes, full.codes)
    assert not np.array_equal(some.proba["codes"], full.proba["codes"])


def test_alignment_takes_all_rows_of_a_subject_and_no_other():
    how = recipe(alignment=AlignmentSpec("zscore"))
    fitted = fit_models(data(), FOLD.train, how, fold=0)
    for name, groups in (("raw", 2), ("power", None)):
        who, x = GROUPS["subject"], data().features[name]
        expected = Alignment.fit(x, who, "zscore", n_groups=groups).transform(x, who)
        assert torch.equal(fitted.features[name], expected)
        scaled = fitted.inputs(data(), TEST, how.views)[name]
        assert torch.equal(scaled, fitted.scalers[name].transform(expected[torch.from_numpy(TEST)]))
    other = fit_models(with_other_test_rows(), FOLD.train, how, fold=0)
    seen = [np.isin(GROUPS["subject"], GROUPS["subject"][side]) for side in (FOLD.train, TEST)]
    apart = torch.from_numpy(seen[0] & ~seen[1])
    assert torch.equal(fitted.features["raw"][apart], other.features["raw"][apart])
    assert not torch.equal(fitted.features["raw"], other.features["raw"])


def test_missing_samples_count_nowhere():
    observed = torch.rand(N, 6, generator=torch.Generator().manual_seed(5)) > 0.2
    a = judge_fold(data(RAW.masked_fill(~observed, 0.0), observed=observed), FOLD, 0, RECIPE)
    b = judge_fold(data(RAW.masked_fill(~observed, 77.0), observed=observed), FOLD, 0, RECIPE)
    assert np.array_equal(a.codes, b.codes)
    assert all(np.array_equal(a.proba[name], b.proba[name]) for name in a.proba)
    assert a.reconstructions["raw"].errors == b.reconstructions["raw"].errors


def test_adapted_codes_have_the_classifier_of_the_plain_ones():
    verdict = judge_fold(data(), FOLD, 0, recipe(adaptation=AdaptationSpec(lr=0.5, batch_size=2)))
    still = judge_fold(data(), FOLD, 0, recipe(adaptation=AdaptationSpec(lr=0.0)))
    plain = judge_fold(data(), FOLD, 0, RECIPE)
    assert np.array_equal(still.proba["adapted"], plain.proba["codes"])
    assert list(verdict.proba)[:2] == ["codes", "adapted"]
    assert verdict.penalties.keys() == plain.penalties.keys()
    for name, proba in plain.proba.items():
        assert np.array_equal(verdict.proba[name], proba), name
    # sessions of 6 rows, and 40 to 42 are the end of one: its first two keep their codes
    first = np.isin(TEST, [40, 41, 42, 43, 48, 49, 54, 55])
    assert np.array_equal(GROUPS["session"][TEST[:2]], ["6", "6"])
    assert np.array_equal(verdict.proba["adapted"][first], plain.proba["codes"][first])
    assert not np.allclose(verdict.proba["adapted"][~first], plain.proba["codes"][~first])


def test_adapted_codes_hang_on_no_label_no_later_row_and_no_other_session_of_the_test():
    how = recipe(adaptation=AdaptationSpec(lr=0.5, batch_size=2))
    raw, target = RAW.clone(), Y.copy()
    raw[46:] = 50.0  # the end of the second session, and all others
    target[TEST] = 1 - target[TEST]
    a, b = judge_fold(data(), FOLD, 0, how), judge_fold(data(raw, target=target), FOLD, 0, how)
    np.testing.assert_allclose(a.proba["adapted"][:6], b.proba["adapted"][:6], atol=1e-5)
    assert not np.allclose(a.proba["adapted"][6:], b.proba["adapted"][6:])


def test_rows_without_a_label_are_fine_tuned_on_where_they_are_reconstructed():
    target = Y.copy()
    target[:10] = -1
    raw = RAW.clone()
    raw[:10] = raw[:10].flip(0)  # the same scaler, other rows without a label
    found = []
    for weight in (0.0, 0.5):
        options = {"epochs": 1, "batch_size": 8, "optimizer": Optimizer("SGD", {"lr": 0.1})}
        spec = FinetuneSpec(reconstruction=weight, **options)
        how = recipe(finetune=spec, schedule=Schedule(pretrain="none"))
        verdicts = (judge_fold(data(x, target=target), FOLD, 0, how) for x in (RAW, raw))
        found.append([[row for row in v.history if row["model"] == "finetuned"] for v in verdicts])
    (plain, same), (kept, other) = found
    assert plain[0]["loss"] == pytest.approx(same[0]["loss"], rel=1e-6)
    assert "reconstruction" not in plain[0]
    assert abs(kept[0]["loss"] - other[0]["loss"]) > 1e-5
    assert kept[0]["reconstruction"] > 0.1


def signals(test=None):
    """The windows of `covariances`, whoever is tested in another mixing."""
    x = SIGNALS if test is None else test
    metadata = pd.DataFrame({"subject": GROUPS["subject"], "session": GROUPS["session"], "run": ""})
    return Windows(x.astype(np.float32), metadata, 50.0, tuple("abcd"), ("uV",) * 4)


@pytest.mark.parametrize("kind", ["euclidean", "riemann"])
def test_recentred_training_rows_hang_on_no_test_row_of_other_people(kind):
    """Rows 40 and 41 share a person with the training rows, so a fold of whole people is taken."""
    spec = AlignmentSpec(kind)
    fold = Fold(np.arange(36), np.arange(42, 60), ("z",))
    other = wild(SIGNALS)
    other[:42] = SIGNALS[:42]
    pair = []
    for x in (SIGNALS, other):
        w = signals(x)
        views = compute_views(Recentring.fit(w, spec).transform(w), COVARIANCES.views)
        pair.append(Data(views, Y.astype(np.int64), n_classes=2, n_chans=4, groups=GROUPS))
    how = dataclasses.replace(COVARIANCES, alignment=spec)
    mine, theirs = (fit_models(of, fold.train, how, fold=0, compare=False) for of in pair)
    for view in how.views:
        assert torch.equal(mine.features[view.name][:42], theirs.features[view.name][:42])
        assert not torch.equal(mine.features[view.name][42:], theirs.features[view.name][42:])
        for name, value in mine.stacks["codes"][view.name].state_dict().items():
            assert torch.equal(value, theirs.stacks["codes"][view.name].state_dict()[name])


def test_features_are_aligned_by_session_and_by_the_first_rows():
    groups = {**GROUPS, "session": np.array([str(k // 3) for k in range(N)])}
    of = dataclasses.replace(data(), groups=groups)
    how = recipe(alignment=AlignmentSpec("zscore", by="session", n_windows=2))
    fitted = fit_models(of, FOLD.train, how, fold=0, compare=False)
    x = POWER
    expected = Alignment.fit(x, groups["session"], "zscore", n_windows=2).transform(x, groups["session"])
    assert torch.equal(fitted.features["power"], expected)
    of_signals = recipe(alignment=AlignmentSpec("riemann"))
    fitted = fit_models(of, FOLD.train, of_signals, fold=0, compare=False)
    assert torch.equal(fitted.features["power"], x)  # signals were re-centred before there were features

"""Models that travel: saved, damaged, loaded, also what MLflow saved."""

from __future__ import annotations

import shutil

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import fitprint
from fitprint.errors import IntegrityError, UntrustedModelError
from fitprint.models.trust import Trust
from fitprint_lightgbm.flavor import LightGBMFlavor
from fitprint_lightgbm.integrity import check_text

X, y = load_breast_cancer(return_X_y=True)
QUIET = {"objective": "binary", "verbosity": -1, "num_threads": 1}


def frame():
    data = pd.DataFrame(X[:, :4], columns=["a", "b b", "c", "d"])
    return data.assign(d=pd.cut(data.d, 5, labels=list("vwxyz")))


@pytest.fixture
def recorded(runs):
    """Autologging is on, models too."""
    fitprint.autolog()
    return runs


def test_a_booster_is_text_with_a_signature(recorded):
    """It loads as the booster that it was, and predicts the same."""
    booster = lgb.train(QUIET, lgb.Dataset(frame(), y), 3)
    run = recorded.one()
    (model,) = run.models
    assert (model.flavor, model.facts["safe"], model.facts["needs"]) == ("lightgbm", True, [])
    assert "model/model.lgb" in [artifact.path for artifact in run.artifacts]
    loaded = fitprint.load_model(f"runs:/{run.id}/model")
    assert type(loaded) is lgb.Booster
    np.testing.assert_array_equal(loaded.predict(frame()), booster.predict(frame()))


def test_a_stopped_booster_predicts_with_its_best_rounds(recorded):
    """LightGBM predicts with the best number of rounds, and saves those; what is loaded predicts
    the same.
    """
    train = lgb.Dataset(X[:400], y[:400])
    held_out = lgb.Dataset(X[400:], y[400:], reference=train)
    booster = lgb.train(
        {**QUIET, "eta": 0.5},
        train,
        50,
        [held_out],
        callbacks=[lgb.early_stopping(3, verbose=False)],
    )
    loaded = fitprint.load_model(f"runs:/{recorded.one().id}/model")
    np.testing.assert_array_equal(loaded.predict(X), booster.predict(X))


def test_a_predictor_enforces_columns(recorded):
    """The signature is that of the training data; a missing column is named."""
    booster = lgb.train(QUIET, lgb.Dataset(frame(), y), 3)
    predictor = fitprint.load_predictor(f"runs:/{recorded.one().id}/model")
    np.testing.assert_array_equal(
        predictor.predict(frame()[["d", "c", "b b", "a"]]), booster.predict(frame())
    )
    with pytest.raises(fitprint.FitprintError, match="'b b'"):
        predictor.predict(frame()[["a", "c", "d"]])


def test_estimators_come_back_as_what_they_were(recorded):
    """Class, parameters, classes and evaluation results."""
    model = lgb.LGBMClassifier(n_estimators=3, verbosity=-1).fit(
        frame(), np.array(["no", "yes"])[y]
    )
    loaded = fitprint.load_model(f"runs:/{recorded.one().id}/model")
    assert type(loaded) is lgb.LGBMClassifier
    assert loaded.get_params() == model.get_params()
    assert loaded.predict(frame()).tolist() == model.predict(frame()).tolist()
    np.testing.assert_array_equal(loaded.predict_proba(frame()), model.predict_proba(frame()))


def test_a_pipeline_of_both_frameworks_is_safe(recorded):
    """Nobody's trust is asked for LightGBM's own classes in a pipeline of scikit-learn's."""
    model = make_pipeline(StandardScaler(), lgb.LGBMRegressor(n_estimators=3, verbosity=-1)).fit(
        X, y
    )
    run = recorded.one()
    assert (run.models[0].flavor, run.models[0].facts["needs"]) == ("sklearn", [])
    np.testing.assert_array_equal(
        fitprint.load_model(f"runs:/{run.id}/model").predict(X), model.predict(X)
    )


def own_loss(true, predicted):
    return predicted - true, np.ones_like(true)


def test_an_objective_of_the_user_needs_trust(recorded, tmp_path, monkeypatch):
    """The refusal names the function and the call that trusts it; whoever recorded the model is not
    asked.
    """
    lgb.LGBMRegressor(objective=own_loss, n_estimators=2, verbosity=-1).fit(X, y)
    uri = f"runs:/{recorded.one().id}/model"
    assert fitprint.load_model(uri).objective is own_loss
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))  # somebody else
    with pytest.raises(UntrustedModelError, match="own_loss") as refusal:
        fitprint.load_model(uri)
    assert (
        "lightgbm"
        not in str(refusal.value).replace("fitprint-lightgbm", "").partition("trust=[")[2]
    )
    assert fitprint.load_model(uri, trust=[f"{own_loss.__module__}.own_loss"]).objective is own_loss


# -- damage ----------------------------------------------------------------------------------------


def text_of(**params):
    return lgb.train({**QUIET, **params}, lgb.Dataset(frame(), y), 3).model_to_string()


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"boosting": "dart"},
        {"linear_tree": True},
        {"objective": "multiclass", "num_class": 2},
        {"min_data_in_leaf": 9999},
    ],
    ids=["plain", "dart", "linear", "classes", "stumps"],
)
def test_whole_texts_pass(params):
    """What LightGBM writes is not refused."""
    check_text(text_of(**params), "model.lgb")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_text_that_is_cut_is_refused(share):
    """LightGBM itself reads some of these as smaller models."""
    text = text_of()
    with pytest.raises(IntegrityError):
        check_text(text[: int(len(text) * share)], "model.lgb")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("left_child=1", "left_child=9"),
        ("split_feature=", "split_feature=7"),
        ("num_leaves=", "num_leaves=9"),
        ("Tree=1", "Tree 1"),
    ],
)
def test_a_text_that_leads_nowhere_is_refused(old, new):
    """LightGBM itself would read memory that is not the model's."""
    text = text_of()
    assert old in text
    with pytest.raises(IntegrityError):
        check_text(text.replace(old, new, 1), "model.lgb")


def test_a_linear_leaf_that_leads_nowhere_is_refused():
    """Linear leaves look at features, too."""
    text = lgb.train({**QUIET, "linear_tree": True}, lgb.Dataset(X[:, :6], y), 3).model_to_string()
    check_text(text, "model.lgb")
    start = text.index("leaf_features=", text.index("Tree=1")) + len("leaf_features=")
    end = text.index(" ", start)
    changed = text[:start] + "9" * (end - start) + text[end:]
    assert len(changed) == len(text)
    with pytest.raises(IntegrityError, match="linear"):
        check_text(changed, "model.lgb")


def test_a_model_of_a_newer_lightgbm_says_so(tmp_path, monkeypatch):
    """The message names both versions and the remedy."""
    (tmp_path / "model.lgb").write_text(
        text_of().replace("objective=binary sigmoid:1", "objective=invented"), encoding="utf-8"
    )
    with pytest.raises(
        IntegrityError, match=r"saved by LightGBM 99\.0\.0.*install lightgbm>=99\.0\.0"
    ):
        LightGBMFlavor().load(tmp_path, {"data": "model.lgb", "lgb_version": "99.0.0"}, Trust())


def test_a_changed_bit_is_noticed(recorded, tmp_path):
    """The directory's digests know every file."""
    lgb.train(QUIET, lgb.Dataset(X, y), 2)
    folder = recorded.one().download("model", tmp_path / "model")
    target = tmp_path / "copy"
    shutil.copytree(folder, target)
    data = bytearray((target / "model.lgb").read_bytes())
    data[len(data) // 2] ^= 1
    (target / "model.lgb").write_bytes(data)
    with pytest.raises(IntegrityError):
        fitprint.load_model(str(target))

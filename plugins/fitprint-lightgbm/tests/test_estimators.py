"""What LightGBM's estimators for scikit-learn record."""

from __future__ import annotations

import inspect

import lightgbm as lgb
import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris

import fitprint

X, y = load_breast_cancer(return_X_y=True)
QUIET = {"verbosity": -1, "n_jobs": 1, "min_child_samples": 5}


def curve(run, key):
    history = run.history(key)
    return list(history.step), list(history.value)


def evaluated(*pairs):
    """Return the arguments that name evaluation sets, which from 4.7 on are others."""
    if "eval_X" in inspect.signature(lgb.LGBMClassifier.fit).parameters:
        return {
            "eval_X": tuple(features for features, _ in pairs),
            "eval_y": tuple(target for _, target in pairs),
        }
    return {"eval_set": list(pairs)}


def test_a_fit_is_one_run_with_its_rounds(tracked):
    """Parameters, training metrics, rounds and the booster's own parameters are on one run."""
    held_out = X[400:], y[400:]
    model = lgb.LGBMClassifier(n_estimators=5, num_leaves=7, **QUIET)
    model.fit(X[:400], y[:400], eval_names=["held_out"], eval_metric="auc", **evaluated(held_out))
    run = tracked.one()
    assert (run.name, run.kind) == ("LGBMClassifier", "fit")
    assert (run.params["num_leaves"], run.params["fit__eval_metric"]) == (7, "auc")
    assert curve(run, "held_out-auc") == (
        list(range(5)),
        list(model.evals_result_["held_out"]["auc"]),
    )
    assert run.metrics["training_accuracy_score"] == np.mean(model.predict(X[:400]) == y[:400])
    assert run.record.documents["lightgbm_config"]["num_leaves"] == 7
    assert {"X", "y", "held_out"} == {told.name for told in run.datasets}
    assert "plots/feature_importances_by_type.json" in [artifact.path for artifact in run.artifacts]
    assert run.tags["lightgbm_version"] == lgb.__version__


def test_early_stopping(tracked):
    """Facts of early stopping count from 0; attributes of the estimator from 1."""
    model = lgb.LGBMClassifier(n_estimators=100, learning_rate=0.5, **QUIET)
    model.fit(
        X[:400],
        y[:400],
        callbacks=[lgb.early_stopping(3, verbose=False)],
        **evaluated((X[400:], y[400:])),
    )
    run = tracked.one()
    assert run.metrics["best_iteration"] == model.best_iteration_ - 1
    assert run.metrics["stopped_iteration"] == model.best_iteration_ + 2
    assert run.params["fit__callbacks"][0].startswith("early_stopping(stopping_rounds=3")


def test_the_training_data_are_evaluated(tracked):
    """They are told once, and their metrics have LightGBM's name for them."""
    lgb.LGBMRegressor(n_estimators=3, **QUIET).fit(X, y, **evaluated((X, y)))
    run = tracked.one()
    assert len(curve(run, "training-l2")[0]) == 3
    assert [told.name for told in run.datasets] == ["X", "y"]


def test_a_ranker(tracked):
    """Groups are facts on data."""
    lgb.LGBMRanker(n_estimators=3, **QUIET).fit(X[:560], y[:560], group=[56] * 10)
    run = tracked.one()
    assert (run.status, "group" in {told.name for told in run.datasets}) == ("FINISHED", True)


def test_several_classes_with_names(tracked):
    """Classes of any type, and sample weights."""
    features, target = load_iris(return_X_y=True)
    names = np.array(["a", "b", "c"])[target]
    lgb.LGBMClassifier(n_estimators=3, **QUIET).fit(features, names, sample_weight=np.ones(150))
    run = tracked.one()
    assert run.record.documents["fitted"]["classes"] == ["a", "b", "c"]
    assert run.record.documents["booster"]["trees_per_iteration"] == 3


def test_functions_are_named(tracked):
    """Objectives and metrics of the user's own are recorded by their names."""

    def own_loss(true, predicted):
        return predicted - true, np.ones_like(true)

    def own_metric(true, predicted):
        return "own", float(np.abs(true - predicted).mean()), False

    features, target = load_diabetes(return_X_y=True)
    model = lgb.LGBMRegressor(objective=own_loss, n_estimators=2, **QUIET)
    model.fit(features, target, eval_metric=own_metric, **evaluated((features[:50], target[:50])))
    run = tracked.one()
    assert run.params["objective"].endswith("own_loss")
    assert run.params["fit__eval_metric"].endswith("own_metric")
    assert len(curve(run, "valid_0-own")[0]) == 2


def test_a_subclass_of_the_user(tracked):
    """A class of the user's own is observed once."""

    class Mine(lgb.LGBMClassifier):
        def fit(self, X, y):
            return super().fit(X, y)

    Mine(n_estimators=2, **QUIET).fit(X, y)
    assert tracked.one().name == "Mine"


def test_a_fit_goes_on_from_another(tracked):
    """The run of the estimator that is continued is known."""
    first = lgb.LGBMClassifier(n_estimators=2, **QUIET).fit(X, y)
    lgb.LGBMClassifier(n_estimators=2, **QUIET).fit(X, y, init_model=first)
    parent, child = tracked.roots()
    assert child.tags["continues_run"] == parent.id
    assert child.record.documents["continuation"]["rounds"] == 2


def test_a_train_inside_the_users_own_estimator(tracked):
    """The rounds of ``lightgbm.train`` are those of the estimator that calls it."""
    from sklearn.base import BaseEstimator, RegressorMixin

    class Own(RegressorMixin, BaseEstimator):
        def fit(self, X, y):
            data = lgb.Dataset(X, y)
            self.booster_ = lgb.train({"verbosity": -1}, data, 3, [data])
            return self

        def predict(self, X):
            return self.booster_.predict(X)

    Own().fit(X, y)
    run = tracked.one()
    assert (run.name, len(curve(run, "training-l2")[0])) == ("Own", 3)


def test_arguments_that_do_not_fit(tracked):
    """The user gets LightGBM's error."""
    with pytest.raises(TypeError):
        lgb.LGBMClassifier().fit()
    with pytest.raises((ValueError, lgb.basic.LightGBMError)):
        lgb.LGBMRanker(verbosity=-1).fit(X, y)


def test_predicting_later_is_noted(tracked):
    """``score`` on other data adds to the run of the fit."""
    model = lgb.LGBMClassifier(n_estimators=2, **QUIET).fit(X[:400], y[:400])
    score = model.score(X[400:], y[400:])
    assert tracked.one().metrics["score"] == score


def test_the_settings_leave_lightgbm_out(runs):
    """Excluded, nothing of it is recorded; its estimators are excluded with scikit-learn's."""
    fitprint.autolog(exclude_frameworks=["lightgbm", "sklearn"], models=False)
    lgb.LGBMClassifier(n_estimators=2, **QUIET).fit(X, y)
    lgb.train({"verbosity": -1}, lgb.Dataset(X, y), 1)
    assert runs.all() == []

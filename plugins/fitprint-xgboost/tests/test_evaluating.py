"""``fitprint.evaluate`` on XGBoost's models."""

import numpy as np
import pytest
import xgboost
from sklearn import metrics
from sklearn.datasets import load_breast_cancer, load_iris

import fitprint


@pytest.fixture
def tracked(runs):
    """Autologging is on, models are not recorded."""
    fitprint.autolog(models=False)
    return runs


@pytest.fixture
def data():
    """Two halves: features and classes of the first, then of the second."""
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    return X[::2], y[::2], X[1::2], y[1::2]


def test_a_classifier_has_the_numbers_of_scikit_learn(tracked, data):
    """On the run of its training."""
    X, y, test, true = data
    model = xgboost.XGBClassifier(n_estimators=5).fit(X, y)
    found = fitprint.evaluate(model, test.assign(label=true), "label")
    assert metrics.accuracy_score(true, model.predict(test)) == found.metrics["accuracy_score"]
    assert (
        metrics.roc_auc_score(true, model.predict_proba(test)[:, 1])
        == found.metrics["roc_auc_score"]
    )
    (run,) = fitprint.search_runs()
    assert run.id == found.run


def test_a_boosters_probabilities_are_understood(tracked, data):
    """It has no classes of its own; the result says how its predictions are taken."""
    X, y, test, true = data
    booster = xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(X, y), 5)
    said = booster.predict(xgboost.DMatrix(test))
    found = fitprint.evaluate(booster, test, true)
    assert metrics.accuracy_score(true, said > 0.5) == found.metrics["accuracy_score"]
    assert metrics.roc_auc_score(true, said) == found.metrics["roc_auc_score"]
    assert (
        found.metrics
        == fitprint.evaluate(booster, test.assign(side=1, label=true), "label", by="side").metrics
    )
    assert (
        "the model predicts probabilities: they are taken for those of the classes 0 to 1",
    ) == found.notes


def test_a_boosters_probabilities_of_many_classes_are_understood(tracked):
    """One column for each class."""
    X, y = load_iris(return_X_y=True)
    booster = xgboost.train(
        {"objective": "multi:softprob", "num_class": 3}, xgboost.DMatrix(X, y), 3
    )
    said = booster.predict(xgboost.DMatrix(X))
    found = fitprint.evaluate(booster, X, y)
    assert metrics.accuracy_score(y, said.argmax(axis=1)) == found.metrics["accuracy_score"]
    assert metrics.log_loss(y, said) == found.metrics["log_loss"]
    # one column for each class in the target, too
    assert found.metrics == fitprint.evaluate(booster, X, np.eye(3)[y]).metrics


def test_a_booster_of_quantities_is_none_of_classes(tracked):
    """Its predictions are quantities."""
    X = np.random.default_rng(0).normal(size=(60, 3))
    y = X[:, 0] * 3 + X[:, 1]
    booster = xgboost.train({}, xgboost.DMatrix(X, y), 3)
    found = fitprint.evaluate(booster, X, y)
    assert ("regression", metrics.r2_score(y, booster.predict(xgboost.DMatrix(X)))) == (
        found.task,
        found.metrics["r2_score"],
    )

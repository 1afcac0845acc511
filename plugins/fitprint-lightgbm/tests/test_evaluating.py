"""``fitprint.evaluate`` on LightGBM's models, which change the names of columns that
have blanks.
"""

import lightgbm
import pytest
from sklearn import metrics
from sklearn.datasets import load_breast_cancer

import fitprint

X, Y = load_breast_cancer(return_X_y=True, as_frame=True)
TABLE = X.assign(label=Y, side=["a", "b"] * 284 + ["a"])


@pytest.fixture(autouse=True)
def tracked(runs):
    """Autologging is on, models are not recorded."""
    fitprint.autolog(models=False)
    return runs


def test_a_classifier_is_not_given_the_column_of_the_slices():
    """Nor the target."""
    model = lightgbm.LGBMClassifier(n_estimators=3, verbosity=-1).fit(X, Y)
    found = fitprint.evaluate(model, TABLE, "label", by="side")
    assert metrics.accuracy_score(Y, model.predict(X)) == found.metrics["accuracy_score"]
    assert metrics.log_loss(Y, model.predict_proba(X)) == found.metrics["log_loss"]


def test_a_boosters_probabilities_are_understood():
    """As those of the classes 0 and 1."""
    booster = lightgbm.train({"objective": "binary", "verbosity": -1}, lightgbm.Dataset(X, Y), 3)
    found = fitprint.evaluate(booster, TABLE, "label", by="side")
    assert metrics.roc_auc_score(Y, booster.predict(X)) == found.metrics["roc_auc_score"]
    assert (["a", "b"], 1) == ([part.value for part in found.slices], len(found.notes))

"""Predictions of ours leave no trace."""

from __future__ import annotations

import threading
from unittest.mock import MagicMock, Mock

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import fitprint

X, y = load_diabetes(return_X_y=True)


class Mean(RegressorMixin, BaseEstimator):
    """An estimator that notes what is asked of it, and holds something."""

    def __init__(self, held=None, verbose=0):
        self.held = held
        self.verbose = verbose

    def fit(self, X, y):
        self.mean_ = y.mean()
        self.asked = []
        return self

    def predict(self, X):
        self.asked.append(len(X))
        if self.verbose:
            print("predicting")
        return np.full(len(X), self.mean_)


def reason(run):
    return run.capture["skipped"]["training metrics"]


def test_foreign_estimators_are_not_asked(asked):
    """What an estimator notes of its predictions is the user's predictions alone, in a pipeline,
    too.
    """
    model = Mean().fit(X, y)
    piped = make_pipeline(Mean()).fit(X, y)
    assert (model.asked, piped[-1].asked) == ([], [])
    assert all("training_r2_score" in run.metrics for run in asked.runs())


def test_estimators_that_cannot_be_copied(asked):
    """They have no training metrics, and the report says why."""
    run = asked.of(lambda: Mean(threading.Lock()).fit(X, y))
    assert "cannot be copied" in reason(run)


def test_large_estimators_are_not_copied(asked):
    """Nor have foreign ones that are large; they are not copied."""
    run = asked.of(lambda: Mean(np.zeros(9_000_000)).fit(X, y))
    assert "too large" in reason(run)


def test_data_inside_an_estimator_are_not_copied(asked):
    """Training data that an estimator keeps do not make it large: they are shared with the copy."""

    class Keeper(Mean):
        def fit(self, X, y):
            self.kept_ = X
            return super().fit(X, y)

    fitprint.configure(training_metrics_work=1e6)
    data = np.zeros((1000, 10_000))
    run = asked.of(lambda: Keeper().fit(data, np.arange(1000.0)))
    assert "training_r2_score" in run.metrics


def test_nothing_is_printed(untracked, capfd):
    """Verbose estimators print what they print without tracking."""

    def train():
        RandomForestClassifier(3, verbose=1, random_state=0).fit(*load_iris(return_X_y=True))
        Mean(verbose=1).fit(X, y)
        return len(capfd.readouterr().out.splitlines())

    bare = train()
    fitprint.autolog(models=False, training_metrics_code=["*"])
    assert train() == bare
    forest, own = untracked.runs()
    assert forest.metrics["training_accuracy_score"] > 0.9
    assert "would print" in reason(own)


def test_predictions_of_another_shape(asked):
    """A prediction that does not fit the target costs the metrics alone."""

    class Single(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            return self

        def predict(self, X):
            return 1

    run = asked.of(lambda: Single().fit(*load_iris(return_X_y=True)))
    assert "shape" in reason(run)


@pytest.mark.filterwarnings("error")
def test_warnings_of_predictions_stay_here(asked):
    """Where warnings are errors, one in our prediction costs the metrics alone."""
    import warnings

    class Warner(Mean):
        def predict(self, X):
            warnings.warn("odd data", UserWarning, stacklevel=2)
            return super().predict(X)

    run = asked.of(lambda: Warner().fit(X, y))
    assert "odd data" in reason(run)


def test_what_stands_in_the_place_of_a_method_is_not_called(asked):
    """A user counts how often an estimator predicts: our own prediction is not among the calls."""
    X, y = load_iris(return_X_y=True)
    model = LogisticRegression(max_iter=500)
    model.decision_function = Mock(side_effect=model.decision_function)
    model.predict_proba = Mock(side_effect=model.predict_proba)
    model.fit(X, y)
    assert (model.decision_function.mock_calls, model.predict_proba.mock_calls) == ([], [])


def test_looking_at_the_size_of_an_object_runs_nothing_of_it(asked):
    """A mock makes a new part, and notes it, whenever an attribute of it is looked up: there is no
    end to that.
    """

    class Holding(Mean):
        def fit(self, X, y):
            self.kept = MagicMock()
            return super().fit(X, y)

    model = Holding().fit(X, y)
    assert (model.kept.mock_calls, len(asked.runs())) == ([], 1)


def test_a_scoring_function_of_the_user_is_not_called_once_more(tracked):
    """It may count its calls: the search alone calls it."""
    calls = []

    def scoring(estimator, X, y):
        calls.append(len(X))
        return -abs(y - estimator.predict(X)).mean()

    run = tracked.of(
        lambda: GridSearchCV(Ridge(), {"alpha": [1.0, 2.0]}, cv=3, scoring=scoring).fit(X, y)
    )
    assert len(calls) == 6
    assert "your own scoring function" in run.capture["skipped"]["training_score"]

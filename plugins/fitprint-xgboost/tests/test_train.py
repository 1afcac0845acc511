"""What is recorded of `xgboost.train` and `xgboost.cv`, and that nothing of the user's changes."""

from __future__ import annotations

import pytest
import xgboost
from sklearn.datasets import load_breast_cancer

import fitprint


@pytest.fixture
def matrices():
    """A training and a test matrix of real data."""
    features, target = load_breast_cancer(return_X_y=True)
    return xgboost.DMatrix(features[:400], target[:400]), xgboost.DMatrix(features[400:], target[400:])


PARAMS = {"objective": "binary:logistic", "eval_metric": ["auc", "logloss"], "max_depth": 2}


def test_every_round_of_every_evaluation_set(runs, matrices):
    """Histories are what XGBoost itself says, one point for each round, from 0."""
    fitprint.autolog()
    train, test = matrices
    told = {}
    xgboost.train(PARAMS, train, 12, evals=[(train, "train"), (test, "test")], verbose_eval=False, evals_result=told)
    run = runs.one()
    for data, metrics in told.items():
        for metric, values in metrics.items():
            history = run.history(f"{data}-{metric}")
            assert list(history.value) == values
            assert list(history.step) == list(range(12))

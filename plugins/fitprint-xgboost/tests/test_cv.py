"""What is recorded of `xgboost.cv`."""

from __future__ import annotations

import numpy as np
import xgboost
from sklearn.model_selection import StratifiedKFold
from xgboost.callback import EarlyStopping

import fitprint

PARAMS = {
    "objective": "binary:logistic",
    "eval_metric": ["auc", "logloss"],
    "max_depth": 2,
    "nthread": 1,
}


def test_mean_and_deviation_of_every_round(runs, matrices):
    """Histories have the names and values of XGBoost's own result."""
    fitprint.autolog()
    result = xgboost.cv(PARAMS, matrices[0], 5, nfold=4, as_pandas=False)
    run = runs.one()
    assert run.record.kind == "cross-validation"
    assert run.params["nfold"] == 4
    assert {name: list(run.history(name).value) for name in result} == result
    assert "fit_time" in run.metrics


def test_early_stopping(runs, matrices):
    """XGBoost cuts its result after the best round; what was trained is recorded whole."""
    fitprint.autolog()
    for options in ({"early_stopping_rounds": 3}, {"callbacks": [EarlyStopping(rounds=3)]}):
        result = xgboost.cv(PARAMS, matrices[0], 300, as_pandas=False, **options)
        run = runs.roots()[-1]
        best = len(result["test-logloss-mean"]) - 1
        assert run.metrics["best_iteration"] == best
        assert run.metrics["best_score"] == result["test-logloss-mean"][best]
        assert run.metrics["stopped_iteration"] == best + 3
        assert list(run.history("test-logloss-mean").step) == list(range(best + 4))


def test_folds_of_ones_own(runs, matrices):
    """A splitter is told by its call, lists of rows by their number."""
    fitprint.autolog()
    rows = np.arange(400)
    xgboost.cv(PARAMS, matrices[0], 2, folds=StratifiedKFold(4))
    xgboost.cv(
        PARAMS,
        matrices[0],
        2,
        folds=[(rows[rows % 3 != part], rows[rows % 3 == part]) for part in range(3)],
    )
    assert [run.params["folds"] for run in runs.roots()] == [
        "StratifiedKFold(n_splits=4)",
        "<3 splits>",
    ]


def test_the_folds_are_no_runs(runs, matrices):
    """A cross-validation is one run, also where a preprocessing trains inside of it."""
    fitprint.autolog()

    def prepared(train, test, params):
        xgboost.train(PARAMS, train, 1)
        return train, test, params

    xgboost.cv(PARAMS, matrices[0], 2, fpreproc=prepared)
    assert len(runs) == 1

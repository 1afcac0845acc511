"""MLflow's autologging beside ours, switched on and off in any order."""

import logging
import warnings

import numpy as np
import pytest

import fitprint
from fitprint.testing import captured_runs

pytestmark = pytest.mark.mlflow

ORDERS = [
    "ours theirs -ours -theirs",
    "ours theirs -theirs -ours",
    "theirs ours -ours -theirs",
    "theirs ours -theirs -ours",
]


@pytest.fixture
def theirs(tmp_path):
    """MLflow, recording into a database of its own, and silent."""
    mlflow = pytest.importorskip("mlflow")
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'mlflow.db'}")
    logging.disable(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield mlflow
        _theirs(mlflow, disable=True)
    logging.disable(logging.NOTSET)


def _theirs(mlflow, **options):
    for flavor in (mlflow.sklearn, mlflow.xgboost, mlflow.lightgbm):
        flavor.autolog(log_models=False, silent=True, **options)


def _train():
    import lightgbm
    import xgboost
    from sklearn.linear_model import LogisticRegression

    X = np.random.RandomState(0).normal(size=(60, 3))
    y = (X[:, 0] > 0).astype(int)
    LogisticRegression().fit(X, y)
    xgboost.train({}, xgboost.DMatrix(X, y), 2)
    lightgbm.train({"verbosity": -1}, lightgbm.Dataset(X, y), 2)


def _standing():
    import lightgbm
    import xgboost
    from sklearn.linear_model import LogisticRegression

    functions = {
        "sklearn": LogisticRegression.fit,
        "xgboost": xgboost.train,
        "xgboost.training": xgboost.training.train,
    }
    return functions | {"lightgbm": lightgbm.train, "lightgbm.engine": lightgbm.engine.train}


@pytest.mark.parametrize("order", ORDERS)
def test_fault_14_and_17_beside_mlflow(theirs, order):
    """Whoever came first, each call is one run of ours; whoever goes first, everything is the very
    object that it was.
    """
    originals = _standing()
    with captured_runs(models=False) as runs:
        for number, step in enumerate(order.split()):
            if number == 2:
                _train()
                assert [run.name for run in runs.roots()] == [
                    "LogisticRegression",
                    "xgboost.train",
                    "lightgbm.train",
                ]
                assert runs.problems == []
            if step.endswith("ours"):
                fitprint.autolog(disable=step.startswith("-"))
            else:
                _theirs(theirs, disable=step.startswith("-"))
    changed = [name for name, function in _standing().items() if function is not originals[name]]
    assert changed == []

"""Trainings on a GPU (by OpenCL, which the wheels on PyPI have):
the run is as whole as on a CPU.
"""

from __future__ import annotations

import lightgbm
import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer

import fitprint

pytestmark = pytest.mark.gpu


def test_a_training(runs):
    """Rounds, configuration and the model."""
    fitprint.autolog()
    X, y = load_breast_cancer(return_X_y=True)
    params = {"device_type": "gpu", "objective": "binary", "metric": "auc", "verbosity": -1}
    data, log = lightgbm.Dataset(X, y), {}
    booster = lightgbm.train(
        params, data, 5, valid_sets=[data], callbacks=[lightgbm.record_evaluation(log)]
    )
    run = runs.one()
    assert ("FINISHED", None, "gpu") == (
        run.status,
        run.capture.get("failed"),
        run.params["device_type"],
    )
    assert log["training"]["auc"] == list(run.history("training-auc").value)
    assert np.array_equal(
        booster.predict(X), fitprint.load_model(f"runs:/{run.id}/model").predict(X)
    )

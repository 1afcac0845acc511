"""Trainings on a GPU: the run is as whole as on a CPU."""

from __future__ import annotations

import catboost
import numpy as np
import pytest
from sklearn import datasets

import fitprint

pytestmark = pytest.mark.gpu

OPTIONS = {
    "logging_level": "Silent",
    "allow_writing_files": False,
    "random_seed": 0,
    "task_type": "GPU",
    "devices": "0",
}


def test_a_classifier(runs):
    """Curves, configuration, importances and the model."""
    fitprint.autolog()
    X, y = datasets.load_breast_cancer(return_X_y=True)
    model = catboost.CatBoostClassifier(iterations=10, **OPTIONS).fit(
        X[:400], y[:400], eval_set=(X[400:], y[400:])
    )
    run = runs.one()
    assert ("FINISHED", None) == (run.status, run.capture.get("failed"))
    for name, metrics in model.get_evals_result().items():
        for metric, values in metrics.items():
            assert values == list(run.history(f"{name}-{metric}").value)
    loaded = fitprint.load_model(f"runs:/{run.id}/model")
    assert np.array_equal(model.predict_proba(X), loaded.predict_proba(X))

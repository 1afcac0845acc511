"""Trainings on a GPU, with data in its memory and in the computer's: nothing changes, and nothing
is missing from the run.
"""

from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pytest
import xgboost
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier, XGBRegressor

import fitprint

pytestmark = pytest.mark.gpu

PARAMS = {"device": "cuda", "objective": "binary:logistic", "eval_metric": ["logloss", "auc"]}


def cupy_array(values):
    import cupy

    return cupy.asarray(values)


def tensor(values):
    import torch

    return torch.asarray(values).cuda()


def plain(values):
    return values


def trainings(split):
    """Ways to train, by name: each returns the booster."""
    (X, y), (others, answers) = split
    X, others = X.astype("float32"), others.astype("float32")
    matrix, test = xgboost.DMatrix(X, y), xgboost.DMatrix(others, answers)
    quantile = xgboost.QuantileDMatrix(cupy_array(X), cupy_array(y))

    def classifier(convert):
        data = convert(X), convert(y)
        return (
            XGBClassifier(device="cuda", n_estimators=10)
            .fit(*data, eval_set=[data], verbose=False)
            .get_booster()
        )

    return {
        "train": lambda: xgboost.train(
            PARAMS, matrix, 10, evals=[(test, "test")], verbose_eval=False
        ),
        "quantile": lambda: xgboost.train(
            PARAMS, quantile, 10, evals=[(quantile, "train")], verbose_eval=False
        ),
        "numpy": lambda: classifier(plain),
        "cupy": lambda: classifier(cupy_array),
        "torch": lambda: classifier(tensor),
    }


@pytest.mark.parametrize("name", ["train", "quantile", "numpy", "cupy", "torch"])
def test_the_same_model_and_a_whole_run(runs, split, name):
    """Byte by byte, with the rounds, the configuration and the model."""
    bare = trainings(split)[name]()
    fitprint.autolog()
    recorded = trainings(split)[name]()
    assert bytes(bare.save_raw()) == bytes(recorded.save_raw())
    run = runs.one()
    assert ("FINISHED", None) == (run.status, run.capture.get("failed"))
    assert 10 == len(run.history(next(key for key in run.metrics if key.endswith("-logloss"))))
    assert run.record.documents["xgboost_config"]["learner"]["generic_param"]["device"].startswith(
        "cuda"
    )
    loaded = fitprint.load_model(f"runs:/{run.id}/model")
    assert recorded.get_dump() == getattr(loaded, "get_booster", lambda: loaded)().get_dump()


@pytest.mark.parametrize("convert", [cupy_array, tensor])
def test_data_on_the_device_are_told_like_others(runs, split, convert):
    """Facts with the device, the digest that the data have elsewhere, and training metrics."""
    X, y = split[0]
    fitprint.autolog()
    for data in ((X, y), (convert(X), convert(y))):
        XGBClassifier(device="cuda", n_estimators=10).fit(*data)
    host, device = sorted(runs.all(), key=lambda run: run.start_time)
    assert [data.digest for data in host.datasets] == [data.digest for data in device.datasets]
    facts = [
        {name: data.facts.get(name) for name in ("shape", "device", "summary")}
        for data in device.datasets
    ]
    assert ["cuda:0", "cuda:0"] == [fact.pop("device") for fact in facts]
    assert facts == [
        {name: data.facts.get(name) for name in ("shape", "summary")} for data in host.datasets
    ]
    training = {key for key in host.metrics if key.startswith("training_")}
    assert "training_roc_auc" in training
    assert {key: host.metrics[key] for key in training} == pytest.approx(
        {key: device.metrics[key] for key in training}
    )


def test_weights_and_quantities_on_the_device(runs, split):
    """A regressor with sample weights."""
    X, y = (cupy_array(values) for values in split[0])
    fitprint.autolog()
    XGBRegressor(device="cuda", n_estimators=5).fit(X, y * 1.5, sample_weight=y + 1.0)
    run = runs.one()
    assert run.capture.get("failed") is None
    assert run.metrics["training_r2_score"] > 0.5
    assert {"X", "y", "sample_weight"} == {data.name for data in run.datasets}


@pytest.mark.parametrize("kind", ["classifier", "pipeline", "search"])
def test_what_xgboost_says_once_is_left_to_the_user(tmp_path, kind):
    """It warns of data that are not on the model's device, once in a process: where the user
    predicts, not where we do.
    """
    program = f"""
import sys, warnings
import fitprint
fitprint.configure(home=sys.argv[1], notice=False, context=False, strict=True)
fitprint.autolog()
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier
X, y = load_breast_cancer(return_X_y=True)
model = XGBClassifier(device="cuda", n_estimators=3)
if {kind!r} == "pipeline":
    model = make_pipeline(StandardScaler(), model)
if {kind!r} == "search":
    model = GridSearchCV(model, {{"max_depth": [2]}}, cv=2, scoring=lambda model, X, y: 0.0)
with warnings.catch_warnings(record=True) as before:
    warnings.simplefilter("always")
    model.fit(X, y)
with warnings.catch_warnings(record=True) as after:
    warnings.simplefilter("always")
    model.predict(X)
run = next(run for run in fitprint.search_runs())
print(len(before), ["mismatched devices" in str(warning.message) for warning in after], "training_accuracy_score" in run.metrics)
"""  # noqa: E501
    command = [sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1:] == ["0 [True] True"], done.stderr


def test_searches_and_pipelines(runs, split):
    """One parent, and its candidates."""
    fitprint.autolog()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # XGBoost's own, on data that are not on the device
        GridSearchCV(XGBClassifier(device="cuda", n_estimators=3), {"max_depth": [1, 2]}, cv=2).fit(
            *split[0]
        )
        make_pipeline(StandardScaler(), XGBClassifier(device="cuda", n_estimators=3)).fit(*split[0])
    assert ["GridSearchCV", "Pipeline"] == sorted(
        run.name for run in runs.all() if run.parent_id is None
    )
    assert 2 == len([run for run in runs.all() if run.parent_id])
    assert not any(run.capture.get("failed") for run in runs.all())


def test_nothing_on_the_device_is_kept(runs, split):
    """What the user lets go of is freed."""
    import cupy

    fitprint.autolog()
    pool = cupy.get_default_memory_pool()
    X, y = cupy_array(np.tile(split[0][0], (50, 1))), cupy_array(np.tile(split[0][1], 50))
    XGBClassifier(device="cuda", n_estimators=2).fit(X, y)
    runs.one()
    held = pool.used_bytes()
    size = X.nbytes + y.nbytes
    del X, y
    assert held - pool.used_bytes() >= size

"""The unmodified MLflow 3.17 loads what we packed, and we load what it saved."""

from __future__ import annotations

import subprocess
import sys

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer

from fitprint.models.directory import pack
from fitprint.models.loading import load_directory
from fitprint.models.signature import infer_signature
from fitprint_lightgbm.flavor import LightGBMFlavor

pytestmark = pytest.mark.mlflow

X, y = load_breast_cancer(return_X_y=True)
FRAME = pd.DataFrame(X[:, :5], columns=list("abcde"))
QUIET = {"objective": "binary", "verbosity": -1, "num_threads": 1}

# MLflow warns of much, and keeps its database where it runs.
_LOAD = """
import sys, warnings
warnings.simplefilter("ignore")
import mlflow, numpy, pandas
data = pandas.read_pickle("data.pkl")
numpy.save("flavor.npy", mlflow.lightgbm.load_model("model").predict(data))
numpy.save("pyfunc.npy", numpy.asarray(mlflow.pyfunc.load_model("model").predict(data)))
print(type(mlflow.lightgbm.load_model("model")).__name__)
"""
_SAVE = """
import pickle, sys, warnings
warnings.simplefilter("ignore")
import mlflow
with open("model.pkl", "rb") as file:
    model = pickle.load(file)
mlflow.lightgbm.save_model(model, "theirs")
"""


def booster():
    return lgb.train(QUIET, lgb.Dataset(FRAME, y), 4)


def stopped():
    train = lgb.Dataset(FRAME[:400], y[:400])
    held_out = lgb.Dataset(FRAME[400:], y[400:], reference=train)
    return lgb.train(
        {**QUIET, "eta": 0.5},
        train,
        60,
        [held_out],
        callbacks=[lgb.early_stopping(2, verbose=False)],
    )


def classifier():
    return lgb.LGBMClassifier(n_estimators=4, verbosity=-1).fit(FRAME, np.array(["no", "yes"])[y])


def regressor():
    return lgb.LGBMRegressor(n_estimators=4, verbosity=-1).fit(FRAME, y)


MODELS = [booster, stopped, classifier, regressor]


def in_mlflow(program, folder):
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=folder, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.parametrize("build", MODELS)
def test_mlflow_loads_what_we_packed(build, tmp_path):
    """Its flavor gives the class that it was, and both doors predict the same."""
    model = build()
    expected = model.predict(FRAME)
    pack(
        model,
        tmp_path / "model",
        flavors=[LightGBMFlavor()],
        signature=infer_signature(FRAME, expected),
    )
    FRAME.to_pickle(tmp_path / "data.pkl")
    assert in_mlflow(_LOAD, tmp_path).split()[-1] == type(model).__name__
    for door in ("flavor", "pyfunc"):
        np.testing.assert_array_equal(
            np.load(tmp_path / f"{door}.npy", allow_pickle=True), expected
        )


@pytest.mark.parametrize("build", MODELS)
def test_we_load_what_mlflow_saved(build, tmp_path):
    """Without trust: MLflow 3.17 stores estimators with skops."""
    import pickle

    model = build()
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(model))
    in_mlflow(_SAVE, tmp_path)
    loaded = load_directory(tmp_path / "theirs", [LightGBMFlavor()])
    assert type(loaded) is type(model)
    np.testing.assert_array_equal(loaded.predict(FRAME), model.predict(FRAME))

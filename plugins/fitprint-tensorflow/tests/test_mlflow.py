"""The unmodified MLflow 3.17 loads what we packed, and we load what it saved."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from fitprint.models.directory import pack
from fitprint.models.loading import load_directory
from fitprint_tensorflow.flavor import KerasFlavor
from fitprint_tensorflow.savedmodel import TensorFlowFlavor
from fitprint_tensorflow.signatures import signature_of

pytestmark = pytest.mark.mlflow

FLAVORS = [KerasFlavor(), TensorFlowFlavor()]

# MLflow warns of much, and keeps its database where it runs.
_LOAD = """
import warnings
warnings.simplefilter("ignore")
import keras, mlflow, numpy
data = numpy.load("data.npy")
if "{flavor}" == "keras":
    numpy.save("flavor.npy", mlflow.keras.load_model("model").predict(data, verbose=0))
else:
    model = mlflow.tensorflow.load_model("model")
    numpy.save("flavor.npy", numpy.asarray(model.serve(data)))
    raise SystemExit
numpy.save("pyfunc.npy", numpy.asarray(mlflow.pyfunc.load_model("model").predict(data)))
"""
_SAVE = """
import warnings
warnings.simplefilter("ignore")
import keras, mlflow, mlflow.{module}
model = keras.saving.load_model("model.keras")
mlflow.{module}.save_model(model, "theirs")
"""


def in_mlflow(program, folder):
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=folder, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.parametrize("flavor", ["keras", "tensorflow"])
def test_mlflow_loads_what_we_packed(make, data, tmp_path, flavor):
    """By its flavor and as a python_function it predicts the same."""
    model = make()
    model.fit(data[0][:32], data[1][:32], verbose=0)
    pack(model, tmp_path / "model", flavors=FLAVORS, flavor=flavor, signature=signature_of(model))
    np.save(tmp_path / "data.npy", data[0])
    in_mlflow(_LOAD.format(flavor=flavor), tmp_path)
    expected = model.predict(data[0], verbose=0)
    for name in ("flavor", "pyfunc") if flavor == "keras" else ("flavor",):
        assert np.allclose(np.load(tmp_path / f"{name}.npy"), expected, atol=1e-6)


@pytest.mark.parametrize("module", ["keras", "tensorflow"])
def test_what_mlflow_saved_is_loaded(make, data, tmp_path, module):
    """Both of its flavors are read."""
    model = make()
    model.fit(data[0][:32], data[1][:32], verbose=0)
    model.save(tmp_path / "model.keras")
    in_mlflow(_SAVE.format(module=module), tmp_path)
    loaded = load_directory(tmp_path / "theirs", FLAVORS)
    assert np.array_equal(loaded.predict(data[0], verbose=0), model.predict(data[0], verbose=0))

"""Trainings over several devices, which processors play here: one run, which tells over what it was
spread.
"""

from __future__ import annotations

import os
import subprocess
import sys

import keras
import pytest

_PROGRAM = """
import sys
import fitprint
fitprint.configure(home=sys.argv[1], notice=False, context=False, strict=True)
if sys.argv[2] == "recorded":
    fitprint.autolog()
import keras
import numpy as np

def train():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(X, y, epochs=2, batch_size=16, verbose=0)
    return model

X = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
y = X.sum(axis=1)
{spread}
print([weight.tolist() for weight in model.get_weights()])
if sys.argv[2] == "recorded":
    (run,) = fitprint.search_runs()
    assert ("FINISHED", None) == (run.status, run.capture.get("failed")), run.capture
    assert [0, 1] == list(run.history("loss").epoch)
    told = run.record.documents["devices"]
    assert {expected}, told
    predictor = fitprint.load_predictor(f"runs:/{{run.id}}/model")
    assert np.allclose(predictor.predict(X), np.asarray(model(X)), atol=1e-6)  # in a strategy, the first Keras 3 predicts sums
"""  # noqa: E501
_TENSORFLOW = """
import tensorflow as tf
processors = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(processors[0], [tf.config.LogicalDeviceConfiguration()] * 2)
with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
    model = train()
"""  # noqa: E501
_JAX = """
keras.distribution.set_distribution(keras.distribution.DataParallel(devices=keras.distribution.list_devices()))
model = train()
"""


def weights_of(tmp_path, how, spread, expected):
    program = _PROGRAM.format(spread=spread, expected=expected)
    environment = os.environ | {
        "XLA_FLAGS": "--xla_force_host_platform_device_count=4",
        "CUDA_VISIBLE_DEVICES": "",
    }
    command = [sys.executable, "-c", program, str(tmp_path), how]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="of the TensorFlow backend")
def test_a_mirrored_strategy_is_one_run(tmp_path):
    """With two replicas, and the weights that it has unobserved."""
    expected = (
        'told["strategy"] == "MirroredStrategy" and told["replicas"] == 2 and '
        'len(told["devices"]) == 2'
    )
    bare, recorded = (
        weights_of(tmp_path, how, _TENSORFLOW, expected) for how in ("bare", "recorded")
    )
    assert bare == recorded


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="of the JAX backend")
def test_a_distribution_over_devices_is_one_run(tmp_path):
    """Over four devices, with the weights that it has unobserved."""
    expected = 'told["distribution"] == "DataParallel" and len(told["devices"]) == 4'
    bare, recorded = (weights_of(tmp_path, how, _JAX, expected) for how in ("bare", "recorded"))
    assert bare == recorded

"""What is done beside ``fit``: evaluations, batches by hand, loops, summaries, wrappers and
searches.
"""

from __future__ import annotations

import keras
import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin

import fitprint


class Network(ClassifierMixin, BaseEstimator):
    """A wrapper as users write them."""

    def __init__(self, units: int = 2, epochs: int = 2) -> None:
        self.units = units
        self.epochs = epochs

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.model_ = keras.Sequential(
            [
                keras.Input((X.shape[1],)),
                keras.layers.Dense(self.units),
                keras.layers.Dense(1, "sigmoid"),
            ]
        )
        self.model_.compile("adam", "binary_crossentropy")
        self.model_.fit(X, y, epochs=self.epochs, verbose=0)
        return self

    def predict(self, X):
        return (self.model_.predict(X, verbose=0)[:, 0] > 0.5).astype("float32")


def test_evaluation_joins_the_run_of_the_model(tracked, data, make):
    """It makes no run, returns what it ever did, and a second one is a second point."""
    X, y = data
    model = make()
    model.fit(X[:32], y[:32], verbose=0)
    first = model.evaluate(X[32:64], y[32:64], verbose=0)
    second = model.evaluate(X[64:96], y[64:96], 8, 0, return_dict=True)
    run = tracked.one()
    assert list(run.history("test_loss").value) == [first[0], second["loss"]]
    assert run.record.documents["evaluation"]["metrics"]["test_accuracy"] == second["accuracy"]


def test_evaluation_of_an_unknown_model_is_none_of_ours(tracked, data, make):
    """A model that was never trained here has no run."""
    make().evaluate(data[0][:32], data[1][:32], verbose=0)
    assert len(tracked) == 0


def test_score_of_predictions_joins_the_run(tracked, data, make):
    """Predictions belong to the model's run, whoever judges them."""
    from sklearn.metrics import roc_auc_score

    model = make()
    model.fit(data[0][:32], data[1][:32], verbose=0)
    score = roc_auc_score(data[1], model.predict(data[0], verbose=0))
    assert tracked.one().metrics["roc_auc_score"] == score


def test_batches_in_a_loop_belong_to_its_run(tracked, data, make):
    """``train_on_batch`` takes the loop's steps, and two models keep apart."""
    first, second = make(), make()
    losses = []
    for _ in fitprint.loop(range(3)):
        losses.append(first.train_on_batch(data[0][:8], data[1][:8])[0])
        second.train_on_batch(data[0][:8], data[1][:8])
    run = tracked.one()
    assert (list(run.history("loss").value), list(run.history("loss").step)) == (losses, [0, 1, 2])
    assert len(run.history("network_accuracy").value) == 3
    assert (run.status, run.params["optimizer"]) == ("FINISHED", "Adam")


def test_batches_without_a_run_are_one_run_of_the_model(tracked, data, make):
    """All calls with one model are one run, which ends when the model is gone."""
    model = make()
    losses = [
        model.train_on_batch(data[0][:8], data[1][:8], return_dict=True)["loss"] for _ in range(3)
    ]
    model.fit(data[0][:8], data[1][:8], verbose=0)
    first, second = tracked.roots()
    assert (list(first.history("loss").value), first.status, second.status) == (
        losses,
        "FINISHED",
        "FINISHED",
    )


def test_gradient_tape_in_a_loop(tracked, data, make):
    """A loop by hand records what its body logs."""
    tf = pytest.importorskip("tensorflow")
    weights = tf.Variable(tf.zeros((30, 1)))
    for _ in fitprint.loop(range(2), name="epoch"):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((data[0] @ weights - data[1][:, None]) ** 2)
        weights.assign_sub(0.01 * tape.gradient(loss, weights))
        fitprint.log_metric("loss", loss)
    assert list(tracked.one().history("loss").step) == [0, 1]


def test_summaries_are_recorded_with_their_steps(tracked, tmp_path):
    """Also where the step is set once for all; in a graph they are written as ever."""
    pytest.importorskip("tensorboard")
    tf = pytest.importorskip("tensorflow")

    @tf.function
    def traced(value):
        tf.summary.scalar("traced", value, step=1)
        return value

    with fitprint.start_run(), tf.summary.create_file_writer(str(tmp_path)).as_default():
        tf.summary.scalar("a", 0.5, step=7)
        tf.summary.experimental.set_step(8)
        tf.summary.scalar("a", tf.constant(0.25))
        assert float(traced(tf.constant(2.0))) == 2.0
        with tf.summary.record_if(False):
            tf.summary.scalar("hidden", 1.0, step=0)
    run = tracked.one()
    assert (list(run.history("a").step), list(run.history("a").value)) == ([7, 8], [0.5, 0.25])
    assert run.metrics.keys() == {"a"}


def test_wrapper_and_keras_are_one_run(tracked, data):
    """The epochs of the network inside join the estimator's run."""
    Network(epochs=3).fit(*data)
    run = tracked.one()
    assert (run.params["units"], len(run.history("loss").value), run.params["batch_size"]) == (
        2,
        3,
        32,
    )


def test_search_over_a_wrapper_is_one_parent_with_its_candidates(tracked, data):
    """The trainings inside a search make no runs of their own."""
    from sklearn.model_selection import GridSearchCV

    GridSearchCV(Network(epochs=1), {"units": [1, 2]}, cv=2).fit(data[0][:64], data[1][:64])
    assert (tracked.one().kind, len(tracked.one().children()), len(tracked)) == ("search", 2, 3)


def test_model_that_a_callback_trains_joins_the_run_under_its_own_keys(tracked, data, make):
    """It neither ends the run around nor mixes with its curves."""
    inner = make()

    class Nested(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            inner.fit(data[0][:8], data[1][:8], epochs=3, verbose=0)

    make().fit(data[0][:32], data[1][:32], epochs=2, callbacks=[Nested()], verbose=0)
    run = tracked.one()
    assert (
        len(run.history("loss").value),
        len(run.history("part2_loss").value),
        run.params["epochs"],
    ) == (2, 3, 2)


def test_tensorflow_names_are_the_same_classes(tracked, data):
    """``tf.keras`` trains through the same method, also if it was imported first."""
    tf = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("of the TensorFlow backend")
    model = tf.keras.Sequential([tf.keras.Input((30,)), tf.keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(*data, verbose=0)
    assert tracked.one().record.tags["estimator_name"] == "Sequential"

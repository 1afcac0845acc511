"""Data in every form that Keras takes, none of which is looked at twice."""

from __future__ import annotations

import keras
import numpy as np
import pytest

TENSORFLOW = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="of the TensorFlow backend"
)


def test_generator_is_consumed_by_keras_alone(tracked, data, make):
    """It is asked for each batch once, and the batches that came are counted."""
    asked: list[int] = []

    def batches():
        for number in range(4):
            asked.append(number)
            yield data[0][:8], data[1][:8]

    make().fit(batches(), verbose=0)
    params = tracked.one().params
    assert (asked, params["steps_per_epoch"], params["batch_size"]) == ([0, 1, 2, 3], 4, None)


def test_dataset_of_batches_is_told_by_its_specification(tracked, data, make):
    """Nothing is run to learn it."""
    tf = pytest.importorskip("tensorflow")
    dataset = tf.data.Dataset.from_tensor_slices((data[0][:32], data[1][:32])).batch(
        8, drop_remainder=True
    )
    make().fit(dataset, epochs=2, verbose=0)
    params = tracked.one().params
    assert (params["batch_size"], params["steps_per_epoch"]) == (8, 4)


def test_py_dataset_is_recorded(tracked, data, make):
    """Its length is the number of steps."""

    class Batches(keras.utils.PyDataset):
        def __len__(self) -> int:
            return 2

        def __getitem__(self, index):
            return data[0][:8], data[1][:8]

    make().fit(Batches(), verbose=0)
    assert (tracked.one().params["steps_per_epoch"], tracked.one().status) == (2, "FINISHED")


def test_torch_loader_is_recorded(tracked, data, make):
    """Its batch size is the loader's."""
    torch = pytest.importorskip("torch")
    tensors = torch.utils.data.TensorDataset(
        torch.from_numpy(data[0][:32]), torch.from_numpy(data[1][:32, None])
    )
    make().fit(torch.utils.data.DataLoader(tensors, batch_size=16), verbose=0)
    assert (tracked.one().params["batch_size"], tracked.one().params["steps_per_epoch"]) == (16, 2)


def test_several_inputs_and_outputs_have_a_signature_by_name(runs, data):
    """Names are those of the dict that the model takes and gives."""
    import fitprint

    fitprint.autolog()
    a, b = keras.Input((30,), name="a"), keras.Input((2,), name="b")
    both = keras.layers.Concatenate()([a, b])
    outputs = {
        "left": keras.layers.Dense(1, name="left")(both),
        "right": keras.layers.Dense(1, name="right")(both),
    }
    model = keras.Model({"a": a, "b": b}, outputs)
    model.compile("sgd", {"left": "mse", "right": "mae"})
    X = {"a": data[0][:32], "b": data[0][:32, :2]}
    model.fit(X, {"left": data[1][:32], "right": data[1][:32]}, verbose=0)
    run = runs.one()
    assert run.params["loss"] == {"left": "mse", "right": "mae"}
    signature = run.models[0].facts["signature"]
    assert [field["name"] for field in signature["inputs"]["fields"]] == ["a", "b"]
    assert [field["name"] for field in signature["outputs"]["fields"]] == ["left", "right"]
    loaded = fitprint.load_predictor(f"runs:/{run.id}/model").predict(X)
    expected = model.predict(X, verbose=0)
    assert {key: value.tolist() for key, value in loaded.items()} == {
        key: value.tolist() for key, value in expected.items()
    }


@TENSORFLOW
def test_train_step_of_the_users_is_recorded(tracked, data):
    """What it returns are the metrics."""
    import tensorflow as tf

    class Mine(keras.Model):
        def train_step(self, batch):
            x, y = batch
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean((self(x, training=True)[:, 0] - y) ** 2)
            self.optimizer.apply(
                tape.gradient(loss, self.trainable_variables), self.trainable_variables
            )
            return {"mine": loss}

    inputs = keras.Input((30,))
    model = Mine(inputs, keras.layers.Dense(1)(inputs))
    model.compile("sgd")
    history = model.fit(data[0][:32], data[1][:32], epochs=2, verbose=0).history
    run = tracked.one()
    # Keras before 3.1 tells none
    assert {key: list(run.history(key).value) for key in history} == history
    assert len(run.history("learning_rate").value) == 2


@TENSORFLOW
def test_model_without_inputs_of_its_own_takes_what_the_pipeline_yields(runs, data):
    """A subclass does not say what it takes; the pipeline does, without being run."""
    import tensorflow as tf

    import fitprint

    class Mine(keras.Model):
        def __init__(self):
            super().__init__()
            self.out = keras.layers.Dense(1)

        def call(self, inputs):
            return self.out(inputs)

        def get_config(self):
            return {}

    fitprint.autolog()
    model = Mine()
    model.compile("sgd", "mse")
    model.fit(tf.data.Dataset.from_tensor_slices((data[0][:32], data[1][:32])).batch(8), verbose=0)
    (field,) = runs.one().models[0].facts["signature"]["inputs"]["fields"]
    assert (field["type"], field["shape"]) == ("float32", [-1, 30])


@TENSORFLOW
def test_strategy_is_one_run_that_names_it(tracked, data, make):
    """Replicas train one model."""
    import tensorflow as tf

    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        model = make()
    model.fit(data[0][:32], data[1][:32], verbose=0)
    assert tracked.one().record.documents["devices"]["strategy"] == "MirroredStrategy"


def test_class_weights_and_seed_are_recorded(tracked, data, make):
    """Class weights by the text of the class, the seed as a number."""
    make().fit(data[0][:32], data[1][:32], class_weight={0: 1.0, 1: 2.0}, verbose=0)
    params = tracked.one().params
    assert (params["class_weight"], params["random_seed"]) == ({"0": 1.0, "1": 2.0}, 3)


def test_integer_tokens_keep_their_type(runs):
    """A model of tokens takes integers."""
    import fitprint

    fitprint.autolog()
    model = keras.Sequential(
        [
            keras.Input((4,), dtype="int32"),
            keras.layers.Embedding(10, 2),
            keras.layers.Flatten(),
            keras.layers.Dense(1),
        ]
    )
    model.compile("sgd", "mse")
    model.fit(np.ones((8, 4), "int32"), np.ones(8), verbose=0)
    assert runs.one().models[0].facts["signature"]["inputs"]["fields"][0]["type"] == "int32"

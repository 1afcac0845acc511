"""What the plugin is held against: calls that train, and models that are saved."""

from __future__ import annotations

from typing import Any

from fitprint.testing import Case, FlavorConformance, FrameworkConformance, ModelCase
from fitprint_tensorflow.flavor import KerasFlavor
from fitprint_tensorflow.framework import KerasFramework

__all__ = ["KerasConformance", "KerasFlavorConformance"]

_EPOCHS = 2


def _arrays() -> tuple[Any, Any]:
    import numpy as np

    draw = np.random.RandomState(0)
    features = draw.normal(size=(60, 4)).astype("float32")
    return features, (features[:, 0] + features[:, 1] > 0).astype("float32")


def _model() -> Any:
    import keras

    keras.utils.set_random_seed(7)
    layers = [
        keras.Input((4,)),
        keras.layers.Dense(3, "relu", name="hidden"),
        keras.layers.Dense(1, "sigmoid", name="out"),
    ]
    model = keras.Sequential(layers, name="network")
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def build_training() -> dict[str, Any]:
    features, target = _arrays()
    return {"model": _model(), "x": features, "y": target, "callbacks": None}


def build_training_with_callbacks() -> dict[str, Any]:
    from keras.callbacks import EarlyStopping, LearningRateScheduler

    callbacks = [
        LearningRateScheduler(halved),
        EarlyStopping("loss", patience=5, restore_best_weights=True),
    ]
    return build_training() | {"callbacks": callbacks}


def halved(epoch: int, rate: float) -> float:
    return rate * 0.5 if epoch else rate


def train(model: Any, x: Any, y: Any, callbacks: Any) -> Any:
    model.fit(x, y, 20, _EPOCHS, 0, callbacks, validation_data=(x, y))
    for callback in callbacks or ():
        # Keras leaves the model with them, and saving a model gives other bytes each time
        callback.set_model(None)
    return model


def predict(model: Any) -> Any:
    return model.predict(_arrays()[0], verbose=0)


_METRICS = dict.fromkeys(("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"), _EPOCHS)


class KerasConformance(FrameworkConformance):
    """``Model.fit``, alone and among callbacks."""

    framework = KerasFramework()
    cases = (
        Case(
            "callbacks",
            build_training_with_callbacks,
            train,
            predict,
            params={"batch_size", "epochs", "optimizer", "loss", "callbacks"},
            metrics=_METRICS
            | {"best_iteration": 1, "best_score": 1, "stopped_iteration": 1, "restored_epoch": 1},
        ),
    )


def _trained() -> Any:
    return train(**build_training())


def _table() -> Any:
    import pandas as pd

    return pd.DataFrame(_arrays()[0])


def _functional() -> Any:
    import keras

    keras.utils.set_random_seed(7)
    left, right = keras.Input((4,), name="left"), keras.Input((4,), name="right")
    joined = keras.layers.Concatenate(name="joined")(
        [keras.layers.Dense(3, name="dense")(left), right]
    )
    return keras.Model(
        {"left": left, "right": right}, keras.layers.Dense(2, name="out")(joined), name="two"
    )


def predict_two(model: Any) -> Any:
    return model.predict({"left": _arrays()[0], "right": _arrays()[0]}, verbose=0)


class KerasFlavorConformance(FlavorConformance):
    """Sequential and functional models in Keras' own format."""

    flavor = KerasFlavor()
    cases = (
        ModelCase("sequential", _trained, predict, table=_table),
        ModelCase("functional", _functional, predict_two),
    )

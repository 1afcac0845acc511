"""The Keras and TensorFlow plugin of fitprint: every ``Model.fit`` is recorded, epoch by epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fitprint.hooks.markers import hookimpl
from fitprint.settings import Setting


@hookimpl
def register_frameworks() -> Sequence[Any]:
    from fitprint_tensorflow.framework import KerasFramework, SummaryFramework

    return [KerasFramework(), SummaryFramework()]


@hookimpl
def register_flavors() -> Sequence[Any]:
    from fitprint_tensorflow.flavor import KerasFlavor
    from fitprint_tensorflow.savedmodel import TensorFlowFlavor

    return [KerasFlavor(), TensorFlowFlavor()]


@hookimpl
def register_settings() -> Sequence[Setting]:
    return [
        Setting(
            "keras.batch_metrics",
            int,
            0,
            "Most points of each batch metric that are recorded in an epoch; none by default.",
            least=0,
        )
    ]

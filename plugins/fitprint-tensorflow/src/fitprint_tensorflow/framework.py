"""Keras' targets: which calls train, and which add to a model's run later; and TensorFlow's
summaries.
"""

from __future__ import annotations

from collections.abc import Sequence

from fitprint.autologging.framework import Framework, Function, Method, Target

__all__ = ["KerasFramework", "SummaryFramework"]

# which inherits its methods from the trainer of the backend
_MODEL = "keras.src.models.model:Model"


class KerasFramework(Framework):
    """Keras 3 on any backend, and ``tf.keras``, which is the same."""

    name = "keras"
    distribution = "keras"
    within = ("sklearn",)

    def targets(self) -> Sequence[Target]:
        return [
            Method(
                f"{_MODEL}.fit",
                "fitprint_tensorflow.training:observe_fit",
                nested="fitprint_tensorflow.training:observe_nested_fit",
            ),
            Method(
                f"{_MODEL}.train_on_batch",
                "fitprint_tensorflow.batches:observe_batch",
                role="sequence",
            ),
            Method(
                f"{_MODEL}.evaluate",
                "fitprint_tensorflow.evaluation:observe_evaluation",
                role="note",
            ),
            Method(
                f"{_MODEL}.predict",
                "fitprint_tensorflow.evaluation:observe_prediction",
                role="note",
            ),
        ]


class SummaryFramework(Framework):
    """Scalars that are written through ``tf.summary``, which is a part of TensorBoard."""

    name = "tensorboard"
    distribution = "tensorboard"

    def targets(self) -> Sequence[Target]:
        path = "tensorboard.plugins.scalar.summary_v2:scalar"
        return [
            Function(
                path,
                "fitprint_tensorflow.scalars:observe_scalar",
                role="note",
                nested="fitprint_tensorflow.scalars:observe_scalar",
            )
        ]

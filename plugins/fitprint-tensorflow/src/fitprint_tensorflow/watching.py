"""Seeing a training while it runs: two callbacks of ours around the user's, which write down each
epoch as it ends.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping
from typing import Any, Literal

from fitprint.autologging.fit import Fit
from fitprint.autologging.rounds import Rounds
from fitprint_tensorflow.checkpoints import Checkpoints
from fitprint_tensorflow.compilation import learning_rate
from fitprint_tensorflow.structure import describe_model

__all__ = ["Watch", "callback_types", "flat", "goal_of", "with_ours"]

_HIGHER = (
    "acc",
    "accuracy",
    "auc",
    "precision",
    "recall",
    "f1",
    "f1_score",
    "fbeta_score",
    "iou",
    "r2_score",
    "cosine_similarity",
    "dice",
)
_LOWER = (
    "loss",
    "error",
    "mse",
    "mae",
    "mape",
    "msle",
    "crossentropy",
    "divergence",
    "poisson",
    "hinge",
    "logcosh",
    "perplexity",
)


class Watch:
    """What is seen of one training. Nothing here raises, and no model is kept.

    Args:
        fit: the call.
        batch_points: most points of each batch metric in an epoch; 0 for none.
        checkpoints: the files that the user's callbacks write.
        describes: record the model, too.

    Attributes:
        checkpoints: the same.
        rounds: where the metrics go.
        last: the last epoch that ended, from 0; -1 before.
        epochs: number of epochs that ended.
    """

    def __init__(
        self, fit: Fit, *, batch_points: int, checkpoints: Checkpoints, describes: bool = True
    ) -> None:
        self._fit = fit
        self.checkpoints = checkpoints
        self.rounds = Rounds(fit, goal_of)
        self.last = -1
        self.epochs = 0
        self._recorded: set[str] = set()  # keys of the epoch that is ending
        self._rate: float | None = None
        self._is_described = not describes
        self._steps: int | None = None  # per epoch
        self._batch = -1  # the last that began in this epoch
        self._steps_before = 0  # in the epochs before
        self._epoch = 0
        self._points = batch_points
        self._stride = 1
        self._kept = 0  # batches of this epoch that were recorded

    def begin(self, model: Any, params: Mapping[str, Any] | None) -> None:
        """Note what Keras made of the arguments, and the model,
        which is built by now if it can be.
        """
        with self._fit.ours("the beginning"):
            params = params or {}
            self._steps = params.get("steps")
            resolved: dict[str, Any] = {}
            if self._steps is not None and not self._fit.argument("steps_per_epoch"):
                resolved["steps_per_epoch"] = self._steps
            epochs = params.get("epochs")
            if epochs is not None and epochs != self._fit.argument("epochs"):
                resolved["epochs"] = epochs
            if resolved:
                self._fit.params(resolved, resolved=True)
            if model.built:
                self.describe(model)

    def describe(self, model: Any) -> None:
        """Record the model, once."""
        if not self._is_described and model is not None:
            self._is_described = True
            describe_model(self._fit, model)

    def begin_epoch(self, model: Any, epoch: int) -> None:
        """Note the learning rate that the epoch begins with,
        after the user's callbacks had a say.
        """
        self._epoch, self._batch, self._kept = epoch, -1, 0
        with self._fit.ours("learning rate"):
            self._rate = learning_rate(self._fit, model)

    def end_batch(self, batch: int, logs: Mapping[str, float] | None) -> None:
        """Count the batch, and record the metrics so far in this epoch if that is wanted and it is
        this batch's turn.
        """
        if batch <= self._batch:
            return
        self._batch = batch
        points = self._points
        if not points:
            return
        if self._steps is not None:
            stride = -(-self._steps // points)
        else:
            stride = self._stride
            if self._kept >= points:
                self._stride, self._kept = stride * 2, 0
        if (batch + 1) % stride and batch + 1 != self._steps:
            return
        self._kept += 1
        step = self._steps_before + batch
        self._fit.metrics(
            {f"batch_{key}": value for key, value in (logs or {}).items()},
            step=step,
            epoch=self._epoch,
        )

    def end_epoch(self, model: Any, epoch: int, logs: Mapping[str, Any] | None) -> None:
        """Record what Keras found in the epoch, before the user's callbacks."""
        values = {key: value for key, value in (logs or {}).items() if _is_number(value)}
        if self._rate is not None:
            values.setdefault("learning_rate", self._rate)
        self.rounds.record(epoch, values, epoch=epoch)
        self._recorded = set(values)
        self.last, self.epochs = epoch, self.epochs + 1
        self._steps_before += self._batch + 1
        if not self._is_described or (self._steps is None and self._batch >= 0):
            with self._fit.ours("the first epoch"):
                self.describe(model)
                if self._steps is None:
                    self._steps = self._batch + 1
                    self._fit.params({"steps_per_epoch": self._steps}, resolved=True)

    def add_to_epoch(self, epoch: int, logs: Mapping[str, Any] | None) -> None:
        """Record what the user's callbacks added to the logs, and the files that they wrote."""
        added = {
            key: value
            for key, value in (logs or {}).items()
            if key not in self._recorded and _is_number(value)
        }
        if added:
            self.rounds.record(epoch, added, epoch=epoch)
        if self.checkpoints:
            with self._fit.ours("checkpoints"):
                self.checkpoints.look(self._fit, epoch, logs or {})


def with_ours(theirs: Any, opening: Any, closing: Any, model: Any) -> Any:
    """Return what to give Keras as ``callbacks``: the user's, in their order, between ours.

    What the user gave is left alone.

    The form is kept, for Keras decides by it whether callbacks run in other threads.
    """
    if not theirs:
        return [opening, closing]
    if isinstance(theirs, (list, tuple)):
        return [opening, *theirs, closing]
    container = sys.modules["keras"].callbacks.CallbackList
    # its methods are those of a callback; Keras tells it neither model nor parameters any more
    if isinstance(theirs, container):
        for ours in (opening, closing):
            ours.set_model(model)
            ours.set_params(getattr(theirs, "params", None))
        return container([opening, theirs, closing])
    return {"1": opening, "2": theirs, "3": closing}


def flat(callbacks: Any) -> list[Any]:
    """Return the user's callbacks one by one."""
    if not callbacks:
        return []
    if isinstance(callbacks, Mapping):
        callbacks = list(callbacks.values())
    elif not isinstance(callbacks, (list, tuple)):
        inner = getattr(callbacks, "callbacks", None)
        if not isinstance(inner, list):
            return [callbacks]
        callbacks = inner
    return [callback for item in callbacks for callback in flat(item)]


@functools.lru_cache(maxsize=1)
def callback_types() -> tuple[type, type]:
    """Return the callbacks that stand before and after the user's."""
    from keras.callbacks import Callback

    class Opening(Callback):  # type: ignore[misc]  # Keras is not typed
        async_safe = True  # Keras need not wait for us

        def __init__(self, watch: Watch) -> None:
            super().__init__()
            self._watch = watch

        def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002 - Keras' signature
            self._watch.begin(self._model, self.params)

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self._watch.end_batch(batch, logs)

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self._watch.end_epoch(self._model, epoch, logs)

    class Closing(Callback):  # type: ignore[misc]  # Keras is not typed
        async_safe = True

        def __init__(self, watch: Watch) -> None:
            super().__init__()
            self._watch = watch

        # Keras' signature
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
            self._watch.begin_epoch(self._model, epoch)

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self._watch.add_to_epoch(epoch, logs)

    return Opening, Closing


def goal_of(key: str) -> Literal["min", "max"] | None:
    """Tell whether less or more of a metric is better; None where its name does not say."""
    name = key.removeprefix("batch_").removeprefix("test_").removeprefix("val_").lower()
    if name == "learning_rate":
        return None
    stem = name.rstrip("0123456789").rstrip("_")
    if stem.endswith(_LOWER):
        return "min"
    words = ("_" + stem).endswith
    return "max" if any(words("_" + word) for word in _HIGHER) or "accuracy" in stem else None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) or (
        getattr(value, "shape", None) == () and hasattr(value, "__float__")
    )

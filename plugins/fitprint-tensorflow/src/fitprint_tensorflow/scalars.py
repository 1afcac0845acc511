"""Scalars that the user's code writes for TensorBoard, through ``tf.summary.scalar``."""

from __future__ import annotations

import sys
from collections.abc import Generator
from typing import Any

from fitprint.autologging.fit import Fit
from fitprint.recording.context import current_run

__all__ = ["observe_scalar"]

_DEPTH = 12  # frames between a callback of Keras' and us


def observe_scalar(fit: Fit) -> Generator[None, Any, None]:
    """Record a scalar on the current run, with its step; nothing while a graph is traced, where it
    has no value.
    """
    run = fit.run if fit.outer is not None else current_run()
    if run is None or _is_by_keras():
        return
    written = yield
    fit.note_on(run)
    value, name = fit.argument("data"), fit.argument("name")
    if not _is_true(written) or not _is_known(value):
        return
    step = fit.argument("step")
    if step is None:
        step = sys.modules["tensorflow"].summary.experimental.get_step()
    run.log_metric(str(name), float(value), None if step is None else int(step))


def _is_true(written: Any) -> bool:
    """Tell whether something was written: there is a writer, and it is recording."""
    return bool(written.numpy()) if hasattr(written, "numpy") else written is True


def _is_known(value: Any) -> bool:
    """Tell whether a value is at hand: a tensor in a graph has none."""
    return (
        isinstance(value, (int, float))
        or hasattr(value, "numpy")
        or hasattr(value, "__array_interface__")
    )


def _is_by_keras() -> bool:
    """Tell whether Keras' own callback writes: what it writes is recorded already."""
    frame = sys._getframe(1)  # noqa: SLF001 - there is no other way to know
    for _ in range(_DEPTH):
        if frame.f_back is None:
            return False
        frame = frame.f_back
        if frame.f_globals.get("__name__", "").startswith("keras.src.callbacks.tensorboard"):
            return True
    return False

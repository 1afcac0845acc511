"""The user's callbacks, and how they ended a training."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterable, Mapping
from typing import Any

from fitprint.autologging.fit import Fit
from fitprint.models.flavor import class_name
from fitprint_tensorflow.compilation import tidy
from fitprint_tensorflow.watching import Watch

__all__ = ["record_callbacks", "record_stop"]

_STOPPING = (
    "monitor",
    "min_delta",
    "patience",
    "baseline",
    "restore_best_weights",
    "start_from_epoch",
)


def record_callbacks(fit: Fit, callbacks: Iterable[Any]) -> None:
    """Record the user's callbacks with their settings."""
    told = [
        {
            "class": type(callback).__name__,
            "module": type(callback).__module__,
            "config": _config(callback),
        }
        for callback in callbacks
    ]
    if not told:
        return
    fit.document("callbacks", told)
    fit.params({"callbacks": [entry["class"] for entry in told]})
    stopping = next((callback for callback in callbacks if _is_stopping(callback)), None)
    if stopping is not None:
        config = _config(stopping)
        fit.params({f"early_stopping_{name}": config[name] for name in _STOPPING if name in config})


def record_stop(fit: Fit, callbacks: Iterable[Any], watch: Watch) -> None:
    """Record how early stopping ended the training.

    Epochs have base 0, and no point is added to a curve.
    """
    facts = [_stop(callback, watch) for callback in callbacks if _is_stopping(callback)]
    if not facts:
        return
    fit.document("early_stopping", facts[0] if len(facts) == 1 else facts)
    first = facts[0]
    watch.rounds.stopped(
        best_iteration=first["best_epoch"],
        best_score=first["best_score"],
        stopped_iteration=first["last_epoch"],
        metric=first["monitor"],
    )
    for name in ("stopped_epoch", "restored_epoch"):
        if first[name] is not None:
            fit.metric(name, first[name])


def _stop(callback: Any, watch: Watch) -> dict[str, Any]:
    best, best_epoch = _number(callback.best), int(callback.best_epoch)
    is_known = best is not None and watch.epochs > 0 and best_epoch <= watch.last
    is_stopped = callback.stopped_epoch > 0 and callback.stopped_epoch == watch.last
    is_restored = callback.restore_best_weights and callback.best_weights is not None
    return {
        "base": 0,
        "monitor": callback.monitor,
        "best_epoch": best_epoch if is_known else None,
        "best_score": best if is_known else None,
        "last_epoch": watch.last if watch.epochs else None,
        "stopped_epoch": int(callback.stopped_epoch) if is_stopped else None,
        "restored_epoch": best_epoch if is_restored else None,
    }


def _number(value: Any) -> float | None:
    """Return a finite number; None of what is none, such as the array that a metric of the user's
    gave.
    """
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _is_stopping(callback: Any) -> bool:
    return any(
        base.__name__ == "EarlyStopping" and base.__module__.startswith("keras.")
        for base in type(callback).__mro__
    )


def _config(callback: Any) -> dict[str, Any]:
    """Return the settings of a callback: what its constructor takes and it keeps under the same
    name.
    """
    try:
        names = list(inspect.signature(type(callback).__init__).parameters)
    except (TypeError, ValueError):
        return {}
    state = vars(callback) if hasattr(callback, "__dict__") else {}
    config = {}
    for name in names[1:]:
        if name in state:
            told = _plain(state[name])
            config[name] = (
                abs(told) if name == "min_delta" and isinstance(told, (int, float)) else told
            )
    return config


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return tidy(value) if math.isfinite(value) else str(value)
    if isinstance(value, (list, tuple)) and len(value) <= 100:
        return [_plain(item) for item in value]
    if isinstance(value, Mapping) and len(value) <= 100:
        return {str(key): _plain(item) for key, item in value.items()}
    return getattr(value, "__qualname__", None) or class_name(value)

"""What a model was compiled with: optimizer, loss, metrics;
and the learning rate while it trains.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from fitprint.autologging.fit import Fit

__all__ = [
    "compile_params",
    "is_discrete",
    "learning_rate",
    "optimizer_params",
    "plain_name",
    "tidy",
]

_SETTINGS = ("loss_weights", "run_eagerly", "steps_per_execution", "jit_compile")


def compile_params(fit: Fit, model: Any) -> dict[str, Any]:
    """Return what the model was compiled with, by name, numbers as the user wrote them."""
    params: dict[str, Any] = {}
    config: Mapping[str, Any] = {}
    with fit.part("compile arguments", quiet=True):
        config = model.get_compile_config() or {}
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None:
        with fit.part("optimizer", quiet=True):
            params |= optimizer_params(optimizer)
    loss = config["loss"] if "loss" in config else getattr(model, "loss", None)
    if loss is not None:
        params["loss"] = plain_name(loss)
    for name in ("metrics", "weighted_metrics"):
        if config.get(name):
            params[name] = plain_name(config[name])
    params |= {name: plain_name(config[name]) for name in _SETTINGS if config.get(name) is not None}
    return params


def optimizer_params(optimizer: Any) -> dict[str, Any]:
    """Return the class of an optimizer as ``optimizer``, and each of its settings as
    ``optimizer_<name>``.
    """
    return {"optimizer": type(optimizer).__name__} | _flat("optimizer", optimizer.get_config())


def _flat(prefix: str, config: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in config.items():
        key = f"{prefix}_{name}"
        if isinstance(value, Mapping) and "class_name" in value:
            found[key] = value["class_name"]
            inner = value.get("config")
            if isinstance(inner, Mapping):
                found |= _flat(key, inner)
        else:
            found[key] = tidy(value)
    return found


def plain_name(subject: Any) -> Any:
    """Return the name of a loss or metric, given as a name, an object or Keras' description of one;
    structures keep their form.
    """
    if subject is None or isinstance(subject, (str, bool, int, float)):
        return tidy(subject)
    if isinstance(subject, Mapping):
        if "class_name" in subject:
            is_function = subject["class_name"] == "function" and isinstance(
                subject.get("config"), str
            )
            return subject["config"] if is_function else subject["class_name"]
        return {str(key): plain_name(value) for key, value in subject.items()}
    if isinstance(subject, (list, tuple)):
        return [plain_name(item) for item in subject]
    return getattr(subject, "__name__", type(subject).__name__)


def tidy(value: Any) -> Any:
    """Return numbers that went through single precision as they were written: 0.001 instead of
    0.0010000000474974513.
    """
    if isinstance(value, float):
        single = sys.modules["numpy"].float32(value)
        return float(str(single)) if float(single) == value else value
    if isinstance(value, Mapping):
        return {str(key): tidy(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [tidy(item) for item in value]
    return value


def is_discrete(model: Any) -> bool | None:
    """Tell by the loss whether the target consists of classes; None where it does not say."""
    loss = plain_name(getattr(model, "loss", None))
    if not isinstance(loss, str):
        return None
    name = loss.replace("_", "").lower()
    if name in {"binarycrossentropy", "sparsecategoricalcrossentropy", "binaryfocalcrossentropy"}:
        return True
    return (
        False
        if name in {"mse", "mae", "meansquarederror", "meanabsoluteerror", "huber", "logcosh"}
        else None
    )


def learning_rate(fit: Fit, model: Any) -> float | None:
    """Return the learning rate that the next step would take; None where it cannot be told without
    running code of the user's.
    """
    optimizer = getattr(model, "optimizer", None)
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    rate = getattr(optimizer, "_learning_rate", None)
    if rate is None:
        return None
    if callable(rate) and not hasattr(rate, "numpy"):
        if not type(rate).__module__.startswith("keras."):
            fit.skipped(
                "learning_rate",
                "the user's own code computes it, and is not called again",
            )
            return None
        rate = getattr(optimizer, "learning_rate", rate)
    try:
        value = float(getattr(rate, "value", rate))
    except TypeError:  # it is kept on several devices
        value = float(sys.modules["keras"].ops.convert_to_numpy(rate))
    return float(tidy(value))

"""What a model is: architecture, summary, parameter counts, and where it runs."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from fitprint.autologging.fit import Fit
from fitprint.models.flavor import class_name

__all__ = ["backend", "describe_model", "is_keras_class", "unregistered"]

_WIDTH = 100  # characters of a line of the summary


def describe_model(fit: Fit, model: Any) -> None:
    """Record a built model."""
    with fit.part("parameter counts", quiet=True):
        counts = {
            "total_params": _count(model.weights),
            "trainable_params": _count(model.trainable_weights),
            "non_trainable_params": _count(model.non_trainable_weights),
        }
        if hasattr(model, "layers"):
            counts["layers"] = len(model.layers)
        fit.params(counts, resolved=True)
    with fit.part("architecture", quiet=True):
        fit.data("architecture.json", architecture(fit, model))
    # any layer can be trained that derives from Keras' trainer, too
    if isinstance(model, sys.modules["keras"].Model):
        with fit.part("summary", quiet=True):
            fit.text("model_summary.txt", summary(model))
    with fit.part("devices", quiet=True):
        fit.document("devices", devices(model))


def architecture(fit: Fit, model: Any) -> Any:
    """Return the model's configuration as Keras tells it; of a model that has none, its layers."""
    keras: Any = sys.modules["keras"]
    for name in unregistered(model):
        remedy = (
            "decorate it with keras.saving.register_keras_serializable(), or load inside "
            "keras.saving.custom_object_scope()"
        )
        fit.skipped(f"registration of {name}", f"Keras does not know it by name: {remedy}")
    try:
        return _without_addresses(keras.saving.serialize_keras_object(model))
    except Exception as error:  # noqa: BLE001
        # a configuration is the user's own code, which may fail in any way
        fit.skipped(
            "configuration",
            f"Keras cannot tell it ({type(error).__name__}: {str(error).strip()[:300]}); the "
            "layers are listed",
        )
    return {
        "class_name": class_name(model),
        "name": model.name,
        "layers": [_layer(layer) for layer in getattr(model, "layers", ())],
    }


def unregistered(model: Any) -> list[str]:
    """Return the classes of the model and its layers that are not Keras' own, and that Keras cannot
    find by name.
    """
    keras: Any = sys.modules["keras"]
    found = set()
    for part in _parts(model, set()):
        cls = type(part)
        if (
            not is_keras_class(cls)
            and keras.saving.get_registered_object(keras.saving.get_registered_name(cls)) is None
        ):
            found.add(class_name(part))
    return sorted(found)


def is_keras_class(cls: type) -> bool:
    """Tell whether a class is Keras' own."""
    return cls.__module__.partition(".")[0] == "keras"


def summary(model: Any) -> str:
    """Return the summary that Keras prints."""
    lines: list[str] = []
    keras: Any = sys.modules["keras"]
    keras.Model.summary(model, line_length=_WIDTH, print_fn=lambda line, **_: lines.append(line))
    return "\n".join(lines)


def devices(model: Any) -> dict[str, Any]:
    """Return backend, precision, devices and the distribution over them."""
    keras: Any = sys.modules["keras"]
    backend = keras.backend.backend()
    found: dict[str, Any] = {
        "backend": backend,
        "dtype_policy": getattr(model.dtype_policy, "name", None),
    }
    if backend == "tensorflow":
        tensorflow: Any = sys.modules["tensorflow"]
        found["devices"] = [device.name for device in tensorflow.config.list_logical_devices()]
        strategy = model.distribute_strategy
        found["strategy"] = type(strategy).__name__
        found["replicas"] = int(strategy.num_replicas_in_sync)
    elif backend == "jax":
        found["devices"] = [str(device) for device in sys.modules["jax"].devices()]
    elif backend == "torch":
        found["devices"] = sorted({str(variable.value.device) for variable in model.weights})
    distribution = getattr(keras, "distribution", None)
    current = distribution.distribution() if distribution is not None else None
    if current is not None:
        found["distribution"] = type(current).__name__
    return found


def backend() -> dict[str, str]:
    """Return tags with Keras' backend and its version."""
    keras: Any = sys.modules["keras"]
    name = keras.backend.backend()
    module = sys.modules.get(name)
    return {"keras_backend": name} | (
        {f"{name}_version": str(module.__version__)}
        if module is not None and name != "numpy"
        else {}
    )


def _count(weights: Any) -> int:
    return sum(math.prod(weight.shape) for weight in weights)


def _layer(layer: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": layer.name,
        "class_name": class_name(layer),
        "trainable": layer.trainable,
    }
    if layer.built:
        found["weights"] = [list(weight.shape) for weight in layer.weights]
    inner = getattr(layer, "layers", None)
    if inner:
        found["layers"] = [_layer(item) for item in inner]
    return found


def _parts(model: Any, seen: set[int]) -> Iterator[Any]:
    if id(model) in seen:
        return
    seen.add(id(model))
    yield model
    layers: Any = getattr(model, "_layers", None) or getattr(model, "layers", None)
    for layer in layers or ():
        yield from _parts(layer, seen)


def _without_addresses(config: Any) -> Any:
    if isinstance(config, Mapping):
        return {
            key: _without_addresses(value)
            for key, value in config.items()
            if key != "shared_object_id"
        }
    return (
        [_without_addresses(item) for item in config]
        if isinstance(config, (list, tuple))
        else config
    )

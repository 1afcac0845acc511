"""The arguments of ``Model.fit``, and what Keras makes of those that were left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fitprint.autologging.fit import Fit
from fitprint_tensorflow.compilation import is_discrete

__all__ = ["batch_size_of", "record_arguments", "record_data"]

_PARAMS = (
    "batch_size", "epochs", "initial_epoch", "shuffle", "class_weight", "steps_per_epoch",
    "validation_split", "validation_steps", "validation_batch_size", "validation_freq",
)  # fmt: skip
_DEFAULT_BATCH = 32  # https://keras.io/api/models/model_training_apis/#fit-method


def record_arguments(fit: Fit, arguments: Mapping[str, Any]) -> None:
    """Record how long and on what portions of the data the call trains."""
    params = {name: arguments[name] for name in _PARAMS if name in arguments}
    params["batch_size"] = batch_size_of(arguments.get("x"), arguments.get("batch_size"))
    if isinstance(params.get("class_weight"), Mapping):
        params["class_weight"] = {
            str(key): float(value) for key, value in params["class_weight"].items()
        }
    fit.params(params, defaults=[name for name in params if not fit.given(name)])


def batch_size_of(data: Any, given: Any) -> Any:
    """Return the number of rows in a batch, None where only the data knows: it is never asked for a
    batch.
    """
    if given is not None:
        return given
    if hasattr(data, "element_spec"):
        return _leading(data.element_spec)
    if _is_a(data, "torch.utils.data", "DataLoader"):
        return data.batch_size
    return _DEFAULT_BATCH if _is_of_arrays(data) else None


def record_data(fit: Fit, arguments: Mapping[str, Any], model: Any) -> None:
    """Record facts on the data."""
    discrete = is_discrete(model)
    fit.dataset(arguments.get("x"), name="x")
    fit.dataset(arguments.get("y"), name="y", kind="target", discrete=discrete)
    fit.dataset(arguments.get("sample_weight"), name="sample_weight", kind="weights")
    validation = arguments.get("validation_data")
    if isinstance(validation, (list, tuple)) and 1 <= len(validation) <= 3:
        kinds: tuple[dict[str, Any], ...] = (
            {},
            {"kind": "target", "discrete": discrete},
            {"kind": "weights"},
        )
        for value, name, hints in zip(validation, ("x_val", "y_val", "sample_weight_val"), kinds):  # noqa: B905 - some may be left out
            fit.dataset(value, name=name, role="eval", **hints)
    else:
        fit.dataset(validation, name="validation_data", role="eval")


def _leading(specification: Any) -> int | None:
    """Return the first length of what a ``tf.data`` pipeline yields."""
    while isinstance(specification, (list, tuple, Mapping)) and specification:
        specification = (
            next(iter(specification.values()))
            if isinstance(specification, Mapping)
            else specification[0]
        )
    shape = getattr(specification, "shape", None)
    length = shape[0] if shape is not None and getattr(shape, "rank", None) else None
    return None if length is None else int(length)


def _is_of_arrays(data: Any) -> bool:
    if isinstance(data, Mapping):
        data = list(data.values())
    if isinstance(data, (list, tuple)):
        return bool(data) and all(_is_of_arrays(item) for item in data)
    return hasattr(data, "shape") and (hasattr(data, "dtype") or hasattr(data, "dtypes"))


def _is_a(subject: Any, module: str, name: str) -> bool:
    return any(
        base.__name__ == name and base.__module__.startswith(module)
        for base in type(subject).__mro__
    )

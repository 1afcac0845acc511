"""The observer of ``lightgbm.train``, called by the user or inside another training."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from fitprint.autologging.fit import Fit
from fitprint.data.description import Description
from fitprint.data.schema import Field, Schema
from fitprint.models.signature import Signature
from fitprint_lightgbm.boosters import record_booster, rounds_of
from fitprint_lightgbm.data import is_dataset, raw_data, record_datasets
from fitprint_lightgbm.iterations import Iterations, with_ours
from fitprint_lightgbm.parameters import callbacks_of, record_params

__all__ = ["begin_rounds", "observe_nested_train", "observe_train", "schedules"]

# LightGBM's own callbacks that change no parameter.
_HARMLESS = {"_EarlyStoppingCallback", "_LogEvaluationCallback", "_RecordEvaluationCallback"}


def observe_train(fit: Fit) -> Generator[None, Any, None]:
    """Record one call of ``lightgbm.train``."""
    arguments = fit.arguments
    fit.subject = "lightgbm.train"
    train_set = arguments["train_set"]
    params = record_params(fit, arguments)
    fit.identify("lightgbm.basic.Booster")
    fit.continues(arguments.get("init_model"), rounds_of)
    raw = raw_data(train_set) if is_dataset(train_set) else None
    with fit.part("datasets", quiet=True):
        record_datasets(fit, arguments, params, raw)
    inputs, example = None, None
    if raw is not None and fit.setting("models"):
        with fit.part("signature", quiet=True):
            inputs = _schema(raw)
            example = raw.example if inputs is not None and fit.setting("input_examples") else None
    del raw  # LightGBM may free the data while it trains
    iterations = begin_rounds(fit, arguments)
    training = _name_of_training(arguments)
    booster = yield
    record_booster(fit, booster, iterations, training)
    if inputs is None and fit.setting("models"):
        with fit.part("signature", quiet=True):
            inputs = _schema_of_booster(booster)
        if inputs is None:
            fit.skipped(
                "signature",
                "the booster has categorical features, and does not say how they were given",
            )
    fit.model(
        booster,
        signature=None if inputs is None else Signature(inputs, _outputs(booster)),
        input_example=example,
    )


def observe_nested_train(fit: Fit) -> Generator[None, Any, None]:
    """Record the rounds of ``lightgbm.train`` inside another training, such as that of a
    scikit-learn wrapper, on its run.
    """
    arguments = fit.arguments
    fit.continues(arguments.get("init_model"), rounds_of)
    iterations = begin_rounds(fit, arguments)
    training = _name_of_training(arguments)
    booster = yield
    fit.link(booster)
    record_booster(fit, booster, iterations, training)


def begin_rounds(fit: Fit, arguments: Mapping[str, Any]) -> Iterations:
    """Put our callback beside the user's, in a list of its own."""
    may_change = any(
        type(callback).__name__ not in _HARMLESS for callback in callbacks_of(arguments)
    )
    iterations = Iterations(fit, schedules(arguments), is_watching=may_change)
    callbacks = with_ours(arguments.get("callbacks"), iterations)
    if callbacks is not None:
        fit.replace_argument("callbacks", callbacks)
    return iterations


def schedules(arguments: Mapping[str, Any]) -> list[str]:
    """Return the names of the parameters that LightGBM's own callback changes in each round."""
    found = (
        callback
        for callback in callbacks_of(arguments)
        if type(callback).__name__ == "_ResetParameterCallback"
    )
    return [name for callback in found for name in vars(callback).get("kwargs", ())]


def _name_of_training(arguments: Mapping[str, Any]) -> str | None:
    """Return the name under which the training data are evaluated; None if they are not."""
    train_set, valid_sets, names = (
        arguments.get(name) for name in ("train_set", "valid_sets", "valid_names")
    )
    if valid_sets is train_set:
        return (
            names
            if isinstance(names, str)
            else names[0]
            if isinstance(names, (list, tuple)) and names
            else "training"
        )
    if not isinstance(valid_sets, (list, tuple)):
        return None
    position = next(
        (position for position, data in enumerate(valid_sets) if data is train_set), None
    )
    if position is None:
        return None
    if isinstance(names, str):
        names = [names]
    return (
        str(names[position])
        if isinstance(names, (list, tuple)) and position < len(names)
        else "training"
    )


def _schema(raw: Description) -> Schema | None:
    """Return what predictions will be asked for: the schema of the training data; None where they
    are no table or matrix.
    """
    return raw.schema if len(getattr(raw.data, "shape", ())) == 2 else None


def _schema_of_booster(booster: Any) -> Schema | None:
    """Return what a booster says of its features, where the data are freed, or of another kind;
    None if some are categories.
    """
    if booster.pandas_categorical:
        return None
    names = booster.feature_name()
    if names == [f"Column_{position}" for position in range(len(names))]:
        return Schema("array", (Field(None, "float64", (-1, len(names)), nullable=True),))
    return Schema("table", tuple(Field(name, "float64", nullable=True) for name in names))


def _outputs(booster: Any) -> Schema:
    trees = booster.num_model_per_iteration()
    return Schema(
        "array", (Field(None, "float64", (-1,) if trees == 1 else (-1, trees), nullable=True),)
    )

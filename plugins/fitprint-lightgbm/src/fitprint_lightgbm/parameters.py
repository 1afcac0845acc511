"""Parameters of a training: as the user gave them, under LightGBM's own names, and as the booster
resolved them.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from fitprint.autologging.fit import Fit
from fitprint.data.values import number_or_text

__all__ = [
    "RATES",
    "callbacks_of",
    "called",
    "canonical",
    "described",
    "record_params",
    "resolved_params",
    "under_own_names",
    "written",
]

RATES = ("learning_rate", "eta", "shrinkage_rate")

# Where LightGBM does not tell its aliases: those of what is recorded under a name of its own.
_ALIASES = {
    "early_stopping_round": ("early_stopping_rounds", "early_stopping", "n_iter_no_change"),
    "learning_rate": ("shrinkage_rate", "eta"),
    "num_iterations": (
        *(
            "num_iteration",
            "n_iter",
            "num_tree",
            "num_trees",
            "num_round",
            "num_rounds",
            "nrounds",
            "num_boost_round",
            "n_estimators",
        ),
        "max_iter",
    ),
    "objective": ("objective_type", "app", "application", "loss"),
}
# Arguments of `train` and `cv` that are no parameters, or are recorded elsewhere.
_ELSEWHERE = {
    "params",
    "train_set",
    "valid_sets",
    "callbacks",
    "num_boost_round",
    "init_model",
    "feval",
    "folds",
}

_canonical: dict[str, str] = {}


def canonical() -> Mapping[str, str]:
    """Return LightGBM's own name of a parameter by each of its aliases."""
    if not _canonical:
        try:
            # LightGBM has no public list of aliases
            known = sys.modules["lightgbm.basic"]._ConfigAliases  # noqa: SLF001
            known.get("num_iterations")
            table = dict(known.aliases)
        except (AttributeError, KeyError, TypeError):
            table = _ALIASES
        _canonical.update(
            {alias: name for name, aliases in table.items() for alias in aliases if alias != name}
        )
    return _canonical


def under_own_names(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that were given under an alias, under LightGBM's own name; that name
    itself prevails over its aliases.
    """
    names = canonical()
    order = {alias: position for position, alias in enumerate(names)}
    found: dict[str, Any] = {}
    for alias in sorted((name for name in params if name in names), key=order.__getitem__):
        name = names[alias]
        if name not in params:
            found.setdefault(name, params[alias])
    return found


def record_params(fit: Fit, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Record the parameters of ``train`` or ``cv``, and return the user's under LightGBM's own
    names.

    What is in ``params`` is recorded as the user called it and, if that is an alias, as resolved
    under LightGBM's own name, too; ``num_boost_round`` is the number that is in force, wherever it
    was given.
    """
    params = arguments.get("params")
    given: dict[str, Any] = dict(params) if isinstance(params, Mapping) else {}
    resolved = under_own_names(given)
    rounds = resolved.get("num_iterations", given.get("num_iterations"))
    options = {
        name: value
        for name, value in arguments.items()
        if name not in _ELSEWHERE and name not in given
    }
    fit.params({str(name): written(value) for name, value in given.items()})
    fit.params(
        {name: written(value) for name, value in options.items()},
        defaults=[name for name in options if not fit.given(name)],
    )
    if rounds is None:
        default = [] if fit.given("num_boost_round") else ["num_boost_round"]
        fit.params({"num_boost_round": arguments.get("num_boost_round")}, defaults=default)
    else:
        resolved["num_boost_round"] = rounds
    if arguments.get("feval") is not None:
        fit.params({"feval": written(arguments["feval"])})
    for callback in callbacks_of(arguments):
        resolved.update(_stopping(callback))
    if resolved:
        fit.params({name: written(value) for name, value in resolved.items()}, resolved=True)
    callbacks = [described(callback) for callback in callbacks_of(arguments)]
    if callbacks:
        fit.params({"callbacks": callbacks})
    return {**given, **resolved}


def callbacks_of(arguments: Mapping[str, Any]) -> list[Any]:
    """Return the user's callbacks; none where they are in no collection, which LightGBM will refuse
    itself.
    """
    callbacks = arguments.get("callbacks")
    return list(callbacks) if isinstance(callbacks, (list, tuple, set, frozenset)) else []


def _stopping(callback: Any) -> dict[str, Any]:
    """Return the parameters that the callback of early stopping stands for."""
    if type(callback).__name__ != "_EarlyStoppingCallback":
        return {}
    names = {
        "stopping_rounds": "early_stopping_round",
        "first_metric_only": "first_metric_only",
        "min_delta": "early_stopping_min_delta",
    }
    return {
        name: vars(callback)[attribute]
        for attribute, name in names.items()
        if attribute in vars(callback)
    }


def described(callback: Any) -> str:
    """Return a callback as text: LightGBM's own as the call that makes it."""
    kind = type(callback)
    if kind.__module__ != "lightgbm.callback":
        return called(callback)
    name = "".join(
        f"_{letter.lower()}" if letter.isupper() else letter
        for letter in kind.__name__.strip("_").replace("Callback", "")
    )
    options = {**vars(callback), **vars(callback).get("kwargs", {})}
    shown = (
        "stopping_rounds",
        "first_metric_only",
        "min_delta",
        "period",
        *vars(callback).get("kwargs", ()),
    )
    return (
        f"{name.lstrip('_')}("
        f"{', '.join(f'{option}={written(options[option])}' for option in shown if option in options)}"  # noqa: E501
        ")"
    )


def called(function: Any) -> str:
    """Return the name of a function, of what a wrapper wraps,
    or of the class of a callable object.
    """
    for _ in range(8):
        name = getattr(function, "__qualname__", None)
        if isinstance(name, str):
            return name
        inner = getattr(function, "func", None)
        if inner is None:
            break
        function = inner
    return type(function).__qualname__


def written(value: Any) -> Any:
    """Return a parameter's value with functions as their names."""
    if callable(value):
        return called(value)
    if isinstance(value, (list, tuple)):
        return [written(item) for item in value]
    if isinstance(value, Mapping):
        return {key: written(item) for key, item in value.items()}
    return value


def resolved_params(booster: Any) -> dict[str, Any]:
    """Return all parameters of a booster as LightGBM resolved them, under its own names."""
    text = booster.model_to_string(num_iteration=1)
    _, _, text = text.partition("\nparameters:\n")
    text, _, _ = text.partition("\nend of parameters")
    lines = (line[1:-1].partition(": ") for line in text.splitlines() if line.startswith("["))
    return {name: number_or_text(value) for name, _, value in lines}

"""Parameters of a training: as the user gave them, and as CatBoost resolved them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fitprint.autologging.fit import Fit

__all__ = ["record_given", "record_model_params", "record_resolved", "written"]


def written(value: Any) -> Any:
    """Return a parameter that says the same in every process: objectives, metrics and callbacks of
    the user's by their name.
    """
    if isinstance(value, (list, tuple)):
        return [written(item) for item in value]
    if (
        value is None
        or isinstance(value, (bool, int, float, str))
        or hasattr(value, "dtype")
        or isinstance(value, Mapping)
    ):
        return value
    named = value if isinstance(value, type) or hasattr(value, "__qualname__") else type(value)
    return f"{named.__module__}.{named.__qualname__}"


def record_model_params(fit: Fit, model: Any) -> dict[str, Any]:
    """Record the parameters that a model was made with, and return them."""
    given: dict[str, Any] = model.get_params()
    fit.params({name: written(value) for name, value in given.items()})
    return given


def record_given(fit: Fit, arguments: Mapping[str, Any], data: Iterable[str]) -> None:
    """Record what else was given with a call as ``fit__name``;
    ``data`` names what is none of it.
    """
    others = {
        f"fit__{name}": written(value)
        for name, value in arguments.items()
        if name not in data and value is not None and fit.given(name)
    }
    if others:
        fit.params(others)


def record_resolved(
    fit: Fit, model: Any, given: Mapping[str, Any], suffix: str = ""
) -> Mapping[str, Any]:
    """Record all parameters as CatBoost resolved them, as a document, and those that the user did
    not set as params; return them.
    """
    resolved: dict[str, Any] = {}
    with fit.part(f"catboost_config{suffix}"):
        resolved = model.get_all_params()
        fit.document(f"catboost_config{suffix}", resolved)
    if fit.outer is None:
        plain = {
            name: value
            for name, value in resolved.items()
            if isinstance(value, (bool, int, float, str))
        }
        fit.params(
            {name: value for name, value in plain.items() if name not in given}, resolved=True
        )
    return resolved

"""Hyperparameters of estimators as recorded values, and which of them the user left at their
default.
"""

from __future__ import annotations

import inspect
import sys
import weakref
from collections.abc import Iterator, Mapping
from typing import Any

from fitprint.context.secrecy import withheld
from fitprint.data.values import param_value

__all__ = [
    "asked_params",
    "defaults_of",
    "is_estimator",
    "parameters",
    "plain",
    "text_of",
    "unwrapped",
]

_TEXT = 2000  # characters of an estimator written as text
_VALUE = 200  # characters of one value in it
_DEPTH = 8  # of estimators in estimators
_PARTS = 1000  # of one list that are looked at
_NOTHING = object()

_defaults: weakref.WeakKeyDictionary[type, dict[str, Any]] = weakref.WeakKeyDictionary()


def is_estimator(value: Any) -> bool:
    """Tell whether a value is an object with parameters: an estimator, transformer or the like, and
    no class.
    """
    return hasattr(value, "get_params") and not isinstance(value, type)


def asked_params(estimator: Any, *, deep: bool) -> dict[str, Any]:
    """Return what the estimator's `get_params` does, and put random generators back: XGBoost's
    estimators draw their seed there.

    Raises:
        Exception: whatever the estimator's own method raises.
    """
    states = [
        (generator, _state(generator))
        for generator in _generators(estimator, 0 if deep else _DEPTH)
    ]
    try:
        params: dict[str, Any] = estimator.get_params(deep=deep)
    finally:
        for generator, state in states:
            if hasattr(generator, "set_state"):
                generator.set_state(state)
            else:
                generator.bit_generator.state = state
    return params


def _state(generator: Any) -> Any:
    return (
        generator.get_state() if hasattr(generator, "get_state") else generator.bit_generator.state
    )


def _generators(subject: Any, depth: int) -> Iterator[Any]:
    """Yield numpy's random generators that are parameters of an estimator, or of one in it, if they
    are not of scikit-learn's own.
    """
    if isinstance(subject, (list, tuple)):
        for item in subject[:_PARTS]:
            if isinstance(item, (list, tuple)) or is_estimator(item):
                yield from _generators(item, depth + 1)
        return
    is_own = type(subject).__module__.startswith("sklearn.")
    for name, value in getattr(subject, "__dict__", {}).items():
        if name.endswith("_"):  # fitted
            continue
        if type(value).__module__.startswith("numpy.random"):
            if not is_own and (hasattr(value, "get_state") or hasattr(value, "bit_generator")):
                yield value
        elif depth < _DEPTH and (isinstance(value, (list, tuple)) or is_estimator(value)):
            yield from _generators(value, depth + 1)


def defaults_of(cls: type) -> dict[str, Any]:
    """Return the constructor's parameters of a class that have a default, by name.

    A constructor that takes any further keywords hands them on: those of the next one in the
    class's MRO count, too.
    """
    defaults = _defaults.get(cls)
    if defaults is None:
        defaults = {}
        for owner in cls.__mro__:
            if owner is not cls and "__init__" not in vars(owner):
                continue
            # the very class's own
            constructor: Any = vars(owner).get("__init__") or owner.__init__  # type: ignore[misc]
            constructor = getattr(constructor, "deprecated_original", constructor)
            try:
                parameters = inspect.signature(constructor).parameters.values()
            except (TypeError, ValueError):
                break
            defaults = {
                entry.name: entry.default
                for entry in parameters
                if entry.default is not entry.empty
            } | defaults
            if owner is object or not any(entry.kind is entry.VAR_KEYWORD for entry in parameters):
                break
        _defaults[cls] = defaults
    return defaults


def is_default(value: Any, default: Any) -> bool:
    """Tell whether a parameter has its default value; an object that cannot be compared has not."""
    if value is default:
        return True
    if type(value) is not type(default):
        return False
    # NaN is unequal to itself
    if isinstance(value, float) and value != value and default != default:
        return True
    try:
        return bool(value == default)
    except Exception:  # noqa: BLE001 - an object's own comparison may fail in any way
        return False


def parameters(estimator: Any) -> tuple[dict[str, Any], set[str]]:
    """Return all parameters, nested ones as ``step__name``, and the names of those that have their
    default.

    Estimators among the values are left as they are; see :func:`plain`.
    """
    params = asked_params(estimator, deep=True)
    left: set[str] = set()
    for name, value in params.items():
        owner, _, own_name = name.rpartition("__")
        holder = params.get(owner) if owner else estimator
        if holder is not None:
            default = defaults_of(type(holder)).get(own_name, _NOTHING)
            if default is not _NOTHING and is_default(value, default):
                left.add(name)
    return params, left


def plain(value: Any) -> Any:
    """Return a parameter's value with each estimator in it written as text; everything else is left
    as it is.
    """
    if isinstance(value, (str, int, float)) or value is None:
        return value
    if is_estimator(value):
        return text_of(value)
    if isinstance(value, (list, tuple)):
        if _is_splits(value):
            return f"<{len(value)} splits>"
        if any(isinstance(item, (list, tuple, Mapping)) or is_estimator(item) for item in value):
            return [plain(item) for item in value]
    elif isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    elif _is_setting(value):
        return text_of(value)
    return value


def text_of(estimator: Any) -> str:
    """Return an estimator as the call that makes it, with the parameters that are not at their
    default.

    The text depends on class and parameters only: not on scikit-learn's display settings, addresses
    or fitted state.
    """
    text = _text(estimator, 0)
    return text if len(text) <= _TEXT else f"{text[:_TEXT]}…"


def _text(estimator: Any, depth: int) -> str:
    cls = type(estimator)
    defaults = defaults_of(cls)
    try:
        values = (
            asked_params(estimator, deep=False)
            if is_estimator(estimator)
            else _constructor_values(estimator)
        )
    except Exception:  # noqa: BLE001 - the user's own get_params may fail in any way
        return f"{cls.__name__}(…)"
    shown = [
        f"{name}={_value_text(value, depth + 1, name)}"
        for name, value in values.items()
        if not is_default(value, defaults.get(name, _NOTHING))
    ]
    return f"{cls.__name__}({', '.join(shown)})"


def _value_text(value: Any, depth: int, name: str = "") -> str:
    if depth > 8:
        return "…"
    if is_estimator(value) or _is_setting(value):
        return _text(value, depth)
    if (
        isinstance(value, (list, tuple))
        and len(value) <= 100
        and any(is_estimator(item) or isinstance(item, tuple) for item in value)
    ):
        items = ", ".join(_value_text(item, depth + 1) for item in value)
        return f"[{items}]" if isinstance(value, list) else f"({items})"
    text = repr(withheld(name, param_value(value)))
    return text if len(text) <= _VALUE else f"{text[:_VALUE]}…"


def _constructor_values(subject: Any) -> dict[str, Any]:
    state = vars(subject)
    return {
        name: state[name]
        for name in inspect.signature(type(subject).__init__).parameters
        if name in state
    }


def _is_setting(value: Any) -> bool:
    """Tell whether a value is a splitter: its own ``repr`` changes warning filters, which is not
    for us to do.
    """
    module = sys.modules.get("sklearn.model_selection")
    return (
        module is not None
        and isinstance(value, (module.BaseCrossValidator, module.BaseShuffleSplit))
        and hasattr(value, "__dict__")
    )


def _is_splits(value: list[Any] | tuple[Any, ...]) -> bool:
    """Tell whether a value is a list of (train, test) index arrays."""
    first = value[0] if value else None
    return (
        isinstance(first, tuple)
        and len(first) == 2
        and all(getattr(part, "ndim", None) == 1 for part in first)
    )


def unwrapped(estimator: Any) -> Any:
    """Return the estimator whose predictions a fitted pipeline or search gives: the last step, the
    best estimator.
    """
    for _ in range(8):
        inner = None
        if hasattr(estimator, "best_estimator_"):
            inner = estimator.best_estimator_
        elif isinstance(getattr(estimator, "steps", None), list) and estimator.steps:
            inner = estimator.steps[-1][1]
        if inner is None or isinstance(inner, str):
            return estimator
        estimator = inner
    return estimator

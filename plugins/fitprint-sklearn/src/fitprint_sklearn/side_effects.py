"""Predicting without leaving a trace: on a stand-in where that is needed, and with random
generators put back.
"""

from __future__ import annotations

import copy
import gc
import random
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import numpy as np

from fitprint.data.kinds import is_on_device
from fitprint_sklearn.data import Call
from fitprint_sklearn.parameters import is_estimator
from fitprint_sklearn.reach import reachable

__all__ = ["SideEffectsError", "safe_to_predict", "undisturbed"]

# whose estimators are the same after they have predicted, but for what they draw
_STILL = {"lightgbm.sklearn", "xgboost.sklearn"}
# scikit-learn's own that draw random numbers when they predict
_DRAWING = {"BernoulliRBM", "DummyClassifier"}
_BYTES = 64 << 20  # of an estimator that is copied
_HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE: a class made at run time, not a built-in one
_OBJECTS = 50_000  # that are looked at to tell its size
_ATOMIC = (type, ModuleType, FunctionType, BuiltinFunctionType)


class SideEffectsError(Exception):
    """The estimator cannot predict without leaving a trace; the text says why."""


def safe_to_predict(estimator: Any, params: Mapping[str, Any], call: Call) -> Any:
    """Return what predicts as the estimator does.

    scikit-learn's own estimators, XGBoost's and LightGBM's are known not to change when they
    predict, and stand for themselves. Of all others, which may count their calls or draw random
    numbers, it is a copy; so it is of one of XGBoost's that lives on another device than the data,
    which would warn of that once in a process, and then no longer when the user predicts.

    Args:
        estimator: a fitted estimator.
        params: its parameters, nested ones included.
        call: the data that it was fitted on, which are not copied.

    Raises:
        SideEffectsError: it would print, cannot be copied, is larger than 64 MiB, or a method has
            been replaced on the very object.
    """
    parts = [estimator, *(value for value in params.values() if is_estimator(value))]
    if any(_has_own_methods(part) for part in parts):
        raise SideEffectsError("a method of the estimator has been replaced on the object")
    draws = any(
        isinstance(value, (np.random.RandomState, np.random.Generator)) for value in params.values()
    )
    are_known = all(_is_known(type(part), draws=draws) for part in parts)
    apart = [part for part in parts if _is_apart(part, call.features)]
    if are_known and apart == [estimator]:
        estimator = copy.copy(estimator)
    elif apart or not are_known:
        estimator = _copy(
            estimator,
            [part for part in (call.features, call.target, call.weight) if part is not None],
        )
    for part in reachable(estimator) if apart else ():
        if _is_apart(part, call.features):
            # called without arguments, it says no: by way of a matrix it does not warn
            vars(part)["_can_use_inplace_predict"] = bool
    for name, value in params.items():
        if name.rpartition("__")[2] == "verbose" and isinstance(value, (bool, int)) and value > 0:
            estimator = _silent(estimator, name, params)
    return estimator


def _is_apart(part: Any, features: Any) -> bool:
    """Tell whether it is an estimator of XGBoost's on another device than the data."""
    if all(cls.__module__ != "xgboost.sklearn" for cls in type(part).__mro__):
        return False
    places = (getattr(part, "device", None), getattr(part, "tree_method", None))
    return any(str(place).startswith(("cuda", "gpu")) for place in places) != is_on_device(features)


def _is_known(cls: type, *, draws: bool) -> bool:
    """Tell whether estimators of a class are known to be the same after they have predicted;
    ``draws``: one holds a random generator.
    """
    package, _, module = cls.__module__.partition(".")
    if cls.__module__ in _STILL:
        return not draws
    return package == "sklearn" and ".tests." not in f".{module}." and cls.__name__ not in _DRAWING


def _has_own_methods(part: Any) -> bool:
    """Tell whether somebody has put something of theirs in the place of a method, on this very
    object.
    """
    cls = type(part)
    return (
        any(isinstance(getattr(cls, name, None), FunctionType) for name in vars(part))
        if hasattr(part, "__dict__")
        else False
    )


def _copy(estimator: Any, shared: list[Any]) -> Any:
    if _is_large(estimator, {id(part) for part in shared}):
        raise SideEffectsError(
            "the estimator is no class of scikit-learn and too large to be copied"
        )
    try:
        return copy.deepcopy(estimator, {id(part): part for part in shared})
    except Exception as error:
        raise SideEffectsError(
            "the estimator is no class of scikit-learn and cannot be copied: "
            f"{type(error).__name__}: {error}"
        ) from error


def _is_large(subject: Any, seen: set[int]) -> bool:
    waiting, total = [subject], 0
    while waiting and len(seen) < _OBJECTS:
        found = waiting.pop()
        if id(found) in seen or isinstance(found, _ATOMIC):
            continue
        seen.add(id(found))
        total += found.nbytes if isinstance(found, np.ndarray) else _size_of(found)
        if total > _BYTES:
            return True
        waiting += gc.get_referents(found)
    return bool(waiting)


def _size_of(found: Any) -> int:
    """Return the size of one object without running code of its class, which may note that it was
    asked.
    """
    kind = type(found)
    return int(object.__sizeof__(found)) if kind.__flags__ & _HEAP_TYPE else sys.getsizeof(found, 0)


def _silent(estimator: Any, name: str, params: Mapping[str, Any]) -> Any:
    """Return a shallow copy that says nothing when it predicts, if the estimator would."""
    owner = params[name.rpartition("__")[0]] if "__" in name else estimator
    module = type(owner).__module__
    if module.startswith("sklearn.") and not module.startswith("sklearn.ensemble."):
        return estimator
    if "__" in name or not module.startswith("sklearn."):
        raise SideEffectsError(
            f"the estimator is verbose ({name}={params[name]}): predicting would print"
        )
    estimator = copy.copy(estimator)
    estimator.verbose = 0
    return estimator


@contextmanager
def undisturbed(estimator: Any, original: Any) -> Iterator[None]:
    """Put the global generators of ``random``, numpy and torch back where a stand-in may draw from
    them.
    """
    if estimator is original:
        yield
        return
    restorations = list(_restorations())
    try:
        yield
    finally:
        for restore in restorations:
            restore()


def _restorations() -> Iterator[Callable[[], None]]:
    yield _setting(random.setstate, random.getstate())
    # it is the state of the user's program
    yield _setting(np.random.set_state, np.random.get_state())  # noqa: NPY002
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "get_rng_state"):
        yield _setting(torch.set_rng_state, torch.get_rng_state())


def _setting(restore: Callable[[Any], Any], state: Any) -> Callable[[], None]:
    return lambda: restore(state)

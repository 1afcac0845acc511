"""Whose code a prediction runs: the frameworks' own, or the user's, which is not called unless the
user asks for that.
"""

from __future__ import annotations

import functools
import operator
import sys
import weakref
from collections.abc import Iterable, Iterator
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

import numpy as np

from fitprint.hooks.manager import hooks
from fitprint.settings import wanted

__all__ = ["own_code", "pieces"]

# Packages whose estimators are known here, beside those that an installed plugin observes or names
# as helpers; and those that hold data, or compute.
_FRAMEWORKS = frozenset("catboost lightgbm sklearn xgboost".split())
_LIBRARIES = frozenset(
    (
        "_catboost _loss cupy jax jaxlib joblib numpy pandas polars pyarrow scipy tensorflow "
        "threadpoolctl torch"
    ).split()
)
# whose mocks stand for the user's code
_STANDARD = frozenset(sys.stdlib_module_names) - {"unittest"}
_NOT_LOOKED_INTO = _LIBRARIES | _STANDARD
# whose models are made of objects that are looked into; of others only the estimators are
_OPEN = frozenset({"sklearn", "imblearn"})

# What a class of the user's may define without taking part in predictions.
_NO_PART = frozenset("__init__ __repr__ __str__ fit get_params set_params".split())
# Attributes of estimators that predicting neither calls nor reads.
_UNUSED = frozenset(
    """
    _average_path_length_per_tree _bin_mapper _decision_path_lengths callbacks coefs_paths_ cv
    eval_metric importance_getter memory monitor mse_path_ objective oob_decision_function_
    oob_prediction_ _optimizer optimizer refit scorer_ scoring
    """.split()
)
_UNUSED_BY = {"GaussianProcessRegressor": _UNUSED | {"L_"}}
_METHODS = (
    "decision_function",
    "predict",
    "predict_log_proba",
    "predict_proba",
    "score",
    "staged_predict",
    "transform",
)
_PLAIN = frozenset({str, bytes, bytearray, int, float, complex, bool, type(None), slice, range})
_CONTAINERS = (list, tuple, set, frozenset)


def own_code(estimator: Any, asked: Iterable[str]) -> str | None:
    """Return the name of a class or function by which predicting would run the user's own code;
    None if it would not.

    Own is what neither scikit-learn, imbalanced-learn, XGBoost, LightGBM, CatBoost nor a framework
    with an installed plugin defines, nor Python and the libraries that these compute with: a class
    of an estimator, or of anything in it, that defines more than its constructor and ``fit``, a
    function among its parameters, and what has been put in the place of a method, on an object or
    in a class.

    Args:
        estimator: fitted; nothing of it is called.
        asked: globs of names that may be called, as the user's settings say.
    """
    globs = list(asked)
    judge = _Judge(_packages())
    for found in pieces(estimator):
        name = judge.own(found)
        if name is not None and not wanted(name, globs, ()):
            return name
    return None


def pieces(estimator: Any) -> Iterator[Any]:
    """Yield each object that a prediction may call or read, once, and call none: the estimator,
    what it holds, what functions hold.
    """
    seen: set[int] = set()
    closed = _packages() - _OPEN
    waiting = [estimator]
    while waiting:
        found = waiting.pop()
        if id(found) not in seen:
            seen.add(id(found))
            yield found
            waiting += _held(found, closed)


def _held(found: Any, closed: frozenset[str]) -> list[Any]:
    kind = type(found)
    if issubclass(kind, dict):
        return _no_plain(found.values())
    if issubclass(kind, _CONTAINERS):
        return _no_plain(found)
    if issubclass(kind, np.ndarray):
        return (
            _no_plain(found.ravel().tolist())
            if found.dtype.hasobject and not found.dtype.names
            else []
        )
    if kind is FunctionType:
        held = [cell.cell_contents for cell in found.__closure__ or () if _is_filled(cell)]
        return _no_plain([*held, getattr(found, "__wrapped__", None)])
    if kind is MethodType:
        return [found.__self__, found.__func__]
    if issubclass(kind, functools.partial):
        return _no_plain([found.func, *found.args, *found.keywords.values()])
    if kind is np.ufunc or issubclass(kind, type):
        return []
    if (
        kind is not np.vectorize
        and _package(kind.__module__) in closed
        and not hasattr(kind, "get_params")
    ):
        return []
    state = getattr(found, "__dict__", None)
    if type(state) is not dict:
        return []
    if "best_estimator_" in state:  # a search predicts with this alone
        return [state["best_estimator_"]]
    unused = _UNUSED_BY.get(kind.__name__, _UNUSED)
    return [
        value for name, value in state.items() if type(value) not in _PLAIN and name not in unused
    ]


def _no_plain(values: Any) -> list[Any]:
    """Return the values without plain ones; the usual list of nothing else is told by its types."""
    if _PLAIN.issuperset(map(type, values)):
        return []
    return [value for value in values if type(value) not in _PLAIN]


def _is_filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018 - an empty one raises
    except ValueError:
        return False
    return True


# What was found of classes whose bases are all a framework's, with what it rests on: their members,
# and the packages that are known.
_judged: weakref.WeakKeyDictionary[
    type, tuple[list[Any], frozenset[str], str | None, frozenset[str]]
] = weakref.WeakKeyDictionary()


def _members(cls: type) -> list[Any]:
    """Return what tells whether a framework's class is as it was: its bases, the number of their
    members, and its methods.
    """
    found: list[Any] = []
    for base in cls.__mro__:
        members = vars(base)
        found += base, len(members)
        found += map(members.get, _METHODS)
    return found


def _are_same(some: list[Any], others: list[Any]) -> bool:
    return len(some) == len(others) and all(map(operator.is_, some, others))


class _Judge:
    """Tells of objects whether they stand for code that is not a framework's, each class once."""

    def __init__(self, known: frozenset[str]) -> None:
        self._known = known
        self._classes: dict[type, str | None] = {}
        self._methods: dict[type, frozenset[str]] = {}

    def own(self, found: Any) -> str | None:
        kind = type(found)
        if kind is FunctionType:
            return self._function(found)
        if kind is BuiltinFunctionType:
            return self._unknown(found.__module__ or "builtins", found)
        if kind is np.ufunc:
            return None if _is_public(found) else f"numpy.ufunc {found.__name__}"
        if issubclass(kind, type):
            return self._class(found)
        name = self._class(kind)
        return name if name is not None else self._replaced(found)

    def _is_known(self, module: str) -> bool:
        return _package(module) in self._known and ".tests." not in f".{module}."

    def _unknown(self, module: str, found: Any) -> str | None:
        return (
            None
            if self._is_known(module)
            else f"{module}.{getattr(found, '__qualname__', type(found).__qualname__)}"
        )

    def _function(self, function: Any) -> str | None:
        """Judge a function by where its code is, which a wrapper's ``__module__`` does not tell."""
        module = str(function.__globals__.get("__name__", ""))
        return None if self._is_known(module) else f"{module}.{function.__qualname__}"

    def _class(self, cls: type) -> str | None:
        if cls not in self._classes:
            members = _members(cls)
            found = _judged.get(cls)
            if found is not None and found[1] is self._known and _are_same(found[0], members):
                self._classes[cls], self._methods[cls] = found[2:]
            else:
                self._classes[cls] = next(filter(None, map(self._base, cls.__mro__)), None)
                self._methods[cls] = _replaceable(cls)
                if all(self._is_known(base.__module__) for base in cls.__mro__):
                    _judged[cls] = members, self._known, self._classes[cls], self._methods[cls]
        return self._classes[cls]

    def _base(self, cls: type) -> str | None:
        members = vars(cls)
        if not self._is_known(cls.__module__):
            defined = (
                name for name, value in members.items() if name not in _NO_PART and _is_code(value)
            )
            return next((f"{cls.__module__}.{cls.__qualname__}" for _ in defined), None)
        for name in _METHODS:
            method = members.get(name)
            while method is not None:
                method = (
                    getattr(method, "fn", method)
                    if type(method).__name__ == "_AvailableIfDescriptor"
                    else method
                )
                own = self.own(method) if callable(method) else None
                if own is not None:
                    return own
                method = (
                    vars(method).get("__wrapped__") if isinstance(method, FunctionType) else None
                )
        return None

    def _replaced(self, found: Any) -> str | None:
        """Judge what stands in the place of a method on this very object."""
        cls = type(found)
        replaceable = self._methods[cls]
        state = getattr(found, "__dict__", None) if replaceable else None
        if type(state) is not dict or replaceable.isdisjoint(state):
            return None
        return (
            f"{cls.__module__}.{cls.__qualname__}.{min(replaceable.intersection(state))} of "
            "this very object"
        )


def _replaceable(cls: type) -> frozenset[str]:
    """Return the names of the methods that nothing may stand in the place of on an object of this
    class.
    """
    package = _package(cls.__module__)
    inside = () if package in _NOT_LOOKED_INTO else cls.__mro__
    methods = {
        name
        for base in inside
        for name, value in vars(base).items()
        if isinstance(value, FunctionType)
    }
    # such objects replace methods of their own, but not these
    if package not in _OPEN and not hasattr(cls, "get_params"):
        methods.intersection_update(_METHODS)
    elif methods:
        methods.update(_METHODS)
    return frozenset(methods)


def _is_code(value: Any) -> bool:
    """Tell whether a member of a class runs when it is used: a function, or a descriptor that is
    not scikit-learn's own.
    """
    cls: Any = type(value)
    if isinstance(value, (FunctionType, classmethod, staticmethod, property)):
        return True
    return (
        hasattr(cls, "__get__")
        and not cls.__module__.startswith("sklearn.")
        and cls.__module__ != "builtins"
    )


def _is_public(ufunc: Any) -> bool:
    """Tell whether a ufunc is one of numpy's or scipy's; others hold a function of Python's."""
    return any(
        getattr(sys.modules.get(module), ufunc.__name__, None) is ufunc
        for module in ("numpy", "scipy.special")
    )


def _package(module: Any) -> str:
    return str(module).partition(".")[0]


_observed: dict[tuple[str, ...], frozenset[str]] = {}  # names of frameworks -> packages


def _packages() -> frozenset[str]:
    """Return the packages whose code is not the user's."""
    frameworks = hooks().registered("register_frameworks")
    names = tuple(frameworks)
    if names not in _observed:
        paths = (target.path for framework in frameworks.values() for target in framework.targets())
        helpers = (helper for framework in frameworks.values() for helper in framework.helpers)
        observed = {_package(path.partition(":")[0]) for path in paths}.union(helpers)
        _observed[names] = _FRAMEWORKS | _LIBRARIES | _STANDARD | {"fitprint"} | observed
    return _observed[names]

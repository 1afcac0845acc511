"""How a pickle may make objects of compiled types of scikit-learn's, and of functions bound to
arguments: as their own pickles do.

Their constructors and ``__setstate__`` read what they are given without much of a look. What can
only be judged in the whole model is left to :mod:`fitprint_sklearn.indices`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from fitprint.models.constructors import plain
from fitprint.models.opcodes import Name
from fitprint.models.reader import Builder, Maker, refuse
from fitprint_sklearn.trust import DISTANCES, LOSSES

__all__ = ["BUILDERS", "MAKERS", "tree_problem"]


def _tree(_: Any, make: Any, *arguments: Any) -> Any:
    if (problem := tree_problem(*arguments)) is not None:
        raise refuse(problem)
    return make(*arguments)


def tree_problem(*arguments: Any) -> str | None:
    """Tell why a tree must not be made of these arguments (features, classes by output, outputs);
    None if it may.
    """
    if len(arguments) != 3:
        return "makes a tree in another way"
    features, classes, outputs = arguments
    if not all(
        isinstance(number, int | np.integer) and 0 <= number < 1 << 31
        for number in (features, outputs)
    ):
        return "makes a tree of numbers that are none"
    if type(classes) is not np.ndarray or classes.dtype.kind != "i" or classes.shape != (outputs,):
        return "makes a tree of more outputs than it describes"
    return (
        None
        if outputs and ((classes >= 1) & (classes < 1 << 31)).all()
        else "makes a tree without classes"
    )


def _bare(reader: Any, make: Any, *arguments: Any) -> Any:
    """Call a module's ``newObj``, which makes a bare object of a type: one of the same module."""
    name, made = reader.name_of(make), [reader.name_of(argument) for argument in arguments]
    if len(made) != 1 or made[0] is None or made[0].module != name.module:
        raise refuse("makes a bare object of a type from elsewhere")
    found = make(*arguments)
    reader.fresh[id(found)] = found
    return found


def _of_numbers(_: Any, make: Any, *arguments: Any) -> Any:
    if not all(type(argument) in {int, float} for argument in arguments):
        raise refuse("makes a loss of what is no number")
    return make(*arguments)


def _unpickled(reader: Any, make: Any, *arguments: Any) -> Any:
    """Call a function that Cython makes for a type: with the type, a number and the values of its
    attributes.
    """
    kind, number, state = arguments if len(arguments) == 3 else (None, None, None)
    name = reader.name_of(kind)
    fits = (
        name is not None
        and f"__pyx_unpickle_{name.name}" == reader.name_of(make).name
        and type(number) is int
    )
    if not fits or not (state is None or (type(state) is tuple and all(map(plain, state)))):
        raise refuse("makes a loss in another way")
    return make(*arguments)


def _bound(reader: Any, make: Any, *arguments: Any) -> Any:
    if len(arguments) != 1 or not _is_function(reader, arguments[0]):
        raise refuse("binds arguments to what it has not looked up")
    return make(*arguments)


def _is_function(reader: Any, found: Any) -> bool:
    # a bound function is called by what it is bound in without a look at the stack
    return (
        reader.name_of(found) is not None
        and callable(found)
        and not isinstance(found, functools.partial)
    )


def _build_bound(reader: Any, target: Any, state: Any) -> None:
    function, arguments, named, _ = (
        state if type(state) is tuple and len(state) == 4 else (None,) * 4
    )
    if (
        not _is_function(reader, function)
        or type(arguments) is not tuple
        or type(named) is not dict
    ):
        raise refuse("binds arguments to what it has not looked up")
    target.__setstate__((function, arguments, named, None))


def _build_tree(_: Any, target: Any, state: Any) -> None:
    if type(state) is not dict or not all(
        _is_count(state.get(name)) for name in ("max_depth", "node_count")
    ):
        raise refuse("gives a tree a state of another form")
    if not all(type(state.get(name)) is np.ndarray for name in ("nodes", "values")):
        raise refuse("gives a tree a state of another form")
    target.__setstate__(state)


def _is_count(value: Any) -> bool:
    return isinstance(value, int | np.integer) and 0 <= value < 1 << 31


def _build_bare(reader: Any, target: Any, state: Any) -> None:
    """Give an object its state once: what it then points to must not change."""
    if reader.fresh.pop(id(target), None) is not target:
        raise refuse("changes an object that is in use")
    if type(state) is not tuple or any(id(part) in reader.fresh for part in state):
        raise refuse(f"gives a {type(target).__name__} a state of another form")
    for part in state:
        if not (
            plain(part)
            or isinstance(part, np.ndarray | np.generic)
            or type(part).__module__ == "sklearn.metrics._dist_metrics"
        ):
            if reader.name_of(part) is None:  # a function that measures a distance
                raise refuse(f"gives a {type(target).__name__} a state of another form")
        elif isinstance(part, np.ndarray) and part.dtype.hasobject:
            raise refuse(f"gives a {type(target).__name__} objects for numbers")
    target.__setstate__(state)


def _names(module: str, names: str) -> list[Name]:
    return [Name(module, name) for name in names.split()]


_LOSS_MODULES = ("_loss", "sklearn._loss._loss")
MAKERS: Mapping[Name, Maker] = {
    Name("functools", "partial"): _bound,
    Name("sklearn.tree._tree", "Tree"): _tree,
    **dict.fromkeys(
        [
            Name(f"sklearn.{module}", "newObj")
            for module in ("metrics._dist_metrics", "neighbors._ball_tree", "neighbors._kd_tree")
        ],
        _bare,
    ),
    **dict.fromkeys(
        [
            name
            for module in _LOSS_MODULES
            for name in _names(module, LOSSES)
            if name.name[0] != "_"
        ],
        _of_numbers,
    ),
    **dict.fromkeys(
        [
            name
            for module in _LOSS_MODULES
            for name in _names(module, LOSSES)
            if name.name[0] == "_"
        ],
        _unpickled,
    ),
    **dict.fromkeys(
        _names(
            "sklearn.linear_model._sgd_fast",
            "EpsilonInsensitive Hinge Huber Log ModifiedHuber SquaredEpsilonInsensitive "
            "SquaredHinge SquaredLoss",
        ),
        _of_numbers,
    ),
}
BUILDERS: Mapping[Name, Builder] = {
    Name("functools", "partial"): _build_bound,
    Name("sklearn.tree._tree", "Tree"): _build_tree,
    **dict.fromkeys(
        _names("sklearn.neighbors._ball_tree", "BallTree BallTree32 BallTree64"), _build_bare
    ),
    **dict.fromkeys(_names("sklearn.neighbors._kd_tree", "KDTree KDTree32 KDTree64"), _build_bare),
    **dict.fromkeys(
        _names(
            "sklearn.metrics._dist_metrics",
            f"{DISTANCES} PyFuncDistance PyFuncDistance32 PyFuncDistance64",
        ),
        _build_bare,
    ),
}

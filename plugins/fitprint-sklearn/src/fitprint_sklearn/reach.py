"""The objects that a model is made of."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from types import BuiltinFunctionType, FunctionType, ModuleType

import numpy as np

__all__ = ["holds_more_than", "reachable"]

_LEAVES = (type, ModuleType, FunctionType, BuiltinFunctionType, str, bytes, int, float)


def reachable(model: object) -> Iterator[object]:
    """Yield each object below the model once, plain values left out; classes, modules and functions
    end the way.
    """
    seen: set[int] = set()
    stack = [model]
    while stack:
        found = stack.pop()
        if id(found) in seen or isinstance(found, _LEAVES):
            continue
        seen.add(id(found))
        yield found
        if not isinstance(found, np.ndarray):
            stack.extend(gc.get_referents(found))
        elif found.dtype.hasobject:
            stack.extend(found.ravel().tolist())


def holds_more_than(model: object, limit: int) -> bool:
    """Tell if the model consists of more Python objects than that, the items of its dicts, lists
    and object arrays among them.
    """
    count = 0
    for found in reachable(model):
        if isinstance(found, dict | list | tuple | set | frozenset):
            count += len(found)
        elif isinstance(found, np.ndarray) and found.dtype.hasobject:
            count += found.size
        if (count := count + 1) > limit:
            return True
    return False

"""Whether two objects, made independently, are the same: in type, value and structure, floats by
their bits.
"""

from __future__ import annotations

import math
import types
from collections.abc import Mapping
from typing import Any

__all__ = ["difference"]

_ATOMS = (bool, int, str, bytes, bytearray, type(None), type(Ellipsis), complex, range, slice)
_NAMED = (type, types.FunctionType, types.BuiltinFunctionType, types.ModuleType)
_STREAMS = (types.GeneratorType, types.CoroutineType, types.FrameType)


def difference(first: Any, second: Any) -> str:
    """Return where and how two objects differ; "" if they are the same.

    Objects are compared by what :meth:`object.__reduce_ex__` says of them; those that say nothing
    by their type alone.
    """
    return _difference(first, second, "it", set())


def _difference(first: Any, second: Any, path: str, seen: set[tuple[int, int]]) -> str:
    if first is second or (id(first), id(second)) in seen:
        return ""
    if type(first) is not type(second):
        return (
            f"{path} is a {type(first).__qualname__} in one, a {type(second).__qualname__} in "
            "the other"
        )
    if isinstance(first, float):
        same = first == second and math.copysign(1, first) == math.copysign(1, second)
        return (
            ""
            if same or (math.isnan(first) and math.isnan(second))
            else f"{path} is {first!r} in one, {second!r} in the other"
        )
    if isinstance(first, _ATOMS):
        return (
            ""
            if first == second
            else f"{path} is {_short(first)} in one, {_short(second)} in the other"
        )
    if isinstance(first, _NAMED):
        names = [
            (getattr(item, "__module__", ""), getattr(item, "__qualname__", item.__name__))
            for item in (first, second)
        ]
        return (
            ""
            if names[0] == names[1]
            else f"{path} is {names[0][1]} in one, {names[1][1]} in the other"
        )
    if isinstance(first, _STREAMS):
        return ""
    seen.add((id(first), id(second)))
    if _is_array(first):
        return _array_difference(first, second, path, seen)
    if isinstance(first, Mapping) and type(first) in (dict, types.MappingProxyType):
        return _mapping_difference(first, second, path, seen)
    if type(first) in (list, tuple):
        return _sequence_difference(first, second, path, seen)
    if isinstance(first, (set, frozenset)):
        return "" if first == second else f"{path} has other members in one than in the other"
    return _object_difference(first, second, path, seen)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _is_array(value: Any) -> bool:
    return hasattr(value, "tobytes") and hasattr(value, "dtype") and hasattr(value, "shape")


def _array_difference(first: Any, second: Any, path: str, seen: set[tuple[int, int]]) -> str:
    if (first.dtype, first.shape) != (second.dtype, second.shape):
        return (
            f"{path} is {first.dtype}{first.shape} in one, {second.dtype}{second.shape} in "
            "the other"
        )
    if getattr(first.dtype, "hasobject", False):
        return _sequence_difference(first.ravel().tolist(), second.ravel().tolist(), path, seen)
    return (
        ""
        if first.tobytes() == second.tobytes()
        else f"{path} has other values in one than in the other"
    )


def _mapping_difference(first: Any, second: Any, path: str, seen: set[tuple[int, int]]) -> str:
    if list(map(repr, first)) != list(map(repr, second)):
        odd = sorted({*map(repr, first)} ^ {*map(repr, second)})
        return (
            f"{path} has {', '.join(odd[:5])} in one only"
            if odd
            else f"{path} has its keys in another order in one"
        )
    pairs = zip(first.items(), second.values(), strict=True)
    return next(
        filter(
            None, (_difference(one, two, f"{path}[{key!r}]", seen) for (key, one), two in pairs)
        ),
        "",
    )


def _sequence_difference(first: Any, second: Any, path: str, seen: set[tuple[int, int]]) -> str:
    if len(first) != len(second):
        return f"{path} has {len(first)} items in one, {len(second)} in the other"
    pairs = enumerate(zip(first, second, strict=True))
    return next(
        filter(
            None, (_difference(one, two, f"{path}[{place}]", seen) for place, (one, two) in pairs)
        ),
        "",
    )


def _object_difference(first: Any, second: Any, path: str, seen: set[tuple[int, int]]) -> str:
    try:
        told = first.__reduce_ex__(4), second.__reduce_ex__(4)
    except Exception:  # noqa: BLE001 - locks, files and the like say nothing of themselves
        return ""
    if isinstance(told[0], str):
        return "" if told[0] == told[1] else f"{path} is {told[0]} in one, {told[1]} in the other"
    parts = (
        [
            list(part) if number in (3, 4) and part is not None else part
            for number, part in enumerate(one)
        ]
        for one in told
    )
    names = ("", ".arguments", "", "", "", "")
    left, right = parts
    pairs = zip(names, left, right, strict=False)
    return next(
        filter(None, (_difference(one, two, path + name, seen) for name, one, two in pairs)), ""
    )

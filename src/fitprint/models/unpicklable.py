"""Which part of a model keeps it from being pickled."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping
from typing import Any

__all__ = ["part_at_fault"]

_DEPTH = 8
_MOST = 1000  # parts that are tried
_PLAIN = (str, bytes, bytearray, int, float, complex, type(None))


def part_at_fault(model: object, dumps: Callable[[Any], Any] = pickle.dumps) -> str | None:
    """Return the path to the innermost part that cannot be pickled and what it is; None where no
    part alone is to blame.

    Example:
        >>> part_at_fault({"a": [1, (item for item in "")]})
        "model['a'][1], a generator"
    """
    path, part = "model", model
    left = _MOST
    passed = {id(model)}
    for _ in range(_DEPTH):
        for step, child in _children(part):
            left -= 1
            if left < 0:
                return None
            if id(child) not in passed and not _is_plain(child) and not _is_picklable(child, dumps):
                path, part = path + step, child
                passed.add(id(child))
                break
        else:
            break
    return None if part is model else f"{path}, a {type(part).__qualname__}"


def _children(part: object) -> Iterator[tuple[str, object]]:
    if isinstance(part, Mapping):
        yield from ((f"[{key!r:.40}]", value) for key, value in part.items())
    elif isinstance(part, list | tuple):
        yield from ((f"[{number}]", value) for number, value in enumerate(part))
    elif not isinstance(part, type):
        yield from ((f".{name}", value) for name, value in getattr(part, "__dict__", {}).items())


def _is_plain(part: object) -> bool:
    dtype = getattr(part, "dtype", None)
    return isinstance(part, _PLAIN) or (
        dtype is not None and getattr(dtype, "hasobject", True) is False
    )


def _is_picklable(part: object, dumps: Callable[[Any], Any]) -> bool:
    try:
        dumps(part)
    except Exception:  # noqa: BLE001 - a part's own code runs here and may raise anything
        return False
    return True

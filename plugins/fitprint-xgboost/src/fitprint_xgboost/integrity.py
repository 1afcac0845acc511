"""Whether a model file is whole: XGBoost's reader takes its lengths on trust, and reads beyond the
end of one that was cut.
"""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np

from fitprint_xgboost.structure import problem_in

__all__ = ["problem_of"]

# How numbers are read, by type: one by one, and many at once.
_FORMS = {
    "i": "b",
    "U": "B",
    "I": "h",
    "u": "H",
    "l": "i",
    "m": "I",
    "L": "q",
    "M": "Q",
    "d": "f",
    "D": "d",
}
_NUMBERS = {
    ord(kind): (struct.Struct(f">{form}"), np.dtype(form).newbyteorder(">"))
    for kind, form in _FORMS.items()
}
_LENGTHS = frozenset(map(ord, "iUIlL"))
_CONSTANTS = {ord("T"): True, ord("F"): False, ord("Z"): None, ord("N"): None}
_DEPTH = 64


class _CutError(Exception):
    """The text says where."""


def problem_of(data: bytes) -> str | None:
    """Tell what is wrong with a model file in one of the formats JSON and UBJSON; None if nothing
    is, or it is of another format.

    All of it is read: lengths, brackets and types (https://ubjson.org/type-reference), and then
    each index, count and category (:mod:`fitprint_xgboost.structure`).
    """
    if not data:
        return "it is empty"
    if data[:1] != b"{":
        return None if len(data) > 4 else "it is cut short"
    try:
        if data[1:2] in b'" \t\r\n}':
            found = json.loads(data)
        else:
            found, end = _value(data, 0, 0)
            if end != len(data):
                return f"{len(data) - end} bytes follow its end"
    except (ValueError, RecursionError) as error:
        return str(error)
    except (_CutError, IndexError, struct.error, KeyError) as error:
        return str(error) if isinstance(error, _CutError) else "it is cut short"
    return problem_in(found) if isinstance(found, dict) else "it is no model"


def _value(data: bytes, at: int, depth: int) -> tuple[Any, int]:
    """Return the value that begins at a position, and where it ends."""
    if depth > _DEPTH:
        raise _CutError("it is nested too deeply")
    kind = data[at]
    at += 1
    if kind == 0x7B:  # {
        members: dict[str, Any] = {}
        while data[at] != 0x7D:
            name, at = _text(data, at)
            if name in members:
                raise _CutError(f"it tells {name!r} twice")
            members[name], at = _value(data, at, depth + 1)
        return members, at + 1
    if kind == 0x5B:  # [
        return _array(data, at, depth)
    if kind in b"SH":
        return _text(data, at)
    if kind in _CONSTANTS:
        return _CONSTANTS[kind], at
    if kind == 0x43:  # C
        return chr(data[at]), at + 1
    form, _ = _NUMBERS[kind]
    return form.unpack_from(data, at)[0], at + form.size


def _array(data: bytes, at: int, depth: int) -> tuple[Any, int]:
    if data[at] == 0x24:  # $: all elements have one type
        _, dtype = _NUMBERS[data[at + 1]]
        if data[at + 2] != 0x23:
            raise _CutError(f"an array at byte {at} has no length")
        count, at = _length(data, at + 3)
        end = _within(data, at + count * dtype.itemsize)
        return np.frombuffer(data, dtype, count, at) if count else [], end
    items: list[Any] = []
    if data[at] == 0x23:  # #
        count, at = _length(data, at + 1)
        for _ in range(count):
            item, at = _value(data, at, depth + 1)
            items.append(item)
        return items, at
    while data[at] != 0x5D:
        item, at = _value(data, at, depth + 1)
        items.append(item)
    return items, at + 1


def _text(data: bytes, at: int) -> tuple[str, int]:
    length, at = _length(data, at)
    end = _within(data, at + length)
    return data[at:end].decode("utf-8"), end


def _length(data: bytes, at: int) -> tuple[int, int]:
    kind = data[at]
    if kind not in _LENGTHS:
        raise _CutError(f"a length at byte {at} is no number")
    form, _ = _NUMBERS[kind]
    (number,) = form.unpack_from(data, at + 1)
    if number < 0:
        raise _CutError(f"a length at byte {at} is negative")
    return number, at + 1 + form.size


def _within(data: bytes, at: int) -> int:
    if at > len(data):
        raise _CutError("it is cut short")
    return at

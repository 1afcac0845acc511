"""Whether a model file is whole: XGBoost's reader takes its lengths on trust, and reads beyond the end of one that was cut."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable

__all__ = ["problem_of"]

_SIZES = {b: size for bs, size in ((b"iUC", 1), (b"I", 2), (b"ld", 4), (b"LD", 8), (b"TFZN", 0)) for b in bs}  # bytes, by type
_INTEGERS: dict[int, Callable[[bytes, int], tuple[int]]] = {
    ord(kind): struct.Struct(form).unpack_from for kind, form in {"i": ">b", "U": ">B", "I": ">h", "l": ">i", "L": ">q"}.items()
}
_DEPTH = 64


class _CutError(Exception):
    """The text says where."""


def problem_of(data: bytes) -> str | None:
    """Tell what is wrong with a model file in one of the formats JSON and UBJSON; None if it is whole, or of another format.

    Only its outer form is looked at: lengths, brackets and types (https://ubjson.org/type-reference). Of numbers in arrays
    nothing is read, so that this takes microseconds for each tree.
    """
    if not data:
        return "it is empty"
    if data[:1] != b"{":
        return None if len(data) > 4 else "it is cut short"
    if data[1:2] in b'" \t\r\n}':
        try:
            json.loads(data)
        except (ValueError, RecursionError) as error:
            return str(error)
        return None
    try:
        end = _value(data, 0, 0)
    except (_CutError, IndexError, struct.error, KeyError) as error:
        return str(error) if isinstance(error, _CutError) else "it is cut short"
    return None if end == len(data) else f"{len(data) - end} bytes follow its end"


def _value(data: bytes, at: int, depth: int) -> int:
    """Return where the value that begins at a position ends."""
    if depth > _DEPTH:
        raise _CutError("it is nested too deeply")
    kind = data[at]
    at += 1
    if kind == 0x7B:  # {
        while data[at] != 0x7D:
            at = _value(data, _text(data, at), depth + 1)
        return at + 1
    if kind == 0x5B:  # [
        return _array(data, at, depth)
    if kind in b"SH":
        return _text(data, at)
    return _within(data, at + _SIZES[kind])


def _array(data: bytes, at: int, depth: int) -> int:
    if data[at] == 0x24:  # $: all elements have one type
        kind = data[at + 1]
        if data[at + 2] != 0x23:
            raise _CutError(f"an array at byte {at} has no length")
        count, at = _integer(data, at + 3)
        return _within(data, at + count * _SIZES[kind])
    if data[at] == 0x23:  # #
        count, at = _integer(data, at + 1)
        for _ in range(count):
            at = _value(data, at, depth + 1)
        return at
    while data[at] != 0x5D:
        at = _value(data, at, depth + 1)
    return at + 1


def _text(data: bytes, at: int) -> int:
    length, at = _integer(data, at)
    return _within(data, at + length)


def _integer(data: bytes, at: int) -> tuple[int, int]:
    kind = data[at]
    (number,) = _INTEGERS[kind](data, at + 1)
    if number < 0:
        raise _CutError(f"a length at byte {at} is negative")
    return number, at + 1 + _SIZES[kind]


def _within(data: bytes, at: int) -> int:
    if at > len(data):
        raise _CutError("it is cut short")
    return at

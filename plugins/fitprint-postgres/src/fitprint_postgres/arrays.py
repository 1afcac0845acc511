"""Columns of values as PostgreSQL's arrays, in the binary form, which takes a tenth of the time
that the text takes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain, repeat
from struct import Struct
from typing import Any, NamedTuple

from psycopg.adapt import Dumper
from psycopg.pq import Format

__all__ = ["Array", "ArrayDumper", "array_of"]

# dimensions, whether there are nulls, the type of the elements, their number, the first one's
_HEADER = Struct("!iiIii")
_LENGTH = Struct("!i")
_WHOLE = Struct("!iq")
_REAL = Struct("!id")
_NULL = _LENGTH.pack(-1)

_PLAIN = {"bigint": "iq", "double precision": "id"}


class Array(NamedTuple):
    """An array that is sent as it is."""

    content: bytes


class ArrayDumper(Dumper):  # type: ignore[misc]
    """What psycopg asks; the type of the array stands in the statement."""

    format = Format.BINARY

    def dump(self, obj: Array) -> bytes:
        return obj.content


def _text(value: str) -> bytes:
    return _bytes(value.encode())


def _bytes(value: bytes) -> bytes:
    return _LENGTH.pack(len(value)) + value


_TYPES: Mapping[str, tuple[int, Callable[[Any], bytes]]] = {
    "bigint": (20, lambda value: _WHOLE.pack(8, value)),
    "double precision": (701, lambda value: _REAL.pack(8, value)),
    "text": (25, _text),
    "bytea": (17, _bytes),
}


def array_of(kind: str, values: Sequence[Any]) -> Array:
    """Return values of one of the types that the tables have, or None, as an array."""
    number, element = _TYPES[kind]
    has_null = None in values
    if kind in _PLAIN and not has_null:  # all in one call
        pairs = chain.from_iterable(zip(repeat(8), values, strict=False))
        content = Struct(f"!{_PLAIN[kind] * len(values)}").pack(*pairs)
    else:
        content = b"".join([_NULL if value is None else element(value) for value in values])
    return Array(_HEADER.pack(1, has_null, number, len(values), 1) + content)

"""Reading tables of FlatBuffers: fields by their number, never beyond the bytes that there are."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

__all__ = ["Table", "root"]


def root(data: bytes) -> Table:
    """Return the table that a buffer begins with.

    Raises:
        ValueError: there is none.
    """
    return Table(data, _at(data, 0, "<I"))


def _at(data: bytes, place: int, form: str) -> int:
    if not 0 <= place <= len(data) - struct.calcsize(form):
        raise ValueError("it points outside of itself")
    found: int = struct.unpack_from(form, data, place)[0]
    return found


class Table:
    """One table.

    Raises:
        ValueError: by all methods, for what lies outside of the buffer.
    """

    __slots__ = ("_data", "_place", "_size", "_table")

    def __init__(self, data: bytes, place: int) -> None:
        self._data = data
        self._place = place
        self._table = place - _at(data, place, "<i")
        self._size = _at(data, self._table, "<H")

    def _field(self, number: int) -> int | None:
        entry = 4 + 2 * number
        if entry + 2 > self._size:
            return None
        offset = _at(self._data, self._table + entry, "<H")
        return self._place + offset if offset else None

    def integer(self, number: int, default: int) -> int:
        """Return a field of four bytes."""
        place = self._field(number)
        return default if place is None else _at(self._data, place, "<i")

    def byte(self, number: int) -> int:
        """Return a field of one byte."""
        place = self._field(number)
        return 0 if place is None else _at(self._data, place, "<B")

    def table(self, number: int) -> Table | None:
        """Return a table in this one; None if there is none."""
        place = self._field(number)
        return None if place is None else Table(self._data, place + _at(self._data, place, "<I"))

    def array(self, number: int, form: str, width: int = 1) -> Any:
        """Return an array of numbers: of ``width`` for each element."""
        place = self._field(number)
        if place is None:
            return np.zeros(0, dtype=form)
        begun, count = self._vector(place)
        size = count * width * np.dtype(form).itemsize
        if begun + size > len(self._data):
            raise ValueError("it points outside of itself")
        return np.frombuffer(self._data, form, count * width, begun)

    def tables(self, number: int) -> Iterator[Table]:
        """Yield the tables of a list."""
        place = self._field(number)
        if place is None:
            return
        begun, count = self._vector(place)
        for item in range(begun, begun + 4 * count, 4):
            yield Table(self._data, item + _at(self._data, item, "<I"))

    def texts(self, number: int) -> list[str]:
        """Return a list of texts."""
        place = self._field(number)
        if place is None:
            return []
        begun, count = self._vector(place)
        found = []
        for item in range(begun, begun + 4 * count, 4):
            start, length = self._vector(item)
            if start + length > len(self._data):
                raise ValueError("it points outside of itself")
            found.append(self._data[start : start + length].decode())
        return found

    def _vector(self, place: int) -> tuple[int, int]:
        begun = place + _at(self._data, place, "<I")
        return begun + 4, _at(self._data, begun, "<I")

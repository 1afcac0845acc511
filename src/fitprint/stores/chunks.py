"""Metric history as bytes: columns of 64-bit numbers, each in the form that says it shortest.

A chunk is four bytes, little-endian, of which the highest is its codec and the others its number of points, and then the columns steps,
times, epochs and values. In codec 0, which is only read, each column is in planes. In codec 1, each begins with a byte that names its form:

- 0, planes: a word of two bits for each of its eight planes (plane 0 holds the least significant byte of every number), and the planes:
  0 as they are, one byte for each point; 1 one byte, which all points share; 2 four bytes that say how many follow, deflated.
- 1, a line: the first number and what is added each time, eight bytes each; of floats the second is zero.
- 2, growing: the first number, and what each grows by, in planes. The n-th numbers of all groups of sixteen come together, so that sixteen
  additions of long rows give all sums.

In codec 2 there is one point: its four numbers, eight bytes each. Only columns that begin at zero or above have the forms 1 and 2.

Numbers keep every bit: NaN payloads, infinities and signed zeros come back as they were. Of clocks the first differences are stored and
not the second: those of a clock that trembles have changing signs, and need twice the bytes.
"""

from __future__ import annotations

import struct
import sys
import zlib
from array import array
from functools import cache
from itertools import accumulate, islice
from operator import sub
from typing import Any

from fitprint.entities import History
from fitprint.errors import CorruptStoreError

__all__ = ["FULL", "decode", "encode"]

FULL = 16_384
"""Points of a chunk that is never rewritten."""

_CODEC = 1 << 24
_SINGLE = 2 * _CODEC + 1
_PLANES, _LINE, _GROWING = range(3)
_FORMS = [bytes([form]) for form in range(3)]
_GROUP = 16  # numbers whose sums are made one after the other
_SHORT = 128  # points of a plane that is not worth the time
_SAMPLE = 1024
_WORTHWHILE = 0.9  # of the size; most planes of a mantissa are noise, and trying them costs more than all else


def encode(history: History) -> bytes:
    """Return the points as one chunk."""
    whole, floats = (history.step, history.timestamp), (history.epoch, history.value)
    if len(history) == 1:  # as of most metrics of a run that has very many
        return struct.pack("<I", _SINGLE) + b"".join(_little(column).tobytes() for column in (*whole, *floats))
    return b"".join([struct.pack("<I", _CODEC | len(history)), *map(_whole_numbers, whole), *map(_floats, floats)])


def decode(chunk: bytes, into: History) -> None:
    """Add the points of a chunk to the history ``into``.

    Raises:
        CorruptStoreError: these bytes are no chunk.
    """
    columns: tuple[array[Any], ...] = (into.step, into.timestamp, into.epoch, into.value)
    try:
        (head,) = struct.unpack_from("<I", chunk)
        if head == _SINGLE:
            for column, number in zip(columns, struct.unpack("<4x8s8s8s8s", chunk), strict=True):
                column.extend(_numbers(column.typecode, number))
            return
        codec, count = divmod(head, _CODEC)
        if codec > 1 or count > FULL:
            raise ValueError(f"it would have {count} points in the codec {codec}")
        at = 4
        for column in columns:
            form = chunk[at] if codec else _PLANES
            at = _READERS[form](chunk, at + codec, count, column)
    except (struct.error, zlib.error, ValueError, IndexError, TypeError, OverflowError) as error:
        raise CorruptStoreError(
            f"a piece of a metric's history is damaged ({error}); the other metrics and runs can still be read"
        ) from error


# -- writing -----------------------------------------------------------------------------------------------------------


def _whole_numbers(column: array[int]) -> bytes:
    first, count = column[0], len(column)
    if first < 0:
        return _FORMS[_PLANES] + _planes(column)
    stride = column[1] - first if count > 1 else 0
    last = first + stride * (count - 1)
    if stride >= 0 and column[-1] == last and column == array("q", range(first, last + 1, stride) if stride else [first] * count):
        return _FORMS[_LINE] + struct.pack("<qq", first, stride)
    try:
        growth = array("q", map(sub, column[1:], column))
    except OverflowError:
        growth = array("q", [-1])
    if min(growth) < 0:
        return _FORMS[_PLANES] + _planes(column)
    growth.insert(0, 0)
    growth.extend([0] * (-count % _GROUP))
    rows = array("q")
    for number in range(_GROUP):
        rows += growth[number::_GROUP]
    return _FORMS[_GROWING] + struct.pack("<q", first) + _planes(rows)


def _floats(column: array[float]) -> bytes:
    raw = _little(column).tobytes()
    if raw == raw[:8] * len(column):
        return _FORMS[_LINE] + raw[:8] + bytes(8)
    return _FORMS[_PLANES] + _planes(column)


def _planes(column: array[Any]) -> bytes:
    raw = _little(column).tobytes()
    word, parts = 0, [b""]
    for number in range(8):
        plane = raw[number::8]
        if plane.count(plane[0]) == len(plane):
            word |= 1 << 2 * number
            plane = plane[:1]
        elif len(plane) >= _SHORT and len(zlib.compress(plane[:_SAMPLE], 1)) < _WORTHWHILE * len(plane[:_SAMPLE]):
            packed = zlib.compress(plane, 1)
            word |= 2 << 2 * number
            plane = struct.pack("<I", len(packed)) + packed
        parts.append(plane)
    parts[0] = struct.pack("<H", word)
    return b"".join(parts)


# -- reading: each adds a column and returns the place behind it -------------------------------------------------------


def _read_planes(chunk: bytes, at: int, count: int, column: array[Any]) -> int:
    at, raw = _unpacked(chunk, at, count)
    column.extend(_numbers(column.typecode, raw))
    return at


def _read_line(chunk: bytes, at: int, count: int, column: array[Any]) -> int:
    first, stride = struct.unpack_from("<qq", chunk, at)
    if column.typecode == "d":
        column.extend(_numbers("d", chunk[at : at + 8]) * count)
    elif first < 0 or stride < 0:
        raise ValueError("a line that does not begin at zero or above, and grow")
    else:
        all_of_them = (1 << 64 * count) - 1
        points = (_counted() & all_of_them) * stride + (_ones() & all_of_them) * first
        column.extend(_numbers("q", points.to_bytes(8 * count, "little")))
    return at + 16


def _read_growing(chunk: bytes, at: int, count: int, column: array[Any]) -> int:
    """Add rows of numbers at once, as very long integers: nothing is carried from one number into the next, for none is negative."""
    (first,) = struct.unpack_from("<q", chunk, at)
    groups = -(-count // _GROUP)
    at, growth = _unpacked(chunk, at + 8, groups * _GROUP)
    width = 8 * groups
    rows = list(accumulate(int.from_bytes(growth[start : start + width], "little") for start in range(0, len(growth), width)))
    starts = accumulate(_numbers("q", rows[-1].to_bytes(width, "little")), initial=first)
    base = _long(array("q", islice(starts, groups)))
    points: array[Any] = array("q", bytes(len(growth)))
    for number, row in enumerate(rows):
        points[number::_GROUP] = _numbers("q", (row + base).to_bytes(width, "little"))
    del points[count:]
    column.extend(points)
    return at


_READERS = (_read_planes, _read_line, _read_growing)


def _unpacked(chunk: bytes, at: int, count: int) -> tuple[int, bytearray]:
    """Return the place behind the planes that begin at ``at``, and the numbers that they hold, little-endian."""
    (word,) = struct.unpack_from("<H", chunk, at)
    at += 2
    raw = bytearray(8 * count)
    for number in range(8):
        mode = word >> 2 * number & 3
        if mode == 1:
            plane = chunk[at : at + 1] * count
            at += 1
        elif mode == 2:
            (size,) = struct.unpack_from("<I", chunk, at)
            at += 4 + size
            packed = zlib.decompressobj()
            plane = packed.decompress(chunk[at - size : at], count)
            if not packed.eof:
                raise ValueError("a plane is too long")
        else:
            plane = chunk[at : at + count]
            at += count
        if len(plane) != count:
            raise ValueError("a plane is cut off")
        if mode != 1 or plane[:1] != b"\0":  # nearly all high bytes are zero, as the array is
            raw[number::8] = plane
    return at, raw


@cache
def _counted() -> int:
    return _long(array("q", range(FULL)))


@cache
def _ones() -> int:
    return _long(array("q", [1] * FULL))


def _long(column: array[int]) -> int:
    return int.from_bytes(_little(column).tobytes(), "little")


def _numbers(code: str, raw: bytes | bytearray) -> array[Any]:
    """Return the numbers that little-endian bytes hold."""
    column: array[Any] = array(code)
    column.frombytes(raw)
    return _little(column)


def _little(column: array[Any]) -> array[Any]:
    if sys.byteorder == "little":
        return column
    column = column[:]
    column.byteswap()
    return column

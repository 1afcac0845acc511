"""Metric history as bytes: columns of 64-bit numbers, split into planes of like bytes, each compressed where that pays.

A chunk is its number of points (4 bytes, little-endian) and four columns: steps, times, epochs, values. A column is a word
of two bits for each of its eight planes (plane 0 holds the least significant byte of every number), and the planes:

- 0: as they are, one byte for each point;
- 1: one byte, which all points share;
- 2: four bytes that say how many follow, deflated.

Numbers keep every bit: NaN payloads, infinities and signed zeros come back as they were.
"""

from __future__ import annotations

import struct
import sys
import zlib
from array import array
from typing import Any

from fitprint.entities import History
from fitprint.errors import CorruptStoreError

__all__ = ["FULL", "decode", "encode"]

FULL = 16_384
"""Points of a chunk that is never rewritten."""

_ONE = struct.pack("<I", 1)
_CONSTANT = struct.pack("<H", 0b0101010101010101)  # the word of a column whose planes are all shared by all points
_SHORT = 128  # points of a plane that is not worth the time
_SAMPLE = 1024
_WORTHWHILE = 0.9  # of the size; most planes of a mantissa are noise, and trying them costs more than all else


def encode(history: History) -> bytes:
    """Return the points as one chunk."""
    columns: tuple[array[Any], ...] = (history.step, history.timestamp, history.epoch, history.value)
    if len(history) == 1:  # every plane is one byte: the number as it is
        return _ONE + _CONSTANT + _CONSTANT.join(_little(column).tobytes() for column in columns)
    return b"".join([struct.pack("<I", len(history)), *map(_encoded, columns)])


def decode(chunk: bytes, into: History) -> None:
    """Add the points of a chunk to the history ``into``.

    Raises:
        CorruptStoreError: these bytes are no chunk.
    """
    try:
        (count,) = struct.unpack_from("<I", chunk)
        if count > FULL:
            raise ValueError(f"it would have {count} points")
        at = 4
        for column in (into.step, into.timestamp, into.epoch, into.value):
            at = _decoded(chunk, at, count, column)
    except (struct.error, zlib.error, ValueError, IndexError, TypeError) as error:
        raise CorruptStoreError(
            f"a piece of a metric's history is damaged ({error}); the other metrics and runs can still be read"
        ) from error


def _encoded(column: array[Any]) -> bytes:
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


def _decoded(chunk: bytes, at: int, count: int, column: array[Any]) -> int:
    (word,) = struct.unpack_from("<H", chunk, at)
    at += 2
    raw = bytearray(8 * count)
    for number in range(8):
        mode = word >> 2 * number & 3
        if mode == 1:
            if chunk[at]:
                raw[number::8] = chunk[at : at + 1] * count
            at += 1
        elif mode == 2:
            (size,) = struct.unpack_from("<I", chunk, at)
            at += 4 + size
            plane = zlib.decompressobj()
            raw[number::8] = plane.decompress(chunk[at - size : at], count)
            if not plane.eof:
                raise ValueError("a plane is cut off or too long")
        else:
            raw[number::8] = chunk[at : at + count]
            at += count
    points: array[Any] = array(column.typecode)
    points.frombytes(raw)
    column.extend(_little(points))
    return at


def _little(column: array[Any]) -> array[Any]:
    if sys.byteorder == "little":
        return column
    column = column[:]
    column.byteswap()
    return column

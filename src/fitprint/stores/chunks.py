"""Metric history as bytes: columns of 64-bit numbers, each in the form that says it shortest.

A chunk is four bytes, little-endian, of which the highest is its codec and the others its number of
points, and then columns. In codec 3 these are those of a :class:`fitprint.entities.History`, in its
order. In codec 4, a *pack*, points of several metrics of a run lie one after the other; before
their columns come four bytes that say how many pieces there are, and three columns of these: the
number of the metric's key, how many points the metric has before the piece, and how many the piece
has. Each column begins with a byte that names its form:

- 0, planes: a word of two bits for each of its eight planes (plane 0 holds the least significant
  byte of every number), and the planes: 0 as they are, one byte for each point; 1 one byte, which
  all points share; 2 four bytes that say how many follow, deflated.
- 1, a line: the first number and what is added each time, eight bytes each; of floats the second is
  zero.
- 3, growing: three numbers of eight bytes, and then the column in rows of 128 numbers, or in
  sixteen rows where there are fewer than 2048 (the last may be shorter), in planes: of the first
  row what each is above a line, of which the first two numbers say where it begins and what is
  added each time; of the others what each is above the one over it, less the third number. So few
  additions of long rows give all of them.
- 4, growing little: the same with four planes, where the higher halves of all numbers are the same.

Only whole numbers have the forms 3 and 4, and only those that begin at zero or above the forms 1, 3
and 4.

Codecs 0 to 2 are only read; their columns are steps, times, epochs and values. In codec 0 these are
planes without a form, in codec 2 there is one point, of four numbers, eight bytes each. Codec 1 has
the form 2 for what grows: the first number, and what each grows by, in planes, where the n-th
numbers of all groups of sixteen come together.

Numbers keep every bit: NaN payloads, infinities and signed zeros come back as they were.
"""

from __future__ import annotations

import struct
import sys
import zlib
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import accumulate, islice, repeat
from operator import sub
from typing import Any, NamedTuple, Union

from fitprint.entities import History, from_little, to_little
from fitprint.errors import CorruptStoreError

__all__ = ["FULL", "Piece", "decode", "encode", "pack", "size", "unpack"]

FULL = 8192
"""Points of a chunk that is never rewritten: few enough for a processor's cache, so that they are
read faster than four times as many.
"""

_MOST = 16_384  # points of a chunk, for earlier versions wrote as many
_PLANES_ONLY, _SINGLE, _SERIES, _PACK = 0, 2, 3, 4  # codecs
_PLANES, _LINE, _GROUPS, _GROWING, _GROWING_LITTLE = range(5)
_FORMS = [bytes([form]) for form in range(5)]
_GROUPS_OF = 16  # numbers, in codec 1
# most numbers of a row, and rows of what has fewer than as many rows of that length
_ROW, _ROWS = 128, 16
_SHORT = 128  # points of a plane that is not worth the time
_SAMPLE = 1024
# of the size; most planes of a mantissa are noise, and trying them costs more than all else
_WORTHWHILE = 0.9
_HALF = 1 << 32
_BEFORE = ("step", "timestamp", "epoch", "value")  # the columns of codecs 0 to 2
_NOW = ("step", "timestamp", "value", "epoch")
_Read = tuple[int, Union[bytes, bytearray]]  # the place behind what was read, and the numbers
_ODD = (struct.error, zlib.error, ValueError, IndexError, TypeError, OverflowError)


class Piece(NamedTuple):
    """Points of a metric, named by the number of its key, that follow the first ``start`` ones."""

    key: int
    start: int
    points: History


def encode(history: History) -> bytes:
    """Return the points as one chunk."""
    return _head(_SERIES, len(history)) + _columns(history)


def size(chunk: bytes) -> int:
    """Return how many points a chunk has.

    Raises:
        CorruptStoreError: these bytes are no chunk.
    """
    with _told():
        return _codec_and_count(chunk)[1]


def decode(chunk: bytes, into: History, start: int = 0) -> None:
    """Put the points of a chunk into the history ``into``, which has room for them from the place
    ``start`` on.

    Raises:
        CorruptStoreError: these bytes are no chunk.
    """
    with _told():
        codec, count = _codec_and_count(chunk)
        if codec == _PACK:
            raise ValueError("it is a pack of several series")
        if codec == _SINGLE:
            for name, number in zip(_BEFORE, struct.unpack("<4x8s8s8s8s", chunk), strict=True):
                _put(getattr(into, name), start, number)
            return
        at = 4
        for name in _NOW if codec == _SERIES else _BEFORE:
            column = getattr(into, name)
            at = _read(chunk, at, count, column, start, planes_only=codec == _PLANES_ONLY)


def pack(pieces: Sequence[Piece]) -> bytes:
    """Return points of several metrics as one chunk."""
    together = History()
    for piece in pieces:
        together.extend(piece.points)
    about = (
        array("q", [piece.key for piece in pieces]),
        array("q", [piece.start for piece in pieces]),
        array("q", [len(piece.points) for piece in pieces]),
    )
    return b"".join(
        [
            _head(_PACK, len(together)),
            struct.pack("<I", len(pieces)),
            *map(_whole_numbers, about),
            _columns(together),
        ]
    )


def unpack(chunk: bytes) -> list[Piece]:
    """Return the pieces of which :func:`pack` made the chunk.

    Raises:
        CorruptStoreError: these bytes are no such chunk.
    """
    with _told():
        codec, count = _codec_and_count(chunk)
        (number,) = struct.unpack_from("<I", chunk, 4)
        if codec != _PACK or not 0 < number <= count:
            raise ValueError(f"it would be {number} pieces of {count} points in the codec {codec}")
        about = [array("q", bytes(8 * number)) for _ in range(3)]
        together = History.blank(count)
        at = 8
        for each in about:
            at = _read(chunk, at, number, each, 0)
        for column in together.columns:
            at = _read(chunk, at, count, column, 0)
        keys, starts, counts = about
        if sum(counts) != count or min(counts, default=1) < 1:
            raise ValueError("its pieces have other points than it has")
        ends = accumulate(counts)
        return [
            Piece(key, start, together.part(end - size, end))
            for key, start, size, end in zip(keys, starts, counts, ends, strict=True)
        ]


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except _ODD as error:
        raise CorruptStoreError(
            f"a piece of a metric's history is damaged ({error}); the other metrics and runs can "
            "still be read"
        ) from error


# -- writing ---------------------------------------------------------------------------------------


def _head(codec: int, count: int) -> bytes:
    return struct.pack("<I", codec << 24 | count)


def _columns(history: History) -> bytes:
    return b"".join(
        [
            _whole_numbers(history.step),
            _whole_numbers(history.timestamp),
            _floats(history.value),
            _floats(history.epoch),
        ]
    )


def _whole_numbers(column: array[int]) -> bytes:
    first, count = column[0], len(column)
    if first < 0:
        return _FORMS[_PLANES] + _planes(to_little(column))
    stride = column[1] - first if count > 1 else 0
    if (
        stride >= 0
        and column[-1] == first + stride * (count - 1)
        and to_little(column) == _line(first, stride, count)
    ):
        return _FORMS[_LINE] + struct.pack("<qq", first, stride)
    return _growing(column) or _FORMS[_PLANES] + _planes(to_little(column))


def _growing(column: array[int]) -> bytes:
    """Return the column as rows that grow, or nothing if it does not."""
    width = _width(len(column))
    stride = (column[width - 1] - column[0]) // max(width - 1, 1)
    top = [number - stride * place for place, number in enumerate(column[:width])]
    raw = to_little(column)
    if not raw[7::8].isascii():  # there are negative ones
        return b""
    growth = _difference(raw[8 * width :], raw[: -8 * width])
    start, least = min(top), min(from_little("q", growth), default=0)
    if min(start, stride, least) < 0 or max(top) - start >= _HALF * _HALF // 2:
        return b""
    rows = to_little(array("q", map(sub, top, repeat(start))))
    rows += _difference(growth, struct.pack("<q", least) * (len(growth) // 8))
    # none is above those below it
    little = start // _HALF == max(column[-width:]) // _HALF and not any(
        rows[place::8].strip(b"\0") for place in range(4, 8)
    )
    form = _GROWING_LITTLE if little else _GROWING
    told = struct.pack("<qqq", start, stride, least)
    return _FORMS[form] + told + _planes(rows, 4 if little else 8)


def _difference(one: bytes, other: bytes) -> bytes:
    """Return by how much each number of eight bytes of the one, from zero on, is above that of the
    other, as such numbers. Where one is below, there is a negative number, and what follows is
    wrong.

    Together they are two large numbers, which are subtracted at once.
    """
    above = int.from_bytes(one, "little") - int.from_bytes(other, "little")
    return above.to_bytes(len(one), "little") if above >= 0 else b"\xff" * len(one)


def _width(count: int) -> int:
    """Return how many numbers a row has where there are so many."""
    return min(-(-count // _ROWS), _ROW)


def _floats(column: array[float]) -> bytes:
    raw = to_little(column)
    if raw == raw[:8] * len(column):
        return _FORMS[_LINE] + raw[:8] + bytes(8)
    return _FORMS[_PLANES] + _planes(raw)


def _planes(raw: bytes, planes: int = 8) -> bytes:
    """Return the first planes of numbers of eight bytes."""
    word, parts = 0, [b""]
    for number in range(planes):
        plane = raw[number::8]
        if plane.count(plane[0]) == len(plane):
            word |= 1 << 2 * number
            plane = plane[:1]
        elif len(plane) >= _SHORT and len(zlib.compress(plane[:_SAMPLE], 1)) < _WORTHWHILE * len(
            plane[:_SAMPLE]
        ):
            packed = zlib.compress(plane, 1)
            word |= 2 << 2 * number
            plane = struct.pack("<I", len(packed)) + packed
        parts.append(plane)
    parts[0] = struct.pack("<H", word)
    return b"".join(parts)


# -- reading ---------------------------------------------------------------------------------------


def _codec_and_count(chunk: bytes) -> tuple[int, int]:
    (head,) = struct.unpack_from("<I", chunk)
    codec, count = head >> 24, head & 0xFFFFFF
    if codec > _PACK or not 0 < count <= _MOST or (codec == _SINGLE and count != 1):
        raise ValueError(f"it would have {count} points in the codec {codec}")
    return codec, count


def _put(column: array[Any], start: int, raw: bytes | bytearray) -> None:
    """Put the numbers that little-endian bytes hold into a column, which has room for them."""
    if sys.byteorder == "big":
        numbers = from_little(column.typecode, raw)
        column[start : start + len(numbers)] = numbers
    else:  # no array in between
        at = start * column.itemsize
        memoryview(column).cast("B")[at : at + len(raw)] = raw


def _read(
    chunk: bytes,
    at: int,
    count: int,
    column: array[Any],
    start: int,
    *,
    planes_only: bool = False,
) -> int:
    """Put what stands at ``at`` of the chunk into the column, and return the place behind it."""
    form = _PLANES if planes_only else chunk[at]
    at += not planes_only
    raw: bytes | bytearray
    if form == _PLANES:
        at, raw = _unpacked(chunk, at, count, 8)
    elif column.typecode == "d":
        if form != _LINE:
            raise ValueError(f"floats in the form {form}")
        (number,) = struct.unpack_from("<8s8x", chunk, at)
        at, raw = at + 16, number * count
    else:
        at, raw = _READERS[form - 1](chunk, at, count)
    _put(column, start, raw)
    return at


def _read_line(chunk: bytes, at: int, count: int) -> _Read:
    first, stride = struct.unpack_from("<qq", chunk, at)
    if first < 0 or stride < 0:
        raise ValueError("a line that does not begin at zero or above, and grow")
    return at + 16, _line(first, stride, count)


def _read_groups(chunk: bytes, at: int, count: int) -> _Read:
    (first,) = struct.unpack_from("<q", chunk, at)
    groups = -(-count // _GROUPS_OF)
    width = 8 * groups
    at, growth = _unpacked(chunk, at + 8, groups * _GROUPS_OF, 8)
    rows = list(
        accumulate(
            int.from_bytes(growth[start : start + width], "little")
            for start in range(0, len(growth), width)
        )
    )
    starts = accumulate(from_little("q", rows[-1].to_bytes(width, "little")), initial=first)
    base = int.from_bytes(to_little(array("q", islice(starts, groups))), "little")
    points: array[int] = array("q", bytes(len(growth)))
    for number, row in enumerate(rows):
        points[number::_GROUPS_OF] = from_little("q", (row + base).to_bytes(width, "little"))
    return at, to_little(points[:count])


def _read_growing(chunk: bytes, at: int, count: int) -> _Read:
    start, stride, least = struct.unpack_from("<qqq", chunk, at)
    at, rows = _unpacked(chunk, at + 24, count, 8)
    return at, _sums(rows, start, stride, least, "q")


def _read_growing_little(chunk: bytes, at: int, count: int) -> _Read:
    start, stride, least = struct.unpack_from("<qqq", chunk, at)
    high, low = divmod(start, _HALF)
    at, rows = _unpacked(chunk, at + 24, count, 4)
    halves = from_little("I", (bytes(4) + high.to_bytes(4, "little")) * count)
    halves[::2] = from_little("I", _sums(rows, low, stride, least, "I"))
    return at, to_little(halves)


_READERS = (_read_line, _read_groups, _read_growing, _read_growing_little)


def _sums(rows: bytearray, start: int, stride: int, least: int, code: str) -> bytes:
    """Add rows of numbers at once, as very long integers: nothing is carried from one number into
    the next, for none is negative.
    """
    size = array(code).itemsize
    width = _width(len(rows) // size) * size
    numbers, ones = _lanes(width // size, code)
    more = ones * least
    row = numbers * stride + ones * start - more
    found = []
    for at in range(0, len(rows), width):
        row += int.from_bytes(rows[at : at + width], "little") + more
        # What the last row lacks may grow beyond what a number holds, and into what is cut off
        # here: all of that lies behind the others.
        found.append(row.to_bytes(width + size, "little")[:width])
    return b"".join(found)[: len(rows)]


def _line(first: int, stride: int, count: int) -> bytes | bytearray:
    if stride == 1:
        return _counted(first, count)
    numbers, ones = _lanes(count, "q")
    return (numbers * stride + ones * first).to_bytes(8 * count, "little")


def _counted(first: int, count: int) -> bytearray:
    """Return so many numbers from ``first`` on: their bytes are pieces of two patterns."""
    lowest, second = _patterns()
    at = first & 0xFFFF
    most = min(count, 0x10000 - at)
    raw = bytearray((first - at).to_bytes(8, "little") * most)
    raw[0::8] = lowest[at & 0xFF :][:most]
    raw[1::8] = second[at : at + most]
    return raw if most == count else raw + _counted(first + most, count - most)


@lru_cache(maxsize=1)
def _patterns() -> tuple[bytes, bytes]:
    """Return the lowest and the second byte of all numbers of two bytes, the lowest for as many as
    a chunk may have beyond.
    """
    return bytes(range(256)) * (_MOST // 256 + 1), b"".join(
        bytes([high]) * 256 for high in range(256)
    )


def _unpacked(chunk: bytes, at: int, count: int, width: int) -> tuple[int, bytearray]:
    """Return the place behind the planes that begin at ``at``, and the numbers that they hold,
    little-endian.
    """
    (word,) = struct.unpack_from("<H", chunk, at)
    at += 2
    raw = bytearray(width * count)
    for number in range(width):
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
            raw[number::width] = plane
    return at, raw


@lru_cache(maxsize=8)
def _lanes(count: int, code: str) -> tuple[int, int]:
    """Return the numbers from zero, and as many ones, as very long integers."""
    columns = array(code, range(count)), array(code, [1] * count)
    numbers, ones = (int.from_bytes(to_little(column), "little") for column in columns)
    return numbers, ones

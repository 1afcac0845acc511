"""Reading journals: everything that is intact, and where it was not.

Nothing here writes, and nothing here needs the writer to be alive or dead.
"""

from __future__ import annotations

import json
import os
import re
import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from zlib import crc32

from fitprint import clock
from fitprint.access import read_regular
from fitprint.entities import History, from_little, to_little
from fitprint.events import Event, MetricPoints
from fitprint.journal import frames
from fitprint.journal.codec import UnknownRecordError, decode_event

__all__ = ["Damage", "Stretch", "read_journal", "segments"]

_POINT_FRAME = struct.Struct("<8xI37s")  # checksum and payload of a frame that holds a single point
_POINT_BYTES = _POINT_FRAME.size
# those of a History: offset in the frame, type
_POINT_COLUMNS = ((17, "q"), (25, "q"), (33, "d"), (41, "d"))
_SERIES_AT = 13
_POINT_HEAD = frames.HEADER.pack(frames.MAGIC, frames.POINT_BODY.size, 0)[:8]
_SERIES_HEAD = re.compile(
    re.escape(frames.MAGIC) + rb".{8}" + re.escape(bytes([frames.SERIES])), re.DOTALL
)
# eight million of them: positions stay below 2**63
_SEGMENT_NAME = re.compile(r"0[0-7][0-9]{6}\.log")
_MOST_POINTS = 1 << 16
# What code that expects other content may raise at a record: odd content is damage like any other.
_ODD = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    OverflowError,
    RecursionError,
    struct.error,
)
_USUAL_TIMES = b"\0\1"  # highest bytes of all times from 1970 to the latest that a record may have


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes of a segment that could not be read: where, how many, and why."""

    segment: str
    offset: int
    size: int
    reason: str


@dataclass(slots=True)
class Stretch:
    """Consecutive intact events of a journal, from position ``start`` up to ``end``.

    ``closed``: the journal's last frame was read. ``torn``: bytes after ``end`` that are no whole
    frame yet (a write under way, or the last breath of a writer that died). ``unknown``: what
    stands at ``end`` that only a newer fitprint knows; "" if there is nothing of the kind.
    """

    start: int
    end: int
    events: list[Event] = field(default_factory=list)
    damage: list[Damage] = field(default_factory=list)
    closed: bool = False
    torn: int = 0
    unknown: str = ""


def segments(journal: Path) -> list[Path]:
    """Return the journal's segments that are still there, oldest first."""
    try:
        # a journal is looked at whenever somebody reads runs, and has other files, too
        names = os.listdir(journal)  # noqa: PTH208
    except OSError:
        return []
    return [journal / name for name in sorted(filter(_SEGMENT_NAME.fullmatch, names))]


def read_journal(
    journal: Path, position: int = 0, *, batch_bytes: int = 8 << 20
) -> Iterator[Stretch]:
    """Yield what the journal holds from ``position`` on, in stretches of about ``batch_bytes``.

    Damaged bytes are passed over and listed. A torn tail ends the last stretch and is left for the
    next call, and so is everything from a record on that this version does not know.
    """
    first, offset = frames.split_position(position)
    paths = [path for path in segments(journal) if int(path.stem) >= first]
    for index, path in enumerate(paths):
        number = int(path.stem)
        if number == first and offset and path.stat().st_size == offset:
            continue  # nothing came since: readers ask often, and a segment is large
        segment = _Segment(path.name, read_regular(path))
        if number == first and offset:
            segment.learn(offset)
        start = position if number == first else frames.position(number, 0)
        last = index == len(paths) - 1
        while True:
            stretch = segment.read(start, number, batch_bytes, last=last)
            if stretch.end != start or stretch.torn or stretch.closed or stretch.unknown:
                yield stretch
            if stretch.unknown:
                return
            if segment.done:
                break
            start = stretch.end


class _Segment:
    """One segment's bytes, read from front to back."""

    def __init__(self, name: str, data: bytes) -> None:
        self._name = name
        self._data = data
        self._view = memoryview(data)
        self._at = 0
        self._series: dict[int, tuple[str, str, Literal["min", "max"] | None]] = {}
        self.done = False

    def learn(self, until: int) -> None:
        """Take note of the series that were defined before ``until``, and go there."""
        for match in _SERIES_HEAD.finditer(self._data, 0, until):
            at = match.start()
            size = self._frame_size(at)
            if size:
                try:
                    self._define(self._data[at + 13 : at + size])
                except _ODD:
                    pass  # it was told when this place was read first
        self._at = until

    def read(self, start: int, number: int, batch_bytes: int, *, last: bool) -> Stretch:
        stretch = Stretch(start, start)
        points: dict[int, History] = {}  # by series
        limit = min(len(self._data), self._at + batch_bytes)
        while self._at < limit:
            taken = self._take_points(points)
            if taken:
                self._at += taken
                continue
            size = self._frame_size(self._at)
            if size == 0:
                if not self._pass_over(stretch, last=last):
                    break
                continue
            try:
                self._take(self._data[self._at + 12 : self._at + size], stretch, points)
            except UnknownRecordError as error:
                stretch.unknown = str(error)
                break
            self._at += size
        self._hand_over(points, stretch)
        unknown = sum(map(len, points.values()))
        if unknown:
            stretch.damage.append(
                Damage(self._name, self._at, 0, f"{unknown} metric points whose definition is lost")
            )
        stretch.end = frames.position(number, self._at)
        self.done = self._at >= len(self._data) or stretch.torn > 0
        return stretch

    # -- frames ------------------------------------------------------------------------------------

    def _frame_size(self, at: int) -> int:
        """Return the size of the whole, intact frame at ``at``, or 0."""
        data = self._data
        if at + 12 > len(data):
            return 0
        magic, length, checksum = frames.HEADER.unpack_from(data, at)
        end = at + 12 + length
        if (
            magic != frames.MAGIC
            or length == 0
            or end > len(data)
            or crc32(self._view[at + 12 : end]) != checksum
        ):
            return 0
        return 12 + int(length)

    def _pass_over(self, stretch: Stretch, *, last: bool) -> bool:
        """Go to the next intact frame and note the damage; False if there is none and the tail may
        still grow.
        """
        at = self._data.find(frames.MAGIC, self._at + 1)
        while at >= 0 and not self._frame_size(at):
            at = self._data.find(frames.MAGIC, at + 1)
        if at < 0:
            if last:
                stretch.torn = len(self._data) - self._at
                return False
            at = len(self._data)
        stretch.damage.append(Damage(self._name, self._at, at - self._at, "no intact record"))
        self._at = at
        return True

    def _take(self, payload: bytes, stretch: Stretch, points: dict[int, History]) -> None:
        kind = payload[0]
        try:
            if kind == frames.EVENT:
                event = decode_event(payload[1:])
                # An end that follows points must not overtake them: hand over what was gathered so
                # far.
                self._hand_over(points, stretch)
                stretch.events.append(event)
            elif kind == frames.SERIES:
                self._define(payload[1:])
            elif kind == frames.POINTS:
                self._take_columns(payload, points)
            elif kind == frames.END:
                stretch.closed = bool(json.loads(payload[1:]).get("closed"))
            elif kind == frames.START:
                needed = json.loads(payload[1:])["format"]
                if needed > frames.FORMAT:
                    raise UnknownRecordError(f"a segment of format {needed}")
            elif kind in frames.FUTURE:
                raise UnknownRecordError(f"a record of the unknown kind {kind}")
            else:
                raise ValueError("no version writes such a record")
        except UnknownRecordError:
            raise
        except _ODD as error:
            stretch.damage.append(
                Damage(
                    self._name,
                    self._at,
                    len(payload),
                    f"a record of kind {kind} is not understood: {error}",
                )
            )

    def _define(self, text: bytes) -> None:
        number, run, key, goal = json.loads(text.decode("utf-8", "surrogatepass"))
        if (
            type(number) is not int
            or not all(isinstance(name, str) and name for name in (run, key))
            or goal not in (None, "min", "max")
        ):
            raise ValueError("it defines no metric")
        self._series[number] = (run, key, goal)

    def _hand_over(self, points: dict[int, History], stretch: Stretch) -> None:
        """Make events of the points whose series are known; only the others stay."""
        for number in [number for number in points if number in self._series]:
            run, key, goal = self._series[number]
            history = points.pop(number)
            stretch.events.append(MetricPoints(run, history.timestamp[-1], key, history, goal))

    def _take_columns(self, payload: bytes, points: dict[int, History]) -> None:
        _, number, count = frames.POINTS_BODY.unpack_from(payload)
        at = frames.POINTS_BODY.size
        if not count or len(payload) != at + 32 * count:
            raise ValueError(f"it should hold {count} points and has {len(payload)} bytes")
        _add(points, number, History.from_bytes(payload[at:]))

    def _take_points(self, points: dict[int, History]) -> int:
        """Take as many single points as stand in a row here, and return their size in bytes."""
        data, at = self._data, self._at
        if (
            at + _POINT_BYTES > len(data)
            or not data.startswith(_POINT_HEAD, at)
            or data[at + 12 : at + 13] != b"\1"
        ):
            return 0
        if not data.startswith(_POINT_HEAD, at + _POINT_BYTES):
            return self._take_point(at, points)
        count = self._count_points(at)
        end = at + count * _POINT_BYTES
        intact = count
        for index, (expected, body) in enumerate(_POINT_FRAME.iter_unpack(self._view[at:end])):
            if crc32(body) != expected:
                intact = index
                break
        if intact == 0:
            return 0
        end = at + intact * _POINT_BYTES
        numbers = _column(data, at + _SERIES_AT, end, "I")
        history = History(
            *(_column(data, at + offset, end, code) for offset, code in _POINT_COLUMNS)
        )
        if numbers.count(numbers[0]) == intact:
            _add(points, numbers[0], history)
        else:
            rows_of: dict[int, list[int]] = {}
            for index, number in enumerate(numbers):
                rows_of.setdefault(number, []).append(index)
            for number, chosen in rows_of.items():
                _add(points, number, history.at(chosen))
        return intact * _POINT_BYTES

    def _take_point(self, at: int, points: dict[int, History]) -> int:
        """Take one point that stands alone, as of a metric that was just defined."""
        data = self._data
        if self._frame_size(at) != _POINT_BYTES:
            return 0
        number = int.from_bytes(data[at + _SERIES_AT : at + _SERIES_AT + 4], "little")
        _add(points, number, History.from_bytes(data[at + _SERIES_AT + 4 : at + _POINT_BYTES]))
        return _POINT_BYTES

    def _count_points(self, at: int) -> int:
        """Return how many frames in a row look like single points, by comparing their constant
        bytes column by column.
        """
        data = self._data
        count = 1
        for most in (16, 256, 4096, _MOST_POINTS):
            guess = min(most, (len(data) - at) // _POINT_BYTES)
            if guess <= count:
                return count
            end = at + guess * _POINT_BYTES
            for byte, constant in enumerate(_POINT_HEAD):
                if data[at + byte : end : _POINT_BYTES].count(constant) != guess:
                    return count
            if data[at + 12 : end : _POINT_BYTES].count(frames.POINT) != guess:
                return count
            count = guess
        return count


def _column(data: bytes, first: int, end: int, typecode: str) -> array[Any]:
    """Return one column of equal frames that stand in a row: gathered byte by byte, which is done
    in C for all rows at once.
    """
    width = array(typecode).itemsize
    column = bytearray(-(-(end - first) // _POINT_BYTES) * width)
    for byte in range(width):
        column[byte::width] = data[first + byte : end : _POINT_BYTES]
    return from_little(typecode, column)


def _add(points: dict[int, History], number: int, more: History) -> None:
    """Add points to those of their series; a time that no record may have becomes the nearest that
    one may have.
    """
    if len(more.timestamp) == 1 and clock.EARLIEST <= more.timestamp[0] <= clock.LATEST:
        pass  # as of most metrics of a run that has very many
    elif to_little(more.timestamp)[7::8].translate(None, _USUAL_TIMES):
        more.timestamp[:] = array(
            "q", (min(max(time, clock.EARLIEST), clock.LATEST) for time in more.timestamp)
        )
    if number in points:
        points[number].extend(more)
    else:
        points[number] = more

"""Appending to the journal of this process.

Each call returns once its record is in the kernel (``write(2)``): it outlives the process, also under SIGKILL.
Nothing here raises into the caller for a reason of the disk: what cannot be written is kept in memory, within a
limit, tried again, and told once through the ``on_problem`` callable.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import threading
import time
import weakref
from array import array
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal
from zlib import crc32

from fitprint.access import create_file, make_folder, write_private
from fitprint.events import Event, MetricPoints
from fitprint.ids import new_id
from fitprint.journal import frames
from fitprint.journal.codec import encode_event

__all__ = ["JournalWriter", "is_own"]

_LIVE: weakref.WeakSet[JournalWriter] = weakref.WeakSet()
_NO_EPOCH = float("nan")
_POINT_HEAD = frames.HEADER.pack(frames.MAGIC, frames.POINT_BODY.size, 0)[:8]
_PIECE = 1 << 20  # of what was held, written at once
_pack_point = frames.POINT_BODY.pack
_write = os.write


def is_own(journal: str) -> bool:
    """Tell whether a writer of this very process has this journal open."""
    return any(writer.id == journal for writer in _LIVE)


class JournalWriter:
    """The journal of one process. All methods may be called from any thread, and after a fork.

    Args:
        root: directory of all journals; it and the journal are made at the first record.
        facts: JSON facts on the writer, kept in ``writer.json``.
        on_problem: called with a sentence when writing fails, once until it works again.
        sync: "always" makes each record safe from a power cut, at the price of an ``fdatasync``.
        segment_bytes: a segment that has grown beyond this is ended.
        held_bytes: how much is kept in memory while writing fails.
    """

    def __init__(
        self,
        root: Path,
        *,
        facts: Callable[[], Mapping[str, Any]] = dict,
        on_problem: Callable[[str], None] = lambda _: None,
        sync: Literal["never", "always"] = "never",
        segment_bytes: int = 16 << 20,
        held_bytes: int = 16 << 20,
    ) -> None:
        self._root = root
        self._facts = facts
        self._on_problem = on_problem
        self._sync = sync == "always"
        self._segment_bytes = segment_bytes
        self._held_limit = held_bytes
        self._reset()
        _LIVE.add(self)

    def _reset(self) -> None:
        """Become a writer that has written nothing (also the state of a forked child)."""
        self._lock = threading.RLock()  # re-entrant: a signal handler may log while its thread is logging
        self.id = ""
        self._file = -1
        self._lock_file = -1
        self._segment = 0
        self._size = 0
        self._series: dict[tuple[str, str], int] = {}
        self._next_number = 0
        self._held = bytearray()  # goes to the file before anything else; may begin inside a record
        self._lost = 0
        self._retry_at = 0.0
        self._told = False

    def _after_fork_in_child(self) -> None:
        inherited = (self._file, self._lock_file)
        self._reset()
        for number in inherited:
            if number >= 0:
                os.close(number)

    # -- recording -----------------------------------------------------------------------------------------------

    def point(
        self,
        run: str,
        key: str,
        step: int,
        time_us: int,
        value: float,
        epoch: float = _NO_EPOCH,
        goal: str | None = None,
    ) -> None:
        """Append one metric point.

        Raises:
            struct.error: step is not a 64-bit integer.
        """
        # The hot path of every training loop: spelled out, because each call and look-up shows in it.
        with self._lock:
            number = self._series.get((run, key))
            if number is None:
                number = self._define(run, key, goal)
            payload = _pack_point(1, number, step, time_us, value, epoch)
            data = _POINT_HEAD + crc32(payload).to_bytes(4, "little") + payload
            if self._held or self._sync:
                self._write(data)
                return
            try:
                written = _write(self._file, data)
            except OSError as error:
                self._fail(data, error)
                return
            self._size += written
            if written != 49:
                self._fail(data[written:], None)
                return
            if self._size >= self._segment_bytes:
                self._rotate()

    def points(self, run: str, values: Mapping[str, float], step: int, time_us: int, epoch: float = _NO_EPOCH) -> None:
        """Append one point of each metric, as one write.

        Raises:
            struct.error: step is not a 64-bit integer; nothing is written.
        """
        with self._lock:
            parts = []
            for key, value in values.items():
                number = self._series.get((run, key))
                if number is None:
                    number = self._define(run, key, None)
                payload = _pack_point(1, number, step, time_us, value, epoch)
                parts.append(_POINT_HEAD + crc32(payload).to_bytes(4, "little") + payload)
            self._write(b"".join(parts))
            if self._size >= self._segment_bytes:
                self._rotate()

    def append(self, *events: Event) -> None:
        """Append events, as one write.

        Raises:
            FitprintError: an event has content that no reader would understand; none of the events is written.
            ValueError: a goal is neither "min" nor "max"; the same.
        """
        parts = [event if isinstance(event, MetricPoints) else _event_frame(event) for event in events]
        with self._lock:
            self._write(b"".join(part if isinstance(part, bytes) else self._points_frame(part) for part in parts))
            if self._size >= self._segment_bytes:
                self._rotate()

    def _points_frame(self, points: MetricPoints) -> bytes:
        number = self._series.get((points.run, points.key))
        if number is None:
            number = self._define(points.run, points.key, points.goal)
        head = frames.POINTS_BODY.pack(frames.POINTS, number, len(points.values))
        columns = (points.steps, points.times, points.values, points.epochs)
        return frames.frame(head + b"".join(_little_endian(column) for column in columns))

    def _define(self, run: str, key: str, goal: str | None) -> int:
        """Give a series of this segment its number. Called with the lock held."""
        if goal is not None and goal not in ("min", "max"):
            raise ValueError(f"a goal is 'min' or 'max', not {goal!r}")
        number = self._series[run, key] = self._next_number
        self._next_number += 1
        self._write(frames.frame(b"\2" + json.dumps([number, run, key, goal], separators=(",", ":")).encode()))
        return number

    # -- the file ------------------------------------------------------------------------------------------------

    def _write(self, data: bytes) -> None:
        if (self._file < 0 or self._held) and not self._recover():
            self._hold(data)
            return
        try:
            written = os.write(self._file, data)
        except OSError as error:
            self._fail(data, error)
            return
        self._size += written
        if written != len(data):
            self._fail(data[written:], None)
        elif self._sync:
            self._make_safe()

    def _fail(self, rest: bytes, error: OSError | None) -> None:
        """Keep what the disk did not take of a record. The file ends inside the record until the rest follows."""
        self._held += rest
        self._tell(error)

    def _hold(self, data: bytes) -> None:
        if len(self._held) + len(data) > self._held_limit:
            self._lost += len(data)
            self._series.clear()  # a definition may be among what is lost: define each series anew
        else:
            self._held += data

    def _tell(self, error: OSError | None) -> None:
        self._retry_at = time.monotonic() + 0.2
        if not self._told:
            self._told = True
            reason = error.strerror if error is not None and error.strerror else "the disk took only part of a record"
            self._on_problem(
                f"the journal in {self._root} cannot be written ({reason}); training goes on, records are kept in memory "
                f"(up to {self._held_limit >> 20} MiB) and written when this works again: free space, or set FITPRINT_HOME"
            )

    def _recover(self) -> bool:
        """Open the journal, or write what was held. Return whether the file is ready for the next record."""
        if self._retry_at and time.monotonic() < self._retry_at:
            return False
        if self._file < 0:
            try:
                self._open()
            except OSError as error:
                self._tell(error)
                return False
        if not self._flush():
            return False
        self._retry_at, self._told = 0.0, False
        return True

    def _flush(self) -> bool:
        """Write what is held; False if some of it is left."""
        try:
            while self._held:
                written = os.write(self._file, self._held[:_PIECE])
                self._size += written
                del self._held[:written]
        except OSError as error:
            self._tell(error)
            return False
        if self._sync:
            self._make_safe()
        return True

    def _make_safe(self) -> None:
        try:
            os.fdatasync(self._file)
        except OSError as error:
            self._tell(error)

    def open(self) -> None:
        """Make the journal now.

        Raises:
            OSError: the folder cannot be written.
        """
        with self._lock:
            if self._file < 0:
                self._open()
                self._flush()

    def _open(self) -> None:
        journal = new_id()
        made = self._root / f".{journal}"
        make_folder(made)
        opened: list[int] = []
        try:
            opened.append(create_file(made / "writer.lock", os.O_APPEND))
            fcntl.flock(opened[0], fcntl.LOCK_EX | fcntl.LOCK_NB)
            write_private(made / "writer.json", json.dumps({"journal": journal, "format": frames.FORMAT, **self._facts()}))
            opened.append(create_file(made / frames.segment_name(1), os.O_APPEND))
            # Readers pass over names with a dot: the journal appears whole and locked.
            made.rename(self._root / journal)
        except OSError:
            for number in opened:
                os.close(number)
            _remove_folder(made)
            raise
        self.id, self._segment, self._size = journal, 1, 0
        self._lock_file, self._file = opened
        self._begin_segment()

    def _begin_segment(self) -> None:
        head = {"format": frames.FORMAT, "journal": self.id, "segment": self._segment}
        self._held[:0] = frames.frame(b"\5" + json.dumps(head).encode())

    def _rotate(self) -> None:
        """Go on in a new segment. Nothing may be held: it would refer to definitions of this one."""
        if self._held:
            return
        path = self._root / self.id / frames.segment_name(self._segment + 1)
        try:
            file = create_file(path, os.O_APPEND)
        except OSError:
            self._segment_bytes *= 2  # go on in this segment for as long again
            return
        self._write_end(b"{}")
        os.close(self._file)
        self._file, self._segment, self._size = file, self._segment + 1, 0
        self._series.clear()
        self._next_number = 0
        self._begin_segment()
        self._flush()

    def _write_end(self, content: bytes) -> None:
        try:
            os.write(self._file, frames.frame(b"\6" + content))
        except OSError:
            pass  # what follows, or the released lock, tells as much

    def close(self) -> None:
        """End the journal: all it holds is written, its lock is released. A later record opens a new journal."""
        with self._lock:
            if self._held:
                self._retry_at = 0.0
                self._recover()
            if self._lost or self._held:
                lost = self._lost + len(self._held)
                self._on_problem(f"{lost} bytes of records could not be written to the journal in {self._root} and are lost")
            if self._file >= 0:
                self._write_end(b'{"closed": true}')
                os.close(self._file)
                os.close(self._lock_file)
            self._reset()


def _remove_folder(folder: Path) -> None:
    try:
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
    except OSError:
        pass  # readers pass over it


def _event_frame(event: Event) -> bytes:
    return frames.frame(b"\3" + encode_event(event))


def _little_endian(column: array[Any]) -> bytes:
    if sys.byteorder == "big":
        column = array(column.typecode, column)
        column.byteswap()
    return column.tobytes()


def _after_fork_in_child() -> None:
    for writer in list(_LIVE):
        writer._after_fork_in_child()  # noqa: SLF001 - the one who calls it


os.register_at_fork(after_in_child=_after_fork_in_child)

"""Appending to the journal of this process.

Each call returns once its record is in the kernel (``write(2)``): it outlives the process, also
under SIGKILL. Nothing here raises into the caller for a reason of the disk: what cannot be written
is kept in memory, within a limit, tried again, and told once through the ``on_problem`` callable.
"""

from __future__ import annotations

import errno
import json
import os
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal
from zlib import crc32

from fitprint.access import make_file, make_folder, write_private
from fitprint.events import Event, MetricPoints
from fitprint.ids import new_id
from fitprint.journal import frames, segments
from fitprint.platform.files import OPEN, lifted, make_safe, place
from fitprint.platform.locks import try_lock
from fitprint.platform.processes import at_fork

__all__ = ["JournalWriter", "is_own"]

_LIVE: weakref.WeakSet[JournalWriter] = weakref.WeakSet()
_NO_EPOCH = float("nan")
_POINT_HEAD = frames.HEADER.pack(frames.MAGIC, frames.POINT_BODY.size, 0)[:8]
_MOST_GATHERED = 1 << 16  # bytes of records that wait for others
_LOOK_BYTES = 49_000  # of records between two looks at our own files: a thousand points
_LOOK_US = 1_000_000  # the same by the times of records
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
        on_open: called when a journal was opened, also by a forked child.
        on_look: called with each look at our own files, about once a second; it takes no time.
        durability: with "power", each record survives a power cut, by an ``fdatasync`` each.
        segment_bytes: a segment that has grown beyond this is ended.
        held_bytes: how much is kept in memory while writing fails.
    """

    def __init__(
        self,
        root: Path,
        *,
        facts: Callable[[], Mapping[str, Any]] = dict,
        on_problem: Callable[[str], None] = lambda _: None,
        on_open: Callable[[], None] = lambda: None,
        on_look: Callable[[], None] = lambda: None,
        durability: Literal["process", "power"] = "process",
        segment_bytes: int = 16 << 20,
        held_bytes: int = 16 << 20,
    ) -> None:
        self._root = root
        self._facts = facts
        self._on_problem = on_problem
        self._on_open = on_open
        self._on_look = on_look
        self._sync = durability == "power"
        self._segment_bytes = segment_bytes
        self._held_limit = held_bytes
        self._reset()
        _LIVE.add(self)

    def _reset(self) -> None:
        """Become a writer that has written nothing (also the state of a forked child)."""
        self._lock = threading.RLock()  # re-entrant: a signal handler may log inside a call
        self.id = ""
        self._file = -1
        self._lock_file = -1
        self._places: tuple[Any, ...] = (None, None)  # of the two
        self._path = ""
        self._displaced = False
        self._look_at = 0
        self._stop = min(self._segment_bytes, _LOOK_BYTES)  # size at which writing pauses
        self._segment = 0
        self._size = 0
        self._series: dict[tuple[str, str], int] = {}
        self._next_number = 0
        self._held = bytearray()  # goes to the file before anything else; may begin inside a record
        self._gathering: set[int] = set()  # threads whose records wait for those that follow
        self._lost = 0
        self._retry_at = 0.0
        self._told = False

    def _after_fork_in_child(self) -> None:
        self._let_go()
        self._reset()

    # -- recording ---------------------------------------------------------------------------------

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
        # The hot path of every training loop: spelled out, because each call and look-up shows in
        # it.
        with self._lock:
            if time_us >= self._look_at:
                self._look(time_us)
            number = self._series.get((run, key))
            if number is None:
                self._first_point(run, key, step, time_us, value, epoch, goal)
                return
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
            if self._size >= self._stop:
                self._pause()

    def _first_point(
        self,
        run: str,
        key: str,
        step: int,
        time_us: int,
        value: float,
        epoch: float,
        goal: str | None,
    ) -> None:
        """Append the first point of a series in this segment, with the series' definition before
        it.
        """
        number, definition = self._define(run, key, goal)
        payload = _pack_point(1, number, step, time_us, value, epoch)
        self._series[run, key] = number
        self._put(definition + _POINT_HEAD + crc32(payload).to_bytes(4, "little") + payload)
        if self._size >= self._stop:
            self._pause()

    def points(
        self,
        run: str,
        values: Mapping[str, float],
        step: int,
        time_us: int,
        epoch: float = _NO_EPOCH,
    ) -> None:
        """Append one point of each metric, as one write.

        Raises:
            struct.error: step is not a 64-bit integer; nothing is written.
        """
        with self._lock:
            if time_us >= self._look_at:
                self._look(time_us)
            parts = []
            fresh = {}
            for key, value in values.items():
                number = self._series.get((run, key))
                if number is None:
                    number, definition = self._define(run, key, None)
                    fresh[run, key] = number
                    parts.append(definition)
                payload = _pack_point(1, number, step, time_us, value, epoch)
                parts.append(_POINT_HEAD + crc32(payload).to_bytes(4, "little") + payload)
            self._series.update(fresh)
            self._put(b"".join(parts))
            if self._size >= self._stop:
                self._pause()

    def append(self, *events: Event) -> None:
        """Append events, as one write.

        Raises:
            FitprintError: an event has content that no reader would understand; none of the events
                is written.
            ValueError: a goal is neither "min" nor "max"; the same.
        """
        parts = [
            event if isinstance(event, MetricPoints) else segments.event_frame(event)
            for event in events
        ]
        with self._lock:
            if events and events[0].time >= self._look_at:
                self._look(events[0].time)
            fresh: dict[tuple[str, str], int] = {}
            data = b"".join(
                part if isinstance(part, bytes) else self._points_frame(part, fresh)
                for part in parts
            )
            self._series.update(fresh)
            self._put(data)
            if self._size >= self._stop:
                self._pause()

    def _points_frame(self, points: MetricPoints, fresh: dict[tuple[str, str], int]) -> bytes:
        """Return the frame of a curve, and before it the definition of a series that is none of
        this segment yet, noted as fresh.
        """
        series, definition = (points.run, points.key), b""
        number = self._series.get(series, fresh.get(series))
        if number is None:
            number, definition = self._define(*series, points.goal)
            fresh[series] = number
        return definition + frames.frame(
            frames.POINTS_BODY.pack(frames.POINTS, number, len(points.points))
            + points.points.to_bytes()
        )

    def _define(self, run: str, key: str, goal: str | None) -> tuple[int, bytes]:
        """Return a number for a new series of this segment, and the frame that defines it, which
        goes before its first points.

        The series counts as known from just before the two are written: what cannot be written in
        between leaves none behind that no reader knows. Called with the lock held.
        """
        if goal is not None and goal not in ("min", "max"):
            raise ValueError(f"a goal is 'min' or 'max', not {goal!r}")
        number = self._next_number
        self._next_number += 1
        return number, segments.definition(number, run, key, goal)

    def gather(self) -> None:
        """Let what this thread appends wait until it calls :meth:`settle`, for one write; what
        another thread records comes behind it.

        For a moment's records of ours, of which none is of use without the last: a kill takes them
        all.
        """
        self._gathering.add(threading.get_ident())

    def settle(self) -> None:
        """Write what waits, also what the disk has refused just now."""
        with self._lock:
            self._gathering.discard(threading.get_ident())
            self._retry_at = 0.0
            if self._held:
                # the second time to files that were opened again
                self._recover() or self._recover()
            if self._size >= self._stop:
                self._pause()

    def _put(self, data: bytes) -> None:
        if threading.get_ident() in self._gathering and len(self._held) < _MOST_GATHERED:
            self._held += data
        else:
            self._write(data)

    # -- the file ----------------------------------------------------------------------------------

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
        """Keep what the disk did not take of a record.

        The file ends inside the record until the rest follows.
        """
        self._held += rest
        if error is not None and error.errno == errno.EBADF:
            self.look()
        else:
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
            reason = (
                error.strerror
                if error is not None and error.strerror
                else "the disk took only part of a record"
            )
            self._on_problem(
                f"the journal in {self._root} cannot be written ({reason}); training goes on, "
                f"records are kept in memory (up to {self._held_limit >> 20} MiB) and written when "
                "this works again: free space, or set FITPRINT_HOME"
            )

    def _recover(self) -> bool:
        """Open the journal, or write what was held.

        Return whether the file is ready for the next record.
        """
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
                self._size += segments.write_some(self._file, self._held)
        except OSError as error:
            self._fail(b"", error)
            return False
        if self._sync:
            self._make_safe()
        return True

    def _make_safe(self) -> None:
        try:
            make_safe(self._file)
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
        self._take(*self._make(journal, 1, b""))
        self.id, self._segment, self._size = journal, 1, 0
        self._begin_segment()
        self._on_open()

    def _make(self, journal: str, segment: int, content: bytes) -> list[int]:
        """Make a journal with one segment, and return the descriptors of its lock and
        its segment.
        """
        made = self._root / f".{journal}"
        make_folder(made)
        opened: list[int] = []
        try:
            opened.append(segments.new_file(made / "writer.lock"))
            try_lock(opened[0])
            write_private(
                made / "writer.json",
                json.dumps({"journal": journal, "format": frames.FORMAT, **self._facts()}),
            )
            opened.append(segments.new_file(made / frames.segment_name(segment), content))
            # Readers pass over names with a dot: the journal appears whole and locked.
            made.rename(self._root / journal)
        except OSError:
            for number in opened:
                os.close(number)
            segments.remove_folder(made)
            raise
        return opened

    def _let_go(self) -> None:
        """Close our files; a number that is another's by now stays open."""
        for number, known in zip((self._file, self._lock_file), self._places, strict=True):
            if known is not None and place(number) == known:
                os.close(number)

    def _take(self, lock: int, file: int) -> None:
        self._lock_file, self._file = lifted(lock), lifted(file)
        self._places = place(self._file), place(self._lock_file)

    def _begin_segment(self) -> None:
        self._path = str(self._root / self.id / frames.segment_name(self._segment))
        head = {"format": frames.FORMAT, "journal": self.id, "segment": self._segment}
        self._held[:0] = frames.frame(b"\5" + json.dumps(head).encode())

    def _rotate(self) -> None:
        """Go on in a new segment. Nothing may be held:
        it would refer to definitions of this one.
        """
        if self._held:
            return
        path = self._root / self.id / frames.segment_name(self._segment + 1)
        try:
            file = segments.new_file(path)
        except OSError:
            self._segment_bytes *= 2  # go on in this segment for as long again
            return
        self._write_end(b"{}")
        os.close(self._file)
        self._file, self._segment, self._size = lifted(file), self._segment + 1, 0
        self._places = place(self._file), self._places[1]
        self._series.clear()
        self._next_number = 0
        self._begin_segment()
        self._flush()

    def _write_end(self, content: bytes) -> None:
        try:
            os.write(self._file, frames.frame(b"\6" + content))
        except OSError:
            pass  # what follows, or the released lock, tells as much

    # -- what others do to the files ---------------------------------------------------------------

    def _pause(self) -> None:
        self._look(self._look_at - _LOOK_US)
        if self._size >= self._segment_bytes:
            self._rotate()
            self._stop = min(self._segment_bytes, self._size + _LOOK_BYTES)

    def look(self) -> None:
        """See that what was recorded lies where readers look, as is done now and then by itself."""
        with self._lock:
            self._look(self._look_at - _LOOK_US)

    def _look(self, time_us: int) -> None:
        """See that the descriptors lead to our files, and these lie where readers look: at most
        what came since the last look is astray.
        """
        self._look_at = time_us + _LOOK_US
        self._stop = min(self._segment_bytes, self._size + _LOOK_BYTES)
        self._on_look()
        if self._file < 0:
            return
        if (place(self._file), place(self._lock_file)) != self._places:
            self._reopen()
            return
        try:
            status = os.stat(self._path)  # noqa: PTH116 - spares a Path
            if (status.st_dev, status.st_ino) == self._places[0]:
                return
        except OSError:
            pass
        if os.fstat(self._file).st_nlink == 0:
            self._restore()
        elif not self._displaced:
            self._displaced = True
            self._on_problem(
                f"the journal {self._root / self.id} was moved: what this program records goes on "
                f"into it, where it lies now; artifacts go to {self._root.parent} as before: bring "
                "the two together when the program has ended"
            )

    def _reopen(self) -> None:
        """Go on in our own files after something closed their descriptors; the numbers may be
        others' now, and are let go.
        """
        folder = self._root / self.id
        size = self._size
        try:
            file = os.open(folder / frames.segment_name(self._segment), OPEN | os.O_APPEND)
            if place(file) != self._places[0]:
                os.close(file)
                raise FileNotFoundError
            lock = self._lock_again(folder / "writer.lock")
            self._let_go()
            self._take(lock, file)
            self._size = os.fstat(self._file).st_size
            told = (
                f"up to {size - self._size} bytes of records went astray"
                if size > self._size
                else "nothing is lost"
            )
        except OSError:
            # a reader took this program for dead, and the journal away: what is recorded from here
            # on is another one
            self._let_go()
            self._file = self._lock_file = -1
            self._places = (None, None)
            told = (
                "its runs may have been taken for KILLED, and up to a second of records went astray"
            )
        # some may be astray
        self._held[:0] = b"".join(
            segments.definition(number, run, key, None)
            for (run, key), number in self._series.items()
        )
        self._on_problem(
            f"something closed the files of the journal {folder} (such as os.closerange): {told}; "
            "recording goes on. Close by number only what you have opened"
        )

    def _lock_again(self, path: Path) -> int:
        """Return a descriptor of the lock's file, locked: another one for the lock that we hold, if
        that is still the one at the path.
        """
        if self._places[1] is not None and place(self._lock_file) == self._places[1]:
            status = os.stat(path) if path.exists() else None  # noqa: PTH116 - spares a few calls
            if status is not None and (status.st_dev, status.st_ino) == self._places[1]:
                return os.dup(self._lock_file)
        make_file(path)
        number = os.open(path, OPEN)
        for _ in range(20):
            if try_lock(number):
                break
            time.sleep(0.001)  # a reader who looks holds it for a moment
        return number

    def _restore(self) -> None:
        """Write a journal that was deleted once more: who has a file open still has
        what it holds.
        """
        folder = self._root / self.id
        try:
            content = segments.content_of(self._file)
            if folder.is_dir():
                lock, file = (
                    self._lock_again(folder / "writer.lock"),
                    segments.new_file(folder / frames.segment_name(self._segment), content),
                )
            else:
                lock, file = self._make(self.id, self._segment, content)
        except OSError as error:
            self._tell(error)
            return
        self._let_go()
        self._take(lock, file)
        self._on_problem(
            f"the journal {folder} was deleted while this program records; what it had recorded in "
            f"this segment ({len(content)} bytes) and what follows is there again"
        )

    def close(self) -> None:
        """End the journal: all it holds is written, its lock is released.

        A later record opens a new journal.
        """
        with self._lock:
            self.look()
            if self._held:
                self._retry_at = 0.0
                self._recover()
            if self._lost or self._held:
                lost = self._lost + len(self._held)
                self._on_problem(
                    f"{lost} bytes of records could not be written to the journal in {self._root} "
                    "and are lost"
                )
            if self._file >= 0:
                self._write_end(b'{"closed": true}')
                self._let_go()
            self._reset()


def _after_fork_in_child() -> None:
    for writer in list(_LIVE):
        writer._after_fork_in_child()  # noqa: SLF001 - the one who calls it


at_fork(after_in_child=_after_fork_in_child)

"""What the program printed while a run was open: each line with its time, without secrets, and not all of it where that is much.

Nothing stands between the program and its streams: they are the objects that they were, with the same encoding, buffer and descriptor.
Only the method ``write`` of an object is called through a function of ours, which notes the text when it has been written. What is
written past it (by C code, by other processes, to ``sys.stdout.buffer``) is not seen.
"""

from __future__ import annotations

import functools
import json
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from fitprint import clock
from fitprint.errors import FitprintError
from fitprint.hooks.manager import hooks
from fitprint.platform.processes import at_fork
from fitprint.recording.context import snapshot
from fitprint.recording.deferred import defer

if TYPE_CHECKING:
    from fitprint.recording.run import Run

__all__ = ["FOLDER", "ConsoleLine", "read_lines", "unwatch", "watch"]

FOLDER = "console"
_STREAMS = ("stdout", "stderr")
_HEAD = _TAIL = 512 << 10  # characters of a run that are kept, from its beginning and from its end
_PIECE = 64 << 10  # characters that are written down together
_LONGEST = 4096  # characters of a line
_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 300.0  # seconds between two times that lines are written down


class ConsoleLine(NamedTuple):
    """A line that was printed.

    Attributes:
        time: of its end, in microseconds since the Unix epoch; ``stream`` is "stdout" or "stderr".
        text: without the end of the line; of one that was overwritten (a progress bar), what stood there last.
    """

    time: int
    stream: str
    text: str


class _Tape:
    """The lines of one run: those that are to be written down, those of the end, and those that are not complete."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.parts: dict[str, str] = {}
        self.lines: list[ConsoleLine] = []
        self.size = 0  # of these
        self.room = _HEAD
        self.tail: deque[ConsoleLine] = deque()
        self.tail_size = 0
        self.left_out = 0
        self.files = 0
        self.pause = _FIRST_PAUSE
        self.next = time.monotonic() + self.pause

    def add(self, stream: str, text: str, now: int) -> None:
        if len(text) > 2 * _HEAD:
            text = f"{text[:_HEAD]}…\n{text[-_TAIL:]}"
        *lines, part = (self.parts.get(stream, "") + text).split("\n")
        for line in lines:
            self._take(ConsoleLine(now, stream, _last_state(line)))
        self.parts[stream] = _last_state(part) if len(part) > _LONGEST else part

    def _take(self, line: ConsoleLine) -> None:
        size = len(line.text) + 1
        if self.room >= size:
            self.room -= size
            self.lines.append(line)
            self.size += size
            return
        self.room = 0
        self.tail.append(line)
        self.tail_size += size
        while self.tail_size > _TAIL:
            self.tail_size -= len(self.tail.popleft().text) + 1
            self.left_out += 1

    def end(self, now: int) -> None:
        for stream, part in self.parts.items():
            if part:
                self._take(ConsoleLine(now, stream, _last_state(part)))
        self.parts.clear()
        if self.left_out:
            self.lines.append(ConsoleLine(now, "", f"… {self.left_out} lines are left out …"))
        self.lines += self.tail
        self.tail.clear()

    def hand_over(self) -> None:
        """Have the lines written down in the background; if too much waits there, they wait here."""
        lines, limit = self.lines, self.run.workspace.settings["exit_wait"]
        if lines and defer("what the program printed", functools.partial(_keep, self.run, lines, self.files + 1), limit=limit):
            self.lines, self.size, self.files = [], 0, self.files + 1
        self.pause = min(2 * self.pause, _LONGEST_PAUSE)
        self.next = time.monotonic() + self.pause


def _last_state(line: str) -> str:
    """Return what a terminal would show of a line in the end, cut."""
    shown = line.rstrip("\r").rpartition("\r")[2] if "\r" in line else line
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…"


def _keep(run: Run, lines: list[ConsoleLine], number: int) -> None:
    from fitprint.context.redaction import redact_text

    together = "\n".join(line.text for line in lines)  # a secret may have several lines
    texts = redact_text(together).split("\n")
    if len(texts) != len(lines):
        texts = [redact_text(line.text) for line in lines]
    told = [[line.time, line.stream, text] for line, text in zip(lines, texts, strict=True)]
    data = "".join(f"{json.dumps(entry, ensure_ascii=False)}\n" for entry in told)
    run.log_bytes(data.encode("utf-8", "backslashreplace"), f"{FOLDER}/{number:04}.jsonl")


def read_lines(files: Iterable[bytes]) -> Iterator[ConsoleLine]:
    """Yield the lines that files of the folder hold."""
    for data in files:
        for line in data.decode("utf-8", "replace").splitlines():
            try:
                at, stream, text = json.loads(line)
            except (ValueError, TypeError):  # somebody else's file
                continue
            yield ConsoleLine(at, stream, text)


# -- the streams ---------------------------------------------------------------------------------------------------------------


class _Console:
    def __init__(self) -> None:
        self.lock = threading.RLock()  # re-entrant: a signal handler may print while its thread does
        self.tapes: dict[str, _Tape] = {}
        self.replaced: list[tuple[Any, Any, Any]] = []  # streams, what stands in the place of their method, and what an instance had there


_state = _Console()


def watch(run: Run) -> None:
    """Keep what the program prints from here on until :func:`unwatch`."""
    with _state.lock:
        if not _state.tapes:
            for name in _STREAMS:
                _replace(name)
        _state.tapes[run.id] = _Tape(run)


def unwatch(run: Run) -> None:
    """Keep no more of what is printed; the streams are as before when the last run goes."""
    with _state.lock:
        tape = _state.tapes.pop(run.id, None)
        if not _state.tapes:
            _restore()
    try:
        if tape is not None:
            tape.end(clock.now())
            tape.hand_over()
            if tape.lines:
                _keep(run, tape.lines, tape.files + 1)
    except FitprintError as error:  # a disk that is full
        hooks().problem(f"what the program printed could not be recorded: {error}", "console", error)


def _replace(name: str) -> None:
    stream: Any = getattr(sys, name)
    if stream is None or any(stream is known for known, *_ in _state.replaced):
        return
    original, own = stream.write, getattr(stream, "__dict__", {}).get("write")

    @functools.wraps(original)
    def write(text: Any, /, *args: Any, **kwargs: Any) -> Any:
        result = original(text, *args, **kwargs)
        _note(name, text)
        return result

    try:
        stream.write = write
    except AttributeError:
        hooks().problem(f"what is written to sys.{name} cannot be recorded: a {type(stream).__name__} lets no one see it", "console")
    else:
        _state.replaced.append((stream, write, own))


def _restore() -> None:
    while _state.replaced:
        stream, ours, own = _state.replaced.pop()
        if getattr(stream, "__dict__", {}).get("write") is not ours:
            continue  # another tool's wrapper stays, and ours lets everything through
        if own is None:
            del stream.write
        else:
            stream.write = own


def _note(stream: str, text: Any) -> None:
    """Note what was written; whatever goes wrong, the program's own call has been made."""
    try:
        if type(text) is not str or not text or not _state.tapes:
            return
        now = clock.now()
        with _state.lock:
            for tape in _tapes():
                tape.add(stream, text, now)
                if tape.size > _PIECE or time.monotonic() > tape.next:
                    tape.hand_over()
    except Exception as error:  # noqa: BLE001 - see above
        _state.tapes.clear()  # what is told now may be printed, too
        hooks().problem(f"what the program prints cannot be recorded: {type(error).__name__}: {error}", "console", error)


def _tapes() -> list[_Tape]:
    """Return the tapes of the runs that are current where something is printed; of all, where none is."""
    known = _state.tapes
    return [known[run.id] for run in snapshot()[0] if run.id in known] or list(known.values())


def _after_fork_in_child() -> None:
    """A child's output is not its parent's."""
    global _state
    _restore()
    _state = _Console()


at_fork(after_in_child=_after_fork_in_child)

"""What the program printed while a run was open: each line with its time, without secrets, and not
all of it where that is much.

Nothing stands between the program and its streams: they are the objects that they were, with the
same encoding, buffer and descriptor. Only the method ``write`` of an object is called through a
function of ours, which notes the text when it has been written. What is written past it (by C code,
by other processes, to ``sys.stdout.buffer``) is not seen.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import json
import re
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from fitprint import clock
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
_LINE = 100  # what a line costs of these beside its text: it has a time and a stream
_PIECE = 64 << 10  # characters that are written down together
_LONGEST = 4096  # characters of a line
_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 300.0  # seconds between two times that lines are written down
_MOST_FAILURES = 3  # of ours, after which no more is kept
# What a terminal takes as a command: texts with an end of their own, those that begin with CSI
# (colours), and short ones
_COMMANDS = re.compile(
    r"\x1b[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b[ -/]*[0-~]"
)


class ConsoleLine(NamedTuple):
    """A line that was printed.

    Attributes:
        time: of its end, in microseconds since the Unix epoch; ``stream`` is "stdout" or "stderr".
        text: without the end of the line, and without colours; of one that was overwritten (a
            progress bar), what stood there last.
    """

    time: int
    stream: str
    text: str


class _Tape:
    """The lines of one run: those that are to be written down, those of the end, and those that are
    not complete.
    """

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
        # pieces for which there was no room in the background
        self.waiting: list[Callable[[], None]] = []
        self.is_over = False
        self.pause = _FIRST_PAUSE
        self.next = time.monotonic() + self.pause

    def add(self, stream: str, text: str, now: int) -> bool:
        """Take what was printed, and return whether it is time to hand over."""
        if len(text) > _HEAD + _TAIL:
            self.left_out += max(text.count("\n", _HEAD, len(text) - _TAIL) - 1, 0)
            text = f"{text[:_HEAD]}…\n{text[-_TAIL:]}"
        text = self.parts.get(stream, "") + text
        *lines, part = text.split("\n") if len(text) <= _LONGEST else self._split(text)
        for line in lines:
            self._take(ConsoleLine(now, stream, _last_state(line)))
        self.parts[stream] = _last_state(part) if len(part) > _LONGEST else part
        return self.size > _PIECE or time.monotonic() > self.next

    def _split(self, text: str) -> list[str]:
        """Return the lines, without those of the middle for which there could be room neither at
        the beginning nor at the end.
        """
        first, last = self.room // _LINE, _TAIL // _LINE + 1
        if text.count("\n") <= first + last:
            return text.split("\n")
        *head, rest = text.split("\n", first)
        middle, *tail = rest.rsplit("\n", last + 1)
        self.left_out += middle.count("\n") + 1
        return head + tail

    def _take(self, line: ConsoleLine) -> None:
        size = len(line.text) + _LINE
        if self.room >= size:
            self.room -= size
            self.lines.append(line)
            self.size += size
            return
        self.room = 0
        self.tail.append(line)
        self.tail_size += size
        while self.tail_size > _TAIL:
            self.tail_size -= len(self.tail.popleft().text) + _LINE
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
        self.is_over = True

    def hand_over(self) -> None:
        """Have the lines written down in the background; if too much waits there, they wait here,
        and those of a run that is over do not.

        It is called without the lock: what is deferred has a lock of its own, in which a signal
        handler may print.
        """
        with _state.lock:
            if self.lines:
                self.files += 1
                self.waiting.append(functools.partial(_keep, self.run, self.lines, self.files))
                self.lines, self.size = [], 0
            pieces, self.waiting = self.waiting, []
            self.pause = min(2 * self.pause, _LONGEST_PAUSE)
            self.next = time.monotonic() + self.pause
        limit = self.run.workspace.settings["exit_wait"]
        left = [
            piece for piece in pieces if not defer("what the program printed", piece, limit=limit)
        ]
        with _state.lock:
            if not self.is_over:
                self.waiting, left = left + self.waiting, []
        for piece in left:
            piece()


def _last_state(line: str) -> str:
    """Return what a terminal would show of a line in the end, cut."""
    shown = line.rstrip("\r").rpartition("\r")[2] if "\r" in line else line
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…"


def _keep(run: Run, lines: list[ConsoleLine], number: int) -> None:
    from fitprint.context.redaction import redact_text

    # a colour within a secret would hide it
    plain = [_COMMANDS.sub("", line.text) for line in lines]
    # a secret may have several lines
    texts = redact_text("\n".join(plain), messages=True).split("\n")
    if len(texts) != len(lines):
        texts = [redact_text(text, messages=True) for text in plain]
    told = [[line.time, line.stream, text] for line, text in zip(lines, texts, strict=True)]
    run.log_text(
        "".join(f"{json.dumps(entry, ensure_ascii=False)}\n" for entry in told),
        f"{FOLDER}/{number:04}.jsonl",
    )


def read_lines(files: Iterable[bytes]) -> Iterator[ConsoleLine]:
    """Yield the lines that files of the folder hold."""
    for data in files:
        for line in data.split(b"\n"):  # a text may have what else ends a line
            try:
                at, stream, text = json.loads(line.decode("utf-8", "replace"))
            except (ValueError, TypeError):  # somebody else's file
                continue
            yield ConsoleLine(at, stream, text)


# -- the streams -----------------------------------------------------------------------------------


class _Replaced(NamedTuple):
    """A stream whose method ``write`` is ours.

    Attributes:
        own: what the stream itself had in that place, None if it had its class's.
        runs: ids of those that are recorded through it; ours notes nothing where there are none.
    """

    stream: Any
    write: Any
    own: Any
    runs: set[str]


class _Console:
    def __init__(self) -> None:
        # re-entrant: a signal handler may print while its thread does
        self.lock = threading.RLock()
        self.tapes: dict[str, _Tape] = {}
        self.replaced: list[_Replaced] = []
        self.writing: set[int] = set()  # threads that are within a `write` of ours
        self.failures = 0


_state = _Console()


def watch(run: Run) -> None:
    """Keep what the program prints from here on until :func:`unwatch`."""
    with _state.lock:
        if not _state.tapes:
            _state.failures = 0
        _state.tapes[run.id] = _Tape(run)
        hidden = [name for name in _STREAMS if not _replace(name, run.id)]
    for name in hidden:
        kind = type(getattr(sys, name)).__name__
        hooks().problem(
            f"what is written to sys.{name} cannot be recorded: a {kind} lets no one see it",
            "console",
        )


def unwatch(run: Run) -> None:
    """Keep no more of what is printed; a stream is as before when the last run goes that is
    recorded through it.
    """
    with _state.lock:
        tape = _state.tapes.pop(run.id, None)
        for known in _state.replaced:
            known.runs.discard(run.id)
        _restore()
    if tape is not None:
        _finish(tape)


def _finish(tape: _Tape) -> None:
    try:
        with _state.lock:
            tape.end(clock.now())
        tape.hand_over()
    except Exception as error:  # noqa: BLE001 - such as a disk that is full; the program goes on
        hooks().problem(
            f"what the program printed could not be recorded: {error}", "console", error
        )


def _replace(name: str, run: str) -> bool:
    """Have what is written to a stream noted for a run, and return whether that can be."""
    stream: Any = getattr(sys, name, None)
    if stream is None:
        return True
    for known in _state.replaced:
        if known.stream is stream:
            known.runs.add(run)
            return True
    try:
        original, own, runs = stream.write, _own(stream), {run}
        ours = _Replaced(stream, _noting(name, original, runs), own, runs)
        # Past a `__setattr__` of the stream's class: it may pass ours on to another stream, to
        # which this one writes
        object.__setattr__(stream, "write", ours.write)
    except Exception:  # noqa: BLE001 - there are no bounds to what stands in for a stream
        return False
    if stream.write is not ours.write:  # its class reads the other's, too
        _give_back(ours)
        return False
    _state.replaced.append(ours)
    return True


def _own(stream: Any) -> Any:
    """Return what a stream itself has in the place of its method, None if that is its class's.

    Raises:
        AttributeError: its class decides what becomes of what is put there.
    """
    place = inspect.getattr_static(type(stream), "write", None)
    if inspect.ismemberdescriptor(place):  # of `__slots__`
        return object.__getattribute__(stream, "write")
    if inspect.isdatadescriptor(place):
        raise AttributeError
    return object.__getattribute__(stream, "__dict__").get("write")


def _noting(name: str, original: Any, runs: set[str]) -> Any:
    """Return a function that writes as the original does, and notes what the program has written
    while there are runs.
    """

    @functools.wraps(original)
    def write(*args: Any, **kwargs: Any) -> Any:
        writing, thread = _state.writing, threading.get_ident()
        if not runs or thread in writing:  # another tool kept ours, or one stream writes to another
            return original(*args, **kwargs)
        writing.add(thread)
        try:
            result = original(*args, **kwargs)
        finally:
            writing.discard(thread)
        try:
            if args:
                _note(name, args[0])
            elif len(kwargs) == 1:
                _note(name, *kwargs.values())
        except RecursionError:  # the program stands as deep as it can: this text is missing
            pass
        except Exception as error:  # noqa: BLE001
            # whatever goes wrong, the program's own call has been made
            _failed(error)
        return result

    return write


def _restore() -> None:
    """Give the streams their own method back through which no run is recorded."""
    for known in _state.replaced:
        with contextlib.suppress(Exception):  # what stands in for a stream may be gone by now
            # else another tool's wrapper stays, and ours lets everything through
            if not known.runs and known.stream.write is known.write:
                _give_back(known)
    _state.replaced[:] = [known for known in _state.replaced if known.runs]


def _give_back(known: _Replaced) -> None:
    if known.own is None:
        object.__delattr__(known.stream, "write")
    else:
        object.__setattr__(known.stream, "write", known.own)


def _note(stream: str, text: Any) -> None:
    if type(text) is not str or not text or not _state.tapes:
        return
    now = clock.now()
    with _state.lock:
        due = [tape for tape in _tapes() if tape.add(stream, text, now)]
    for tape in due:
        tape.hand_over()


def _failed(error: Exception) -> None:
    """Do without a text, and after some with which it was the same without all that follow."""
    with _state.lock:
        _state.failures += 1
        tapes = list(_state.tapes.values()) if _state.failures >= _MOST_FAILURES else []
        if tapes:
            _state.tapes.clear()
    for tape in tapes:
        _finish(tape)
    hooks().problem(
        f"what the program prints cannot be recorded: {type(error).__name__}: {error}",
        "console",
        error,
    )


def _tapes() -> list[_Tape]:
    """Return the tapes of the runs that are current where something is printed; of all, where none
    is.
    """
    known = _state.tapes
    return [known[run.id] for run in snapshot()[0] if run.id in known] or list(known.values())


def _after_fork_in_child() -> None:
    """A child's output is not its parent's."""
    global _state
    for known in _state.replaced:
        known.runs.clear()
    _restore()
    _state = _Console()


at_fork(after_in_child=_after_fork_in_child)

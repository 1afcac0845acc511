"""The log: a line of JSON on standard error for what somebody should know of."""

from __future__ import annotations

import json
import logging
import os
import select
import sys
import threading
import time
import traceback
from typing import Any

__all__ = ["Lines", "note", "trace_of"]


_PIECE = 512  # bytes that a pipe takes at once if it takes any (POSIX's PIPE_BUF)
_PATIENCE = 100  # milliseconds for a reader that is slow


def note(event: str, **facts: Any) -> None:
    """Write a line; what is None is left out.

    A reader that stands still holds up nobody: lines are lost then, and counted, and the next line
    that gets through comes after one that says how many.
    """
    line = {"time": round(time.time(), 3), "event": event}
    line |= {name: value for name, value in facts.items() if value is not None}
    _log.write(json.dumps(line, default=str))


class _Log:
    """Standard error, as long as somebody reads it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lost = 0
        self._is_cut = False  # the last line has no end

    def write(self, line: str) -> None:
        if not self._lock.acquire(timeout=_PATIENCE / 1000):
            return  # such as in a handler of a signal that came while its thread wrote
        try:
            if self._lost:
                told = {"time": round(time.time(), 3), "event": "lines lost", "lines": self._lost}
                if not self._put(json.dumps(told)):
                    self._lost += 1
                    return
                self._lost = 0
            self._lost += not self._put(line)
        except (OSError, ValueError):
            pass  # nobody reads it any more, which is no reason to stop answering
        finally:
            self._lock.release()

    def _put(self, line: str) -> bool:
        try:
            number = sys.stderr.fileno()
            poll = select.poll()
        except (AttributeError, OSError, ValueError):  # a stand-in, or no poll on this system
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()
            return True
        poll.register(number, select.POLLOUT)
        data = f"{line}\n".encode()
        if self._is_cut:
            data = b"\n" + data
        patience = 0 if self._lost else _PATIENCE
        for start in range(0, len(data), _PIECE):
            if not poll.poll(patience):
                self._is_cut = self._is_cut or start > 0
                return False
            os.write(number, data[start : start + _PIECE])
        self._is_cut = False
        return True


_log = _Log()


def trace_of(error: BaseException) -> str:
    """Return the trace of an error, its end if it is very long."""
    return "".join(traceback.format_exception(type(error), error, error.__traceback__))[-8000:]


class Lines(logging.Handler):
    """Brings what the server's libraries log into the log."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        note("server", told=record.getMessage(), trace=trace_of(error) if error else None)

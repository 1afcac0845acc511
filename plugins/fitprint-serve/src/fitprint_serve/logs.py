"""The log: a line of JSON on standard error for what somebody should know of."""

from __future__ import annotations

import json
import logging
import sys
import time
import traceback
from typing import Any

__all__ = ["Lines", "note", "trace_of"]


def note(event: str, **facts: Any) -> None:
    """Write a line; what is None is left out."""
    line = {"time": round(time.time(), 3), "event": event}
    line |= {name: value for name, value in facts.items() if value is not None}
    try:
        sys.stderr.write(json.dumps(line, default=str) + "\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        pass  # nobody reads it any more, which is no reason to stop answering


def trace_of(error: BaseException) -> str:
    """Return the trace of an error, its end if it is very long."""
    return "".join(traceback.format_exception(type(error), error, error.__traceback__))[-8000:]


class Lines(logging.Handler):
    """Brings what the server's libraries log into the log."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        note("server", told=record.getMessage(), trace=trace_of(error) if error else None)

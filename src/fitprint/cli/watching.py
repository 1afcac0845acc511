"""Something that is shown again and again: in its place on a terminal, else when it has changed."""

from __future__ import annotations

import argparse
import io
import os
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from typing import Any, NoReturn, TextIO, TypeVar

__all__ = ["rest", "seconds", "watch"]

_T = TypeVar("_T")
_LEAST = 0.5  # seconds between two looks
_SHARE = 9  # looks that take long come as much more rarely, so that they take a tenth of the time
_BEGIN = "\x1b[?1049h\x1b[?25l"  # a screen of our own, without a cursor
_END = "\x1b[?25h\x1b[?1049l"  # the one that was there before


def watch(find: Callable[[], _T], show: Callable[[_T], None], pause: float) -> NoReturn:
    """Show what is found every ``pause`` seconds, until an interrupt; where nobody looks at a
    terminal, only what differs from the last.

    Raises:
        KeyboardInterrupt: that is how it ends.
    """
    is_terminal = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    if is_terminal:
        sys.stdout.write(_BEGIN)
    try:
        last: Any = None
        while True:
            began = time.monotonic()
            if is_terminal:
                page = _Page(sys.stdout)
                # what is said of the table stands below it
                with redirect_stdout(page), redirect_stderr(page):
                    show(find())
                sys.stdout.write(_screen(page.getvalue(), _height(sys.stdout)))
            elif (found := find()) != last:
                show(found)
                last = found
            sys.stdout.flush()
            rest(began, pause)
    finally:
        if is_terminal:
            sys.stdout.write(_END)
            sys.stdout.flush()


def rest(began: float, pause: float) -> None:
    """Wait from a look that began then until the next: ``pause`` seconds, or so long that looks
    take a tenth of the time.
    """
    time.sleep(max(pause, _SHARE * (time.monotonic() - began)))


def seconds(text: str) -> float:
    """Return the seconds between two looks that an argument says."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not _LEAST <= value <= 86_400:
        raise argparse.ArgumentTypeError(
            f"must be a number of seconds, {_LEAST} at least, not {text!r} (put other arguments "
            "before --watch)"
        )
    return value


class _Page(io.StringIO):
    """Text that is formatted as for the stream that it goes to."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream

    @property
    def encoding(self) -> Any:  # type: ignore[override]
        return self._stream.encoding

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()


def _screen(text: str, height: int | None) -> str:
    """Return what puts the text in the place of what the screen shows, line by line so that nothing
    flickers.
    """
    lines = text.rstrip("\n").split("\n")
    if height is not None and len(lines) > height:
        lines = [*lines[: height - 1], f"… {len(lines) - height + 1} more lines"]
    return "\x1b[H" + "\n".join(f"{line}\x1b[K" for line in lines) + "\x1b[J"


def _height(stream: TextIO) -> int | None:
    try:
        return os.get_terminal_size(stream.fileno()).lines or None
    except (OSError, ValueError):
        return None

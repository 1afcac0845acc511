"""The place that is written to: whether it shows colors and Unicode, and how wide it is."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from fitprint.views.widths import display_width
from fitprint.views.wording import clean

__all__ = ["Terminal", "agreed", "as_data", "display_width", "tell"]

_STYLES = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "violet": "35",
    "cyan": "36",
}
_STATUS = {
    "RUNNING": ("◐", "blue"),
    "FINISHED": ("●", "green"),
    "FAILED": ("✕", "red"),
    "KILLED": ("■", "yellow"),
    "LOST": ("?", "violet"),
}
_PLAIN_WIDTH = 120  # of what is read in a log, a mail or a pager


class Terminal:
    """An output stream.

    A pipe or a file is plain: no colors, and of a usual width, which ``COLUMNS`` may change.

    Attributes:
        width: in columns; None if it is not known.
        is_interactive: whether it is a terminal.
        color: whether styles are shown; never where ``NO_COLOR`` is set.
        unicode: whether the encoding has the characters of sparklines.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = sys.stdout if stream is None else stream
        self.is_interactive = interactive = self.stream.isatty()
        self.color = (
            interactive and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        )
        self.unicode = (
            (getattr(self.stream, "encoding", None) or "ascii")
            .lower()
            .replace("-", "")
            .startswith(("utf", "gb18030"))
        )
        self.width = _width(self.stream, interactive=interactive)

    def style(self, text: str, *styles: str) -> str:
        """Return the text in these styles: "bold", "dim" or a color."""
        if not self.color or not styles or not text:
            return text
        return f"\x1b[{';'.join(_STYLES[style] for style in styles)}m{text}\x1b[0m"

    def status_sign(self, status: str) -> str:
        """Return the sign that stands before a run's status; "" where it cannot be shown."""
        return f"{_STATUS[status][0]} " if self.unicode and status in _STATUS else ""

    def status_style(self, status: str) -> str:
        """Return the color of a run's status."""
        return _STATUS[status][1] if status in _STATUS else ""


def tell(text: str) -> None:
    """Say something to the user that is no data."""
    print(f"fitprint: {text}", file=sys.stderr)


class _Screen:
    """Standard output where people see it: what steers a terminal is written as escapes."""

    def write(self, text: str) -> int:
        return sys.stdout.write("\n".join(map(clean, text.split("\n"))))


def as_data() -> TextIO | _Screen:
    """Return where data for programs go: as they are, except to a terminal, which would obey the
    control characters of a name.
    """
    return _Screen() if sys.stdout.isatty() else sys.stdout


def agreed(question: str) -> bool:
    """Ask on a terminal, and tell whether the answer is yes."""
    if not sys.stdin or not sys.stdin.isatty():
        return False
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _width(stream: TextIO, *, interactive: bool) -> int | None:
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given) > 0:
        return int(given)
    if not interactive:
        return _PLAIN_WIDTH
    try:
        return os.get_terminal_size(stream.fileno()).columns or None
    except (OSError, ValueError):
        return None

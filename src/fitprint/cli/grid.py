"""A table of text that fits where it is shown."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from fitprint.cli.terminal import Terminal
from fitprint.views.widths import cut, display_width

__all__ = ["Column", "add_forms", "markdown", "render"]

_MOST_TITLE = 8  # characters after which a title goes on in the next line, where it can be broken
_MOST_LONG = 60  # characters of a title that are shown
_GAP = "  "


@dataclass(frozen=True, slots=True)
class Column:
    """A column.

    Attributes:
        title: a line at the top, broken at ``_`` and ``.`` where the terminal is narrow.
        cells: plain text.
        rank: columns of a lower rank get room first; 0 stays.
        right: whether the cells are set flush right.
        styles: of each cell ("" for none), or nothing.
        most: characters of a cell that are shown, if not as many as in other columns.
        attached: whether it is shown only with the column before it.
    """

    title: str
    cells: Sequence[str]
    rank: int = 0
    right: bool = False
    styles: Sequence[str] = ()
    most: int | None = None
    attached: bool = False


def render(
    columns: Sequence[Column], terminal: Terminal, *, most: int = 28, whole: bool = False
) -> tuple[str, list[str]]:
    """Return the table's lines, and the titles of the columns for which there was no room.

    Columns get room by their rank; where one is too wide, narrower ones behind it may take the room
    that is left. A cell has at most ``most`` characters. If ``whole`` is set, no column is left
    out.
    """
    limit = None if whole else terminal.width
    named = [replace(column, title=cut(column.title, _MOST_LONG)) for column in columns]
    placed = [
        _laid(column, column.most or most, breaks=limit is not None and terminal.is_interactive)
        for column in named
    ]
    fitting = (
        range(len(named))
        if limit is None
        else _fitting(named, [width for width, _, _ in placed], limit)
    )
    shown, laid = [named[place] for place in fitting], [placed[place] for place in fitting]
    kept = set(fitting)
    dropped = [
        column.title for place, column in enumerate(named) if place not in kept and column.title
    ]
    height = max((len(title) for _, title, _ in laid), default=0)
    lines = []
    for line in range(height):
        parts = [
            _set(
                title[line - height + len(title)] if line >= height - len(title) else "",
                width,
                right=column.right,
            )
            for column, (width, title, _) in zip(shown, laid, strict=True)
        ]
        lines.append(terminal.style(_GAP.join(parts).rstrip(), "bold"))
    for row in range(len(shown[0].cells) if shown else 0):
        parts = []
        for column, (width, _, cells) in zip(shown, laid, strict=True):
            style = column.styles[row] if column.styles else ""
            text = _set(cells[row], width, right=column.right)
            parts.append(terminal.style(text, *style.split()) if style else text)
        lines.append(_GAP.join(parts).rstrip())
    return "\n".join(lines), dropped


def _fitting(columns: Sequence[Column], widths: Sequence[int], limit: int) -> Sequence[int]:
    """Return the places of the columns that fit into so many characters."""
    left = limit + len(_GAP)
    kept: set[int] = set()
    for place in sorted(range(len(columns)), key=lambda place: columns[place].rank):
        taken = widths[place] + len(_GAP)
        if columns[place].rank == 0 or (
            taken <= left and (not columns[place].attached or place - 1 in kept)
        ):
            kept.add(place)
            left -= taken
    return sorted(kept)


def markdown(columns: Sequence[Column]) -> str:
    """Return the table in GitHub's Markdown."""
    rows = [
        [column.title for column in columns],
        ["---:" if column.right else "---" for column in columns],
    ]
    rows += [list(row) for row in zip(*(column.cells for column in columns), strict=True)]
    return "\n".join(
        "| " + " | ".join(cell.replace("\\", "\\\\").replace("|", "\\|") for cell in row) + " |"
        for row in rows
    )


def _laid(column: Column, most: int, *, breaks: bool) -> tuple[int, list[str], list[str]]:
    """Return width, lines of the title, and cells."""
    cells = [cut(cell, most) for cell in column.cells]
    width = max(map(display_width, cells), default=0)
    title = _broken(column.title, max(width, _MOST_TITLE)) if breaks else [column.title]
    return max(width, *map(display_width, title)), title, cells


def _broken(title: str, width: int) -> list[str]:
    lines: list[str] = []
    for part in re.findall(r"[^_.]*[_.]+|[^_.]+", title) or [title]:
        if lines and len(lines[-1]) + len(part) <= width:
            lines[-1] += part
        else:
            lines.append(part)
    return [cut(line, 2 * width) for line in lines]


def _set(text: str, width: int, *, right: bool) -> str:
    room = " " * (width - display_width(text))
    return room + text if right else text + room


def add_forms(parser: argparse.ArgumentParser) -> None:
    """Declare the options that ask for a table in another form: ``--json``, ``--csv``, ``--md``."""
    form = parser.add_mutually_exclusive_group()
    for name, words in (
        ("json", "print JSON"),
        ("csv", "print CSV with full precision"),
        ("md", "print a Markdown table"),
    ):
        form.add_argument(f"--{name}", action="store_const", dest="form", const=name, help=words)

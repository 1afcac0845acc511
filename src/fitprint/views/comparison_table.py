"""A comparison as text: runs side by side where they are few and there is room, else a line for
each run.

The best value of a row has a star. Values that are better or worse than the baseline's are green or
red where there are colours; the arrow behind a metric's name says which direction is better.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fitprint import clock
from fitprint.ids import short_ids
from fitprint.views.facts import ABSENT
from fitprint.views.widths import cut, display_width
from fitprint.views.wording import clean, duration, number, value_text

if TYPE_CHECKING:
    from fitprint.entities import RunRecord
    from fitprint.views.comparison import Comparison, Delta, Row

__all__ = [
    "MOST_COLUMNS",
    "MOST_ROWS",
    "NOUNS",
    "PLAIN",
    "TITLES",
    "Page",
    "by_turns",
    "cell_text",
    "percent_text",
    "render",
    "title_text",
]

MOST_COLUMNS = 6  # runs side by side
_LEAST_CELL = 14  # columns that a run needs for it
_MOST_CELL = 48
_MOST_KEY = 40
_LEAST_KEY = 10
MOST_ROWS = 40  # of a section
_MOST_NAMED = 3  # of what is left out
_MOST_TITLE = 14
_DIGEST = 12  # digits of a digest or a commit
_BEFORE = 4  # letters that are left of a beginning that long texts share
_LONG = 20_000  # characters of a text that can matter for a cell
_SIGNS = {"min": ("↓", "min"), "max": ("↑", "max")}
NOUNS = {
    "metrics": ("metric", "metrics"),
    "params": ("parameter", "parameters"),
    "tags": ("tag", "tags"),
    "models": ("model", "models"),
    "data": ("fact on data", "facts on data"),
    "packages": ("package", "packages"),
    "environment": ("fact on the environment", "facts on the environment"),
    "code": ("fact on code", "facts on code"),
}
TITLES = {"params": "parameters"}

Part = tuple[str, str]  # a text and its style
Cell = Sequence[Part]


def _unstyled(text: str, *_: str) -> str:
    return text


@dataclass(frozen=True, slots=True)
class Page:
    """Where a text is to be shown.

    Attributes:
        width: in columns; None if there is no limit.
        unicode: whether there are other signs than those of ASCII.
        style: returns a text in some styles: "bold", "dim" or a color.
        everything: how to ask for what is hidden.
        exact: how to get all values.
    """

    width: int | None = 120
    unicode: bool = True
    style: Callable[..., str] = _unstyled
    everything: str = "all=True"
    exact: str = "to_dict() and to_pandas()"


PLAIN = Page()


def render(
    comparison: Comparison, page: Page = PLAIN, *, whole: bool = False
) -> tuple[str, list[str]]:
    """Return the text, and sentences on what it leaves out.

    Args:
        comparison: what to show.
        page: where.
        whole: whether all rows of a section are wanted, however many.
    """
    titles = (
        display_width(title_text(row, page))
        for section in comparison.sections
        for row in section.rows
    )
    most = _MOST_KEY if page.width is None else min(_MOST_KEY, max(_LEAST_KEY, page.width // 3))
    key = min(most, max(_LEAST_KEY, *titles, 0))
    count = len(comparison.runs)
    room = _MOST_CELL if page.width is None else (page.width - key - 2 * count) // count
    if count <= 2 or (count <= MOST_COLUMNS and room >= _LEAST_CELL):
        lines, hints = _side_by_side(
            comparison, page, key, min(_MOST_CELL, max(_DIGEST, room)), whole=whole
        )
    else:
        lines, hints = _one_below_the_other(comparison, page)
    return "\n".join(lines), [*comparison.notes, *hints, *_left_out(comparison, page)]


def _left_out(comparison: Comparison, page: Page = PLAIN) -> list[str]:
    """Return in a sentence how many rows are hidden because they tell nothing."""
    hidden = [
        f"{section.hidden} {NOUNS[section.name][section.hidden != 1]}"
        for section in comparison.sections
        if section.hidden
    ]
    if not hidden:
        return []
    return [
        (
            f"not shown: {', '.join(hidden)} (equal, or defaults that only some runs have); "
            f"{page.everything} shows them"
        )
    ]


def title_text(row: Row, page: Page = PLAIN) -> str:
    """Return the key of a row, with the direction that is better."""
    return clean(row.key[:_LONG]) + (f" {_SIGNS[row.goal][not page.unicode]}" if row.goal else "")


def cell_text(row: Row, position: int, absent: str = "-") -> str:
    """Return the value that a run has in a row; digests and commits by their beginning."""
    value = row.values[position]
    if value is ABSENT:
        return absent
    if isinstance(value, str):
        value = value[:_LONG]
        if re.fullmatch(r"sha256:[0-9a-f]{64}", value):
            return value[7 : 7 + _DIGEST]
        if re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", value):
            return value[:_DIGEST]
    return value_text(value)


def percent_text(delta: Delta) -> str:
    """Return a difference in percent of the baseline; "" where that says nothing."""
    if delta.percent is None:
        return ""
    size = abs(delta.percent)
    return f"{delta.percent:+.0f}%" if size >= 100 else f"{delta.percent:+.3g}%"


# -- a column for each run -------------------------------------------------------------------------


def _side_by_side(
    comparison: Comparison, page: Page, key: int, room: int, *, whole: bool
) -> tuple[list[str], list[str]]:
    hints = []
    blocks: list[tuple[str, list[tuple[str, str, list[Cell]]]]] = [("", _head(comparison))]
    for section in comparison.sections:
        rows = section.rows if whole else section.rows[:MOST_ROWS]
        if rows:
            blocks.append((section.name, [_line(row, comparison, page, room) for row in rows]))
        if len(rows) < len(section.rows):
            noun = NOUNS[section.name][1]
            hints.append(
                f"these are the first {len(rows)} of {len(section.rows)} {noun} that differ; "
                f"{page.everything}, {page.exact} have all"
            )
    widths = [0] * len(comparison.runs)
    laid = []
    for name, block in blocks:
        found = [
            [cells[position] for _, _, cells in block] for position in range(len(comparison.runs))
        ]
        parts = _parts(found, room)
        columns = [_aligned(cells, page, room, parts) for cells in found]
        widths = [
            max(width, *(used for _, used in column))
            for width, column in zip(widths, columns, strict=True)
        ]
        laid.append((name, block, columns))
    lines: list[str] = []
    for name, block, columns in laid:
        if name:
            lines += ["", page.style(TITLES.get(name, name).upper(), "bold", "cyan")]
        for index, (title, style, _) in enumerate(block):
            shown = cut(title, key)
            texts = [page.style(shown, *style.split()) + " " * (key - display_width(shown))]
            for column, width in zip(columns, widths, strict=True):
                text, used = column[index]
                texts.append(text + " " * (width - used))
            lines.append("  ".join(texts).rstrip())
    return lines, hints


def _head(comparison: Comparison) -> list[tuple[str, str, list[Cell]]]:
    runs = comparison.runs
    lines: list[tuple[str, str, list[Cell]]] = [
        ("", "", [[(clean(run.name[:_LONG]), "bold")] for run in runs]),
        ("id", "dim", [[(name, "cyan")] for name in short_ids([run.id for run in runs])]),
    ]
    if comparison.baseline is not None:
        lines.append(
            (
                "",
                "",
                [
                    [("baseline" if position == comparison.baseline else "", "dim")]
                    for position in range(len(runs))
                ],
            )
        )
    if len({run.experiment for run in runs}) > 1:
        lines.append(("experiment", "dim", [[(clean(run.experiment[:_LONG]), "")] for run in runs]))
    if any(run.status != "FINISHED" for run in runs):
        lines.append(
            ("status", "dim", [[(run.status, _STATUS.get(run.status, ""))] for run in runs])
        )
    lines.append(("took", "dim", [[(_took(run), "")] for run in runs]))
    return lines


_STATUS = {
    "RUNNING": "blue",
    "FINISHED": "green",
    "FAILED": "red",
    "KILLED": "yellow",
    "LOST": "violet",
}


def _took(run: RunRecord) -> str:
    seconds = ((clock.now() if run.end_time is None else run.end_time) - run.start_time) / 1e6
    return duration(seconds) + (" so far" if run.end_time is None else "")


def _line(row: Row, comparison: Comparison, page: Page, room: int) -> tuple[str, str, list[Cell]]:
    cells = [_cell(row, position) for position in range(len(comparison.runs))]
    return (
        title_text(row, page),
        "" if row.differs else "dim",
        _told_apart(cells, room) if row.differs else cells,
    )


def _told_apart(cells: list[Cell], room: int) -> list[Cell]:
    """Return long texts without the beginning that they share, where the end would be cut off that
    tells them apart.
    """
    texts = [cell[0][0] for cell in cells if len(cell) == 1 and cell[0][0] != "-"]
    first, last = min(texts, default=""), max(texts, default="")
    length = min(len(first), len(last))
    shared = (
        next((place for place in range(length) if first[place] != last[place]), length) - _BEFORE
    )
    if len(texts) < 2 or shared < 2 * _BEFORE or max(map(len, texts)) <= room:
        return cells
    return [
        [(f"…{cell[0][0][shared:]}", cell[0][1])] if len(cell) == 1 and cell[0][0] != "-" else cell
        for cell in cells
    ]


def _cell(row: Row, position: int) -> Cell:
    """Return value, star, difference and percent of a metric; else the value alone."""
    value = row.values[position]
    if value is ABSENT:
        return [("-", "dim")]
    if not row.is_metric:
        return [(cell_text(row, position), "" if row.differs else "dim")]
    is_best = position in row.best
    parts = [(number(value), "bold yellow" if is_best else "yellow" if row.differs else "dim")]
    parts.append(("*" if is_best else "", "bold yellow"))
    delta = row.deltas[position] if row.deltas else None
    if delta is not None and delta.delta is not None and delta.delta:
        style = {True: "green", False: "red", None: ""}[delta.better]
        parts += [(f"{delta.delta:+.3g}", style), (percent_text(delta), style)]
    return parts


def _parts(columns: Sequence[Sequence[Cell]], room: int) -> list[int]:
    """Return which parts of the cells are shown; where a column has no room for all, differences go
    before percents, in all columns.
    """
    widths = [_widths(cells) for cells in columns]
    parts = list(range(max(map(len, widths), default=0)))
    while len(parts) > 1 and any(_total(each, parts) > room for each in widths):
        parts.remove(2 if 2 in parts else parts[-1])
    return parts


def _widths(cells: Sequence[Cell]) -> list[int]:
    """Return how wide each part of the cells is; a text alone is not set in a row with others."""
    most = max(map(len, cells), default=0)
    return [
        max((display_width(cell[part][0]) for cell in cells if len(cell) > max(1, part)), default=0)
        for part in range(most)
    ]


def _aligned(
    cells: Sequence[Cell], page: Page, room: int, parts: Sequence[int] | None = None
) -> list[tuple[str, int]]:
    """Return the cells of a column of a section with their widths."""
    widths = _widths(cells)
    shown = _parts([cells], room) if parts is None else parts
    return [_joined(cell, widths, shown, page, room) for cell in cells]


def _total(widths: Sequence[int], parts: Sequence[int]) -> int:
    """Return the width of a cell; the star touches the value."""
    shown = [part for part in parts if part < len(widths)]
    return sum(widths[part] for part in shown) + max(0, len(shown) - 2)


def _joined(
    cell: Cell, widths: Sequence[int], parts: Sequence[int], page: Page, room: int
) -> tuple[str, int]:
    if len(cell) == 1:
        text, style = cut(cell[0][0], room), cell[0][1]
        lead = " " * (widths[0] - display_width(text)) if len(widths) > 1 and text == "-" else ""
        return lead + page.style(text, *style.split()), len(lead) + display_width(text)
    shown, used = "", 0
    for part in (part for part in parts if part < len(cell)):
        text, style = cell[part]
        gap = " " if part > 1 else ""
        space = " " * (widths[part] - display_width(text))
        styled = page.style(text, *style.split())
        shown += gap + (styled + space if part == 1 else space + styled)
        used += len(gap) + widths[part]
    return shown, used


# -- a line for each run ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Column:
    title: Sequence[str]
    cells: Sequence[tuple[str, int]]

    @property
    def width(self) -> int:
        return max([*(used for _, used in self.cells), *map(display_width, self.title)])


def _one_below_the_other(comparison: Comparison, page: Page) -> tuple[list[str], list[str]]:
    fixed = _fixed(comparison, page)
    left = (
        None if page.width is None else page.width - sum(column.width + 2 for column in fixed) + 2
    )
    chosen: dict[tuple[str, str], _Column] = {}
    missing: list[str] = []
    for name, row in by_turns(comparison):
        if left is not None and left < 5:
            missing.append(row.key)
            continue
        column = _column(row, comparison, page)
        if left is not None and column.width + 2 > left:
            missing.append(row.key)
            continue
        chosen[name, row.key] = column
        left = None if left is None else left - column.width - 2
    placed = [
        chosen.get((section.name, row.key))
        for section in comparison.sections
        for row in section.rows
    ]
    shown = [*fixed, *filter(None, placed)]
    hints = []
    if missing:
        named = ", ".join(clean(key[:_LONG]) for key in missing[:_MOST_NAMED])
        more = f" and {len(missing) - _MOST_NAMED} more" if len(missing) > _MOST_NAMED else ""
        hints.append(
            f"no room for {named}{more}; compare fewer runs, or use {page.exact}, which have all"
        )
    return _grid(shown, page), hints


def by_turns(comparison: Comparison) -> Iterator[tuple[str, Row]]:
    """Yield the rows with their section's name in the order in which they get room: two parameters
    for each metric, all else after them.
    """
    metrics, params = (list(comparison.section(name).rows) for name in ("metrics", "params"))
    mixed = [("metrics", row) for row in metrics[:1]] + [("params", row) for row in params[:2]]
    for place in range(max(len(metrics), (len(params) + 1) // 2)):
        mixed += [("params", row) for row in params[2 * place + 2 : 2 * place + 4]] + [
            ("metrics", row) for row in metrics[place + 1 : place + 2]
        ]
    yield from mixed
    yield from (
        (section.name, row)
        for section in comparison.sections
        if section.name not in ("metrics", "params")
        for row in section.rows
    )


def _fixed(comparison: Comparison, page: Page) -> list[_Column]:
    """Return what tells who the runs are."""
    runs = comparison.runs
    room = 24
    parts: list[tuple[str, list[Part]]] = [
        ("id", [(name, "cyan") for name in short_ids([run.id for run in runs])]),
        ("name", [(cut(clean(run.name[:_LONG]), room), "") for run in runs]),
    ]
    if comparison.baseline is not None:
        parts.append(
            (
                "",
                [
                    ("baseline" if position == comparison.baseline else "", "dim")
                    for position in range(len(runs))
                ],
            )
        )
    if any(run.status != "FINISHED" for run in runs):
        parts.insert(0, ("status", [(run.status, _STATUS.get(run.status, "")) for run in runs]))
    return [
        _Column([title], _aligned([[part] for part in column], page, room))
        for title, column in parts
    ]


def _column(row: Row, comparison: Comparison, page: Page) -> _Column:
    cells = [_cell(row, position) for position in range(len(comparison.runs))]
    cells = [
        [("", "")] if value is ABSENT else cell
        for cell, value in zip(cells, row.values, strict=True)
    ]
    # A difference in percent says as much as the difference, in less room.
    cells = [[*cell[:2], cell[3]] if len(cell) > 3 else cell for cell in cells]
    room = _MOST_TITLE + 10
    aligned = _aligned(cells, page, room)
    width = max(max((used for _, used in aligned), default=0), _MOST_TITLE) + (2 if row.goal else 0)
    return _Column(_broken(title_text(row, page), width), aligned)


def _broken(title: str, width: int) -> list[str]:
    lines: list[str] = []
    for piece in re.findall(r"[^_.\- ]*[_.\- ]+|[^_.\- ]+", title[: 4 * width]) or [title]:
        if lines and len(lines[-1]) + len(piece.rstrip()) <= width:
            lines[-1] += piece
        else:
            lines.append(piece)
    lines = [line.rstrip() for line in lines]
    return [
        cut(line, 2 * width)
        for line in (lines if len(lines) <= 4 else [*lines[:3], f"{lines[3]}…"])
    ]


def _grid(columns: Sequence[_Column], page: Page) -> list[str]:
    height = max(len(column.title) for column in columns)
    lines = []
    for line in range(height):
        above = [height - len(column.title) for column in columns]
        titles = [
            column.title[line - top] if line >= top else ""
            for column, top in zip(columns, above, strict=True)
        ]
        texts = [
            title + " " * (column.width - display_width(title))
            for title, column in zip(titles, columns, strict=True)
        ]
        lines.append(page.style("  ".join(texts).rstrip(), "bold"))
    for index in range(len(columns[0].cells)):
        texts = [
            column.cells[index][0] + " " * (column.width - column.cells[index][1])
            for column in columns
        ]
        lines.append("  ".join(texts).rstrip())
    return lines

"""A comparison as a table in GitHub's Markdown: a column for each run where they are few, else a
row for each run.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Any

from fitprint.ids import short_ids
from fitprint.views.comparison_table import (
    MOST_COLUMNS,
    MOST_ROWS,
    NOUNS,
    TITLES,
    by_turns,
    cell_text,
    percent_text,
    title_text,
)
from fitprint.views.facts import ABSENT
from fitprint.views.wording import clean, number

if TYPE_CHECKING:
    from fitprint.views.comparison import Comparison, Row

__all__ = ["escaped", "markdown"]

_MOST_TEXT = 200  # characters of a name or a value


def markdown(comparison: Comparison, *, whole: bool = False) -> str:
    """Return the table, and below it what it leaves out.

    Args:
        comparison: what to show.
        whole: whether all rows are wanted, however many.
    """
    ids = short_ids([run.id for run in comparison.runs])
    names = [
        f"{escaped(run.name)} `{short}`" for run, short in zip(comparison.runs, ids, strict=True)
    ]
    if comparison.baseline is not None:
        names[comparison.baseline] += " (baseline)"
    most = None if whole else MOST_ROWS
    few = len(names) <= MOST_COLUMNS
    table, missing = (
        _side_by_side(comparison, names, most)
        if few
        else _one_below_the_other(comparison, names, most)
    )
    return "\n".join(
        [
            *(f"| {' | '.join(cells)} |" for cells in table),
            *(["", f"Not shown: {missing}."] if missing else []),
        ]
    )


def _side_by_side(
    comparison: Comparison, names: list[str], most: int | None
) -> tuple[list[list[str]], str]:
    positions = range(len(names))
    table = [["", *names], ["---", *("---:" for _ in positions)]]
    missing = []
    for section in comparison.sections:
        if section.rows:
            table.append(
                [f"**{TITLES.get(section.name, section.name)}**", *("" for _ in positions)]
            )
            table += [
                [escaped(title_text(row)), *(_marked(row, position) for position in positions)]
                for row in section.rows[:most]
            ]
            if most is not None and len(section.rows) > most:
                missing.append(f"{len(section.rows) - most} more {NOUNS[section.name][1]}")
    return table, ", ".join(missing)


def _one_below_the_other(
    comparison: Comparison, names: list[str], most: int | None
) -> tuple[list[list[str]], str]:
    rows = [row for _, row in islice(by_turns(comparison), most)]
    table = [
        ["run", *(escaped(title_text(row)) for row in rows)],
        ["---", *("---:" for _ in rows)],
    ]
    table += [
        [name, *(_marked(row, position) for row in rows)] for position, name in enumerate(names)
    ]
    count = sum(len(section.rows) for section in comparison.sections) - len(rows)
    return table, f"{count} more columns" if count else ""


def _marked(row: Row, position: int) -> str:
    value: Any = row.values[position]
    if value is ABSENT:
        return ""
    if not row.is_metric:
        return escaped(cell_text(row, position))
    text = f"**{number(value)}**" if position in row.best else number(value)
    percent = (
        percent_text(row.deltas[position]) if row.deltas and row.deltas[position].delta else ""
    )
    return f"{text} ({percent})" if percent else text


def escaped(text: str, most: int = _MOST_TEXT) -> str:
    """Return a text that Markdown shows as it is: no markup, no link, nobody who is called, no end
    of a cell.
    """
    plain = re.sub(r"[\\`*_{}\[\]<>|#~&!$]|:(?=//)|(?<=[wW]{3})\.", r"\\\g<0>", clean(text[:most]))
    # GitHub looks for names in what Markdown gave, where an escaped @ is one again
    return plain.replace("@", "@&#8203;")

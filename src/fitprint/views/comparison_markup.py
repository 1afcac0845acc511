"""A comparison as a small piece of HTML, for notebooks: runs as columns, what differs as rows."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from fitprint.ids import short_ids
from fitprint.views.comparison_table import NOUNS, TITLES, cell_text, percent_text
from fitprint.views.markup import page, table, text
from fitprint.views.wording import clean

if TYPE_CHECKING:
    from fitprint.views.comparison import Comparison, Row
    from fitprint.views.difference import Difference

__all__ = ["comparison_page", "difference_page"]

_MOST_RUNS = 12
_MOST_CODE = 20_000  # characters of a difference
_MOST_ROWS = 40  # of a section
_BETTER, _WORSE = "#2f9e53", "#d4473d"


def comparison_page(comparison: Comparison) -> str:
    """Return the comparison; the best value of a metric is bold, what is better than the baseline
    green, what is worse red.
    """
    runs = comparison.runs[:_MOST_RUNS]
    head = [""]
    for place, (run, short) in enumerate(
        zip(runs, short_ids([run.id for run in comparison.runs]), strict=False)
    ):
        base = ", baseline" if place == comparison.baseline else ""
        head.append(f'{text(run.name)} <span class="w">{escape(short)}{base}</span>')
    rows: list[list[str]] = []
    for section in comparison.sections:
        if section.rows:
            rows.append(
                [f"<b>{escape(TITLES.get(section.name, section.name))}</b>", *[""] * len(runs)]
            )
            rows += [
                [text(row.key), *(_cell(row, place) for place in range(len(runs)))]
                for row in section.rows[:_MOST_ROWS]
            ]
        if left := section.hidden + len(section.rows[_MOST_ROWS:]):
            noun = NOUNS.get(section.name, (section.name, section.name))[left != 1]
            rows.append([f'<span class="w">{left} more {escape(noun)}</span>', *[""] * len(runs)])
    notes = [f'<div class="w">{text(note)}</div>' for note in comparison.notes]
    if len(comparison.runs) > len(runs):
        notes.append(f'<div class="w">{len(comparison.runs) - len(runs)} more runs</div>')
    return page(table(head, rows), *notes)


def difference_page(difference: Difference) -> str:
    """Return the comparison, and the lines of code that differ, to be unfolded."""
    parts = [comparison_page(difference.comparison)]
    for change in difference.code:
        shown = "\n".join(clean(line) for line in change.text[:_MOST_CODE].splitlines())
        more = "\n..." if change.is_cut or len(change.text) > _MOST_CODE else ""
        parts.append(
            f"<details><summary>{text(change.what)}</summary><pre>{escape(shown)}{more}"
            "</pre></details>"
        )
    return "".join(parts)


def _cell(row: Row, place: int) -> str:
    value = text(cell_text(row, place, ""))
    if place in row.best:
        value = f"<b>{value}</b>"
    delta = row.deltas[place] if row.deltas else None
    if delta is None or delta.delta is None or not delta.delta:
        return value
    color = {True: f' style="color:{_BETTER}"', False: f' style="color:{_WORSE}"', None: ""}[
        delta.better
    ]
    return f"{value} <span{color}>{escape(percent_text(delta) or f'{delta.delta:+.3g}')}</span>"

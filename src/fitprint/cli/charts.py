"""Matrices and bars in a terminal."""

from __future__ import annotations

from fitprint.cli.drawing import draw
from fitprint.cli.grid import Column, render
from fitprint.cli.terminal import Terminal
from fitprint.views.recorded import Bars, Chart, Matrix
from fitprint.views.widths import cut, display_width
from fitprint.views.wording import number

__all__ = ["chart_lines"]

_MOST_BARS = 20
_MOST_NAME = 30


def chart_lines(
    chart: Chart, terminal: Terminal, width: int, height: int, *, log: bool = False
) -> list[str]:
    """Return lines of at most ``width`` columns that show curves, a matrix or bars."""
    if isinstance(chart, Matrix):
        return _matrix(chart, terminal)
    return (
        _bars(chart, terminal, width)
        if isinstance(chart, Bars)
        else draw(chart, terminal, width, height, log=log)
    )


def _matrix(chart: Matrix, terminal: Terminal) -> list[str]:
    columns = [Column("true / predicted", chart.labels)]
    for place, label in enumerate(chart.labels):
        cells = [
            number(int(row[place]) if row[place].is_integer() else row[place])
            for row in chart.counts
        ]
        styles = [
            "bold green" if row == place else "" if chart.counts[row][place] else "dim"
            for row in range(len(cells))
        ]
        columns.append(Column(label, cells, rank=1 + place, right=True, styles=styles))
    text, dropped = render(columns, terminal)
    more = [f"  {len(dropped)} more classes have no room"] if dropped else []
    return [terminal.style(chart.title, "bold"), *text.split("\n"), *more]


def _bars(chart: Bars, terminal: Terminal, width: int) -> list[str]:
    shown = chart.values[:_MOST_BARS]
    names = [cut(name, _MOST_NAME) for name, _ in shown]
    numbers = [number(value) for _, value in shown]
    first, last = max(map(display_width, names), default=0), max(map(len, numbers), default=0)
    room = max(1, width - first - last - 4)
    most = max((abs(value) for _, value in shown), default=0.0) or 1.0
    block = "█" if terminal.unicode else "#"
    lines = [terminal.style(chart.title, "bold")]
    for name, told, (_, value) in zip(names, numbers, shown, strict=True):
        bar = terminal.style(
            block * round(abs(value) / most * room), "red" if value < 0 else "cyan"
        )
        lines.append(f"{name}{' ' * (first - display_width(name))}  {told:>{last}}  {bar}".rstrip())
    return [
        *lines,
        *(
            [f"  and {len(chart.values) - len(shown)} more"]
            if len(chart.values) > len(shown)
            else []
        ),
    ]

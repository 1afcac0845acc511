"""Curves in a terminal: dots of braille, in a color for each; letters where there are not enough
colors, or no Unicode.

That is little code. A library for it, plotext, takes 0.3 s to import, twice what a whole command
may take, and would have to be installed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from fitprint.cli.terminal import Terminal
from fitprint.views.curves import Curve, Panel
from fitprint.views.widths import display_width
from fitprint.views.wording import clean, number

__all__ = ["draw"]

_COLORS = ("cyan", "yellow", "green", "violet", "red", "blue")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
# bits of U+2800, by row and column
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_LARGE = 20  # curves that are named


class _Canvas:
    """Rows of characters, each of which has some dots; of curves that meet in a character, the last
    one shows.
    """

    def __init__(self, terminal: Terminal, width: int, height: int, *, braille: bool) -> None:
        self._terminal, self._width, self._height = terminal, width, height
        self._braille = braille
        self._across, self._down = (2, 4) if braille else (1, 1)
        self._cells: dict[tuple[int, int], tuple[int, int]] = {}

    def line(self, points: Sequence[tuple[float, float]], curve: int) -> None:
        """Draw a line through points, whose coordinates go from 0 to 1, upwards."""
        places = [
            (x * (self._width * self._across - 1), (1 - y) * (self._height * self._down - 1))
            for x, y in points
        ]
        for (x, y), (to_x, to_y) in pairwise([places[0], *places]):
            count = max(1, round(max(abs(to_x - x), abs(to_y - y))))
            for step in range(1, count + 1):
                self._dot(
                    round(x + (to_x - x) * step / count),
                    round(y + (to_y - y) * step / count),
                    curve,
                )

    def _dot(self, x: int, y: int, curve: int) -> None:
        cell = y // self._down, x // self._across
        bits, _ = self._cells.get(cell, (0, 0))
        self._cells[cell] = bits | _DOTS[y % self._down][x % self._across], curve

    def rows(self) -> list[str]:
        return [
            "".join(self._character(row, column) for column in range(self._width)).rstrip()
            for row in range(self._height)
        ]

    def _character(self, row: int, column: int) -> str:
        bits, curve = self._cells.get((row, column), (0, 0))
        return self.mark(curve, chr(0x2800 + bits)) if bits else " "

    def mark(self, curve: int, dots: str) -> str:
        """Return how a curve looks."""
        sign = dots if self._braille else _LETTERS[curve % len(_LETTERS)]
        return self._terminal.style(sign, _COLORS[curve % len(_COLORS)])


def draw(
    panel: Panel, terminal: Terminal, width: int, height: int, *, log: bool = False
) -> list[str]:
    """Return lines of at most ``width`` columns: title, ``height`` rows of curves with their axes,
    and what each curve is.
    """
    title = terminal.style(clean(panel.title)[:width], "bold")
    parts = [
        [[(x, math.log10(y) if log else y) for x, y in part] for part in curve.segments(log=log)]
        for curve in panel.curves
    ]
    points = [point for curve in parts for part in curve for point in part]
    if not points:
        what = "above zero, as a logarithmic axis needs" if log else "a number"
        return [
            title,
            f"  {sum(len(curve.y) for curve in panel.curves)} points, none of them {what}",
        ]
    left, right = _bounds([x for x, _ in points])
    low, high = _bounds([y for _, y in points])
    labels = {
        row: number(_value(_between(high, low, row / (height - 1)), log=log))
        for row in (0, (height - 1) // 2, height - 1)
    }
    gutter = max(map(len, labels.values()))
    told_apart = len(parts) <= (len(_COLORS) if terminal.color else 1)
    canvas = _Canvas(
        terminal, max(10, width - gutter - 3), height, braille=terminal.unicode and told_apart
    )
    for place, curve in enumerate(parts):
        for part in curve:
            canvas.line([(_share(x, left, right), _share(y, low, high)) for x, y in part], place)
    signs = "┤│└─" if terminal.unicode else "+|+-"
    rows = [
        f"{labels.get(row, ''):>{gutter}} {signs[row not in labels]}{line}"
        for row, line in enumerate(canvas.rows())
    ]
    span = max(10, width - gutter - 3)
    ends = number(float(left)), number(float(right))
    below = f"{ends[0]}{panel.below:^{max(0, span - len(ends[0]) - len(ends[1]))}}{ends[1]}"
    axis = [f"{'':{gutter}} {signs[2]}{signs[3] * span}", f"{'':{gutter}}  {below}"]
    return [title, *rows, *axis, *_legend(panel.curves, canvas, width)]


def _legend(curves: Sequence[Curve], canvas: _Canvas, width: int) -> list[str]:
    lines: list[str] = []
    room = 0
    for place, curve in enumerate(curves[:_LARGE]):
        item = f"{canvas.mark(place, '⠶')} {curve.label}"
        size = display_width(curve.label) + 5
        if lines and size <= room:
            lines[-1] += f"   {item}"
            room -= size
        else:
            lines.append(f"  {item}")
            room = width - size
    return [*lines, *([f"  and {len(curves) - _LARGE} more"] if len(curves) > _LARGE else [])]


def _bounds(values: Sequence[float]) -> tuple[float, float]:
    """Return the least and the greatest value, or what is around a single one."""
    least, most = min(values), max(values)
    around = abs(least) / 10 or 0.5
    return (least, most) if least < most else (least - around, most + around)


def _between(first: float, last: float, share: float) -> float:
    return first * (1 - share) + last * share


def _share(value: float, least: float, most: float) -> float:
    """Return where a value lies between two others, from 0 to 1; halved, so that the range of the
    largest floats is still one.
    """
    span = most / 2 - least / 2
    return (value / 2 - least / 2) / span if span else 0.5


def _value(place: float, *, log: bool) -> float:
    return 10.0**place if log else float(place)

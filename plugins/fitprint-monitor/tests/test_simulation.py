"""Simulated days and hours: how often data that have not changed are called drift, and how often a
shift is found. More of them: ``python test_simulation.py WINDOWS``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from fitprint.data.description import Description
from fitprint.data.profiles import profile
from fitprint.data.sampling import SampledColumn, sample
from fitprint_monitor.alarms import alarms_of
from fitprint_monitor.cells import cells_of
from fitprint_monitor.comparing import ColumnDrift, compare_columns
from fitprint_monitor.counting import count_column

numpy: Any = pytest.importorskip("numpy")
TRAINED, ROWS = 8192, 1000
EACH = 20  # windows for which one training is followed


KINDS: dict[str, Callable[[Any, int, float], Any]] = {
    "normal": lambda draw, rows, by: draw.normal(by, size=rows),
    "skewed": lambda draw, rows, by: draw.exponential(size=rows) + by,
    "flat": lambda draw, rows, by: (draw.uniform(size=rows) * 12**0.5) + by,
    "rounded": lambda draw, rows, by: numpy.round(draw.normal(by, size=rows), 1),
    "many zeros": lambda draw, rows, by: (
        numpy.where(draw.random(rows) < 0.4, 0.0, draw.normal(size=rows)) + by * 0.6**0.5
    ),
    "counted": lambda draw, rows, by: draw.poisson(4 + 2 * by, rows),
    "often missing": lambda draw, rows, by: numpy.where(
        draw.random(rows) < 0.1, numpy.nan, draw.normal(by, size=rows)
    ),
    "long tails": lambda draw, rows, _: draw.standard_cauchy(rows),
    "truths": lambda draw, rows, _: draw.random(rows) < 0.3,
    "texts": lambda draw, rows, _: draw.choice(
        ["a", "b", "c", "d"], rows, p=[0.5, 0.3, 0.15, 0.05]
    ).tolist(),
}
MOVED = [name for name in KINDS if name not in ("long tails", "truths", "texts")]


def windows(count: int, seed: int, shift: float = 0.0) -> Iterator[list[ColumnDrift]]:
    """Yield what is found in each window of 1000 rows; each 20 have a training of their own."""
    draw = numpy.random.default_rng(seed)
    for number in range(count):
        if number % EACH == 0:
            cells = []
            for make in KINDS.values():
                taken = sample(Description(make(draw, TRAINED, 0.0)))
                assert taken is not None
                cells.append(cells_of(profile(taken)["columns"][0]))
        pairs = [
            (each, count_column(each, SampledColumn("", make(draw, ROWS, shift))))
            for each, make in zip(cells, KINDS.values(), strict=True)
        ]
        yield [
            replace(found, name=name)
            for name, found in zip(KINDS, compare_columns(pairs), strict=True)
        ]


def drifting(found: list[ColumnDrift]) -> list[str]:
    """Return the names of the columns that are called drift."""
    return [each.name for each in found if each.verdict == "drift"]


def test_a_day_on_which_nothing_changes_is_quiet():
    """At most one in a hundred is not, over ten columns of all kinds: judged once, and by alarms
    over its hours.
    """
    found = list(windows(200, seed=1))
    assert sum(bool(drifting(each)) for each in found) <= 2
    assert [] == alarms_of(enumerate(found))


def test_a_shift_is_found_within_a_thousand_rows():
    """0.3 standard deviations, in 95 of 100 cases at least, for each kind of numbers."""
    found = [drifting(each) for each in windows(40, seed=2, shift=0.3)]
    counts = {name: sum(name in each for each in found) for name in MOVED}
    assert min(counts.values()) >= 0.95 * len(found), counts


if __name__ == "__main__":
    wanted = int(sys.argv[1])
    quiet = list(windows(wanted, seed=3))
    print(
        f"{wanted} windows without a change: {sum(bool(drifting(each)) for each in quiet)} with "
        f"drift, {len(alarms_of(enumerate(quiet)))} alarms"
    )
    moved = [drifting(each) for each in windows(wanted, seed=4, shift=0.3)]
    for name in MOVED:
        count = sum(name in each for each in moved)
        print(f"{name}: a shift of 0.3 sd was found in {count} of {wanted} windows")

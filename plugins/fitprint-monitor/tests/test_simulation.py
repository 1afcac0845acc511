"""Simulated days: how often data that have not changed are called drift, and how often a shift is
found. More of them: ``python test_simulation.py DAYS``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fitprint.data.description import Description
from fitprint.data.profiles import profile
from fitprint.data.sampling import SampledColumn, sample
from fitprint_monitor.cells import cells_of
from fitprint_monitor.comparing import compare_columns
from fitprint_monitor.counting import count_column

numpy: Any = pytest.importorskip("numpy")
TRAINED, ROWS = 8192, 1000
DAYS_EACH = 20  # days that one training is followed


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


def days(count: int, seed: int, shift: float = 0.0) -> Iterator[list[str]]:
    """Yield for each day the columns that are called drift, of one window of 1000 rows."""
    draw = numpy.random.default_rng(seed)
    for day in range(count):
        if day % DAYS_EACH == 0:
            cells = []
            for make in KINDS.values():
                taken = sample(Description(make(draw, TRAINED, 0.0)))
                assert taken is not None
                cells.append(cells_of(profile(taken)["columns"][0]))
        pairs = [
            (each, count_column(each, SampledColumn("", make(draw, ROWS, shift))))
            for each, make in zip(cells, KINDS.values(), strict=True)
        ]
        found = compare_columns(pairs)
        yield [name for name, each in zip(KINDS, found, strict=True) if each.verdict == "drift"]


def test_a_day_on_which_nothing_changes_is_quiet():
    """At most one in a hundred is not, over ten columns of all kinds."""
    alarmed = sum(bool(found) for found in days(200, seed=1))
    assert alarmed <= 2


def test_a_shift_is_found_within_a_thousand_rows():
    """0.3 standard deviations, in 95 of 100 cases at least, for each kind of numbers."""
    found = list(days(40, seed=2, shift=0.3))
    counts = {name: sum(name in each for each in found) for name in MOVED}
    assert min(counts.values()) >= 0.95 * len(found), counts


if __name__ == "__main__":
    wanted = int(sys.argv[1])
    quiet = [bool(found) for found in days(wanted, seed=3)]
    print(f"{wanted} days without a change: {sum(quiet)} with an alarm")
    moved = list(days(wanted, seed=4, shift=0.3))
    for name in MOVED:
        found = sum(name in each for each in moved)
        print(f"{name}: a shift of 0.3 sd was found on {found} of {wanted} days")

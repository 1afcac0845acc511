"""Cells that profiles give, and what falls into them."""

from __future__ import annotations

import json
import math
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fitprint.data.description import Description
from fitprint.data.profiles import profile
from fitprint.data.sampling import SampledColumn, sample
from fitprint_monitor.cells import Counts, cells_of, counts_of_profile
from fitprint_monitor.comparing import compare_columns
from fitprint_monitor.counting import count_column

NUMBERS = st.floats(allow_nan=True, allow_infinity=True) | st.integers(-5, 5) | st.none()
VALUES = (
    st.lists(NUMBERS, min_size=1, max_size=60)
    | st.lists(st.sampled_from(["a", "b", "c", None]), min_size=1, max_size=60)
    | st.lists(st.booleans() | st.none(), min_size=1, max_size=60)
    | st.lists(st.text(max_size=3) | st.integers(), min_size=1, max_size=20)
)


def told_of(values):
    """Return what a profile tells, as it is stored."""
    (found,) = profile(sample(Description(values)))["columns"]
    return json.loads(json.dumps(found))


@given(VALUES, VALUES)
def test_every_value_falls_into_one_cell(values, others):
    """Of the training's own, of others, and of another profile."""
    told = told_of(values)
    cells = cells_of(told)
    for found, count in (
        (cells.reference, len(values)),
        (count_column(cells, SampledColumn("", values)), len(values)),
        (count_column(cells, SampledColumn("", others)), len(others)),
        (counts_of_profile(cells, told_of(others)), len(others)),
    ):
        assert found.rows == count
        if found.cells:
            assert found.missing + found.present == pytest.approx(found.rows)
            assert min(found.cells) >= 0


@given(VALUES, VALUES)
@example([1.7976e308, -1.7976e308, 0.5], [5e-324, 1.7e308])
@example([1e308, -1e308, 0.5], [5e-324, 1.7e308])
@example([0.0, 5e-324, 1.5], [0.0, -0.0])
@example([1e300, 1e300 + 1e284, 2.5], [1.0])
def test_measures_are_numbers(values, others):
    """Whatever the values are, and the chances are chances."""
    cells = cells_of(told_of(values * 30))
    for counts in (
        count_column(cells, SampledColumn("", others * 500)),
        counts_of_profile(cells, told_of(others * 500)),
    ):
        (found,) = compare_columns([(cells, counts)])
        told = (found.psi, found.ks, found.shift, found.js, found.chance, found.new)
        assert all(value is None or 0 <= value < math.inf for value in told), found
        assert found.verdict != "few rows"


@given(VALUES, st.data())
def test_counts_of_parts_are_those_of_the_whole(values, data):
    """In whatever order parts are added."""
    cells = cells_of(told_of(data.draw(VALUES)))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(values)), max_size=4)))
    edges = [0, *cuts, len(values)]
    parts = [values[low:high] for low, high in pairwise(edges)]
    counts = [count_column(cells, SampledColumn("", part)) for part in parts if part]
    whole = count_column(cells, SampledColumn("", values))
    shuffled = data.draw(st.permutations(counts))
    assert sum(counts, Counts()) == sum(shuffled, Counts())
    if not whole.strange and not any(part.strange for part in counts):
        assert whole == sum(shuffled, Counts())


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=3, max_size=3))
def test_adding_counts_is_associative(pairs):
    """Sums of sums, from either side."""
    a, b, c = (
        Counts(rows, min(rows, 1), (rows, other), float(other), float(rows), other)
        for rows, other in pairs
    )
    assert (a + b) + c == a + (b + c) == c + (b + a)
    assert a + Counts() == a == Counts() + a


def test_listed_numbers_have_narrow_cells():
    """Values between and beyond them are new."""
    cells = cells_of(told_of([0, 0, 1, 1, 3, 3] * 20))
    assert (True, (0, 40, 0, 40, 0, 40, 0)) == (cells.is_listed, cells.reference.cells)
    counts = count_column(cells, SampledColumn("", [-1, 0, 1, 2, 3, 3.4, 9, 1.0, None]))
    assert ((1, 1, 0, 2, 1, 1, 2), 4, 1) == (counts.cells, cells.unknown(counts), counts.missing)


def test_numbers_that_occur_once_each_are_not_listed():
    """Of twenty different ones others would always be new."""
    cells = cells_of(told_of(list(range(20))))
    assert not cells.is_listed
    assert 34 >= len(cells.reference.cells) > 20


def test_a_value_that_is_frequent_has_a_cell():
    """Whatever the width of floats in which it comes back."""
    values = [0.1] * 50 + [number / 7 for number in range(-30, 30)]
    cells = cells_of(told_of(values))
    counts = count_column(cells, SampledColumn("", [0.1, 0.10000000149011612, 0.2]))
    (place,) = [place for place, count in enumerate(counts.cells) if count == 2]
    assert cells.reference.cells[place] == 50


def test_texts_have_cells_if_nearly_all_are_listed():
    """The last cell is for others."""
    cells = cells_of(told_of(["a"] * 60 + ["b"] * 40))
    counts = count_column(cells, SampledColumn("", ["b", "c", None]))
    assert ((60, 40, 0), (0, 1, 1), 1) == (cells.reference.cells, counts.cells, counts.missing)
    assert not cells_of(told_of([str(number) for number in range(99)])).can_compare


def test_texts_that_are_shown_in_words_are_the_same_texts():
    """A profile may show them, or their digests."""
    values = ["fr"] * 5 + ["de"] * 5
    (shown,) = profile(sample(Description(values)), readable=["*"])["columns"]
    assert cells_of(told_of(values)) == cells_of(shown)
    assert (5, 5, 0) == counts_of_profile(cells_of(shown), told_of(values)).cells


def test_values_of_another_kind_are_strange():
    """Times may come as text: files have no others."""
    times = [datetime(2026, 1, 1) + timedelta(days=number) for number in range(9)]  # noqa: DTZ001 - meant
    assert 1 == count_column(cells_of(told_of([1.5, 2])), SampledColumn("", ["a"])).strange
    assert 1 == count_column(cells_of(told_of(["a", "a"])), SampledColumn("", [1])).strange
    assert (
        0
        == count_column(
            cells_of(told_of(times)), SampledColumn("", ["2026-11-28", "2026-11-28T09:00:00Z"])
        ).strange
    )
    assert 1 == count_column(cells_of(told_of(times)), SampledColumn("", ["soon"])).strange


def test_profiles_that_count_no_ties_are_read():
    """What several quantiles are is then known by their steps."""
    told = {"name": "a", "type": "number", "count": 320, "missing": 0, "std": 1.0}
    quantiles = [*range(-10, 0), *[0] * 17, *range(1, 7)]
    cells = cells_of({**told, "quantiles": quantiles})
    assert 320 == cells.reference.present
    assert 160 == max(cells.reference.cells)


def test_arrays_are_counted_like_lists():
    """The same cells, with or without NumPy."""
    numpy = pytest.importorskip("numpy")
    values = numpy.random.default_rng(0).normal(size=500)
    values[::7] = numpy.nan
    values[3] = numpy.inf
    cells = cells_of(told_of(values.tolist()))
    found = count_column(cells, SampledColumn("", values))
    assert found == count_column(cells, SampledColumn("", values.tolist()))
    assert 500 == found.rows == found.missing + found.present

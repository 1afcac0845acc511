"""Profiles of Python's own containers: what is told of each kind of values, and that it stays
small.
"""

from __future__ import annotations

import array
import hashlib
import json
import statistics
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fitprint.data.description import Description
from fitprint.data.profiles import profile, text_digest
from fitprint.data.sampling import sample


def told(data, **options):
    """Return the profile of data, which strict JSON can express."""
    taken = sample(Description(data))
    assert taken is not None
    found = profile(taken, **options)
    return json.loads(json.dumps(found, allow_nan=False))


def column(data, **options):
    """Return what is told of the one column."""
    (found,) = told(data, **options)["columns"]
    return found


def test_numbers_have_quantiles_moments_and_counts():
    """Missing ones and infinities are counted apart."""
    found = column([1, 2.5, None, float("nan"), float("inf"), 4])
    assert {"name": "", "type": "number", "count": 6, "missing": 2, "infinite": 1, "mean": 2.5} == {
        key: found[key] for key in ("name", "type", "count", "missing", "infinite", "mean")
    }
    assert (1.0, 2.5, 4.0, 33) == (*found["quantiles"][::16], len(found["quantiles"]))
    assert found["std"] == pytest.approx(statistics.pstdev([1, 2.5, 4]))
    assert "top" not in found


def test_few_whole_numbers_are_counted():
    """The most frequent first, then the least."""
    assert [[3, 2], [1, 1], [2, 1]] == column([3, 1, 2.0, 3])["top"]
    assert "top" not in column(list(range(33)))


def test_values_that_many_cells_have_are_counted():
    """What is less, and what is equal: quantiles alone would leave that open by their step."""
    values = [0.5] * 3 + [0.0] * 40 + [-number / 7 for number in range(1, 58)]
    found = column(values)
    assert [[0.0, 57, 40], [0.5, 97, 3]] == found["ties"]
    assert 13 == found["quantiles"].count(0.0)
    assert "ties" not in column([number / 7 for number in range(100)])
    assert "ties" not in column([1, 1, 2])


def test_truths_are_counted():
    """They are no numbers."""
    assert {
        "name": "",
        "type": "bool",
        "count": 4,
        "missing": 1,
        "top": [[True, 2], [False, 1]],
    } == column([True, False, None, True])


def test_texts_are_told_by_digests():
    """Equal texts have the same one everywhere; those that occur once are not listed, and long ones
    are no categories.
    """
    found = column(["a", "b", "a", "c" * 300, "c" * 300, None])
    assert {
        "type": "text",
        "count": 6,
        "missing": 1,
        "distinct": 2,
        "lengths": [1, 1, 300],
    }.items() <= found.items()
    assert [[hashlib.sha256(b"a").hexdigest()[:16], 2]] == found["top"]
    assert text_digest("a") == found["top"][0][0]
    assert [["ÿ\ud800", 2]] == column(["ÿ\ud800"] * 2, readable=["*"])["top"]


def test_columns_are_shown_in_words_if_they_are_named():
    """By globs; of all others the texts stay hidden."""
    rows = [{"country": "fr", "name": "Ada"}] * 2
    country, name = told(rows, readable=["count*"])["columns"]
    assert [["fr", 2]] == country["top"]
    assert [[text_digest("Ada"), 2]] == name["top"]


def test_times_are_microseconds():
    """A day and a moment without a zone as they are, others in UTC."""
    zone = timezone(timedelta(hours=2))
    moments = [date(1970, 1, 2), datetime(1970, 1, 2), datetime(1970, 1, 2, 2, tzinfo=zone)]  # noqa: DTZ001 - meant
    found = column(moments)
    assert ("time", 86_400_000_000, 0, [86_400_000_000] * 33) == (
        found["type"],
        found["mean"],
        found["std"],
        found["quantiles"],
    )
    assert ("duration", 1_500_000) == tuple(
        column([timedelta(seconds=1.5)])[key] for key in ("type", "mean")
    )


def test_mixed_values_are_counted_by_type():
    """Objects with code of their own are others, and stay untouched."""

    class Hostile:
        def __getattribute__(self, name):
            raise AssertionError(name)

    assert {"str": 1, "int": 1, "other": 1} == column([1, "a", Hostile()])["types"]


def test_numbers_of_any_size_and_kind():
    """Whole numbers beyond floats count as infinite, decimals are numbers, fractions are others."""
    assert {"infinite": 1, "mean": 1.5}.items() <= column([10**400, 1, Decimal(2)]).items()
    assert "mixed" == column([Fraction(1, 3)])["type"]
    assert 1e308 == column([1e308, 1e308])["mean"]


def test_only_shapes_if_values_are_not_wanted():
    """Types and counts."""
    assert {"name": "", "type": "number", "count": 2, "missing": 0} == column([1, 2], values=False)


def test_rows_and_records_have_columns():
    """By position, or by key; a key that a record lacks is missing there. Rows of different lengths
    tell these.
    """
    assert ["0", "1"] == [each["name"] for each in told([[1, "a"], (2, "b")])["columns"]]
    assert [("a", 0), ("b", 1)] == [
        (each["name"], each["missing"]) for each in told([{"a": 1, "b": 2}, {"a": 3}])["columns"]
    ]
    assert ("lengths", 1.5) == tuple(column([[1], [1, 2]])[key] for key in ("name", "mean"))


def test_several_inputs_are_told_one_by_one():
    """A dict or list of data has the columns of each."""
    assert ["a", "b"] == [
        each["name"] for each in told({"a": [1, 2], "b": array.array("d", [0.5])})["columns"]
    ]


@pytest.mark.parametrize("data", [object(), iter([1]), {1, 2}, "text", None, 3])
def test_what_cannot_be_cut_has_no_profile(data):
    """Nothing is consumed or converted for it."""
    assert sample(Description(data)) is None


def test_subclasses_are_left_alone():
    """Their methods are somebody's own code."""

    class Own(list):
        def __getitem__(self, place):
            raise AssertionError(place)

        def __iter__(self):
            raise AssertionError

    assert sample(Description(Own([1, 2]))) is None


def test_nothing_and_nothing_but_missing_values():
    """An empty list, and one of None."""
    assert {"name": "", "type": "empty", "count": 0, "missing": 0} == column([])
    assert {"name": "", "type": "empty", "count": 2, "missing": 2} == column([None, None])


def test_many_columns_are_named_and_more_are_counted():
    """Never more than 64 kB, and 2 kB a column."""
    found = told([[0.1 + place for place in range(100_000)]] * 3)
    assert len(json.dumps(found)) < 64_000
    assert 100_000 == len(found["columns"]) + len(found["others"]) + found["more"]


def test_long_lists_are_sampled_evenly():
    """At most 8192 rows, the same each time, from beginning to end."""
    data = list(range(100_000))
    found = column(data)
    assert found == column(data)
    assert 8192 == found["count"]
    assert [place * 100_000 / 32 for place in range(33)] == pytest.approx(
        found["quantiles"], abs=100
    )


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.binary(),
    st.decimals(),
    st.dates(),
    st.datetimes(),
    st.timedeltas(),
)


@given(st.lists(st.tuples(VALUES, st.text(), VALUES)), st.booleans())
def test_anything_has_a_small_profile(rows, values):
    """Whatever the values are, it is strict JSON within its bounds, and no cell is lost."""
    for each in told(rows, values=values, readable=["*"])["columns"]:
        assert "failed" not in each
        assert len(json.dumps(each)) <= 2000
        assert len(rows) == each["count"] >= each["missing"]


@given(
    st.dictionaries(
        st.text(max_size=3000),
        st.lists(st.text(min_size=200, max_size=256), max_size=3),
        max_size=200,
    )
)
def test_long_names_and_texts_stay_in_bounds(data):
    """Names are cut, and fewer values are listed."""
    found = told({key: value * 2 for key, value in data.items()}, readable=["*"])
    assert len(json.dumps(found)) <= 64_000
    assert all(len(json.dumps(each)) <= 2000 for each in found["columns"])

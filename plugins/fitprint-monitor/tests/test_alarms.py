"""Alarms begin and end with two windows."""

from __future__ import annotations

import pytest

from fitprint_monitor.alarms import alarms_of
from fitprint_monitor.comparing import ColumnDrift

VERDICTS = {"d": "drift", "s": "same", "f": "few rows", "n": "not compared"}


def alarms(course):
    """Return where the alarms of a column begin and end, from a letter for each window."""
    windows = [
        (place, [ColumnDrift("a", VERDICTS[letter], (f"{place}",))])
        for place, letter in enumerate(course)
    ]
    return [(each.since, each.until) for each in alarms_of(windows)]


@pytest.mark.parametrize(
    ("course", "expected"),
    [
        ("", []),
        ("ssdss", []),
        ("sdsdsd", []),
        ("sdd", [(1, None)]),
        ("dfnfd", [(0, None)]),
        ("ddsd", [(0, None)]),
        ("ddsfs", [(0, 2)]),
        ("ddssdd", [(0, 2), (4, None)]),
        ("ddsdss", [(0, 4)]),
        ("fff", []),
    ],
)
def test_an_alarm_has_hysteresis(course, expected):
    """One window begins none and ends none, and unjudged ones are passed over."""
    assert expected == alarms(course)


def test_columns_have_alarms_of_their_own():
    """In the order in which they began, with what differed last."""
    windows = [
        (0, [ColumnDrift("a", "same"), ColumnDrift("b", "drift", ("x",))]),
        (1, [ColumnDrift("a", "drift", ("y",)), ColumnDrift("b", "drift", ("z", "w"))]),
        (2, [ColumnDrift("a", "drift", ("v",))]),
    ]
    assert [("b", 0, None, "z; w"), ("a", 1, None, "v")] == [
        tuple(each) for each in alarms_of(windows)
    ]

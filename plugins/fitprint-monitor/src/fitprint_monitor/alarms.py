"""Alarms: columns that have drifted window after window, so that one odd hour is none, and one good
hour is no end.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from fitprint_monitor.comparing import ColumnDrift

__all__ = ["CONFIRMED", "Alarm", "alarms_of"]

CONFIRMED = 2  # windows one after the other, to begin and to end


class Alarm(NamedTuple):
    """A column that drifted in two windows, one after the other, or more.

    Attributes:
        column: its name.
        since: beginning of the first of these windows, microseconds since the epoch, UTC.
        until: beginning of the first of two windows in which it drifted no more; None while it
            does.
        reason: what differed in the last window in which it drifted, in words.
    """

    column: str
    since: int
    until: int | None
    reason: str


class _Course:
    """How one column went so far."""

    def __init__(self) -> None:
        self.bad: list[int] = []  # beginnings of windows, one after the other
        self.good: list[int] = []
        self.reason = ""

    @property
    def is_alarm(self) -> bool:
        return len(self.bad) >= CONFIRMED


def alarms_of(windows: Iterable[tuple[int, Iterable[ColumnDrift]]]) -> list[Alarm]:
    """Return the alarms of windows, in the order in which they began.

    Windows in which a column is not judged are passed over: few rows neither begin an alarm nor end
    one.

    Args:
        windows: the beginning of each and its columns, oldest first.
    """
    courses: dict[str, _Course] = {}
    ended: list[Alarm] = []
    for start, columns in windows:
        for column in columns:
            course = courses.setdefault(column.name, _Course())
            if column.verdict == "drift":
                course.bad.append(start)
                course.good.clear()
                course.reason = "; ".join(column.reasons)
            elif column.verdict == "same":
                course.good.append(start)
                if not course.is_alarm:
                    course.bad.clear()
                elif len(course.good) >= CONFIRMED:
                    until = course.good[0]
                    ended.append(Alarm(column.name, course.bad[0], until, course.reason))
                    course.bad.clear()
    firing = [
        Alarm(name, course.bad[0], None, course.reason)
        for name, course in courses.items()
        if course.is_alarm
    ]
    return sorted([*ended, *firing], key=lambda each: each.since)

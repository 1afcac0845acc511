"""What the rows of a run say."""

from __future__ import annotations

import json
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime, timezone
from typing import Any

from fitprint import clock
from fitprint.copying.values import add_point
from fitprint.entities import History
from fitprint_neptune.parts import Row

__all__ = ["Contents"]

_SCALARS = ("float", "int", "string", "bool", "datetime", "string_set")
_LINES = ("string_series", "histogram_series")
_FILES = ("file", "file_series", "file_set", "artifact")
_DIAGNOSTICS = "sys/diagnostics/"


class Contents:
    """What is found in the parts of one run.

    Args:
        told: is told what cannot be taken, in words.

    Attributes:
        histories: of all series of numbers, by path.
        params: all other values that are no files, by path; ``system`` those of Neptune itself, by
            path below ``sys/``.
        others: lines of JSON of series that are no numbers, by path.
        files: path and step of each file, and where it lies below the folder of files.
        start, end: the first and the last time of a point, 0 where there is none.
    """

    def __init__(self, told: Callable[[str], None]) -> None:
        self.histories: defaultdict[str, History] = defaultdict(History)
        self.params: dict[str, Any] = {}
        self.system: dict[str, Any] = {}
        self.others: defaultdict[str, list[bytes]] = defaultdict(list)
        self.files: list[tuple[str, float | None, str]] = []
        self.start = self.end = 0
        self._parted: set[str] = set()
        self._left: Counter[str] = Counter()
        self._told = told

    def take(self, rows: Iterable[Row]) -> None:
        """Take in rows."""
        for row in rows:
            if row.type == "float_series":
                self._take_point(row)
            elif row.type not in (*_SCALARS, *_LINES, *_FILES):
                self._left[f"values of the type {row.type}"] += 1
            elif row.value is None:
                self._left[f"values without content of the type {row.type}"] += 1
            elif row.type in _SCALARS:
                self._take_scalar(row)
            elif row.type in _LINES:
                line = {"step": row.step, "time": self._time(row), "value": row.value}
                self.others[row.path].append(f"{json.dumps(line)}\n".encode())
            else:
                self.files.append((row.path, row.step, row.value["path"] or ""))

    def finish(self) -> None:
        """Say what stays behind, and count the points of series whose steps are no whole numbers:
        these become epochs.
        """
        for path, history in self.histories.items():
            if path in self._parted:
                history.step[:] = array("q", range(len(history)))
            else:
                history.epoch[:] = array("d", [float("nan")]) * len(history)
        if self._parted:
            self._told(
                f"steps of {', '.join(sorted(self._parted)[:5])} are no whole numbers: they are "
                "the epochs of the points, and the points are counted"
            )
        for what, count in sorted(self._left.items()):
            self._told(f"{what} ({count}) stay behind")

    def _take_scalar(self, row: Row) -> None:
        value = row.value
        if row.type == "datetime" and not row.path.startswith("sys/"):
            value = _iso(value)
        if row.path.startswith("sys/"):
            if not row.path.startswith(_DIAGNOSTICS):
                self.system[row.path.removeprefix("sys/")] = value
        else:
            self.params[row.path] = value

    def _take_point(self, row: Row) -> None:
        history = self.histories[row.path]
        step = float(len(history)) if row.step is None else row.step
        if not step.is_integer():
            self._parted.add(row.path)
        value = float("nan") if row.value is None else row.value
        add_point(history, int(step), self._time(row), value, step)

    def _time(self, row: Row) -> int:
        """Return the time of a row, that of the row before where it has none."""
        time = row.time if clock.is_time(row.time) else None
        if time is None:
            return self.end
        self.start = min(self.start or time, time)
        self.end = max(self.end, time)
        return time


def _iso(time: int) -> str:
    if not clock.is_time(time):
        return str(time)
    return datetime.fromtimestamp(time / 1e6, timezone.utc).isoformat()

"""Windows: what a model was given and what it predicted within an hour, as counts."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from fitprint.errors import IntegrityError
from fitprint_monitor.cells import Counts

__all__ = ["HOUR", "Window", "merged"]

HOUR = 3_600_000_000  # microseconds
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Window:
    """What was counted from one moment on.

    Attributes:
        start: the beginning of the hour (or of the first of several), microseconds since the epoch,
            UTC.
        seen: rows that the model was given; not all of them need be counted.
        lost: rows that were to be counted and were not.
        inputs: counts by column, and ``predictions`` the same of what the model answered.
    """

    start: int
    seen: int = 0
    lost: int = 0
    inputs: Mapping[str, Counts] = field(default_factory=dict)
    predictions: Mapping[str, Counts] = field(default_factory=dict)

    def __add__(self, other: Window) -> Window:
        """Return both together; the order in which windows are added makes no difference."""
        return Window.joined((self, other))

    @classmethod
    def joined(cls, parts: Sequence[Window]) -> Window:
        """Return the sum of one or more windows."""
        return cls(
            min(each.start for each in parts),
            sum(each.seen for each in parts),
            sum(each.lost for each in parts),
            _joined([each.inputs for each in parts]),
            _joined([each.predictions for each in parts]),
        )

    @property
    def path(self) -> str:
        """Path of the artifact that keeps it, such as ``windows/2026-11-28T09.json``."""
        moment = datetime.fromtimestamp(self.start // 1_000_000, tz=timezone.utc)
        return f"windows/{moment:%Y-%m-%dT%H}.json"

    def to_json(self) -> str:
        """Return it as JSON."""
        content = {
            "version": _VERSION,
            "start": self.start,
            "seen": self.seen,
            "lost": self.lost,
            "inputs": {name: _counts_to_json(each) for name, each in self.inputs.items()},
            "predictions": {name: _counts_to_json(each) for name, each in self.predictions.items()},
        }
        return json.dumps(content, separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> Window:
        """Return the window that :meth:`to_json` wrote.

        Raises:
            IntegrityError: it is none.
        """
        try:
            content = json.loads(text)
            if content["version"] != _VERSION:
                raise ValueError("another version of fitprint-monitor wrote it")
            parts = [
                {name: _counts_from_json(each) for name, each in content[part].items()}
                for part in ("inputs", "predictions")
            ]
            return cls(int(content["start"]), int(content["seen"]), int(content["lost"]), *parts)
        except (AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
            raise IntegrityError(f"a window of counts cannot be used: {error}") from None


def merged(windows: Iterable[Window], width: int) -> dict[int, Window]:
    """Return windows of ``width`` microseconds, by their beginnings, in order."""
    found: dict[int, list[Window]] = {}
    for window in windows:
        found.setdefault(window.start // width * width, []).append(window)
    return {start: Window.joined(found[start]) for start in sorted(found)}


def _joined(parts: Sequence[Mapping[str, Counts]]) -> Mapping[str, Counts]:
    names = dict.fromkeys(name for each in parts for name in each)
    return {name: Counts.joined([each[name] for each in parts if name in each]) for name in names}


def _counts_to_json(counts: Counts) -> list[Any]:
    low, high = (value if math.isfinite(value) else None for value in (counts.low, counts.high))
    return [counts.rows, counts.missing, counts.strange, low, high, list(counts.cells)]


def _counts_from_json(content: list[Any]) -> Counts:
    rows, missing, strange, low, high, cells = content
    return Counts(
        rows,
        missing,
        tuple(cells),
        math.inf if low is None else low,
        -math.inf if high is None else high,
        strange,
    )

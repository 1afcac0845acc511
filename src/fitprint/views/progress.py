"""What comes to a run while one looks, each thing once."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple

from fitprint.entities import RunRecord

if TYPE_CHECKING:
    from fitprint.stores.protocol import Store

__all__ = ["Progress", "Step"]

_OF_MACHINE = "system/"


class Step(NamedTuple):
    """The metrics that were logged at one time for one step.

    Attributes:
        time: in microseconds since the Unix epoch.
        values: by the metrics' names.
    """

    time: int
    step: int
    values: dict[str, float]


class Progress:
    """The points of a run's metrics, as they come.

    Attributes:
        left_out: points that came so fast that they were not returned at the last look.
    """

    def __init__(self, patterns: Sequence[str] = ()) -> None:
        """Look at metrics that have one of these names or match one of these patterns; by default
        at all that tell of the training.
        """
        self._patterns = patterns
        self._seen: dict[str, int] = {}
        self.left_out = 0

    def new(self, store: Store, record: RunRecord, most: int) -> list[Step]:
        """Return what has come since the last look, up to what ``record`` knows of and the last
        ``most`` of each metric, by time.

        A metric that has one more point costs nothing, for the record has it; one with more is
        read.
        """
        self.left_out = 0
        steps: dict[tuple[int, int], Step] = {}
        for key, summary in record.metrics.items():
            seen = self._seen.get(key, 0)
            if summary.count == seen or not self._is_wanted(key):
                continue
            self._seen[key] = summary.count
            start = max(seen, summary.count - most)
            self.left_out += start - seen
            if summary.count == start + 1:
                points = [(summary.last_step, summary.last_time, summary.last)]
            else:
                history = store.metric_history(record.id, key).part(start, summary.count)
                points = list(zip(history.step, history.timestamp, history.value, strict=True))
            for step, time, value in points:
                steps.setdefault((time, step), Step(time, step, {})).values[key] = value
        return sorted(steps.values(), key=lambda each: (each.time, each.step))

    def _is_wanted(self, key: str) -> bool:
        if not self._patterns:
            return not key.startswith(_OF_MACHINE)
        return any(key == pattern or fnmatchcase(key, pattern) for pattern in self._patterns)

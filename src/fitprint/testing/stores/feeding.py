"""Events to feed a store with, as a journal would."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from fitprint.entities import History, Param, RunStatus
from fitprint.events import Batch, Event, MetricPoints, ParamsLogged, RunEnded, RunStarted, TagsSet
from fitprint.ids import new_id
from fitprint.query.grammar import parse
from fitprint.stores.protocol import Store

__all__ = [
    "EPOCH",
    "SECOND",
    "Feed",
    "digest",
    "ended",
    "names",
    "params",
    "points",
    "started",
    "tags",
    "whole_run",
]

EPOCH = 1_700_000_000_000_000  # 2023-11-14 22:13:20 UTC, in microseconds
SECOND = 1_000_000


class Feed:
    """A journal that is delivered to a store."""

    def __init__(self, store: Store, journal: str | None = None) -> None:
        self.store = store
        self.journal = journal or new_id()
        self.position = store.position(self.journal)

    def batch(self, events: Sequence[Event]) -> Batch:
        """Return the next batch without delivering it."""
        return Batch(
            self.journal,
            self.position,
            self.position + 100 * max(len(events), 1),
            events,
            {"host": "here", "pid": 1},
        )

    def send(self, *events: Event) -> Batch:
        """Deliver the events as the next batch."""
        batch = self.batch(events)
        self.store.append(batch)
        self.position = batch.end
        return batch


def started(
    run: str,
    name: str = "",
    *,
    at: int = EPOCH,
    experiment: str = "Default",
    parent: str | None = None,
    kind: str = "user",
    resumed: bool = False,
) -> RunStarted:
    """Return the start of a run."""
    return RunStarted(run, at, experiment, name or f"run-{run[:6]}", parent, kind, resumed)


def ended(
    run: str,
    *,
    at: int = EPOCH + 10 * SECOND,
    status: RunStatus = "FINISHED",
    error: str | None = None,
) -> RunEnded:
    """Return the end of a run."""
    return RunEnded(run, at, status, error)


def params(run: str, *, at: int = EPOCH, **values: Any) -> ParamsLogged:
    """Return parameters."""
    return ParamsLogged(run, at, {key: Param(value) for key, value in values.items()})


def tags(run: str, *, at: int = EPOCH, **values: str | None) -> TagsSet:
    """Return tags."""
    return TagsSet(run, at, values)


def points(
    run: str,
    key: str,
    values: Iterable[float],
    *,
    steps: Iterable[int] | None = None,
    times: Iterable[int] | None = None,
    epochs: Iterable[float] | None = None,
    goal: Literal["min", "max"] | None = None,
) -> MetricPoints:
    """Return points of a metric: steps 0, 1, 2 ..., a second apart, unless told otherwise."""
    column = array("d", values)
    count = len(column)
    moments = array(
        "q", (EPOCH + step * SECOND for step in range(count)) if times is None else times
    )
    history = History(
        array("q", range(count) if steps is None else steps),
        moments,
        column,
        array("d", [math.nan] * count if epochs is None else epochs),
    )
    return MetricPoints(run, moments[-1], key, history, goal)


def whole_run(run: str, name: str = "", *, at: int = EPOCH, **values: float) -> list[Event]:
    """Return a short run: its start, a point of each metric, its end."""
    return [
        started(run, name, at=at),
        *(points(run, key, [value]) for key, value in values.items()),
        ended(run, at=at + SECOND),
    ]


def names(store: Store, filter_string: str = "", **options: Any) -> list[str]:
    """Return the names of the runs that a search gives, in its order."""
    return [run.name for run in store.search_runs(parse(filter_string, **options), limit=1000).runs]


def digest(number: int) -> str:
    """Return a digest that no bytes have."""
    return f"sha256:{number:064x}"

"""Both stores, and a journal that writes to one."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from math import nan
from pathlib import Path
from typing import Any, Protocol

import pytest

from fitprint.entities import History
from fitprint.events import Batch, Event, MetricPoints
from fitprint.stores.memory import MemoryStore
from fitprint.stores.protocol import Store
from fitprint.stores.sql.sqlite import open_sqlite


class Write(Protocol):
    def __call__(self, *events: Event, journal: str = "journal") -> None: ...


class Points(Protocol):
    def __call__(
        self,
        run: str,
        key: str,
        values: Sequence[float],
        start: int = 0,
        time: int = 1_000_000,
        goal: Any = None,
    ) -> MetricPoints: ...


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Each of our stores, empty."""
    store: Store = (
        MemoryStore()
        if request.param == "memory"
        else open_sqlite(f"sqlite:///{tmp_path}/fitprint.db")
    )
    yield store
    store.close()


@pytest.fixture
def write(store: Store) -> Write:
    """Append events to ``store`` as the next batch of a journal."""

    def write(*events: Event, journal: str = "journal") -> None:
        start = store.position(journal)
        store.append(Batch(journal, start, start + len(events), events, {"pid": 1, "user": "bob"}))

    return write


@pytest.fixture
def points() -> Points:
    """Return points of a metric whose steps count from ``start`` and whose times are a second
    apart, from ``time``.
    """

    def points(
        run: str,
        key: str,
        values: Sequence[float],
        start: int = 0,
        time: int = 1_000_000,
        goal: Any = None,
    ) -> MetricPoints:
        steps = array("q", range(start, start + len(values)))
        times = array("q", (time + 1_000_000 * index for index in range(len(values))))
        history = History(steps, times, array("d", values), array("d", [nan] * len(values)))
        return MetricPoints(run, times[-1] if times else time, key, history, goal)

    return points

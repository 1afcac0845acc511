"""What a delivery costs does not grow with what the store holds already, counted in steps of the
database's machine.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from math import nan
from pathlib import Path

import pytest

from fitprint.entities import History, Param
from fitprint.events import Batch, Event, MetricPoints, ParamsLogged, RunEnded, RunStarted, TagsSet
from fitprint.query.grammar import parse
from fitprint.stores.sql.sqlite import SqliteDriver
from fitprint.stores.sql.store import SqlStore

_STEPS = 10  # of the machine, that are counted together


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    store = SqlStore(SqliteDriver(tmp_path / "fitprint.db", "sqlite:///fitprint.db"))
    yield store
    store.close()


def steps(store: SqlStore, call: Callable[[], object]) -> int:
    """Return how many steps a call takes."""
    counted = 0

    def count() -> int:
        nonlocal counted
        counted += 1
        return 0

    connection = store.driver._connected()  # type: ignore[attr-defined]
    connection.set_progress_handler(count, _STEPS)
    call()
    connection.set_progress_handler(None, 0)
    return counted


def append(store: SqlStore, events: Sequence[Event], journal: str = "journal") -> int:
    """Append a batch, and return how many steps that took."""
    start = store.position(journal)
    return steps(store, lambda: store.append(Batch(journal, start, start + 1, events)))


def point(run: str, key: str, value: float = 0.5) -> MetricPoints:
    return MetricPoints(
        run,
        1,
        key,
        History(array("q", [0]), array("q", [1]), array("d", [value]), array("d", [nan])),
    )


def whole(run: str, number: int) -> list[Event]:
    return [
        RunStarted(run, number, "Default", run),
        ParamsLogged(run, number, {"C": Param(number)}),
        TagsSet(run, number, {"team": "a"}),
        point(run, "loss", 1 / (1 + number * 7919 % 10_007)),
        RunEnded(run, number, "FINISHED"),
    ]


@pytest.mark.thorough
def test_a_run_costs_the_same_however_many_runs_there_are(store: SqlStore) -> None:
    """The ten-thousandth run is delivered with the work of the hundredth."""
    costs = []
    for first, last in ((0, 100), (101, 10_000)):
        for start in range(first, last, 100):
            some = [
                event
                for number in range(start, min(start + 100, last))
                for event in whole(f"run{number}", number)
            ]
            append(store, some, f"journal{start}")
        costs.append(append(store, whole(f"run{last}", last), f"single{last}"))
    assert costs[1] < 1.5 * costs[0]


@pytest.mark.thorough
@pytest.mark.parametrize("filter_string", ["", "params.C >= 0"])
def test_a_page_by_a_metric_costs_the_same_however_many_runs_there_are(
    store: SqlStore, filter_string: str
) -> None:
    """Of ten thousand runs, one of them going on, with the work of five hundred."""
    append(store, [RunStarted("open", 1, "Default", "open"), point("open", "loss")])
    query = parse(filter_string, order_by=["metrics.loss desc"], experiments=["Default"])
    costs = []
    for first, last in ((0, 500), (500, 10_000)):
        for start in range(first, last, 500):
            append(store, [e for n in range(start, start + 500) for e in whole(f"run{n}", n)])
        store.search_runs(query, limit=20)  # what is read for the first time
        costs.append(steps(store, lambda: store.search_runs(query, limit=20)))
    assert costs[1] < 1.5 * costs[0]


def test_fault_9_new_metrics_cost_the_same_however_many_a_run_has(store: SqlStore) -> None:
    """A run with very many metrics is delivered in proportion to their number,
    not to its square.
    """
    append(store, [RunStarted("run", 1, "Default", "run")])
    costs = [
        append(store, [point("run", f"metric {part} {number}") for number in range(200)])
        for part in range(40)
    ]
    assert costs[-1] < 1.5 * costs[1]
    assert 8000 == len(store.run("run").metrics)
    assert 8000 == len(store.keys("Default").metrics)


def test_keys_logged_before_the_start_of_a_run_are_in_the_catalogue_when_it_starts(
    store: SqlStore,
) -> None:
    """Whatever comes first: the keys of an experiment are those of its runs."""
    append(
        store,
        [
            point("run", "before"),
            ParamsLogged("run", 1, {"early": Param(1)}),
            TagsSet("run", 1, {"old": "a"}),
        ],
    )
    assert () == store.keys("Default").metrics
    append(store, [RunStarted("run", 1, "Default", "run")])
    append(store, [point("run", "after"), TagsSet("run", 1, {"new": "b"})])
    keys = store.keys("Default")
    assert (("early",), ("after", "before"), ("new", "old")) == (
        keys.params,
        keys.metrics,
        keys.tags,
    )

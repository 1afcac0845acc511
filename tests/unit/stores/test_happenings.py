"""Whatever happens to runs: their first pages by a metric, which the SQL store finds through an
index, and batches of several journals, which it keeps at once.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from math import inf, nan
from typing import Any

import pytest

from fitprint.entities import Param, RunRecord
from fitprint.errors import RunNotFoundError, StoreError
from fitprint.events import (
    Batch,
    Event,
    ExperimentArchived,
    ParamsLogged,
    RunDeleted,
    RunEnded,
    RunMoved,
    RunPurged,
    RunRestored,
    RunStarted,
)
from fitprint.query.grammar import parse
from fitprint.stores.memory import MemoryStore
from fitprint.stores.protocol import Store

VALUES = (nan, inf, -inf, -0.0, 0.0, 0.25, 0.5, 0.5, 1.0, 2.0, 3.0, 4.0)
ACTS = (RunDeleted, RunRestored, RunPurged)


def happenings(points: Callable[..., Any], draw: random.Random, ids: list[str]) -> list[Event]:
    """Return what may happen to 60 runs, in an order that may be any."""
    runs = [f"r{number:02}" for number in range(60)]
    events: list[Event] = []
    for turn in range(4):
        for run in draw.sample(runs, len(runs)):
            time = 1000 * turn + draw.randrange(1000)
            events += draw.sample(
                [
                    RunStarted(run, time, draw.choice("abc"), run, resumed=turn > 0),
                    points(run, "loss", [draw.choice(VALUES)]),
                    points(run, "acc", [draw.random()]),
                    ParamsLogged(run, time, {"C": Param(draw.randrange(5))}),
                    RunEnded(run, time + 500, draw.choice(["FINISHED", "FAILED"])),
                    RunMoved(run, time, f"{len(events):032x}", "", draw.choice(ids)),
                    draw.choice(ACTS)(run, time, f"{len(events) + 9999:032x}", ""),
                ],
                3,
            )
    return events


@pytest.mark.parametrize("seed", range(4))
def test_pages_are_those_of_the_reference_whatever_happened_to_the_runs(
    store: Store, points: Callable[..., Any], seed: int
) -> None:
    draw, memory = random.Random(seed), MemoryStore()
    batches: list[list[Event]] = [
        [RunStarted(f"first {name}", 1, name, name) for name in "abc"],
    ]
    for each in (memory, store):
        each.append(Batch("j", 0, 1, batches[0]))
    ids = [each.id for each in memory.experiments()]
    events = happenings(points, draw, ids)
    while events:
        count = draw.randrange(1, 40)
        batches.append(events[:count])
        del events[:count]
    batches.append([ExperimentArchived(ids[0], 1, "f" * 32, "")])
    for position, batch in enumerate(batches[1:], 1):
        for each in (memory, store):
            each.append(Batch("j", position, position + 1, batch))
    for order in (["metrics.loss"], ["metrics.loss desc"], ["metrics.acc desc", "params.C"]):
        for text in ("", "params.C > 2", "params.C = 77", "status = 'FINISHED'"):
            for experiments in (None, ["b"], ["b", "c"], ["missing"], []):
                query = parse(text, order_by=order, experiments=experiments, deleted="exclude")
                token = None
                while True:
                    expected = memory.search_runs(query, limit=3, token=token)
                    found = store.search_runs(query, limit=3, token=token)
                    assert [run.id for run in expected.runs] == [run.id for run in found.runs]
                    token = expected.token
                    assert (token is None) == (found.token is None)
                    if token is None:
                        break


def shown(run: RunRecord) -> object:
    """Return all of a run, in an order of its own."""
    names = ("params", "metrics", "tags")
    return replace(run, **{name: sorted(getattr(run, name).items()) for name in names})


def outcome(store: Store, run: str) -> list[object]:
    try:
        record = repr(shown(store.run(run)))
    except RunNotFoundError:
        record = "unknown"
    return [record, *(repr(list(store.metric_history(run, key).value)) for key in ("loss", "acc"))]


def decided(store: Store, act: str) -> object:
    decision = store.decision(act)
    return decision and replace(decision, decided_at=0)


@pytest.mark.parametrize("seed", range(3))
def test_what_is_kept_at_once_is_what_comes_one_by_one(
    store: Store, points: Callable[..., Any], seed: int
) -> None:
    draw, memory = random.Random(seed), MemoryStore()
    first = Batch("j", 0, 1, [RunStarted(f"first {name}", 1, name, name) for name in "abc"])
    for each in (memory, store):
        each.append(first)
    events = happenings(points, draw, [each.id for each in memory.experiments()])
    acts = [event.id for event in events if hasattr(event, "id")]
    ends = {"a": 0, "b": 0, "c": 0}
    while events:
        batches = []
        for _ in range(draw.randrange(1, 6)):
            journal, count = draw.choice("abc"), draw.randrange(1, 20)
            start = ends[journal]
            ends[journal] += 1
            batches.append(Batch(journal, start, start + 1, events[:count], {"user": journal}))
            del events[:count]
        for batch in batches:
            memory.append(batch)
        store.append_all([batches[0], *batches])  # what was kept before is passed over
    assert ends == {journal: store.position(journal) for journal in ends}
    runs = [f"r{number:02}" for number in range(60)]
    assert [outcome(memory, run) for run in runs] == [outcome(store, run) for run in runs]
    assert memory.keys() == store.keys()
    assert [decided(memory, act) for act in acts] == [decided(store, act) for act in acts]
    told = {(each.id, frozenset(each.kinds)) for each in memory.changes().items}
    assert told == {(each.id, frozenset(each.kinds)) for each in store.changes().items}


def test_a_gap_in_one_of_them_is_refused(store: Store) -> None:
    """What is kept of the others is told by their positions."""
    batches = [
        Batch("a", 0, 1, [RunStarted("r", 1, "e", "r")]),
        Batch("b", 5, 6, [ParamsLogged("r", 1, {})]),
    ]
    with pytest.raises(StoreError, match="journal b"):
        store.append_all(batches)
    assert 0 == store.position("b")
    store.append_all([batches[0], Batch("b", 0, 6, [])])
    assert ("r", 1, 6) == (store.run("r").name, store.position("a"), store.position("b"))

"""The first runs by a metric, which the SQL store finds through an index."""

from __future__ import annotations

import random
from collections.abc import Callable
from math import inf, nan
from typing import Any

import pytest

from fitprint.entities import Param
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

"""Histories and summaries of metrics."""

from __future__ import annotations

import math
import random
import struct
from array import array
from typing import Any

import pytest

from fitprint.entities import History, MetricSummary
from fitprint.events import MetricPoints, RunEnded, RunStarted
from fitprint.stores import chunks
from fitprint.stores.protocol import Store

RUN = "1" * 32
STARTED = RunStarted(RUN, 10, "iris", "swift-otter-1")
INF = math.inf
NAN = math.nan


def bits(values: Any) -> list[bytes]:
    return [struct.pack("<d", value) for value in values]


def test_points_come_back_in_the_order_logged(store: Store, write: Any) -> None:
    """Steps, epochs, times and values are kept exactly and are not sorted."""
    steps, times = array("q", [5, 1, 1, -(2**63), 2**63 - 1]), array("q", [9, 3, 7, 0, -5])
    payload = struct.unpack("<d", b"\x01\x00\x00\x00\x00\x00\xf8\xff")[0]
    values, epochs = (
        array("d", [1.5, INF, -0.0, payload, 5e-324]),
        array("d", [NAN, 0.5, 1.0, NAN, -INF]),
    )
    write(STARTED, MetricPoints(RUN, 9, "m", History(steps, times, values, epochs)))
    history = store.metric_history(RUN, "m")
    assert (history.step, history.timestamp) == (steps, times)
    assert (bits(history.value), bits(history.epoch)) == (bits(values), bits(epochs))


@pytest.mark.parametrize(
    "sizes",
    [
        [1] * 40,
        [100, 1, 1, 1],
        [1, 2, 4, 8, 16],
        [chunks.FULL, 1, chunks.FULL - 1, 5],
        [3 * chunks.FULL + 7, 2],
    ],
)
def test_histories_grow_batch_by_batch(
    store: Store, write: Any, points: Any, sizes: list[int]
) -> None:
    """However points arrive, before and after the run's end, the history is all of them."""
    write(STARTED)
    random.seed(3)
    values: list[float] = []
    for size in sizes:
        more = [random.gauss(0, 1) for _ in range(size)]
        write(points(RUN, "m", more, start=len(values)))
        values += more
    for _ in range(2):
        history = store.metric_history(RUN, "m")
        assert list(history.value) == values
        assert list(history.step) == list(range(len(values)))
        write(RunEnded(RUN, 99, "FINISHED"))
    write(points(RUN, "m", [7.0]))
    assert list(store.metric_history(RUN, "m").value) == [*values, 7.0]
    assert store.run(RUN).metrics["m"].count == len(values) + 1


def test_summary(store: Store, write: Any, points: Any) -> None:
    """Last, least, greatest and first value with their steps, over several batches."""
    write(STARTED, points(RUN, "loss", [3.0, 1.0, 4.0]), points(RUN, "loss", [1.0, 5.0], start=3))
    write(points(RUN, "loss", [2.0, 2.5], start=5, time=77))
    summary = store.run(RUN).metrics["loss"]
    assert summary == MetricSummary(2.5, 6, 1_000_077, 1.0, 1, 5.0, 4, 3.0, 7, "min")
    assert (summary.best, summary.best_step) == (1.0, 1)


@pytest.mark.parametrize(
    ("batches", "least", "most"),
    [
        ([[NAN, 2.0, NAN, 1.0]], (1.0, 3), (2.0, 1)),
        ([[NAN, NAN], [2.0]], (2.0, 2), (2.0, 2)),
        ([[2.0], [NAN, NAN]], (2.0, 0), (2.0, 0)),
        ([[INF, -INF, 1.0]], (-INF, 1), (INF, 0)),
        ([[INF, NAN]], (INF, 0), (INF, 0)),
        ([[NAN], [1.0], [NAN, 3.0], [-1.0]], (-1.0, 4), (3.0, 3)),
    ],
)
def test_extremes_pass_over_nan(
    store: Store, write: Any, points: Any, batches: Any, least: Any, most: Any
) -> None:
    """NaN is neither least nor greatest; infinities are."""
    write(STARTED)
    start = 0
    for batch in batches:
        write(points(RUN, "m", batch, start=start))
        start += len(batch)
    summary = store.run(RUN).metrics["m"]
    assert ((summary.min, summary.min_step), (summary.max, summary.max_step)) == (least, most)
    assert summary.count == start


def test_nothing_but_nan(store: Store, write: Any, points: Any) -> None:
    """If every value is NaN, so is every number of the summary."""
    write(STARTED, points(RUN, "m", [NAN, NAN]), points(RUN, "m", [NAN]))
    summary = store.run(RUN).metrics["m"]
    assert all(
        math.isnan(value)
        for value in (summary.last, summary.min, summary.max, summary.first, summary.best)
    )
    assert summary.count == 3


def test_the_least_of_nothing_but_nan_is_the_first_however_it_came(
    store: Store, write: Any, points: Any
) -> None:
    write(points("r", "whole", [NAN] * 4, start=3), RunStarted("r", 1, "e", "n"))
    write(points("r", "parted", [NAN], start=3))
    write(points("r", "parted", [NAN] * 3, start=4))
    for summary in store.run("r").metrics.values():
        assert (3, 3, 6) == (summary.min_step, summary.max_step, summary.last_step)
    write(points("r", "parted", [1.0], start=7))
    assert 7 == store.run("r").metrics["parted"].min_step


def test_a_goal_that_was_given_counts(store: Store, write: Any, points: Any) -> None:
    """The goal is guessed from the key until it is given, and stays as it was given."""
    write(STARTED, points(RUN, "loss", [1.0, 2.0]), points(RUN, "speed", [1.0]))
    assert (store.run(RUN).metrics["loss"].goal, store.run(RUN).metrics["speed"].goal) == (
        "min",
        "max",
    )
    write(points(RUN, "loss", [1.5], goal="max"))
    write(points(RUN, "loss", [1.7]))
    assert (store.run(RUN).metrics["loss"].goal, store.run(RUN).metrics["loss"].best) == (
        "max",
        2.0,
    )


def test_a_metric_without_points_is_none(store: Store, write: Any, points: Any) -> None:
    """An event without points makes no metric."""
    write(STARTED, points(RUN, "m", []))
    assert dict(store.run(RUN).metrics) == {}
    assert store.metric_history(RUN, "m") == History()


def test_histories_are_copies(store: Store, write: Any, points: Any) -> None:
    """What a reader does to a history stays with the reader."""
    write(STARTED, points(RUN, "m", [1.0]))
    store.metric_history(RUN, "m").value[0] = 9.0
    assert store.metric_history(RUN, "m").value[0] == 1.0


def test_fewer_points_keep_ends_and_extremes(store: Store, write: Any, points: Any) -> None:
    """Down-sampling keeps first, last, least and greatest, in order, with their own steps."""
    values = [math.sin(index / 50) for index in range(10_000)]
    values[4_321], values[8_765] = 99.0, -99.0
    write(STARTED, points(RUN, "m", values))
    history = store.metric_history(RUN, "m", max_points=100)
    assert len(history) <= 100
    assert (history.step[0], history.step[-1]) == (0, 9_999)
    assert {99.0, -99.0} <= set(history.value)
    assert list(history.step) == sorted(set(history.step))
    assert all(
        values[step] == value for step, value in zip(history.step, history.value, strict=True)
    )
    assert all(
        time == 1_000_000 * (step + 1)
        for step, time in zip(history.step, history.timestamp, strict=True)
    )


def test_fewer_points_of_a_short_history_are_all(store: Store, write: Any, points: Any) -> None:
    """A history that is short enough is not touched."""
    write(STARTED, points(RUN, "m", [1.0, 2.0, 3.0]))
    assert list(store.metric_history(RUN, "m", max_points=4).value) == [1.0, 2.0, 3.0]


def test_too_few_points_cannot_be_asked(store: Store, write: Any, points: Any) -> None:
    """Both ends and two extremes are four points."""
    write(STARTED, points(RUN, "m", [1.0]))
    with pytest.raises(ValueError, match="at least 4"):
        store.metric_history(RUN, "m", max_points=3)

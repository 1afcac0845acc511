"""What is measured of the store in PostgreSQL, with a real server that is started here, ``fsync``
on.

Each function runs in a process of its own and returns figures by name. Where a figure is of fewer
points or runs than its row says, the environment variable ``BENCH_SCALE`` was below 1.
"""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import nan

from fitprint.entities import History
from fitprint.events import Batch, MetricPoints, RunEnded, RunStarted
from fitprint.query.grammar import parse
from fitprint.stores.sql import ranking
from fitprint_postgres.server import Server
from fitprint_postgres.store import PostgresStore

Figures = dict[str, float]
SCALE = float(os.environ.get("BENCH_SCALE", "1"))
START = 1_700_000_000_000_000
MANY = 4096 * 25  # points of a batch


@contextmanager
def stores() -> Iterator[PostgresStore]:
    """Yield an empty store."""
    server = Server(shared_buffers="'512MB'", max_wal_size="'4GB'")
    store = PostgresStore(server.uri())
    try:
        store.position("j")
        yield store
    finally:
        store.close()
        server.remove()


def walk(count: int, *, narrow: bool, draw: random.Random) -> array[float]:
    """Return a random walk; ``narrow`` as a float32 would hold it."""
    value, values = 0.0, array("d")
    for _ in range(count):
        value += draw.gauss(0, 1)
        values.append(value)
    return array("d", array("f", values)) if narrow else values


def long_metrics() -> Figures:
    """Two metrics of millions of points, one after the other: microseconds a point, and bytes a
    point of all tables and indexes.
    """
    found: Figures = {}
    draw, count = random.Random(1), int(4_000_000 * SCALE)
    with stores() as store:
        before = _size(store)
        for name, narrow in (("narrow", True), ("wide", False)):
            batches = []
            for first in range(0, count, MANY):
                part = min(MANY, count - first)
                steps = array("q", range(first, first + part))
                times = array(
                    "q", (START + 50_000 * step + 1000 * draw.randrange(10) for step in steps)
                )
                history = History(
                    steps, times, walk(part, narrow=narrow, draw=draw), array("d", [nan]) * part
                )
                batches.append([MetricPoints(name, times[-1], "loss", history)])
            batches.append([RunEnded(name, START * 2, "FINISHED")])
            store.append(Batch(name, 0, 1, [RunStarted(name, START, "e", name)]))
            began = time.perf_counter()
            for number, events in enumerate(batches, 1):
                store.append(Batch(name, number, number + 1, events))
            found[f"{name}_us"] = 1e6 * (time.perf_counter() - began) / count
            size = _size(store)
            found[f"{name}_bytes"] = (size - before) / count
            before = size
    return found


def live_runs() -> Figures:
    """1000 runs of 100 metrics each, that deliver ten points of each in turn: microseconds a point,
    with a transaction for each run, and with one for as many runs as a delivery brings at once;
    and what it takes to make as many bytes last, in as many pieces.
    """
    draw, runs, keys, each = random.Random(1), int(1000 * SCALE), 100, 10
    found = {}
    for name, together in (("alone", 1), ("together", 64)):
        with stores() as store:
            rounds = []
            for start in range(0, 2 * each, each):
                steps, times = (
                    array("q", range(start, start + each)),
                    array("q", [START + start] * each),
                )
                rounds.append(
                    [
                        [_points(f"r{run}", f"m{key}", steps, times, draw) for key in range(keys)]
                        for run in range(runs)
                    ]
                )
            begun = [
                Batch(f"j{run}", 0, 1, [RunStarted(f"r{run}", START, "e", f"run {run}")])
                for run in range(runs)
            ]
            store.append_all(begun)
            began = time.perf_counter()
            for number, parts in enumerate(rounds, 1):
                for first in range(0, runs, together):
                    some = range(first, min(first + together, runs))
                    store.append_all(
                        [Batch(f"j{run}", number, number + 1, parts[run]) for run in some]
                    )
            count = 2 * runs * keys * each
            found[f"{name}_us"] = 1e6 * (time.perf_counter() - began) / count
            found[f"{name}_sync_us"] = _syncing(2 * runs // together, _size(store)) * 1e6 / count
    return found


def _syncing(pieces: int, size: float) -> float:
    """Return the seconds that it takes to write so many bytes, each piece with a flush to disk."""
    piece = bytes(max(int(size / pieces), 1))
    with tempfile.TemporaryFile(buffering=0) as file:
        began = time.perf_counter()
        for _ in range(pieces):
            file.write(piece)
            os.fdatasync(file.fileno())
        return time.perf_counter() - began


def one_history() -> Figures:
    """A history of a million points: milliseconds to read it whole, and down-sampled to 1000."""
    draw, count = random.Random(1), int(1_000_000 * SCALE)
    with stores() as store:
        history = History(
            array("q", range(count)),
            array("q", range(count)),
            walk(count, narrow=False, draw=draw),
            _none(count),
        )
        store.append(
            Batch(
                "j",
                0,
                3,
                [
                    RunStarted("r", 1, "e", "r"),
                    MetricPoints("r", 1, "loss", history),
                    RunEnded("r", 2, "FINISHED"),
                ],
            )
        )
        return {
            "view_ms": _best(lambda: store.metric_history("r", "loss", max_points=1000)),
            "whole_ms": _best(lambda: store.metric_history("r", "loss")),
        }


def many_runs() -> Figures:
    """200 000 runs of three metrics and a param: milliseconds in SQL for the first page by a
    metric, and with a filter of 0.01 %.
    """
    count = int(200_000 * SCALE)
    with stores() as store:
        store.append(Batch("j", 0, 1, [RunStarted("first", START, "e", "first")]))
        with store.driver.writing() as transaction:
            transaction.rows(
                "INSERT INTO fp_runs (id, name, experiment, status, start_time, end_time, "
                "last_time, kind, opened)"
                f" SELECT md5(n::text), 'run ' || n, 1, 'FINISHED', {START} + n, {START} + n, "
                f"{START} + n, 'fit', 1"
                f" FROM generate_series(1, {count}) n"
            )
            transaction.rows("INSERT INTO fp_keys (name) VALUES ('loss'), ('acc'), ('time'), ('C')")
            transaction.rows(
                "INSERT INTO fp_metrics (run, key, last, last_step, last_time, least, least_step, "
                "most, most_step, first, points, goal, best, experiment, ranked) SELECT r.no, k.no,"
                " v.value, 1, 1, 0, 1, 1, 1, 0, 2, 'min', 0, 1, v.value FROM fp_runs r, fp_keys k, "
                "LATERAL (SELECT random() + 0 * r.no * k.no AS value) v WHERE k.name <> 'C' AND "
                "r.status <> 'RUNNING'"
            )
            transaction.rows(
                "INSERT INTO fp_params (run, key, type, number, text, provenance)"
                " SELECT r.no, k.no, 'int', r.no % 10000, r.no % 10000, 'set' FROM fp_runs r, "
                "fp_keys k WHERE k.name = 'C'"
            )
        with store.driver.writing() as transaction:
            transaction.rows("ANALYZE")

        def page(filter_string: str) -> None:
            query = parse(filter_string, order_by=["metrics.loss desc"], experiments=["e"])
            with store.driver.reading() as transaction:
                numbers = dict(transaction.rows("SELECT name, no FROM fp_keys"))
                began = time.perf_counter()
                rows = ranking.search(
                    transaction, query, 101, None, store.driver, numbers.__getitem__
                )
                times.append(1000 * (time.perf_counter() - began))
                assert len(rows) == (101 if not filter_string else count // 10_000)

        found = {}
        for name, filter_string in (("page_ms", ""), ("filtered_ms", "params.C = 77")):
            times: list[float] = []
            for _ in range(5):
                page(filter_string)
            found[name] = min(times)
        return found


def _points(
    run: str, key: str, steps: array[int], times: array[int], draw: random.Random
) -> MetricPoints:
    values = array("d", (draw.random() for _ in steps))
    return MetricPoints(run, START, key, History(steps, times, values, _none(len(steps))))


def _none(count: int) -> array[float]:
    return array("d", [nan]) * count


def _best(call: Callable[[], object]) -> float:
    times = []
    for _ in range(5):
        began = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - began))
    return min(times)


def _size(store: PostgresStore) -> float:
    return float(store.check().size or 0)


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]]()))

"""A database of a team after years: fill PostgreSQL with many runs, ask what people ask, remove
some, and print what each takes and how the planner answers.

Run with ``python tests/bench/large.py [RUNS] [KEYS] [POINTS]`` in an environment with
fitprint-postgres and PostgreSQL. Each run has ten metrics, of KEYS names that there are, with
POINTS points each. A tenth of what the documentation plans for is 100 000 runs, 10 000 names and
1000 points: 1e9 points, some 6 GB of disk and an hour.
"""

from __future__ import annotations

import random
import sys
import time
from array import array
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
from postgres import START, stores, walk

from fitprint.entities import History, Param
from fitprint.events import Batch, MetricPoints, ParamsLogged, RunEnded, RunPurged, RunStarted
from fitprint.query.grammar import parse
from fitprint_postgres.statements import numbered
from fitprint_postgres.store import PostgresStore
from fitprint_postgres.transaction import PostgresTransaction

TOGETHER = 64  # runs that a delivery brings at once
SECOND = 1_000_000


def filled(store: PostgresStore, runs: int, keys: int, points: int) -> Iterator[int]:
    """Record runs, and yield how many there are now."""
    draw = random.Random(1)
    walks = [walk(points, narrow=True, draw=draw) for _ in range(64)]
    steps, nothing = array("q", range(points)), array("d", [float("nan")]) * points
    for first in range(0, runs, TOGETHER):
        batches = []
        for number in range(first, min(first + TOGETHER, runs)):
            run, began = f"{number:032x}", START + number * SECOND
            times = array("q", (began + 50_000 * step + draw.randrange(9) for step in steps))
            metrics = [
                MetricPoints(
                    run,
                    times[-1],
                    f"metric{(10 * number + each) % keys}",
                    History(steps, times, draw.choice(walks), nothing),
                )
                for each in range(10)
            ]
            params = {"C": Param(draw.random(), "set"), "depth": Param(number % 1000, "set")}
            events = [
                RunStarted(run, began, f"team {number % 20}", f"run {number}"),
                ParamsLogged(run, began, params),
                *metrics,
                RunEnded(run, times[-1], "FINISHED"),
            ]
            batches.append(Batch(run, 0, len(events), events))
        store.append_all(batches)
        yield first + len(batches)


def timed(what: str, call: Callable[[], Any], times: int = 5) -> None:
    """Print how long the first call takes, and the median of those behind it."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        found.append(1000 * (time.perf_counter() - began))
    later = sorted(found[1:]) or found
    print(
        f"{what:70} first {found[0]:10.1f} ms, then {later[len(later) // 2]:10.1f} ms", flush=True
    )


def explained(what: str, call: Callable[[], Any]) -> None:
    """Print the planner's answer to each statement of a call that takes a millisecond."""
    plain = PostgresTransaction.rows

    def rows(self: PostgresTransaction, sql: str, arguments: Any = ()) -> list[tuple[Any, ...]]:
        if sql.lstrip().startswith("SELECT"):
            cursor = psycopg.RawCursor(self.connection)
            cursor.execute("EXPLAIN (ANALYZE, BUFFERS) " + numbered(sql), arguments)
            plan = [line for (line,) in cursor.fetchall()]
            if float(plan[-1].split()[2]) >= 1:
                print(f"-- {what}: {' '.join(sql.split())[:300]}")
                print("\n".join("   " + line for line in plan), flush=True)
        return plain(self, sql, arguments)

    PostgresTransaction.rows = rows  # type: ignore[method-assign]
    try:
        call()
    finally:
        PostgresTransaction.rows = plain  # type: ignore[method-assign]


def main(runs: int = 1000, keys: int = 100, points: int = 1000) -> None:
    """Fill, ask, remove, and print."""
    with stores() as store:
        began = last = time.perf_counter()
        for count in filled(store, runs, keys, points):
            now = time.perf_counter()
            if now - last > 60 or count == runs:
                size = float(store.check().size or 0)
                print(
                    f"{count} runs, {10 * count * points:.3g} points, {now - began:.0f} s, "
                    f"{1e6 * (now - began) / (10 * count * points):.2f} µs and "
                    f"{size / (10 * count * points):.2f} bytes a point",
                    flush=True,
                )
                last = now
        some, key = f"{runs // 2:032x}", f"metric{(10 * (runs // 2)) % keys}"

        def page(text: str, *order: str) -> Callable[[], Any]:
            return lambda: store.search_runs(parse(text, order_by=list(order)), limit=100)

        asked = {
            "the newest 100 runs": page(""),
            "the best 100 by a metric that 0.1 % of the runs have": page(
                f"metrics.{key} > -1e9", f"metrics.{key} desc"
            ),
            "a param that 0.1 % of the runs have": page("params.depth = 7"),
            "a param, by a metric": page("params.C < 0.001", f"metrics.{key} desc"),
            "the newest 100 of an experiment": page("experiment = 'team 7'"),
            "a run": lambda: store.run(some),
            "a history, at most 1000 points": lambda: store.metric_history(
                some, key, max_points=1000
            ),
        }
        for what, call in asked.items():
            timed(what, call)
        for what, call in asked.items():
            explained(what, call)
        gone = [f"{number:032x}" for number in range(runs // 100)]
        began = time.perf_counter()
        for number, run in enumerate(gone):
            act = RunPurged(run, START + 2 * runs * SECOND, f"p{number:031x}", "bench")
            store.append(Batch("purging", number, number + 1, [act]))
        print(f"purging {len(gone)} runs: {time.perf_counter() - began:.1f} s")
        began = time.perf_counter()
        with psycopg.connect(store.driver._whole, autocommit=True) as connection:
            connection.execute("VACUUM (ANALYZE)")
        print(f"VACUUM (ANALYZE): {time.perf_counter() - began:.1f} s")
        size = float(store.check().size or 0)
        print(f"size after it: {size / 1e9:.2f} GB")
        timed("the newest 100 runs, after it", asked["the newest 100 runs"])


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

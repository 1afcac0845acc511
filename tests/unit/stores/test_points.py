"""Where the SQL store keeps points: metrics with few share rows, those with many have chunks, and
no point is lost between.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fitprint.events import Batch, RunDeleted, RunEnded, RunPurged, RunStarted
from fitprint.stores import chunks
from fitprint.stores.sampling import sampled
from fitprint.stores.sql.sqlite import open_sqlite
from fitprint.stores.sql.store import SqlStore

RUN = "1" * 32


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[SqlStore]:
    store = open_sqlite(f"sqlite:///{tmp_path}/fitprint.db")
    yield store
    store.close()


def counts(store: SqlStore, table: str) -> tuple[Any, ...]:
    """Return the number of rows of "chunks" or "packs", and of points in them."""
    with store.driver.reading() as transaction:
        return transaction.rows(f"SELECT COUNT(*), COALESCE(SUM(points), 0) FROM fp_{table}")[0]


def test_histories_stay_in_few_chunks(sqlite: SqlStore, points: Any) -> None:
    """Small batches are merged as they come, and again when the run ends."""
    sqlite.append(Batch("j", 0, 1, [RunStarted(RUN, 1, "iris", "name")]))
    for number in range(300):
        sqlite.append(
            Batch(
                "j",
                number + 1,
                number + 2,
                [points(RUN, "m", [float(number)] * 3, start=3 * number)],
            )
        )
    (some, points_there), (others, points_elsewhere) = (
        counts(sqlite, "chunks"),
        counts(sqlite, "packs"),
    )
    assert some + others < 16
    assert points_there + points_elsewhere == 900
    sqlite.append(Batch("j", 301, 302, [RunEnded(RUN, 9, "KILLED")]))
    assert (counts(sqlite, "chunks"), counts(sqlite, "packs")) == ((1, 900), (0, 0))
    assert list(sqlite.metric_history(RUN, "m").step) == list(range(900))


def test_fault_9_metrics_with_few_points_share_a_row(sqlite: SqlStore, points: Any) -> None:
    """Fifty metrics of a run that has ended are one row, however they came."""
    sqlite.append(Batch("j", 0, 1, [RunStarted(RUN, 1, "iris", "name")]))
    for step in range(20):
        sqlite.append(
            Batch(
                "j",
                step + 1,
                step + 2,
                [points(RUN, f"m{number}", [float(number)], start=step) for number in range(50)],
            )
        )
    (rows, total) = counts(sqlite, "packs")
    assert (rows < 12, total) == (True, 1000)
    assert list(sqlite.metric_history(RUN, "m7").step) == list(range(20))
    sqlite.append(Batch("j", 21, 22, [RunEnded(RUN, 9, "FINISHED")]))
    assert (counts(sqlite, "chunks"), counts(sqlite, "packs")) == ((0, 0), (1, 1000))
    assert list(sqlite.metric_history(RUN, "m49").step) == list(range(20))


@pytest.mark.thorough
def test_new_metrics_are_not_packed_again_and_again(sqlite: SqlStore, points: Any) -> None:
    """Packs that are full and have keys of their own are left where they are, also when the run
    ends.
    """
    sqlite.append(Batch("j", 0, 1, [RunStarted(RUN, 1, "iris", "name")]))
    for part in range(10):
        sqlite.append(
            Batch(
                "j",
                part + 1,
                part + 2,
                [points(RUN, f"m{part:02}/{number:04}", [1.0]) for number in range(chunks.FULL)],
            )
        )
    with sqlite.driver.reading() as transaction:
        before = transaction.rows("SELECT generation, part, low, high, points FROM fp_packs")
    sqlite.append(Batch("j", 11, 12, [RunEnded(RUN, 9, "FINISHED")]))
    with sqlite.driver.reading() as transaction:
        assert (
            transaction.rows("SELECT generation, part, low, high, points FROM fp_packs") == before
        )
    assert len(before) == 10


SIZES = [
    [1, 200, 1, 200, 1],
    [127, 1, 127, 1],
    [5] * 60,
    [4096, 1, 1, 4096],
    [1, 5000, 3, 3, 3, 3, 3, 3, 3, 3, 130],
]


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("others", [0, 3])
def test_points_that_move_from_packs_to_chunks_stay_in_order(
    sqlite: SqlStore, points: Any, sizes: list[int], others: int
) -> None:
    """Few and many points may come in turn, alone or beside other metrics; a run may go on after
    its end.
    """
    sqlite.append(Batch("j", 0, 1, [RunStarted(RUN, 1, "iris", "name")]))
    total = 0
    for number, size in enumerate(sizes * 2, 1):
        more = [
            points(RUN, f"other{index}", [float(number)], start=number) for index in range(others)
        ]
        end = [RunEnded(RUN, 9, "FINISHED")] if number == len(sizes) else []
        sqlite.append(
            Batch(
                "j", number, number + 1, [points(RUN, "m", [0.5] * size, start=total), *more, *end]
            )
        )
        total += size
        assert list(sqlite.metric_history(RUN, "m").step) == list(range(total))
    for index in range(others):
        assert list(sqlite.metric_history(RUN, f"other{index}").step) == list(
            range(1, 2 * len(sizes) + 1)
        )


def test_fault_9_a_long_curve_is_sampled_without_reading_it(sqlite: SqlStore, points: Any) -> None:
    """The outlines beside its chunks say what lies between;
    what they say is what the points say.
    """
    draw = random.Random(5)
    values = [
        draw.gauss(0, 1) if draw.random() < 0.99 else math.nan for _ in range(40 * chunks.FULL)
    ]
    sqlite.append(
        Batch(
            "j",
            0,
            2,
            [
                RunStarted(RUN, 1, "iris", "name"),
                points(RUN, "m", values),
                RunEnded(RUN, 2, "FINISHED"),
            ],
        )
    )
    expected = sampled(sqlite.metric_history(RUN, "m"), 12)
    with sqlite.driver.writing() as transaction:
        transaction.many("UPDATE fp_chunks SET content = ?", [(b"\0",)])
    found = sqlite.metric_history(RUN, "m", max_points=12)
    assert (found.step, found.value.tobytes(), found.timestamp) == (
        expected.step,
        expected.value.tobytes(),
        expected.timestamp,
    )


def test_a_curve_that_came_in_pieces_is_sampled_with_few_of_its_chunks(
    sqlite: SqlStore, points: Any
) -> None:
    """Its first points lie in a pack, and no piece begins where a block of it does: chunks begin
    there all the same, but for the first one.
    """
    draw, count = random.Random(6), 100
    values = [draw.gauss(0, 1) for _ in range(10 * chunks.FULL)]
    first = [RunStarted(RUN, 1, "iris", "name"), points(RUN, "m", values[:count])]
    sqlite.append(Batch("j", 0, 1, first))
    number = 1
    while count < len(values):
        some = values[count : count + draw.randrange(1000, 9000)]
        sqlite.append(Batch("j", number, number + 1, [points(RUN, "m", some, start=count)]))
        count, number = count + len(some), number + 1
    sqlite.append(Batch("j", number, number + 1, [RunEnded(RUN, 2, "FINISHED")]))
    expected = sampled(sqlite.metric_history(RUN, "m"), 40)
    with sqlite.driver.writing() as transaction:
        starts = [start for (start,) in transaction.rows("SELECT start FROM fp_chunks")]
        transaction.many("UPDATE fp_chunks SET content = ? WHERE start <> 100", [(b"\0",)])
    assert [100, *range(chunks.FULL, 10 * chunks.FULL, chunks.FULL)] == sorted(starts)
    found = sqlite.metric_history(RUN, "m", max_points=40)
    assert (expected.step, expected.value) == (found.step, found.value)


def test_a_purged_run_leaves_no_points(sqlite: SqlStore, points: Any) -> None:
    """Neither in chunks nor in packs."""
    some = [points(RUN, "few", [1.0]), points(RUN, "many", [1.0] * 1000)]
    sqlite.append(Batch("j", 0, 1, [RunStarted(RUN, 1, "iris", "name"), *some, RunDeleted(RUN, 2)]))
    sqlite.append(Batch("j", 1, 2, [RunPurged(RUN, 3, "a", "bob")]))
    assert (counts(sqlite, "chunks"), counts(sqlite, "packs")) == ((0, 0), (0, 0))

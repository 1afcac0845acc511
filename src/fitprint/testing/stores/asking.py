"""What a store with SQL promises to who asks in SQL; one without it says so."""

from __future__ import annotations

from pathlib import Path

from fitprint.errors import FitprintError, QueryError, StoreError
from fitprint.events import RunDeleted
from fitprint.ids import new_id
from fitprint.stores.protocol import Store
from fitprint.stores.views import VIEWS
from fitprint.testing.checks import Check, NotApplicable, expect
from fitprint.testing.stores.feeding import (
    EPOCH,
    SECOND,
    Feed,
    ended,
    names,
    params,
    points,
    started,
    tags,
)
from fitprint.testing.stores.subject import StoreSubject

__all__ = ["CHECKS"]

_ENDLESS = (
    "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers) SELECT "
    "COUNT(*) FROM numbers"
)
_NOT_READING = (
    "DELETE FROM runs",
    "UPDATE runs SET name = 'other'",
    "INSERT INTO tags VALUES ('a', 'b', 'c')",
    "CREATE TABLE mine (x INTEGER)",
    "DROP VIEW runs",
    "SELECT 1; DROP VIEW runs",
    "BEGIN",
    "SELECT name FROM",
    "SELECT nmae FROM runs",
    "SELECT name FROM rnus",
    "",
)


def sql_shows_what_is_recorded(conformance: StoreSubject, folder: Path) -> None:
    """Each view has its columns, and shows values with their types, times as texts in UTC, and runs
    in the trash.
    """
    run, removed = new_id(), new_id()
    with conformance.opened(folder) as store:
        feed = Feed(store)
        feed.send(
            started(run, "one", experiment="e"),
            params(run, C=0.5, n=3, solver="x", off=None),
            tags(run, team="a"),
        )
        feed.send(
            points(run, "loss", [2.0, 1.0, 3.0], goal="min"),
            ended(run),
            started(removed, "two"),
            RunDeleted(removed, EPOCH),
        )
        _need_sql(store)
        for view in VIEWS:
            found = store.query(f"SELECT * FROM {view.name}")  # noqa: S608 - one of ours
            expect(
                tuple(view.columns) == found.columns,
                f"the view {view.name} has the columns {', '.join(found.columns)}",
            )
        _expect_rows(
            store,
            "name, experiment, status, start_time, duration FROM runs WHERE deleted_time IS NULL",
            [("one", "e", "FINISHED", "2023-11-14T22:13:20.000Z", 10.0)],
        )
        _expect_rows(
            store,
            f"name FROM runs WHERE id = '{removed}' AND deleted_time = '2023-11-14T22:13:20.000Z'",
            [("two",)],
        )
        _expect_rows(store, f"key, value FROM params WHERE run_id = '{run}' ORDER BY key", [
            ("C", 0.5), ("n", 3), ("off", None), ("solver", "x")
        ])  # fmt: skip
        _expect_rows(
            store,
            "key, last, best, best_step, min, max, count, goal FROM metrics",
            [("loss", 3.0, 1.0, 1, 1.0, 3.0, 3, "min")],
        )
        _expect_rows(store, "key, value FROM tags", [("team", "a")])
        _expect_rows(store, "name, run_count FROM experiments WHERE name = 'e'", [("e", 1)])


def _expect_rows(store: Store, select: str, expected: list[tuple[object, ...]]) -> None:
    found = store.query(f"SELECT {select}").rows
    expect(
        [tuple(row) for row in found] == expected, f"SELECT {select} gives {found}, not {expected}"
    )


def sql_changes_nothing(conformance: StoreSubject, folder: Path) -> None:
    """What would do something else than read the views is a QueryError, and so is what is no
    statement; the store is as it was.
    """
    with conformance.opened(folder) as store:
        Feed(store).send(started(new_id(), "one"))
        _need_sql(store)
        for statement in _NOT_READING:
            try:
                store.query(statement)
            except QueryError as error:
                expect(str(error), f"the error for {statement!r} says nothing")
            else:
                raise AssertionError(f"query() takes the statement {statement!r}")
        expect(names(store) == ["one"], "statements have changed the store")
        Feed(store).send(started(new_id(), "two", at=EPOCH + SECOND))
        _expect_rows(store, "COUNT(*) FROM runs", [(2,)])


def sql_is_bounded(conformance: StoreSubject, folder: Path) -> None:
    """A statement that would never end is stopped, and of many rows there are as many as were asked
    for.
    """
    with conformance.opened(folder) as store:
        feed = Feed(store)
        feed.send(*(started(new_id(), f"run {number}") for number in range(5)))
        _need_sql(store)
        found = store.query("SELECT name FROM runs", limit=3)
        expect(
            (len(found.rows), found.more) == (3, True),
            f"with a limit of 3 there are {len(found.rows)} rows, more: {found.more}",
        )
        expect(
            not store.query("SELECT name FROM runs", limit=5).more,
            "there are said to be more rows than there are",
        )
        try:
            store.query(_ENDLESS, timeout=0.2)
        except QueryError:
            return
        raise AssertionError("a statement without an end has ended")


def _need_sql(store: Store) -> None:
    if store.views:
        expect(
            tuple(store.views) == tuple(VIEWS),
            "the views are others than those of every store with SQL",
        )
        return
    try:
        store.query("SELECT name FROM runs")
    except StoreError as error:
        raise NotApplicable("the store has no SQL") from error
    except FitprintError as error:
        raise AssertionError(
            f"a store without views answers query() with a {type(error).__name__}, not with a "
            "StoreError"
        ) from error
    raise AssertionError("a store without views answers in SQL")


CHECKS: tuple[Check, ...] = (sql_shows_what_is_recorded, sql_changes_nothing, sql_is_bounded)

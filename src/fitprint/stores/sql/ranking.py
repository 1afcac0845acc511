"""The first runs by a metric, found through the index of the last values of runs that have ended.

Only what comes first in the index is looked at, and the runs that go on, which are in none. Where
that is too little, because a filter leaves out most of it or runs without the metric are wanted,
too, all runs are looked at.
"""

# ruff: noqa: S608
# values are always arguments; what is put into statements is written in this package

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cmp_to_key
from typing import Any

from fitprint.query.expressions import Query
from fitprint.stores import paging
from fitprint.stores.evaluation import order
from fitprint.stores.paging import Place
from fitprint.stores.sql import compiler
from fitprint.stores.sql.driver import Driver, Transaction
from fitprint.stores.sql.keys import marks
from fitprint.stores.sql.rows import storable

__all__ = ["search"]

_EXPERIMENTS = 16  # most that are looked into one by one
_FIRST, _MOST = 2, 25  # rows of the index for each that is wanted: looked at first, and at most
_SPARE = 1.5  # times as many as a filter should need

_Row = tuple[Any, ...]


def search(
    transaction: Transaction,
    query: Query,
    limit: int,
    after: Place | None,
    driver: Driver,
    key: Callable[[str], int],
) -> list[_Row]:
    """Return the rows of the first ``limit`` runs, as :func:`.compiler.search` says."""
    field = query.order[0].field
    if (
        field.entity == "metric"
        and field.aggregate == "last"
        and (not after or after[0] is not None)
    ):
        rows = _through_index(transaction, query, limit, after, driver, key)
        if rows is not None:
            return rows
    return transaction.rows(*compiler.search(query, limit, after, driver, key))


def _through_index(
    transaction: Transaction,
    query: Query,
    limit: int,
    after: Place | None,
    driver: Driver,
    key: Callable[[str], int],
) -> list[_Row] | None:
    """Return the same; None where the index does not lead there soon."""
    experiments, going_on = _experiments(transaction, query)
    if not 0 < len(experiments) <= _EXPERIMENTS:
        return None
    more: list[_Row] = []
    if going_on:
        more = transaction.rows(*compiler.search(query, limit, after, driver, key, "RUNNING"))
    # without a filter all that is found is wanted, and the database stops where there is enough
    bounded = query.where is not None or query.deleted == "only" or len(experiments) > 1
    number, window, border = key(query.order[0].field.key), _FIRST * limit, None
    while True:
        if bounded:
            border = _border(transaction, query, window, after, number, experiments)
        only = compiler.Ranked(experiments, border)
        rows = transaction.rows(*compiler.search(query, limit, after, driver, key, only))
        found = _merged(query, rows, more)[:limit]
        if len(found) == limit and _is_within(found[-1][1], border, query):
            return found
        if border is None or not rows:
            return None
        window = int(window * limit * _SPARE / len(rows)) + 1
        if window > _MOST * limit:
            return None


def _experiments(transaction: Transaction, query: Query) -> tuple[list[int], bool]:
    """Return the numbers of those that are searched, one more than are looked into at most, and
    whether a run goes on in any.
    """
    condition = "archived IS NULL" if query.deleted == "exclude" else "0 = 0"
    names = [storable(name) for name in query.experiments or ()]
    if query.experiments is not None:
        condition = f"name IN ({marks(names)})" if names else "0 = 1"
    rows = transaction.rows(
        "SELECT no, EXISTS (SELECT 1 FROM fp_runs WHERE status = 'RUNNING' AND experiment = "
        f"fp_experiments.no) FROM fp_experiments WHERE {condition} LIMIT {_EXPERIMENTS + 1}",
        names,
    )
    return [number for number, _ in rows], any(going_on for _, going_on in rows)


def _merged(query: Query, rows: list[_Row], more: list[_Row]) -> list[_Row]:
    """Return rows of two statements in the order of both."""
    if not more:
        return rows
    columns = paging.columns(query)

    def compared(one: _Row, other: _Row) -> int:
        return order(columns, list(one[1:]), list(other[1:]))

    return sorted([*rows, *more], key=cmp_to_key(compared))


def _border(
    transaction: Transaction,
    query: Query,
    window: int,
    after: Place | None,
    key: int,
    experiments: Sequence[int],
) -> float | None:
    """Return the value in the index behind which there are so many others; None if there are
    fewer.
    """
    descending = query.order[0].descending
    direction, best = ("DESC", max) if descending else ("ASC", min)
    where = "key = ? AND ranked IS NOT NULL"
    given: list[Any] = [key]
    if after is not None:
        where, given = f"{where} AND ranked {'<=' if descending else '>='} ?", [key, after[0]]
    rows = transaction.rows(
        " UNION ALL ".join(
            f"SELECT * FROM (SELECT ranked FROM fp_metrics WHERE experiment = {number} AND "
            f"{where} ORDER BY ranked {direction} LIMIT 1 OFFSET {window}) AS e{number}"
            for number in experiments
        ),
        given * len(experiments),
    )
    return best((value for (value,) in rows), default=None)


def _is_within(last: float | None, border: float | None, query: Query) -> bool:
    """Tell whether all runs that come before one with this value have been looked at."""
    if last is None or border is None:
        return last is not None
    return last >= border if query.order[0].descending else last <= border

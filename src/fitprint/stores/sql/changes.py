"""The numbers of changes in the tables, and who follows them.

Writers come one after the other: a number that is drawn in a transaction is larger than all that
others can see before it commits.
"""

# ruff: noqa: S608
# values are always arguments; what is put into statements is written in this package

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from fitprint.entities import Change, Changes, Consumer
from fitprint.events import ChangesFollowed, Event
from fitprint.stores.changes import KINDS, Numbered, Touched, followed, number_of, page_of
from fitprint.stores.sql import damage
from fitprint.stores.sql.driver import Transaction
from fitprint.stores.sql.rows import storable

__all__ = ["consumer", "last", "page", "write", "write_consumers"]

_LAST = " UNION ALL ".join(
    f"SELECT MAX(change) FROM {table}"
    for table in ("fp_runs", "fp_experiments", "fp_registered_models", "fp_purged")
)
_RUN = (
    "UPDATE fp_runs SET change = ?, change_started = COALESCE(?, change_started), change_recorded "
    "= COALESCE(?, change_recorded),"
    " change_ended = COALESCE(?, change_ended), change_edited = COALESCE(?, change_edited) WHERE "
    "id = ?"
)
_EXPERIMENT = (
    "UPDATE fp_experiments SET change = ?, change_started = COALESCE(?, change_started), "
    "change_edited = COALESCE(?, change_edited)"
    " WHERE id = ?"
)
_MODEL = (
    "UPDATE fp_registered_models SET change = ?, change_started = COALESCE(?, change_started),"
    " change_recorded = COALESCE(?, change_recorded), change_edited = COALESCE(?, change_edited) "
    "WHERE id = ?"
)
_PURGED = "UPDATE fp_purged SET change = ? WHERE run = ?"
# kind of subject, columns (the number, the id, and the number of each of KINDS), and where they are
_SINCE = (
    (
        "run",
        "change, id, change_started, change_recorded, change_ended, change_edited, NULL",
        "fp_runs WHERE experiment IS NOT NULL AND",
    ),
    ("run", "change, run, NULL, NULL, NULL, NULL, change", "fp_purged WHERE"),
    (
        "experiment",
        "change, id, change_started, NULL, NULL, change_edited, NULL",
        "fp_experiments WHERE",
    ),
    (
        "registered model",
        "change, id, change_started, change_recorded, NULL, change_edited, NULL",
        "fp_registered_models WHERE",
    ),
)


def write(transaction: Transaction, touched: Touched, last: int) -> None:
    """Number what a batch changed, which is in the tables by now, from behind the ``last`` number
    of before.
    """
    number = last
    runs, experiments, models, purged = [], [], [], []
    for (subject, id_), kinds in touched.items():
        number += 1
        started, recorded, ended, edited, _ = (number if kind in kinds else None for kind in KINDS)
        if "purged" in kinds:
            purged.append((number, storable(id_)))
        elif subject == "run":
            runs.append((number, started, recorded, ended, edited, storable(id_)))
        elif subject == "experiment":
            experiments.append((number, started, edited, storable(id_)))
        else:
            models.append((number, started, recorded, edited, storable(id_)))
    for statement, rows in (
        (_RUN, runs),
        (_EXPERIMENT, experiments),
        (_MODEL, models),
        (_PURGED, purged),
    ):
        if rows:
            transaction.many(statement, rows)


def last(transaction: Transaction) -> int:
    """Return the largest number that there is."""
    return max(damage.number(number or 0) for (number,) in transaction.rows(_LAST))


def page(transaction: Transaction, since: str, limit: int) -> Changes:
    """Return the changes after the cursor ``since``."""
    return page_of(_since(transaction, number_of(since, last(transaction)), limit), since, limit)


def _since(transaction: Transaction, number: int, limit: int) -> Iterator[Numbered]:
    for subject, columns, place in _SINCE:
        statement = f"SELECT {columns} FROM {place} change > ? ORDER BY change LIMIT ?"
        for latest, id_, *numbers in transaction.rows(statement, (number, limit)):
            kinds = tuple(
                kind
                for kind, found in zip(KINDS, numbers, strict=True)
                if damage.number(found or 0) > number
            )
            yield damage.number(latest), Change(subject, damage.text(id_), kinds)


def write_consumers(
    transaction: Transaction, events: Iterable[Event], now: Callable[[], int]
) -> None:
    """Decide who has the leases that events ask for."""
    for event in events:
        if isinstance(event, ChangesFollowed):
            known = followed(consumer(transaction, event.consumer), event, now())
            if known is not None:
                transaction.many(
                    "INSERT INTO fp_consumers (name, holder, cursor, until) VALUES (?, ?, ?, ?) ON "
                    "CONFLICT (name) DO UPDATE SET"
                    " holder = excluded.holder, cursor = excluded.cursor, until = excluded.until",
                    [
                        (
                            storable(known.name),
                            storable(known.holder),
                            storable(known.cursor),
                            known.until,
                        )
                    ],
                )


def consumer(transaction: Transaction, name: str) -> Consumer | None:
    """Return who follows the changes under the name."""
    rows = transaction.rows(
        "SELECT name, holder, cursor, until FROM fp_consumers WHERE name = ?", (storable(name),)
    )
    for known, holder, cursor, until in rows:
        return Consumer(
            damage.text(known), damage.text(holder), damage.text(cursor), damage.time(until)
        )
    return None

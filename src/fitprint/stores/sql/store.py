"""The store in a relational database."""

# ruff: noqa: S608
# values are always arguments; what is put into statements is written in this package

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING
from weakref import WeakSet

from fitprint.entities import (
    Changes,
    Consumer,
    Decision,
    Experiment,
    History,
    PendingBytes,
    RunRecord,
)
from fitprint.errors import RunNotFoundError
from fitprint.events import Batch
from fitprint.ids import FEWEST, LENGTH, SHORT
from fitprint.platform.processes import at_fork
from fitprint.query.grammar import Query
from fitprint.stores import paging
from fitprint.stores.folding import LOST_AFTER, is_new, is_sign_of_life
from fitprint.stores.protocol import Health, Keys, ModelRegistry, OpenRun, Page, Store
from fitprint.stores.sampling import enough, sampled_parts
from fitprint.stores.sql import (
    arrivals,
    changes,
    compiler,
    damage,
    points,
    ranking,
    reading,
    writing,
)
from fitprint.stores.sql.driver import Driver, Transaction
from fitprint.stores.sql.experiments import all_experiments
from fitprint.stores.sql.keys import KeyNumbers, marks, sliced
from fitprint.stores.sql.registry import SqlRegistry
from fitprint.stores.sql.registry_rows import DECISION, decision
from fitprint.stores.sql.rows import storable

if TYPE_CHECKING:
    from fitprint.stores.views import QueryResult, View

__all__ = ["SqlStore"]

_alive: WeakSet[SqlStore] = WeakSet()


class SqlStore(Store):
    """A store in the database behind ``driver``; threads that call it take turns."""

    lost_after = LOST_AFTER

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.uri = driver.uri
        self.renew()
        _alive.add(self)

    def renew(self) -> None:
        """Forget who waits for whom and what is remembered, as a forked child must."""
        self._keys = KeyNumbers()
        self._opened = 0
        self._lock = threading.RLock()

    @contextmanager
    def _reading(self) -> Iterator[Transaction]:
        with self._lock, self.driver.reading() as transaction, damage.told(f"the store {self.uri}"):
            self._forget_others()
            yield transaction

    def _forget_others(self) -> None:
        """Forget what is remembered of another database than the one that is open now."""
        if self._opened != self.driver.opened:
            self._keys, self._opened = KeyNumbers(), self.driver.opened

    @property
    def id(self) -> str:
        """Drawn when the database was made, and kept in it."""
        with self._reading() as transaction:
            ((value,),) = transaction.rows("SELECT value FROM facts WHERE name = 'id'")
        return str(value)

    @property
    def place(self) -> str:
        with self._reading() as transaction:
            return self.driver.place(transaction)

    @property
    def patience(self) -> float:
        """Seconds that the store waits for others which write to the same database; set it as you
        need.
        """
        return self.driver.patience

    @patience.setter
    def patience(self, seconds: float) -> None:
        self.driver.patience = seconds

    def now(self) -> int:
        return self.driver.now()

    def append(self, batch: Batch) -> None:
        self.append_all([batch])

    def append_all(self, batches: Sequence[Batch]) -> None:
        """Fold the batches in, all of them in one transaction."""
        with self._lock:
            try:
                with self.driver.writing() as transaction:
                    self._forget_others()
                    with damage.told(f"the store {self.uri}"):
                        positions = _positions(transaction, {batch.journal for batch in batches})
                    new = []
                    for batch in batches:
                        journal = storable(batch.journal)
                        position = positions.get(journal, 0)
                        if is_sign_of_life(batch, position):
                            writing.hear(transaction, batch.journal, self.driver.now())
                        if is_new(batch, position):
                            new.append(batch)
                            positions[journal] = batch.end
                    if new:
                        writing.write(transaction, new, self._keys, self.uri, self.driver.now)
            except BaseException:
                self._keys = KeyNumbers()  # it may have seen numbers that were never committed
                raise

    def position(self, journal: str) -> int:
        with self._reading() as transaction:
            return _positions(transaction, [journal]).get(storable(journal), 0)

    def open_runs(self, journal: str) -> Sequence[OpenRun]:
        with self._reading() as transaction:
            rows = transaction.rows(
                "SELECT id, last_time FROM fp_runs WHERE owner = ? AND status = 'RUNNING'",
                (storable(journal),),
            )
            return [OpenRun(damage.text(run), damage.time(last)) for run, last in rows]

    def run(self, run_id: str) -> RunRecord:
        with self._reading() as transaction:
            numbers = _numbers(transaction, "id = ?", run_id)
            if not numbers:
                raise RunNotFoundError(f"there is no run {run_id!r} in {self.uri}")
            return self._records(transaction, numbers)[0]

    def _records(self, transaction: Transaction, numbers: Sequence[int]) -> list[RunRecord]:
        return reading.records(transaction, numbers, self._keys, self.driver.now())

    def resolve(self, text: str) -> Sequence[str]:
        text = storable(text)
        with self._reading() as transaction:
            # The ends of ids have no index: one look through that of the ids, milliseconds for
            # ten thousand runs.
            short = (
                "OR id IN (SELECT id FROM fp_runs WHERE substr(id, length(id) - ?) = ? OR "
                "substr(id, length(id) - ?, ?) = ?)"
            )
            size = len(text)
            ends = (size - 1, text, SHORT - 1, size, text) if FEWEST <= size <= LENGTH else ()
            rows = transaction.rows(
                "SELECT id FROM fp_runs WHERE experiment IS NOT NULL AND (id >= ? AND id < ? OR "
                f"name = ? {short if ends else ''})"
                " ORDER BY deleted_time IS NOT NULL, start_time DESC, id LIMIT 10",
                (text, text + "\U0010ffff", text, *ends),
            )
            return [damage.text(run) for (run,) in rows]

    def children(self, run_id: str) -> Sequence[RunRecord]:
        with self._reading() as transaction:
            numbers = _numbers(
                transaction,
                "parent_id = ? AND deleted_time IS NULL ORDER BY start_time, id",
                run_id,
            )
            return self._records(transaction, numbers)

    def child_counts(self, run_ids: Sequence[str]) -> Mapping[str, int]:
        counts: dict[str, int] = {}
        with self._reading() as transaction:
            for part in sliced([storable(run_id) for run_id in run_ids]):
                rows = transaction.rows(
                    f"SELECT parent_id, COUNT(*) FROM fp_runs WHERE parent_id IN ({marks(part)})"
                    " AND experiment IS NOT NULL AND deleted_time IS NULL GROUP BY parent_id",
                    part,
                )
                counts.update(rows)
        return counts

    def search_runs(self, query: Query, *, limit: int = 100, token: str | None = None) -> Page:
        after = None if token is None else paging.place(query, token)
        with self._reading() as transaction:
            numbers = self._keys.find(transaction, compiler.keys(query))
            rows = ranking.search(
                transaction,
                query,
                limit + 1,
                after,
                self.driver,
                lambda key: numbers.get(key, compiler.NO_KEY),
            )
            runs = self._records(transaction, [row[0] for row in rows[:limit]])
            return Page(
                runs, paging.token(query, list(rows[limit - 1][1:])) if len(rows) > limit else None
            )

    def metric_history(self, run_id: str, key: str, *, max_points: int | None = None) -> History:
        enough(max_points)
        with self._reading() as transaction:
            if max_points is None:
                return points.history(transaction, run_id, key)
            return sampled_parts(points.parts(transaction, run_id, key), max_points)

    def experiments(self) -> Sequence[Experiment]:
        with self._reading() as transaction:
            return all_experiments(transaction)

    def decision(self, act_id: str) -> Decision | None:
        with self._reading() as transaction:
            columns = ", ".join(column for column, _ in DECISION.values())
            rows = transaction.rows(
                f"SELECT {columns} FROM fp_decisions WHERE id = ?", (storable(act_id),)
            )
            return decision(rows[0]) if rows else None

    @property
    def registry(self) -> ModelRegistry:
        return SqlRegistry(self.uri, self.driver, self._reading, lambda: self._keys)

    def changes(self, since: str = "", *, limit: int = 1000) -> Changes:
        with self._reading() as transaction:
            return changes.page(transaction, since, limit)

    def consumer(self, name: str) -> Consumer | None:
        with self._reading() as transaction:
            return changes.consumer(transaction, name)

    def keys(self, experiment: str | None = None) -> Keys:
        sql = "SELECT DISTINCT c.entity, k.name FROM fp_catalogue c JOIN fp_keys k ON k.no = c.key"
        if experiment is not None:
            sql += " WHERE c.experiment = (SELECT no FROM fp_experiments WHERE name = ?)"
        with self._reading() as transaction:
            rows = transaction.rows(
                sql + " ORDER BY k.name", () if experiment is None else (storable(experiment),)
            )
            found = [(entity, damage.text(name)) for entity, name in rows]
        return Keys(
            **{
                entity: tuple(name for kind, name in found if kind == entity)
                for entity in ("params", "metrics", "tags")
            }
        )

    @property
    def artifact_uri(self) -> str | None:
        with self._reading() as transaction:
            return arrivals.artifact_uri(transaction)

    def pending(self, digests: Iterable[str] | None = None) -> Sequence[PendingBytes]:
        with self._reading() as transaction:
            return arrivals.pending(transaction, digests)

    def digests(self, without: Collection[str] = ()) -> set[str]:
        with self._reading() as transaction:
            return arrivals.digests(transaction, without)

    @property
    def views(self) -> Sequence[View]:
        from fitprint.stores.views import VIEWS

        return VIEWS

    def query(self, sql: str, *, limit: int = 10_000, timeout: float = 10.0) -> QueryResult:
        with self._lock:
            return self.driver.query(sql, limit=limit, timeout=timeout)

    def check(self) -> Health:
        with self._lock:
            return self.driver.check()

    def close(self) -> None:
        with self._lock:
            self.driver.close()


_FORK_SECONDS = 2.0  # most that a fork waits for one store
_held: list[SqlStore] = []
_forking = threading.Lock()


def _before_fork() -> None:
    """Close connections, which come back with the next use.

    A child inherits what the database's library remembers of this process: locks that nobody there
    could ever give back.
    """
    _forking.acquire()
    for store in list(_alive):
        if store._lock.acquire(timeout=_FORK_SECONDS):  # noqa: SLF001 - one class in two parts
            _held.append(store)
            store.driver.close()


def _after_fork_in_parent() -> None:
    while _held:
        _held.pop()._lock.release()  # noqa: SLF001
    _forking.release()


def _after_fork_in_child() -> None:
    """Give the child fresh locks: a thread that the child does not have may hold the old ones."""
    global _forking
    _forking = threading.Lock()
    _held.clear()
    for store in list(_alive):
        store.renew()


at_fork(
    before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child
)


def _positions(transaction: Transaction, journals: Collection[str]) -> dict[str, int]:
    """Return the positions of those journals of which something was kept."""
    return {
        journal: int(position)
        for part in sliced(list(map(storable, journals)))
        for journal, position in transaction.rows(
            f"SELECT journal, position FROM fp_journals WHERE journal IN ({marks(part)})", part
        )
    }


def _numbers(transaction: Transaction, condition: str, argument: str) -> list[int]:
    rows = transaction.rows(
        f"SELECT no FROM fp_runs WHERE experiment IS NOT NULL AND {condition}",
        (storable(argument),),
    )
    return [number for (number,) in rows]

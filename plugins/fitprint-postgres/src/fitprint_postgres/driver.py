"""PostgreSQL as the SQL store needs it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any

import psycopg

from fitprint import clock
from fitprint.errors import StoreBusyError, StoreError, StoreVersionError
from fitprint.stores.addresses import hidden, public
from fitprint.stores.protocol import Health
from fitprint.stores.sql.driver import Transaction
from fitprint.stores.sql.schema import STEPS
from fitprint_postgres import tables
from fitprint_postgres.connection import Link
from fitprint_postgres.transaction import PostgresTransaction, Types

if TYPE_CHECKING:
    from fitprint.stores.views import QueryResult

__all__ = ["PostgresDriver"]

_PATIENCE = 30.0  # seconds to wait for other writers
_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {limits}"
_WRITE = (
    "BEGIN; {limits}"
    # it goes from the journal
    "SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off';"  # noqa: E501
    f"{tables.LOCK};"
)
_ASK = "BEGIN ISOLATION LEVEL REPEATABLE READ; {limits}"
_SIZE = """
    SELECT COALESCE(SUM(pg_total_relation_size(c.oid)), 0)::bigint,
        (SELECT array_agg(i.relname::text) FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
            WHERE NOT x.indisvalid AND i.relnamespace = MIN(c.relnamespace::int)::oid)
    FROM pg_class c WHERE c.relkind = 'r' AND (c.relname LIKE 'fp\\_%' OR c.relname = 'facts')
        AND c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('facts'))
"""
_LIMITS = (
    "SET LOCAL lock_timeout = {patience}; SET LOCAL statement_timeout = {timeout};"
    # a host that is gone must not keep the lock
    "SET LOCAL idle_in_transaction_session_timeout = 60000;"
)
_AHEAD = 1_000_000  # microseconds by which clocks may differ
_TIMEOUT = 60.0  # seconds that a statement may take
_MUCH = 10_000  # rows of a table, after which PostgreSQL is to look at it
_BROKEN = (psycopg.OperationalError, psycopg.InterfaceError)
_CONFLICTS = ("40001", "40P01")


class ConflictError(StoreBusyError):
    """The transaction was undone because of what others did at the same time; it may be tried again
    at once.
    """


class PostgresDriver:
    """A PostgreSQL database, or one schema of it.

    The connection is closed soon after it was used; forked children get their own.

    Attributes:
        timeout: seconds that a statement may take.
    """

    types: Mapping[str, Any] = tables.TYPES

    def __init__(self, uri: str, steps: Sequence[Sequence[str]] = STEPS) -> None:
        self.uri = public(uri)
        self.opened = 0
        self.patience = _PATIENCE
        self.timeout = _TIMEOUT
        self._whole = uri
        self._steps = steps
        self._store = ""  # its id
        self._types: Types = {}
        self._written: Counter[str] = Counter()
        self._looked_at: Counter[str] = Counter()  # how much was written by then
        self._collation = ""
        self._ahead = 0  # microseconds by which the server's clock is ahead of this machine's
        with self._errors():
            self._link = Link(uri)

    @contextmanager
    def reading(self) -> Iterator[PostgresTransaction]:
        with self._errors(), self._link.held(), self._transaction(_READ) as (transaction, _):
            yield transaction

    @contextmanager
    def writing(self) -> Iterator[PostgresTransaction]:
        with self._errors(), self._link.held():
            with self._transaction(_WRITE) as (transaction, facts):
                if not tables.may_write(facts, self.uri, len(self._steps)):
                    raise StoreVersionError(
                        f"the store {self.uri} was written by a newer fitprint and can only be "
                        "read by this one: upgrade fitprint"
                    )
                yield transaction
            self._look_at(transaction)

    def now(self) -> int:
        return clock.now() + self._ahead  # measured when the transaction began

    def place(self, transaction: Transaction) -> str:
        ((database, table, may),) = transaction.rows(
            "SELECT oid, 'facts'::regclass::oid, has_function_privilege('pg_control_system()', "
            "'execute') FROM pg_database WHERE datname = current_database()"
        )
        server = "SELECT system_identifier FROM pg_control_system()"
        ((cluster,),) = transaction.rows(server) if may else [(0,)]
        return f"{cluster:x}-{database:x}-{table:x}"

    def like(self, column: str, pattern: str, *, ignore_case: bool) -> tuple[str, str]:
        if ignore_case:
            column, pattern = f"lower({column} COLLATE {self._folding()})", pattern.lower()
        return f"{column} LIKE ? ESCAPE ''", pattern

    def of_a_run(self, condition: str) -> str:
        return f"({condition})"  # as it is, an index can find what is rare

    def query(self, sql: str, *, limit: int, timeout: float) -> QueryResult:
        from fitprint_postgres.questions import answer

        with self._errors(), self._link.held(), self._transaction(_ASK) as (transaction, _):
            return answer(transaction.connection, sql, limit=limit, timeout=timeout)

    def check(self) -> Health:
        with self.reading() as transaction:
            rows = transaction.rows(
                "SELECT name, setting FROM pg_settings WHERE name IN ('server_version', 'fsync', "
                "'max_connections')"
            )
            ((size, invalid),) = transaction.rows(_SIZE)
            settings = dict(rows)
        problems = [f"the index {name} is broken: REINDEX INDEX {name}" for name in invalid or ()]
        if settings["fsync"] == "off":
            problems.append(
                "the server has fsync = off: what it acknowledged is lost when its machine stops; "
                "set it to on"
            )
        return Health(
            int(size),
            f"schema {len(self._steps)}, PostgreSQL {settings['server_version']}",
            tuple(problems),
        )

    def missing(self) -> list[str]:
        """Return the statements that would bring the tables up to date; all of them where there are
        no tables.
        """
        return tables.statements(self._version(), self._steps)

    def has_tables(self) -> bool:
        """Tell whether there are tables; none are made."""
        return self._version() > 0

    def described(self) -> str:
        """Return of which version the tables are, and which is needed, in words."""
        version, needed = self._version(), len(self._steps)
        if version == 0:
            return "there are no tables yet; the first program that uses the store creates them"
        if version >= needed:
            return f"the tables are of version {version}" + (
                f", newer than this fitprint, which knows {needed}" if version > needed else ""
            )
        return (
            f"the tables are of version {version}, and this fitprint needs {needed}: "
            "`fitprint db upgrade` (--dry-run shows what it does)"
        )

    def upgrade(self) -> None:
        """Bring the tables up to date, or make them."""
        with self._errors(), self._link.held():
            connection = self._link.connected(self.patience).connection
            if self._version():
                tables.upgrade(connection, self._steps)
            else:
                tables.make(connection, self.uri, self._steps)

    def _version(self) -> int:
        """Return the version of the tables; 0 where there are none."""
        with self._errors(), self._link.held():
            connection = self._link.connected(self.patience).connection
            if connection.execute("SELECT to_regclass('facts')").fetchone() == (None,):
                return 0
            return int(dict(connection.execute(tables.BEGIN_FACTS).fetchall())["steps"])

    def close(self) -> None:
        self._link.close()

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[tuple[PostgresTransaction, Mapping[str, str]]]:
        patience, timeout = (
            max(int(seconds * 1000), 1) for seconds in (self.patience, self.timeout)
        )
        connection, facts = self._begun(
            begin.format(limits=_LIMITS.format(patience=patience, timeout=timeout))
        )
        try:
            if facts["id"] != self._store:
                self._store = facts["id"]
                self._types.clear()
                self.opened += 1
            ahead = int(facts["now"]) - time.time_ns() // 1000
            # what is less may be the time that the answer took
            self._ahead = ahead if abs(ahead) > _AHEAD else 0
            tables.may_write(facts, self.uri, len(self._steps))
            with connection.pipeline() if begin is _WRITE else nullcontext():
                yield PostgresTransaction(connection, self._types), facts
                connection.execute("COMMIT")
        except BaseException:
            self._undo(connection)
            raise

    def _begun(self, begin: str) -> tuple[psycopg.Connection[Any], Mapping[str, str]]:
        """Begin a transaction with the store that is there now, and return its facts; nothing has
        been done in it.
        """
        begin += tables.BEGIN_FACTS
        made = False
        while True:
            connection, is_new = self._link.connected(self.patience)
            if is_new:
                self.opened += 1
            try:
                cursor = connection.execute(begin)
                while cursor.nextset():
                    pass
                return connection, dict(cursor.fetchall())
            except psycopg.errors.UndefinedTable:
                self._undo(connection)
                if made:
                    raise
                tables.make(connection, self.uri, self._steps)
                made = True
            except _BROKEN:
                self._undo(connection)
                if is_new or not connection.closed:
                    raise  # else the server has closed it while nobody used it
            except BaseException:
                self._undo(connection)
                raise

    def _look_at(self, transaction: PostgresTransaction) -> None:
        """Let PostgreSQL look at tables of which so much is new that its plans may be wrong: its
        own time for that may be an hour away.
        """
        self._written.update(transaction.written)
        for table in transaction.written:
            if self._written[table] >= max(_MUCH, 2 * self._looked_at[table]):
                self._looked_at[table] = self._written[table]
                with suppress(psycopg.Error):  # what was written is kept all the same
                    transaction.connection.execute(f"ANALYZE (SKIP_LOCKED) {table}")

    def _undo(self, connection: psycopg.Connection[Any]) -> None:
        """End the transaction and leave no trace of it."""
        try:
            if not connection.closed:
                connection.execute("ROLLBACK")
        except psycopg.Error:
            pass
        if (
            connection.closed
            or connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE
        ):
            self._link.close()

    def _folding(self) -> str:
        """Return the collation whose ``lower`` knows all letters: those of ICU, or PostgreSQL's own
        since 18.
        """
        if not self._collation:
            with self._errors(), self._link.held():  # in whatever transaction is going on
                rows = (
                    self._link.connected(self.patience)
                    .connection.execute("SELECT collname FROM pg_collation")
                    .fetchall()
                )
            best = next(
                (name for name in ("und-x-icu", "pg_unicode_fast", "pg_c_utf8") if (name,) in rows),
                "default",
            )
            self._collation = f'"{best}"'
        return self._collation

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn PostgreSQL's errors into ours, without the password."""
        try:
            yield
        except psycopg.Error as error:
            raise self._spoken(error) from None if self._whole != self.uri else error
        except StoreError as error:
            told = hidden(str(error), self._whole)
            if told != str(error):
                raise type(error)(told) from None
            raise

    def _spoken(self, error: psycopg.Error) -> StoreError:
        text = hidden(" ".join(str(error).split()), self._whole)
        state = error.sqlstate or ""
        if state in _CONFLICTS:
            return ConflictError(
                f"the store {self.uri} undid a transaction because of another one ({text}); try "
                "again"
            )
        if state == "55P03":
            return StoreBusyError(
                f"the store {self.uri} is locked by others, who have not let it go for as long as "
                "we wait"
            )
        hint = {
            "57014": (
                f"took longer than {self.timeout:g} seconds over a statement, or somebody "
                "cancelled it"
            ),
            "25P03": "gave up waiting: this program did nothing in the middle of a transaction",
            "25006": (
                "is read-only: it is a standby, or you may not write; name the primary in the URI"
            ),
            "42501": f"does not let you do that ({text}): GRANT the rights, or use another user",
            "53100": f"cannot grow: the server's disk is full ({text})",
            "28P01": "refused the password",
            "3D000": f"has no such database ({text}): make it with createdb",
        }.get(state)
        if "no password supplied" in text:
            hint = (
                "wants a password: write it into ~/.pgpass, set FITPRINT_STORE to the whole "
                "URI, or write that to fitprint's credentials"
            )
        if hint is None and isinstance(error, psycopg.OperationalError) and not state:
            hint = f"cannot be reached: {text}"
        return StoreError(f"the store {self.uri} {hint or f'failed: {text}'}")

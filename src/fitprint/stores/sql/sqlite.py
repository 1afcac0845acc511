"""SQLite, through the standard library: one file, any number of threads and processes."""

from __future__ import annotations

import math
import os
import sqlite3
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fitprint import clock
from fitprint.access import make_file
from fitprint.errors import CorruptStoreError, StoreBusyError, StoreError, StoreVersionError
from fitprint.ids import new_id
from fitprint.platform.processes import at_fork
from fitprint.stores.protocol import Health
from fitprint.stores.sql.driver import Transaction, Written
from fitprint.stores.sql.files import OpenFiles, descriptors, identity
from fitprint.stores.sql.rows import JSON_FUNCTION, json_text
from fitprint.stores.sql.schema import STEPS
from fitprint.stores.sql.store import SqlStore

if TYPE_CHECKING:
    from fitprint.stores.views import QueryResult

__all__ = ["SqliteDriver", "open_sqlite"]

_APPLICATION = 0x66707274  # "fprt", in the header of the file
_WRITE = "BEGIN IMMEDIATE"
_PATIENCE = 30.0  # seconds to wait for other writers
_SCHEME = "sqlite://"
_opening = threading.Lock()  # so that descriptors that come meanwhile are the connection's own
_SIGNS_OF_DAMAGE = (
    "malformed", "corrupt", "not a database", "Could not decode", "no such ", "already exists",
    "unsupported file format", "user-defined function",
)  # fmt: skip
_ATTEMPTS = 20  # to open a file that is replaced again and again
# databases whose files something closed: SQLite believes that this process has them, and their
# locks
_lost: set[tuple[int, int]] = set()


def open_sqlite(uri: str) -> SqlStore:
    """Open ``sqlite:///relative/path.db`` or ``sqlite:////absolute/path.db``; the file is made if
    it is not there.

    Raises:
        CorruptStoreError: the file is damaged, or is something else.
        StoreVersionError: a newer fitprint has written it.
        StoreError: the URI names no file, or the file cannot be opened or made.
    """
    path = uri.removeprefix(_SCHEME)
    if path == uri or not path.startswith("/") or path == "/":
        raise StoreError(
            f"{uri!r} names no file: write sqlite:///relative/path.db or "
            "sqlite:////absolute/path.db"
        )
    return SqlStore(SqliteDriver(Path(path[1:]), uri))


class SqliteDriver:
    """A SQLite file in WAL mode: the one that is at the path when a transaction begins.

    A forked child gets a connection of its own.
    """

    types: Mapping[str, Any] = {
        "identity": "INTEGER PRIMARY KEY",
        "text": "TEXT",
        "bytes": "BLOB",
        "clustered": " WITHOUT ROWID",
        "random": "lower(hex(randomblob(16)))",
        "time": Written("strftime('%Y-%m-%dT%H:%M:%fZ', {} / 1000000.0, 'unixepoch')"),
        "json": Written(f"{JSON_FUNCTION}({{}})"),
        "param": Written(
            "CASE WHEN {0}.type = 'none' THEN NULL WHEN {0}.type = 'float' THEN {0}.number"
            " WHEN {0}.type = 'int' AND ABS({0}.number) < 9e18 THEN CAST({0}.text AS BIGINT)"
            " WHEN {0}.type = 'int' THEN {0}.number ELSE {0}.text END"
        ),
    }

    def __init__(
        self,
        path: Path,
        uri: str,
        steps: Sequence[Sequence[str]] = STEPS,
        *,
        at_once: bool = True,
    ) -> None:
        self.path = _absolute(path)
        self.uri = uri
        self.opened = 0
        self.patience = _PATIENCE
        self._waits = -1  # milliseconds that the connection waits for others
        self._steps = steps
        self._schema = 0
        self._may_write = True
        self._is_read_only = False  # the file system, or the folder
        self._connection: sqlite3.Connection | None = None
        self._files: OpenFiles | None = None
        self._process = 0
        if at_once:  # else the file is made, and what is wrong with it told, at the first use
            with self._errors():
                self._connected()

    @contextmanager
    def reading(self) -> Iterator[_Transaction]:
        with self._errors(), self._transaction("BEGIN") as transaction:
            yield transaction

    @contextmanager
    def writing(self) -> Iterator[_Transaction]:
        if self._is_lost():
            raise self._loss()
        with self._errors(), self._transaction(_WRITE) as transaction:
            if not self._may_write:
                raise self._too_old("and can only be read by this one")
            yield transaction

    def now(self) -> int:
        return clock.now()

    def place(self, transaction: Transaction) -> str:  # noqa: ARG002 - the protocol's
        found = identity(self.path)  # the device may be another one for each machine
        return f"{found[1]:x}" if found is not None else ""

    def like(self, column: str, pattern: str, *, ignore_case: bool) -> tuple[str, str]:
        if ignore_case:  # SQLite itself knows the case of ASCII letters only
            column, pattern = f"lowered({column})", pattern.lower()
        glob = {"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"}
        return f"{column} GLOB ?", "".join(glob.get(letter, letter) for letter in pattern)

    def of_a_run(self, condition: str) -> str:
        # else the params of all experiments' runs are gone through first
        return f"({condition}) IS TRUE"

    def query(self, sql: str, *, limit: int, timeout: float) -> QueryResult:
        from fitprint.stores.sql.questions import answer

        with self._errors():
            self._connected()  # brings the file up to date, and holds its log open
            with _opening:
                place = self._place()
                place = place if self._is_read_only else f"{place}?mode=ro"
                connection = sqlite3.connect(
                    place,
                    uri=True,
                    timeout=self.patience,
                    isolation_level=None,
                    check_same_thread=False,
                )
            try:
                return answer(connection, sql, limit=limit, timeout=timeout)
            finally:
                connection.close()

    def check(self) -> Health:
        try:
            with self.reading() as transaction:
                found = [
                    str(row[0])
                    for row in transaction.rows("PRAGMA integrity_check(5)")
                    if row[0] != "ok"
                ]
                size = self.path.stat().st_size
        except CorruptStoreError as error:
            return Health(problems=(str(error),))
        except OSError as error:
            raise StoreError(
                f"the store {self.path} cannot be looked at: {error.strerror}"
            ) from error
        if found:
            told = (
                f"{self.path} is damaged ({'; '.join(found)}): copy it away, then save what "
                "can be read with: sqlite3 "
            )
            return Health(size, problems=(f"{told}{self.path.name} .recover",))
        return Health(size, f"schema {self._schema}, SQLite finds no fault")

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        assert self._files is not None
        if self._process != os.getpid() or self._is_lost():
            _leave_open(connection)
            return
        if self._files.others_have_begun_anew():
            _keep_from_writing(connection)
        connection.close()
        self._files.discard_log()

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[_Transaction]:
        connection = self._connected()
        if begin == _WRITE and self._is_read_only:
            raise StoreVersionError(
                f"the store {self.path} cannot be written, for its folder cannot: what is there "
                "can be read"
            )
        # in steps, so that what others took of it is seldom a change
        waits = -10 * math.floor(-100 * self.patience)
        if waits != self._waits:
            connection.execute(f"PRAGMA busy_timeout = {waits}")
            self._waits = waits
        connection.execute(begin)
        try:
            # a newer fitprint came while the file was open
            if _number(connection, "user_version") != self._schema:
                self._schema = self._version(connection)
            yield _Transaction(connection)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _connected(self) -> sqlite3.Connection:
        """Return a connection to the file that is at the path now."""
        if self._connection is not None:
            assert self._files is not None
            if self._process != os.getpid() or not self._files.are_in_place():
                self.close()
        if self._connection is None:
            self._connection = self._connect()
            self._waits = -1  # nobody has told it yet
            self._process = os.getpid()
            self.opened += 1
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        with _opening:
            before = descriptors()
            connection, found = self._open()
            try:
                # what is acknowledged here is deleted from the journal
                connection.execute("PRAGMA synchronous = FULL")
                connection.create_function("lowered", 1, _lowered, deterministic=True)
                # steps look at the views, which call it
                connection.create_function(JSON_FUNCTION, 1, json_text, deterministic=True)
                # another process may be making the file: see all of that or nothing
                connection.execute("BEGIN")
                version = self._version(connection)
                connection.execute("COMMIT")
            except BaseException:
                connection.close()
                raise
            self._files = OpenFiles(self.path, found, before)
            try:
                if version < len(self._steps):
                    if self._is_read_only:
                        raise StoreVersionError(
                            f"the store {self.path} was written by an older fitprint, and cannot "
                            "be brought up to date where nothing can be written: copy it elsewhere"
                        )
                    self._upgrade(connection)  # which opens logs, too
            except BaseException:
                connection.close()
                raise
        return connection

    def _open(self) -> tuple[sqlite3.Connection, tuple[int, int]]:
        """Open the file so that it is for certain the one at the path, which somebody may be
        replacing.
        """
        for _ in range(_ATTEMPTS):
            before = identity(self.path) or self._make()
            if before in _lost:
                raise self._loss()
            connection = sqlite3.connect(
                self._place(),
                timeout=_PATIENCE,
                isolation_level=None,
                check_same_thread=False,
                uri=True,
            )
            if before is not None and before == identity(self.path):
                return connection, before
            connection.close()
        raise StoreError(
            f"the store {self.path} is replaced or removed again and again; end what does that, "
            "and try again"
        )

    def _place(self) -> str:
        """Return what SQLite opens. In a folder that cannot be written it makes no log, and reads
        without one only what it may take for unchangeable: a log means that somebody may write.
        """
        self._is_read_only = self.path.exists() and not os.access(self.path.parent, os.W_OK)
        if not self._is_read_only:
            return self.path.as_uri()
        log = Path(f"{self.path}-wal")
        is_in_use = log.exists() and log.stat().st_size > 0
        return f"{self.path.as_uri()}?mode=ro{'' if is_in_use else '&immutable=1'}"

    def _make(self) -> tuple[int, int] | None:
        """Make the file, for SQLite would make one that others can read; its logs get the mode that
        the file has.
        """
        try:
            make_file(self.path)
        except OSError:
            return None  # SQLite says what there is to say
        return identity(self.path)

    def _version(self, connection: sqlite3.Connection) -> int:
        """Return the version of the file's schema, 0 for an empty file."""
        version = _number(connection, "user_version")
        ours = _number(connection, "application_id") == _APPLICATION
        if not ours and (version or connection.execute("SELECT 1 FROM sqlite_master").fetchone()):
            raise CorruptStoreError(
                f"{self.path} is a SQLite database of another program; give fitprint a file of its "
                "own"
            )
        self._may_write = True
        if version > len(self._steps):
            lowest = dict(connection.execute("SELECT name, value FROM facts"))
            if int(lowest.get("readers", version)) > len(self._steps):
                raise self._too_old("and cannot be read by this one")
            self._may_write = int(lowest.get("writers", version)) <= len(self._steps)
        return version

    def _too_old(self, what: str) -> StoreVersionError:
        return StoreVersionError(
            f"the store {self.path} was written by a newer fitprint {what}: upgrade fitprint"
        )

    def _upgrade(self, connection: sqlite3.Connection) -> None:
        """Bring the schema up to date; any number of processes may try at once."""
        _turn_wal_on(connection)
        connection.execute(_WRITE)
        version = self._version(connection)
        if 0 < version < len(self._steps):
            self._back_up(version)
        for step in self._steps[version:]:
            for statement in step:
                connection.execute(statement.format(**self.types, id=new_id()))
        connection.execute(f"PRAGMA application_id = {_APPLICATION}")
        connection.execute(f"PRAGMA user_version = {len(self._steps)}")
        connection.execute("COMMIT")

    def _back_up(self, version: int) -> None:
        """Copy the file as it is to ``NAME.vN.backup``, N being its schema's version."""
        target = self.path.with_name(f"{self.path.name}.v{version}.backup")
        partial = target.with_name(f"{target.name}.partial")
        partial.unlink(missing_ok=True)
        make_file(partial)
        source, copy = sqlite3.connect(self.path, timeout=_PATIENCE), sqlite3.connect(partial)
        try:
            source.backup(copy)
        finally:
            source.close()
            copy.close()
        partial.replace(target)

    def _is_lost(self) -> bool:
        """Tell whether something closed files of the connection that is open, and remember it:
        SQLite goes on to believe in them.
        """
        if (
            self._connection is not None
            and self._files is not None
            and self._process == os.getpid()
            and not self._files.are_open()
        ):
            _lost.add(self._files.database)
        return self._files is not None and self._files.database in _lost

    def _loss(self) -> StoreError:
        return StoreError(
            f"the store {self.path} cannot be used by this process any more: something closed its "
            "files, which it had not opened (such as os.closerange); what is recorded stays in the "
            "journal, and any other process can read it"
        )

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn SQLite's errors into ours."""
        try:
            yield
        except sqlite3.Error as error:
            raise (self._loss() if self._is_lost() else self._spoken(error)) from error
        except (UnicodeDecodeError, MemoryError) as error:
            # SQLite's own text shows what it could not read
            raise self._damaged(str(error)) from error

    def _spoken(self, error: sqlite3.Error) -> StoreError:
        text = str(error)
        if text == "database is locked":
            return StoreBusyError(
                f"the store {self.path} is locked by another process, which has not let it go for "
                "as long as we wait"
            )
        if any(sign in text for sign in _SIGNS_OF_DAMAGE):
            return self._damaged(text)
        hint = {
            ("unable to open database file"): (
                "cannot be opened: does the folder exist, and may you write there?"
            ),
            "attempt to write a readonly database": "is read-only for you",
            "database or disk is full": "cannot grow: the disk is full",
        }.get(text, f"failed: {text}; `fitprint doctor` looks closer")
        return StoreError(f"the store {self.path} {hint}")

    def _damaged(self, text: str) -> CorruptStoreError:
        return CorruptStoreError(
            f"the store {self.path} is damaged or is not a fitprint store ({text}). Move it away "
            f"and go on with a new one, or save what can be read with: sqlite3 {self.path.name} "
            ".recover"
        )


class _Transaction:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def rows(self, sql: str, arguments: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql, arguments).fetchall()

    def many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        self.connection.executemany(sql, rows)


def _after_fork_in_child() -> None:
    global _opening
    _opening = threading.Lock()


at_fork(after_in_child=_after_fork_in_child)


def _absolute(path: Path) -> Path:
    """Return where the path leads from here: the program may change its working directory."""
    try:
        return path.absolute()
    except OSError as error:
        raise StoreError(
            f"the store {path} cannot be found: the working directory is gone; name it by an "
            "absolute path"
        ) from error


def _leave_open(connection: sqlite3.Connection) -> None:
    """Let nobody ever close the connection, the end of the interpreter included.

    Closing writes to files and gives locks back: those of the parent in a forked child, those of
    strangers where descriptors were lost.
    """
    import ctypes

    ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))


def _keep_from_writing(connection: sqlite3.Connection) -> None:
    """Keep what a lost log holds out of the database: others have written there since."""
    if sys.version_info >= (3, 12):
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, True)


def _lowered(text: Any) -> Any:
    return text.lower() if isinstance(text, str) else text


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])


def _turn_wal_on(connection: sqlite3.Connection) -> None:
    """Switch to WAL, which the file remembers.

    SQLite may not wait for others here, so we do; everything works without, too.
    """
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            time.sleep(0.01)
        else:
            return

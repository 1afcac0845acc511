"""One statement of somebody's own, on a connection that reads the views and does nothing else.

What the statement may touch is asked of SQLite itself while it is compiled, not of its text; how
long it may take, and how large what it makes may be, is limited while it runs.
"""

from __future__ import annotations

import re
import sqlite3
import sys
import time
from collections.abc import Collection
from difflib import get_close_matches

from fitprint.errors import QueryError
from fitprint.stores.sql.rows import JSON_FUNCTION, json_text
from fitprint.stores.views import HINT, VIEWS, QueryResult, query_result

__all__ = ["answer"]

_FUNCTIONS = frozenset(
    """
    -> ->> abs acos acosh asin asinh atan atan2 atanh avg ceil ceiling char coalesce concat
    concat_ws cos cosh count cume_dist current_date current_time current_timestamp date datetime
    degrees dense_rank exp first_value floor glob group_concat hex if ifnull iif json json_array
    json_array_length json_error_position json_extract json_group_array json_group_object
    json_insert json_object json_pretty json_quote json_remove json_replace json_set json_type
    json_valid julianday lag last_value lead length like likelihood likely ln log log10 log2 lower
    max median min mod nth_value ntile nullif octet_length percent_rank percentile percentile_cont
    percentile_disc pi pow power quote radians random rank round row_number sign sin sinh soundex
    sqrt strftime string_agg substr substring sum tan tanh time timediff total trunc typeof unicode
    unixepoch unlikely upper
    """.split()
)
"""Those that a statement may call.

Of SQLite's own, some that nothing could stop are missing: replace, instr, trim, printf ...
"""
_NAMES = frozenset(view.name for view in VIEWS)
_TABLES = frozenset(["json_each", "json_tree"])  # these make rows of JSON
_PREFIX = "fp_"
_INSTRUCTIONS = 10_000  # of SQLite's machine, after which the time is looked at
_MOST_TEXT = 2_000_000  # bytes of one value
_LIMITS = {
    "SQLITE_LIMIT_LENGTH": _MOST_TEXT,
    "SQLITE_LIMIT_SQL_LENGTH": 100_000,
    "SQLITE_LIMIT_COLUMN": 100,
    "SQLITE_LIMIT_COMPOUND_SELECT": 100,
    "SQLITE_LIMIT_LIKE_PATTERN_LENGTH": 1000,
    "SQLITE_LIMIT_ATTACHED": 0,
}
_ADVICE = "write one such as SELECT name, status FROM runs"
_NOT_THE_STATEMENTS = (
    "image is malformed", "malformed database schema", "locked", "disk I/O", "unable to open",
    "not a database", "readonly", "is full", "user-defined function", "unsupported file format",
    "database schema is locked",
)  # fmt: skip
"""What SQLite says where the file is at fault, not the statement."""


def answer(connection: sqlite3.Connection, sql: str, *, limit: int, timeout: float) -> QueryResult:
    """Return what a statement gives, on a connection of its own that nothing else is done with.

    Raises:
        QueryError: it cannot be run, would do something else than read, or takes too long.
        sqlite3.Error: something is wrong with the database.
    """
    connection.text_factory = _text
    for name, most in _LIMITS.items():
        if sys.version_info >= (3, 11):
            connection.setlimit(getattr(sqlite3, name), most)
    connection.create_function(JSON_FUNCTION, 1, json_text, deterministic=True)
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA trusted_schema = ON")  # the views call our function
    tables = {
        name
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    }
    _make_ready(connection)
    for name in sorted(
        tables.intersection(
            word for word in re.findall(r"\w+", sql.lower()) if word.startswith(_PREFIX)
        )
    ):
        raise QueryError(f"{name} is a table of fitprint's own, whose form may change; {HINT}")
    guard = _Guard(tables)
    deadline = time.monotonic() + timeout
    connection.set_progress_handler(lambda: time.monotonic() > deadline, _INSTRUCTIONS)
    connection.set_authorizer(guard)
    try:
        cursor = connection.execute(sql)
        if cursor.description is None:
            raise QueryError(f"this is not an SQL statement: {sql.strip()[:60]!r}; {_ADVICE}")
        return query_result([column[0] for column in cursor.description], cursor, limit)
    except sqlite3.Error as error:
        if any(sign in str(error) for sign in _NOT_THE_STATEMENTS):
            raise
        raise QueryError(_told(str(error), guard.refusal, timeout)) from error
    except sqlite3.Warning as error:  # what Python 3.10 and 3.11 raise for a second statement
        raise QueryError(_told(str(error), guard.refusal, timeout)) from error
    except ValueError as error:  # a NUL, or half of a surrogate pair
        raise QueryError(f"this cannot be SQL: {error}") from error
    except MemoryError as error:
        raise QueryError(
            "the query needs more memory than there is; ask for less at once"
        ) from error


def _make_ready(connection: sqlite3.Connection) -> None:
    """Let SQLite make the tables that read JSON, which it does at their first use."""
    for name in sorted(_TABLES):
        try:
            connection.execute(f"SELECT 1 FROM {name}('[]')")  # noqa: S608 - one of ours
        except sqlite3.OperationalError:
            pass  # an SQLite without JSON


class _Guard:
    """Tells SQLite what a statement may do, and keeps the words for what it may not."""

    def __init__(self, tables: Collection[str]) -> None:
        self.refusal = ""
        self._tables = tables

    def __call__(
        self, action: int, first: str | None, second: str | None, _: str | None, source: str | None
    ) -> int:
        refusal = self._refusal(action, first or "", (second or "").lower(), source)
        self.refusal = self.refusal or refusal
        return sqlite3.SQLITE_DENY if refusal else sqlite3.SQLITE_OK

    def _refusal(self, action: int, first: str, second: str, source: str | None) -> str:
        if action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE):
            return ""
        if action == sqlite3.SQLITE_READ:
            ours = first.startswith(_PREFIX) and source in _NAMES  # a view reads it
            # no column is needed: SQLite does not say who reads, and names parts of the statement,
            # too
            if not second:
                ours = first.startswith(_PREFIX) or not (
                    first.lower() in self._tables or first.lower().startswith("sqlite_")
                )
            return (
                ""
                if ours or first in _NAMES or first in _TABLES
                else f"{first} is none of the views; {HINT}"
            )
        if action == sqlite3.SQLITE_FUNCTION:
            ours = second == JSON_FUNCTION and source in _NAMES
            return (
                ""
                if ours or second in _FUNCTIONS
                else f"the function {second} may not be used here"
            )
        return (
            "this statement would do something else than read: SELECT, WITH ... SELECT and "
            "VALUES may be used here"
        )


def _told(text: str, refusal: str, timeout: float) -> str:
    """Return SQLite's own words for what is wrong with a statement, with what to do."""
    if text == "interrupted":
        return (
            f"the query was stopped after {timeout:g} seconds; ask for less, or allow it more "
            "time (timeout)"
        )
    if refusal:
        return refusal
    if "one statement at a time" in text:
        return "there is more than one statement; give one at a time"
    found = re.match(r"no such (table|column|function): (?:\w+\.)?(.+)", text)
    if found is None:
        return f"SQL: {text}"
    kind, name = found.groups()
    if kind == "column":
        columns = {
            column: [view.name for view in VIEWS if column in view.columns]
            for view in VIEWS
            for column in view.columns
        }
        hint = " or ".join(
            f"{near} (of {', '.join(columns[near])})"
            for near in get_close_matches(name.lower(), columns, 2)
        )
    else:
        # an older SQLite may lack it
        known = _NAMES if kind == "table" else _FUNCTIONS - {name.lower()}
        hint = " or ".join(get_close_matches(name.lower(), known, 2))
    what = "view" if kind == "table" else kind
    return f"there is no {what} {name}" + (
        f"; did you mean {hint}?" if hint else f"; {HINT}" if kind != "function" else ""
    )


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")  # a statement may make a text of any bytes

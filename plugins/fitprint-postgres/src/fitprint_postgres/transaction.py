"""An open transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from operator import itemgetter
from typing import Any

import psycopg

from fitprint.stores.sql.rows import Deflated
from fitprint_postgres.arrays import array_of
from fitprint_postgres.statements import Insertion, insertion, numbered

__all__ = ["PostgresTransaction"]

_MANY = 8
"""Rows from which on it is worth to ask for the types of columns, and to send all rows at once."""

Types = MutableMapping[str, Mapping[str, str]]  # of the columns, by table


class PostgresTransaction:
    """A transaction of a connection, which may be in pipeline mode: then nobody waits for answers
    before rows are asked for.

    NaN is written as null; JSON that the core deflated is written as it was, for SQL to read it.

    Attributes:
        written: how many rows were inserted at once, by table.
    """

    def __init__(self, connection: psycopg.Connection[Any], types: Types) -> None:
        self.connection = connection
        self.written: Counter[str] = Counter()
        self._types = types

    def rows(self, sql: str, arguments: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        cursor = psycopg.RawCursor(self.connection)
        cursor.execute(numbered(sql), _stored(arguments), binary=True)
        return cursor.fetchall() if sql.lstrip().startswith("SELECT") else []

    def many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        given = list(rows)
        if not given:
            return
        into = insertion(sql) if len(given) >= _MANY else None
        if into is None:
            for row in given:  # sent one after the other, without waiting for answers
                psycopg.RawCursor(self.connection).execute(numbered(sql), _stored(row))
        else:
            self._at_once(into, given)

    def _at_once(self, into: Insertion, rows: Sequence[Sequence[Any]]) -> None:
        """Insert rows of which some may be there.

        Everybody takes them in the order of their keys, so that nobody waits in a circle.
        """
        if into.key:
            key = itemgetter(*into.key)
            by_key = {key(row): row for row in (rows if into.last_wins else reversed(rows))}
            rows = [by_key[each] for each in sorted(by_key)]
        self.written[into.table] += len(rows)
        types = self._types_of(into)
        columns = map(array_of, types, map(_stored, zip(*rows, strict=True)))
        psycopg.RawCursor(self.connection).execute(into.arrays(types), list(columns))

    def _types_of(self, into: Insertion) -> list[str]:
        known = self._types.get(into.table)
        if known is None or not known.keys() >= set(into.columns):
            known = self._types[into.table] = dict(
                self.rows(
                    "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid "
                    "= to_regclass(?) AND attnum > 0",
                    (into.table,),
                )
            )
        return [known[column] for column in into.columns]


def _stored(values: Sequence[Any]) -> list[Any]:
    return [
        None if value != value else value.json if value.__class__ is Deflated else value
        for value in values
    ]

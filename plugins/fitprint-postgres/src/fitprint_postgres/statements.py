"""Statements of the core, written with ``?``, as PostgreSQL takes them.

A statement that inserts the rows it is given is recognized by its form, and is executed for all
rows at once, with an array for each column.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import count
from typing import NamedTuple

__all__ = ["Insertion", "insertion", "numbered"]

_INSERT = re.compile(
    r"INSERT INTO (\w+) \(([\w, ]+)\) VALUES \([?, ]+\)(?: ON CONFLICT(?: \(([\w, ]+)\))? DO "
    r"(NOTHING|UPDATE SET [^?]+))?"
)
_PLAIN = re.compile(r"UPDATE SET (?:(\w+) = excluded\.\1(?:, |$))+")


class Insertion(NamedTuple):
    """An ``INSERT`` of rows that are given.

    Attributes:
        key: places, among the columns, of those by which a row is known; none where the statement
            does not say.
        last_wins: whether of two rows with one key the later one stays.
        ending: the clause ``ON CONFLICT``.
    """

    table: str
    columns: Sequence[str]
    key: Sequence[int]
    last_wins: bool
    ending: str

    def arrays(self, types: Sequence[str]) -> str:
        """Return the statement that takes an array for each column, given the columns' types."""
        given = ", ".join(f"${place}::{kind}[]" for place, kind in enumerate(types, 1))
        return f"INSERT INTO {self.table} ({', '.join(self.columns)}) SELECT * FROM unnest({given}){self.ending}"  # noqa: S608, E501 - ours


@lru_cache(maxsize=1000)
def numbered(sql: str) -> str:
    """Return the statement with ``$1``, ``$2`` ... for its ``?``."""
    number = count(1)
    return re.sub(r"\?", lambda _: f"${next(number)}", sql)


@lru_cache(maxsize=1000)
def insertion(sql: str) -> Insertion | None:
    """Return what kind of insertion a statement is; None where it is none that can be executed for
    all rows at once.
    """
    found = _INSERT.fullmatch(sql)
    if found is None:
        return None
    table, listed, key, action = found.groups()
    columns = listed.split(", ")
    if action is None:
        return Insertion(table, columns, (), last_wins=False, ending="")
    if action != "NOTHING" and not _PLAIN.fullmatch(action):
        return None
    places = [columns.index(name) for name in key.split(", ")] if key else []
    return Insertion(
        table,
        columns,
        places,
        last_wins=action != "NOTHING",
        ending=sql[sql.index(" ON CONFLICT") :],
    )

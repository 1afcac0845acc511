"""Names of params, metrics and tags, as the small numbers by which tables know them."""

# ruff: noqa: S608
# values are always arguments; what is put into statements is written in this package

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from fitprint.stores.sql import damage
from fitprint.stores.sql.driver import Transaction
from fitprint.stores.sql.rows import storable

__all__ = ["KeyNumbers", "marks", "sliced"]

_Item = TypeVar("_Item")
_SLICE = 500  # arguments of one statement


class KeyNumbers:
    """Remembers numbers and names; the table behind only grows.

    Forget it when a transaction that used it is undone.
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._read = 0  # the number up to which all are known

    def find(self, transaction: Transaction, names: Iterable[str]) -> dict[str, int]:
        """Return the numbers of those names that have one."""
        wanted = {name: storable(name) for name in names}
        unknown = {name for name in wanted.values() if name not in self._numbers}
        if len(unknown) > _SLICE and self._read_on(transaction, len(unknown)):
            unknown.clear()
        for part in sliced(sorted(unknown)):
            self._remember(
                transaction.rows(
                    f"SELECT no, name FROM fp_keys WHERE name IN ({marks(part)})", part
                )
            )
        return {
            name: self._numbers[stored]
            for name, stored in wanted.items()
            if stored in self._numbers
        }

    def _read_on(self, transaction: Transaction, most: int) -> bool:
        """Read all names that are not known yet if they are no more than that, which is sooner done
        than to look for as many names.
        """
        ((last,),) = transaction.rows("SELECT COALESCE(MAX(no), 0) FROM fp_keys")
        if last - self._read > most:
            return False
        self._remember(transaction.rows("SELECT no, name FROM fp_keys WHERE no > ?", (self._read,)))
        self._read = last
        return True

    def make(self, transaction: Transaction, names: Iterable[str]) -> dict[str, int]:
        """Return the numbers of all these names, giving one to those that have none."""
        names = tuple(names)
        found = self.find(transaction, names)
        missing = [storable(name) for name in names if name not in found]
        if not missing:
            return found
        transaction.many(
            "INSERT INTO fp_keys (name) VALUES (?) ON CONFLICT (name) DO NOTHING",
            [(name,) for name in sorted(set(missing))],
        )
        return self.find(transaction, names)

    def names(self, transaction: Transaction, numbers: Iterable[int]) -> dict[int, str]:
        """Return the names that belong to the numbers."""
        for part in sliced([number for number in set(numbers) if number not in self._names]):
            self._remember(
                transaction.rows(f"SELECT no, name FROM fp_keys WHERE no IN ({marks(part)})", part)
            )
        return self._names

    def _remember(self, rows: Iterable[Sequence[object]]) -> None:
        for row in rows:
            number, name = damage.number(row[0]), damage.text(row[1])
            self._numbers[name] = number
            self._names[number] = name


def marks(arguments: Sequence[object]) -> str:
    """Return a ``?`` for each argument, with commas between."""
    return ", ".join("?" * len(arguments))


def sliced(items: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
    """Yield the items in slices that one statement can take as arguments."""
    for start in range(0, len(items), _SLICE):
        yield items[start : start + _SLICE]

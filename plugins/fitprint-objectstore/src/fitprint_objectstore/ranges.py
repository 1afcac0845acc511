"""An object that is read some bytes at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import obstore

from fitprint.errors import StoreError
from fitprint_objectstore.beside import is_copy
from fitprint_objectstore.failures import spoken_errors
from fitprint_objectstore.positions import Positioned

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["Ranges"]

_RANGE = 4 << 20
_AT_ONCE = 4  # requests; so much memory is used, and no more


class Ranges(Positioned):
    """A large object, fetched in ranges, some of them at once.

    Args:
        store: obstore's.
        key: of the object.
        size: of the object.
        uri: of the artifact store, for what goes wrong.
    """

    def __init__(self, store: Any, key: str, size: int, uri: str) -> None:
        super().__init__(size)
        self._store = store
        self._key = key
        self._uri = uri
        self._start = 0  # of what is here
        self._here: list[memoryview] = []

    def readinto(self, target: WriteableBuffer, /) -> int:
        if self._position >= self._size:
            return 0
        number, offset = divmod(self._position - self._start, _RANGE)
        if not 0 <= number < len(self._here):
            self._fetch()
            number = offset = 0
        view = memoryview(target).cast("B")
        piece = self._here[number][offset : offset + len(view)]
        view[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def _fetch(self) -> None:
        """Replace what is here by what begins at the position."""
        if is_copy():
            raise StoreError(
                "an artifact was opened before the process was forked: open it again in the child"
            )
        self._here = []
        starts = list(range(self._position, self._size, _RANGE))[:_AT_ONCE]
        ends = [min(start + _RANGE, self._size) for start in starts]
        with spoken_errors(self._uri):
            fetched = obstore.get_ranges(
                self._store, self._key, starts=starts, ends=ends, coalesce=0
            )
        self._start, self._here = self._position, [memoryview(each) for each in fetched]

"""The files that a SQLite connection has open, and whether they are still the ones at their paths.

A file may be deleted or replaced while it is open: what is written to it then, nobody finds. And
somebody may close descriptors that are not theirs: what is written to such a number then goes into
whatever file got it next.
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["OpenFiles", "identity"]

_Identity = tuple[int, int]
_NUMBERS = "/dev/fd"


def identity(path: str | Path) -> _Identity | None:
    """Return device and inode of the file at the path, None if there is none."""
    try:
        # as here, before each transaction, so that it costs little
        status = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    return status.st_dev, status.st_ino


class OpenFiles:
    """The database of a connection that was just made, its log (``-wal``) and the log's index
    (``-shm``). ``database`` is its identity.

    Args:
        path: of the database.
        database: which file that was when it was opened.
        before: what :func:`descriptors` returned before.
    """

    def __init__(self, path: Path, database: _Identity, before: set[int]) -> None:
        self._paths = [f"{path}{suffix}" for suffix in ("", "-wal", "-shm")]
        self.database = database
        self._known = [database, *map(identity, self._paths[1:])]
        self._numbers = {
            number: found
            for number in descriptors() - before
            if (found := _behind(number)) and found in self._known
        }

    def are_in_place(self) -> bool:
        """Tell whether database and log still lie at their paths.

        A log that has come since counts as the connection's own.
        """
        for at, path in enumerate(self._paths[:2]):  # the index is made anew with the log
            found, known = identity(path), self._known[at]
            if known is None:
                self._known[at] = found
            elif found != known:
                return False
        return True

    def are_open(self) -> bool:
        """Tell whether the connection's descriptors still lead to its files."""
        return all(_behind(number) == known for number, known in self._numbers.items())

    def discard_log(self) -> None:
        """Where another database took the place of the connection's, remove the log that was left:
        it would be taken for that one's.
        """
        if identity(self._paths[0]) not in (None, self.database):
            for path, known in zip(self._paths[1:], self._known[1:], strict=True):
                if known is not None and identity(path) == known:
                    Path(path).unlink()

    def others_have_begun_anew(self) -> bool:
        """Tell whether another log lies where the connection's own was: others have written what
        the connection does not know.
        """
        return self._known[1] is not None and identity(self._paths[1]) not in (None, self._known[1])


def descriptors() -> set[int]:
    """Return the open descriptors of this process; none where they cannot be listed."""
    try:
        listed = [int(entry.name) for entry in os.scandir(_NUMBERS)]
    except OSError:
        return set()
    return {number for number in listed if _behind(number)}  # the listing's own is closed by now


def _behind(number: int) -> _Identity | None:
    try:
        status = os.fstat(number)
    except OSError:
        return None
    return status.st_dev, status.st_ino

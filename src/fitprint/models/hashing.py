"""Digests taken beside other work: while a file is written, and while a model is read."""

from __future__ import annotations

import hashlib
import mmap
import os
import threading
from collections.abc import Mapping
from pathlib import Path

from fitprint.access import open_regular
from fitprint.errors import IntegrityError

__all__ = ["Checking", "digest_of", "write_hashed"]

_LARGE = 4 << 20  # bytes from which a thread of its own is worth its start
_PIECE = 1 << 18  # bytes of a smaller file that are read at once


def digest_of(path: Path) -> tuple[str, int]:
    """Return a file's digest (``sha256:`` and 64 hexadecimal digits) and size in bytes."""
    state = hashlib.sha256()
    size = 0
    with open_regular(path) as file:
        if os.fstat(file.fileno()).st_size >= _LARGE:
            # in one call: between pieces a thread would have to wait its turn each time
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                state.update(content)
                return f"sha256:{state.hexdigest()}", len(content)
        while piece := file.read(_PIECE):
            state.update(piece)
            size += len(piece)
    return f"sha256:{state.hexdigest()}", size


def write_hashed(path: Path, *pieces: bytes | memoryview) -> str:
    """Write a file and return its digest; of large data it is taken by another thread meanwhile."""
    state = hashlib.sha256()
    views = [memoryview(piece) for piece in pieces]

    def update() -> None:
        for view in views:
            state.update(view)

    large = sum(view.nbytes for view in views) >= _LARGE
    thread = threading.Thread(target=update, name="fitprint-digest") if large else None
    if thread is not None:
        thread.start()
    else:
        update()
    try:
        with path.open("wb") as file:
            for view in views:
                file.write(view)
    finally:
        if thread is not None:
            thread.join()
    return f"sha256:{state.hexdigest()}"


class Checking:
    """Files that are compared with their digests: small ones at once, large ones by another thread
    until :meth:`finish`.

    Args:
        directory: where the files lie.
        expected: their digests, by path.
        source: what the files are of, for the text of errors.

    Raises:
        IntegrityError: a small file has changed; :meth:`finish` raises it for the large ones.
    """

    def __init__(self, directory: Path, expected: Mapping[str, str], source: str) -> None:
        self.expected = expected
        self._directory = directory
        self._source = source
        self._failure: BaseException | None = None
        large = [name for name in expected if (directory / name).stat().st_size >= _LARGE]
        for name in expected.keys() - set(large):
            self._check(name)
        self._thread = (
            threading.Thread(target=self._check_all, args=(large,), name="fitprint-digest")
            if large
            else None
        )
        if self._thread is not None:
            self._thread.start()

    def finish(self) -> None:
        """Wait for the last digest.

        Raises:
            IntegrityError: a file has changed; the text names it.
        """
        if self._thread is not None:
            self._thread.join()
        if self._failure is not None:
            raise self._failure

    def _check_all(self, names: list[str]) -> None:
        try:
            for name in names:
                self._check(name)
        except BaseException as error:  # noqa: BLE001 - it is raised in the thread that asks
            self._failure = error

    def _check(self, name: str) -> None:
        if digest_of(self._directory / name)[0] != self.expected[name]:
            raise IntegrityError(
                f"the bytes of '{self._source}/{name}' have changed since they were recorded; "
                "`fitprint doctor` checks all"
            )

"""What the checks of a store plugin need: a way to open the store of a folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fitprint.hooks.manager import hooks
from fitprint.stores.opening import open_store
from fitprint.stores.protocol import Store
from fitprint.testing.checks import Conformance

__all__ = ["StoreSubject"]


class StoreSubject(Conformance):
    """A store under test, and how to open it.

    Attributes:
        uri: URI of a store; ``{folder}`` in it is replaced by a new empty folder for each check.
        across_processes: whether a process that opens the same URI finds the same runs.
    """

    uri: str
    across_processes: bool = True

    def open(self, folder: Path) -> Store:
        """Open the store of the folder: the same store each time.

        Override it for a store that no installed plugin registers.
        """
        return open_store(self.uri.format(folder=folder), hooks().registered("register_stores"))

    @contextmanager
    def opened(self, folder: Path) -> Iterator[Store]:
        """Open the store of the folder, and close it at the end of the block."""
        store = self.open(folder)
        try:
            yield store
        finally:
            store.close()

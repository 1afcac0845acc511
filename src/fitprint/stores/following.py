"""Following the changes of a store under a name: by one process at a time, each change at least
once.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from fitprint import clock
from fitprint.entities import Change
from fitprint.errors import StoreError
from fitprint.events import Batch, ChangesFollowed
from fitprint.ids import new_id
from fitprint.platform.users import host_name

if TYPE_CHECKING:
    from fitprint.stores.protocol import Store

__all__ = ["follow"]

_PAGE = 100  # changes, which are handed over again where a process ends among them


def follow(
    store: Store, consumer: str, on_change: Callable[[Change], None], *, seconds: float = 60.0
) -> int:
    """Hand over what changed since the consumer was here last;
    see :func:`fitprint.follow_changes`.
    """
    lease = _Lease(store, consumer, seconds)
    handled = 0
    page = store.changes(lease.cursor, limit=_PAGE)
    if not page.items or not lease.take():
        return 0
    try:
        while True:
            page = store.changes(lease.cursor, limit=_PAGE)
            for change in page.items:
                if lease.is_old() and not lease.take():
                    return handled
                on_change(change)
                handled += 1
            # what was changed on the way comes the next time
            if not lease.take(page.cursor) or len(page.items) < _PAGE:
                return handled
    finally:
        lease.give_back()


class _Lease:
    """What one process has of a consumer.

    Attributes:
        cursor: everything up to there was handled, by whichever process.
    """

    def __init__(self, store: Store, consumer: str, seconds: float) -> None:
        self._store = store
        self._consumer = consumer
        self._seconds = seconds
        self._holder = f"{host_name()}:{os.getpid()}:{new_id()}"
        self._journal = f"changes-{consumer}"  # whose position lets one process after the other ask
        self._taken = 0.0
        known = store.consumer(consumer)
        self.cursor = known.cursor if known is not None else ""

    def is_old(self) -> bool:
        """Tell whether half of the time has passed since the lease was taken."""
        return time.monotonic() > self._taken + self._seconds / 2

    def take(self, cursor: str | None = None) -> bool:
        """Take the lease or renew it, with the cursor up to which everything was handled; return
        whether this process has it now.
        """
        known = self._store.consumer(self._consumer)
        if known is not None and known.holder != self._holder and self._store.now() < known.until:
            return False
        self._taken = time.monotonic()
        self._ask(self._seconds, cursor)
        known = self._store.consumer(self._consumer)
        if known is None or known.holder != self._holder:
            return False
        self.cursor = known.cursor
        return True

    def give_back(self) -> None:
        """Let others have it at once, if this process has it."""
        try:
            known = self._store.consumer(self._consumer)
            if known is not None and known.holder == self._holder:
                self._ask(0, None)
        except StoreError:
            pass  # it runs out by itself, and what went wrong before is what the caller is to know

    def _ask(self, seconds: float, cursor: str | None) -> None:
        asked = ChangesFollowed(clock.now(), self._consumer, self._holder, seconds, cursor)
        while True:
            position = self._store.position(self._journal)
            try:
                self._store.append(
                    Batch(
                        self._journal,
                        position,
                        position + 1,
                        [asked],
                        {"host": host_name(), "pid": os.getpid()},
                    )
                )
            except StoreError:
                if self._store.position(self._journal) == position:
                    raise
            else:
                return

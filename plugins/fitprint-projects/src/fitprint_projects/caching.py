"""Where things lie that can be made anew: environments, and copies of repositories."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fitprint.access import make_folder
from fitprint.errors import FitprintError
from fitprint.platform.files import OPEN
from fitprint.platform.locks import try_lock, unlock

__all__ = ["CacheBusyError", "cache_folder", "locked"]

_PAUSE = 0.05  # seconds between two looks at a lock


class CacheBusyError(FitprintError):
    """Another process makes the same thing, and takes too long."""


def cache_folder(name: str) -> Path:
    """Return the user's folder for things of a kind, and make it."""
    chosen = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    base = Path(chosen) if chosen and Path(chosen).is_absolute() else Path.home() / ".cache"
    folder = base / "fitprint" / name
    make_folder(folder)
    return folder


@contextmanager
def locked(path: Path, seconds: float, waiting: Callable[[], None]) -> Iterator[None]:
    """Have a lock for this process alone; it ends with the process.

    Args:
        path: of a file that stands for what is locked.
        seconds: that another process is waited for.
        waiting: called once if one has to be waited for.

    Raises:
        CacheBusyError: the other one was not done in time.
        OSError: there are no locks there.
    """
    number = os.open(path, OPEN | os.O_CREAT, 0o600)
    try:
        deadline = time.monotonic() + seconds
        has_told = False
        while not try_lock(number):
            if time.monotonic() >= deadline:
                raise CacheBusyError(
                    f"another process has been making {path.stem[:12]} in {path.parent} for "
                    f"{seconds:.0f} seconds; wait for it, or end it, and try again"
                )
            if not has_told:
                waiting()
                has_told = True
            time.sleep(_PAUSE)
        try:
            yield
        finally:
            unlock(number)
    finally:
        os.close(number)

"""Removing environments that nobody has used for a while: they can be built again."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fitprint_projects.caching import CacheBusyError, cache_folder, locked

__all__ = ["Unused", "remove", "unused"]

_DAY = 86400.0  # seconds
# by kind, the file that says that an environment is complete, and when it was used last
_MARKS = {"environments": "fitprint-environment.json", "conda": "fitprint-complete"}


@dataclass(frozen=True, slots=True)
class Unused:
    """An environment that nobody has used for a while, or that was never completed.

    Attributes:
        folder: of it.
        mark: the file that says that it is complete.
        days: since it was used.
        size: bytes that are freed with it; files that uv's cache has, too, take no room here.
    """

    folder: Path
    mark: str
    days: float
    size: int

    @property
    def key(self) -> str:
        return self.folder.name.partition(".")[0]


def unused(days: float) -> Iterator[Unused]:
    """Yield what was not used for so many days."""
    for kind, mark in _MARKS.items():
        for folder in sorted(cache_folder(kind).iterdir()):
            with suppress(OSError):  # another process removes it
                if folder.is_dir():
                    place = folder / mark
                    about = (place if place.is_file() else folder).stat()
                    age = (time.time() - about.st_mtime) / _DAY
                    if age >= days and not _is_running(folder):
                        yield Unused(folder, mark, age, _size(folder))


def remove(each: Unused) -> bool:
    """Remove an environment, and tell whether it is gone: not if a process builds or uses it."""
    try:
        with locked(each.folder.with_name(f"{each.key}.lock"), 0, lambda: None):
            if _is_running(each.folder):
                return False
            (each.folder / each.mark).unlink(missing_ok=True)  # half an environment is never used
            shutil.rmtree(each.folder)
    except (CacheBusyError, OSError):
        return False
    return True


def _is_running(folder: Path) -> bool:
    """Tell whether a process runs from an environment, where the system tells of processes."""
    inside = os.fsencode(folder) + b"/"
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended
            if place.read_bytes().startswith(inside):
                return True
    return False


def _size(folder: Path) -> int:
    total = 0
    for above, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                about = os.lstat(f"{above}/{name}")
                total += about.st_size if about.st_nlink == 1 else 0
    return total

"""Fresh folders, which are gone afterwards even if their process was killed: the next one sees to
that.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fitprint.platform.files import OPEN
from fitprint.platform.locks import try_lock

__all__ = ["fresh_folder"]

_PREFIX = "fitprint-reproduce-"
_LOCK = "lock"  # a file that is locked as long as the folder is used; a kept folder has none


@contextmanager
def fresh_folder(keep: bool, tell: Callable[[str], None]) -> Iterator[Path]:
    """Make an empty folder, for as long as it is needed or for ever."""
    base = Path(tempfile.gettempdir())
    for left in base.glob(f"{_PREFIX}*"):
        _remove_abandoned(left)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base))
    if keep:
        try:
            yield folder
        finally:
            tell(f"the folder is kept: {folder}")
        return
    number = os.open(folder / f"{_LOCK}.new", OPEN | os.O_CREAT, 0o600)
    try:
        try_lock(number)
        (folder / f"{_LOCK}.new").replace(folder / _LOCK)  # it is never seen unlocked
        yield folder
    finally:
        os.close(number)
        shutil.rmtree(folder, ignore_errors=True)


def _remove_abandoned(folder: Path) -> None:
    """Remove a folder of this user's that nobody uses any more."""
    with contextlib.suppress(OSError):
        if folder.is_symlink() or folder.stat().st_uid != getattr(os, "geteuid", int)():
            return
        number = os.open(folder / _LOCK, OPEN)
        try:
            is_free = try_lock(number)
        finally:
            os.close(number)
        if is_free:
            shutil.rmtree(folder, ignore_errors=True)

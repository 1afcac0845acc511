"""Fresh folders, which are gone afterwards even if their process was killed: the next one sees to
that.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fitprint.platform.locks import try_lock

__all__ = ["fresh_folder"]

_PREFIX, _KEPT = "fitprint-reproduce-", "fitprint-kept-"
_NEW = 60.0  # seconds in which one that was made is locked


@contextmanager
def fresh_folder(keep: bool, tell: Callable[[str], None]) -> Iterator[Path]:
    """Make an empty folder, for as long as it is needed or for ever."""
    if keep:
        folder = Path(tempfile.mkdtemp(prefix=_KEPT))
        try:
            yield folder
        finally:
            tell(f"the folder is kept: {folder}")
        return
    base = Path(tempfile.gettempdir())
    for left in base.glob(f"{_PREFIX}*"):
        _remove_abandoned(left)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base))
    try:
        with _locked(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    """Have the lock of a folder, unless somebody has it: yield whether we do.

    Where folders have no locks, nobody has one, and nothing is removed later.
    """
    try:
        number = os.open(folder, os.O_RDONLY)
    except OSError:
        yield False
        return
    try:
        yield try_lock(number)
    finally:
        os.close(number)


def _remove_abandoned(folder: Path) -> None:
    """Remove a folder of this user's that nobody uses any more."""
    with contextlib.suppress(OSError):
        about = folder.lstat()
        is_own = about.st_uid == getattr(os, "geteuid", int)()
        if not is_own or folder.is_symlink() or time.time() - about.st_mtime < _NEW:
            return
        with _locked(folder) as is_free:
            if is_free:
                shutil.rmtree(folder, ignore_errors=True)

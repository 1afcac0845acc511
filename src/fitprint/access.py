"""Who can read what fitprint writes, whatever the umask says, and whose files fitprint takes at
their word.

Folders and files are their owner's alone (0700 and 0600). A folder that is made for a group (2770:
the group may write, what is made inside belongs to the group, all others are shut out) gives what
is made in it to that group (2770 and 0660).
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from fitprint.platform.files import NEW, READ, set_mode
from fitprint.platform.users import strangers, user_id

__all__ = [
    "create_file",
    "make_file",
    "make_folder",
    "open_regular",
    "read_regular",
    "settle_home",
    "settle_modes",
    "temporary_folder",
    "why_foreign",
    "write_private",
]

_PRIVATE = (0o700, 0o600)
_SHARED = (0o2770, 0o660)
_OTHERS = 0o007


def _modes_below(folder: str | os.PathLike[str]) -> tuple[int, int]:
    """Return the modes of folders and files that are made in this folder."""
    # spares a Path
    return _SHARED if os.stat(folder).st_mode & 0o7777 == _SHARED[0] else _PRIVATE  # noqa: PTH116


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it that are not there; one that is there stays as it is.

    Raises:
        OSError: it cannot be made.
    """
    if not os.path.lexists(folder.parent):
        make_folder(folder.parent)
    try:
        os.mkdir(folder, _PRIVATE[0])  # noqa: PTH102 - spares a Path
    except FileExistsError:
        if not folder.is_dir():
            raise
    else:
        # the umask may have taken our own bits, too
        os.chmod(folder, _modes_below(folder.parent)[0])  # noqa: PTH101


def create_file(path: str | os.PathLike[str], flags: int = 0) -> int:
    """Make a new file, open for reading and writing, and return its descriptor.

    Raises:
        FileExistsError: it is there already.
        OSError: it cannot be made.
    """
    number = os.open(path, NEW | flags, _PRIVATE[1])
    try:
        # spares a Path
        set_mode(number, _modes_below(os.path.dirname(path) or ".")[1])  # noqa: PTH120
    except OSError:
        os.close(number)
        raise
    return number


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a file to read, and nothing that would let its reader wait for ever: no pipe, no device.

    Raises:
        OSError: it cannot be opened, or is no regular file.
    """
    number = os.open(path, READ)
    mode = os.fstat(number).st_mode
    if not stat.S_ISREG(mode):
        os.close(number)
        code = errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL
        raise OSError(
            code,
            "it is a folder" if stat.S_ISDIR(mode) else "it is not a regular file",
            os.fspath(path),
        )
    return os.fdopen(number, "rb")


def read_regular(path: str | os.PathLike[str]) -> bytes:
    """Return the bytes of a file; see :func:`open_regular`."""
    with open_regular(path) as file:
        return file.read()


def write_private(path: Path, text: str) -> None:
    """Write a new file.

    Raises:
        OSError: it is there already, or cannot be written.
    """
    with os.fdopen(create_file(path), "w", encoding="utf-8") as file:
        file.write(text)


def make_file(path: Path) -> None:
    """Make an empty file, unless there is one.

    Raises:
        OSError: it cannot be made.
    """
    try:
        os.close(create_file(path))
    except FileExistsError:
        pass


def temporary_folder(prefix: str, parent: Path | None = None) -> tempfile.TemporaryDirectory[str]:
    """Make a folder that only its owner can read, among the temporary ones by default; its block
    removes it.

    Its name has our process' number behind the prefix, so that what is left of it when we are
    killed can be told.

    Raises:
        OSError: it cannot be made.
    """
    folder = tempfile.TemporaryDirectory(prefix=f"{prefix}{os.getpid()}-", dir=parent)
    os.chmod(folder.name, _PRIVATE[0])  # noqa: PTH101 - spares a Path
    return folder


def settle_modes(path: Path, folder: Path) -> None:
    """Give a file that somebody else's code has made the mode that files in ``folder`` have."""
    path.chmod(_modes_below(folder)[1])


def settle_home(home: Path, wanted: str | None) -> bool:
    """Make the home folder, or bring the one that is there to its mode; tell whether others could
    look into it until now.

    Only its owner can do so; for all others it stays as it is.

    Args:
        home: the folder.
        wanted: "private", "group", or None for as it was made, which is private.

    Raises:
        OSError: it cannot be made.
    """
    make_folder(home)
    about = home.stat()
    mode = stat.S_IMODE(about.st_mode)
    shared = wanted == "group" or (wanted is None and mode & _SHARED[0] == _SHARED[0])
    goal = _SHARED if shared else _PRIVATE
    if mode == goal[0] or about.st_uid != user_id():
        return False
    home.chmod(goal[0])
    for entry in _inside(home):
        entry_mode = goal[0] if entry.is_dir(follow_symlinks=False) else goal[1]
        try:
            os.chmod(entry.path, entry_mode)  # noqa: PTH101 - spares a Path
        except OSError:
            pass  # of another member of the group
    return bool(mode & ~goal[0] & 0o077)


def _inside(home: Path) -> Iterator[os.DirEntry[str]]:
    """Yield what lies in the home, links apart."""
    waiting = [str(home)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                found = list(entries)
        except OSError:
            continue  # a journal that was delivered meanwhile, or another's
        for entry in found:
            if entry.is_dir(follow_symlinks=False):
                waiting.append(entry.path)
                yield entry
            elif entry.is_file(follow_symlinks=False):
                yield entry


def why_foreign(path: Path) -> str:
    """Return why a file or folder is not taken at its word: it belongs to a stranger, or everybody
    may write it; "" if it is ours.

    Root's are ours, too. What is not there, or cannot be looked at, is not foreign.
    """
    try:
        # spares a Path
        seen = {os.lstat(path).st_uid, (about := os.stat(path)).st_uid}  # noqa: PTH116
    except OSError:
        return ""
    others = strangers(seen)
    if others:
        return f"belongs to another user ({', '.join(f'uid {user}' for user in sorted(others))})"
    return "can be written by everybody" if about.st_mode & stat.S_IWOTH else ""

"""Files and folders of data by what is in them: the digest of every file, and one over all.

The digest of a file is that of its bytes. The digest of a folder is the SHA-256 of a line for each
file, in the order of the paths' bytes: the path inside the folder (its bytes, ``/`` between the
parts), a zero byte, the size, a zero byte, the 64 digits of the file's SHA-256, a newline. So it
does not depend on times, modes, owners, empty folders, or on where the folder lies.

A link counts as the file or folder to which it leads. What is neither file nor folder (a pipe, a
socket, a device), what cannot be read, a link that leads nowhere or into itself, and a file that
changes while it is read are errors that name it.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from fitprint.access import open_regular
from fitprint.data.stat_cache import StatCache, digits_of, mark_of
from fitprint.errors import FitprintError

__all__ = ["PARTIAL", "Changes", "File", "Tree", "read_tree"]

PARTIAL = ".fitprint-partial-"
"""How names of files begin that are being written here; they are no part of the data."""

_PIECE = 1 << 20
_HEX = re.compile(r"[0-9a-f]{64}")


class File(NamedTuple):
    """A file of a tree.

    Attributes:
        path: inside the folder, ``/`` between the parts; "" of a tree that is one file. Bytes that
            are no UTF-8 are surrogates, as in :func:`os.fsdecode`.
        size: in bytes.
        hex: the 64 digits of the SHA-256 of its bytes.
    """

    path: str
    size: int
    hex: str


class Changes(NamedTuple):
    """Paths of files that came, went, or have other bytes; false in a condition if there are
    none.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


@dataclass(frozen=True)
class Tree:
    """A file, or the files of a folder in the order of their paths' bytes.

    Attributes:
        is_folder: whether it is a folder; a file has one entry, with the path "".
    """

    is_folder: bool
    files: Sequence[File]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    @cached_property
    def digest(self) -> str:
        """``sha256:`` and 64 digits; see the module."""
        if not self.is_folder:
            return f"sha256:{self.files[0].hex}"
        lines = "".join([f"{path}\0{size}\0{digits}\n" for path, size, digits in self.files])
        return f"sha256:{hashlib.sha256(os.fsencode(lines)).hexdigest()}"

    def changes(self, now: Tree) -> Changes:
        """Return how another tree differs from this one."""
        before = {file.path: (file.size, file.hex) for file in self.files}
        after = {file.path: (file.size, file.hex) for file in now.files}
        return Changes(
            tuple(path for path in after if path not in before),
            tuple(path for path in before if path not in after),
            tuple(path for path, was in before.items() if path in after and after[path] != was),
        )

    def to_json(self) -> dict[str, object]:
        """Return it as JSON values."""
        return {"folder": self.is_folder, "files": [list(file) for file in self.files]}

    @classmethod
    def from_json(cls, content: object) -> Tree:
        """Return the tree that :meth:`to_json` gave.

        Raises:
            ValueError: it is none, or a path leads out of the folder.
        """
        try:
            is_folder = content["folder"]  # type: ignore[index]
            files = [File(*entry) for entry in content["files"]]  # type: ignore[index]
        except (KeyError, TypeError):
            raise ValueError("it is no list of files") from None
        if type(is_folder) is not bool or not all(map(_is_sound, files)):
            raise ValueError("it is no list of files")
        paths = [file.path for file in files]
        if len(set(paths)) < len(paths) or (not is_folder and paths != [""]):
            raise ValueError("it is no list of files")
        if is_folder and not all(map(_stays_inside, paths)):
            raise ValueError("a path in it leads out of the folder")
        return cls(is_folder, files)


def _is_sound(file: File) -> bool:
    path, size, digits = file
    texts = type(path) is type(digits) is str
    return texts and type(size) is int and size >= 0 and _HEX.fullmatch(digits) is not None


def _stays_inside(path: str) -> bool:
    parts = path.split("/")
    if "\0" in path or not all(part not in ("", ".", "..") for part in parts):
        return False
    return os.name != "nt" or not any("\\" in part or ":" in part for part in parts)


def read_tree(path: Path, cache: StatCache | None = None) -> Tree:
    """Return a file or folder as it is now.

    Args:
        path: the file or folder.
        cache: of the digests of files that have not changed since; without it all bytes are read.

    Raises:
        FitprintError: something cannot be read, or is not the kind of thing that has bytes; the
            message names it.
    """
    started = time.time_ns()
    try:
        about = path.stat()
    except OSError as error:
        raise _unreadable(path, error) from None
    is_folder = stat.S_ISDIR(about.st_mode)
    if not is_folder and not stat.S_ISREG(about.st_mode):
        raise _strange(path)
    known = {} if cache is None else cache.read()
    fresh: dict[str, str] = {}
    files = []
    for found, facts in _below(path, about) if is_folder else (("", about),):
        mark = mark_of(facts)
        digits = digits_of(known.get(found), mark)
        if digits:
            file = File(found, facts.st_size, digits)
        else:
            file, mark = _read(found, path / found if is_folder else path)
        files.append(file)
        fresh[found] = mark + file.hex
    if cache is not None:
        cache.write(fresh, started, known)
    plain = all(file.path.isascii() for file in files)
    files.sort(key=itemgetter(0) if plain else lambda file: os.fsencode(file.path))
    return Tree(is_folder, files)


def _below(root: Path, about: os.stat_result) -> Iterator[tuple[str, os.stat_result]]:
    """Yield each file by its path inside the folder."""
    waiting: list[tuple[str, str, tuple[tuple[int, int], ...]]] = [
        (str(root), "", ((about.st_dev, about.st_ino),))
    ]
    while waiting:
        folder, prefix, above = waiting.pop()
        try:
            entries = os.scandir(folder)
        except OSError as error:
            raise _unreadable(folder, error) from None
        with entries:
            for entry in entries:
                if entry.name.startswith(PARTIAL):
                    continue
                try:
                    # Windows tells no inode here
                    facts = entry.stat() if os.name != "nt" else os.stat(entry.path)  # noqa: PTH116
                except OSError as error:
                    raise _unreadable(entry.path, error) from None
                if stat.S_ISREG(facts.st_mode):
                    yield prefix + entry.name, facts
                elif stat.S_ISDIR(facts.st_mode):
                    here = (facts.st_dev, facts.st_ino)
                    if entry.is_symlink() and here in above:
                        raise FitprintError(
                            f"the link {entry.path!r} leads to a folder that it lies in; remove it"
                        )
                    waiting.append((entry.path, f"{prefix}{entry.name}/", (*above, here)))
                else:
                    raise _strange(entry.path)


def _read(path: str, place: Path) -> tuple[File, str]:
    """Return a file, and what its entry in the cache begins with.

    One that changed while it was read is read once more.
    """
    for _ in range(2):
        try:
            with open_regular(place) as file:
                before = os.fstat(file.fileno())
                total, size = hashlib.sha256(), 0
                while piece := file.read(_PIECE):
                    total.update(piece)
                    size += len(piece)
                after = os.fstat(file.fileno())
        except OSError as error:
            raise _unreadable(place, error) from None
        mark = mark_of(after)
        if mark_of(before) == mark and size == after.st_size:
            return File(path, size, total.hexdigest()), mark
    raise FitprintError(
        f"{str(place)!r} changes while it is read; try again when nothing writes to it"
    )


def _unreadable(path: str | os.PathLike[str], error: OSError) -> FitprintError:
    told = repr(os.fspath(path))
    if isinstance(error, FileNotFoundError):
        if os.path.islink(path):  # noqa: PTH114 - of a text
            return FitprintError(f"the link {told} leads nowhere; remove it, or bring its target")
        return FitprintError(f"there is no file and no folder {told}")
    return FitprintError(f"{told} cannot be read: {error.strerror or error}")


def _strange(path: str | os.PathLike[str]) -> FitprintError:
    return FitprintError(
        f"{os.fspath(path)!r} is neither a file nor a folder, and has no bytes to keep; move "
        "it elsewhere"
    )

"""Digests of files that have not changed since they were read, as git's index knows them: by size,
time of the last change, inode, and the time that no program can set (``ctime``): a copy that keeps
times changes it, too.

A file of the cache belongs to one file or folder: ``fitprint-stat-cache 2 CRC``, a newline, then
with zero bytes between them ``SIZE MTIME_NS INODE CTIME_NS HEX``, a tab and the path inside. A file
that was changed less than two seconds before it was read is not noted: a later change could have
the same time. What is damaged, or cannot be written, only costs time.
"""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from fitprint.access import create_file, make_folder, read_regular
from fitprint.ids import new_id

__all__ = ["StatCache", "digits_of", "known_digest", "mark_of"]

_HEAD = b"fitprint-stat-cache 2 "
_FOLDER = "stat-cache"
_HEX = re.compile(r"[0-9a-f]{64}")
_TICK_NS = 2_000_000_000  # the coarsest times of files
_MOST_LOOKED, _MOST_ABOVE = 1 << 20, 8  # bytes that are read, and folders above, to look up a file


def mark_of(about: os.stat_result) -> str:
    """Return what the entry of a file that is so begins with."""
    return f"{about.st_size} {about.st_mtime_ns} {about.st_ino} {about.st_ctime_ns} "


def digits_of(entry: str | None, mark: str) -> str:
    """Return the digits of an entry, if it belongs to a mark; else ""."""
    if entry is None or not entry.startswith(mark) or not _HEX.fullmatch(entry, len(mark)):
        return ""
    return entry[-64:]


class StatCache:
    """What is known of the files of one file or folder.

    Args:
        home: the home folder, in which it lies.
        root: the file or folder.
    """

    def __init__(self, home: Path, root: Path) -> None:
        self.root = Path(os.path.realpath(root))
        name = sha256(os.fsencode(self.root)).hexdigest()[:32]
        self.file = home / _FOLDER / name

    def read(self) -> dict[str, str]:
        """Return ``SIZE MTIME_NS INODE CTIME_NS HEX`` by the path of each file; nothing if that
        is not known.
        """
        return _entries(self.file)

    def write(self, entries: Mapping[str, str], started: int, known: Mapping[str, str]) -> None:
        """Keep what was found by a reading that began at ``started`` (ns), if it is new."""
        if entries == known:
            return
        sure = {
            path: entry
            for path, entry in entries.items()
            if int(entry.split(" ", 2)[1]) < started - _TICK_NS
        }
        if sure == known:
            return
        body = os.fsencode("\0".join([f"{entry}\t{path}" for path, entry in sure.items()]))
        temporary = self.file.with_name(f".{new_id()}")
        with suppress(OSError):
            make_folder(self.file.parent)
            try:
                with os.fdopen(create_file(temporary), "wb") as file:
                    file.write(_HEAD + b"%d\n" % zlib.crc32(body) + body)
                temporary.replace(self.file)
            finally:
                temporary.unlink(missing_ok=True)


def _entries(file: Path) -> dict[str, str]:
    try:
        head, _, body = read_regular(file).partition(b"\n")
    except OSError:
        return {}
    if head != _HEAD + b"%d" % zlib.crc32(body) or not body:
        return {}
    pairs = (entry.partition("\t") for entry in os.fsdecode(body).split("\0"))
    return {path: entry for entry, _, path in pairs}


@lru_cache(maxsize=_MOST_ABOVE)
def _looked_up(file: Path, mark: str) -> dict[str, str]:  # noqa: ARG001 - as it is now
    """Return what a cache knows, read once as long as it stays as it is: a training asks."""
    return _entries(file)


def known_digest(home: Path, file: str) -> str:
    """Return the digest of a file that a cache knows, of itself or of a folder above it, if it has
    not changed since; "" if none does. Nothing but the cache is read.
    """
    try:
        about = os.stat(file)  # noqa: PTH116 - of a text
        if not (home / _FOLDER).is_dir():
            return ""
        path = Path(os.path.realpath(file))
        mark = mark_of(about)
        for root in (path, *path.parents[:_MOST_ABOVE]):
            cache = StatCache(home, root).file
            if cache.exists() and (facts := cache.stat()).st_size <= _MOST_LOOKED:
                inside = "" if root == path else path.relative_to(root).as_posix()
                digits = digits_of(_looked_up(cache, mark_of(facts)).get(inside), mark)
                if digits:
                    return f"sha256:{digits}"
    except (OSError, ValueError):
        pass
    return ""

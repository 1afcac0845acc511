"""ZIP archives in models: one that would become vastly larger than it is gets refused before
anything of it is read.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import IO, Any

from fitprint.errors import IntegrityError

__all__ = ["opened"]

_SMALL = 64 << 20  # bytes that any archive may become
_RATIO = 30  # times its size that a larger one may; arrays of honest models become a tenth at best
_INNER = (".npz", ".zip", ".keras")


def opened(path: Path | IO[bytes], *, vast: bool = False) -> zipfile.ZipFile:
    """Open an archive whose contents, those of archives in it included, have a size that fits its
    own.

    Python's reader gives no more of a file than the directory of the archive says, so that the
    sizes in it hold.

    Args:
        vast: the caller has said that the size is right.

    Raises:
        IntegrityError: it is a bomb.
        zipfile.BadZipFile: it is no archive.
    """
    archive = zipfile.ZipFile(path)
    try:
        size = _size(archive)
        if not all(
            0 <= entry.header_offset < size and 0 <= entry.compress_size <= size
            for entry in archive.infolist()
        ):
            # for the stated size Python reserves memory before it reads
            raise zipfile.BadZipFile("it has files outside of itself")
        if not vast:
            _check(archive, max(_SMALL, _RATIO * size), size)
    except BaseException:
        archive.close()
        raise
    return archive


def _size(archive: Any) -> int:
    place = archive.fp.tell()
    size: int = archive.fp.seek(0, io.SEEK_END)
    archive.fp.seek(place)
    return size


def _check(archive: zipfile.ZipFile, most: int, size: int) -> int:
    """Return the size of all contents."""
    total = sum(entry.file_size for entry in archive.infolist())
    if total <= most:
        for entry in archive.infolist():
            if entry.filename.endswith(_INNER):
                with archive.open(entry) as inner, zipfile.ZipFile(inner) as found:
                    total += _check(found, most - total, size)
    if total > most:
        raise IntegrityError(
            f"an archive of {size} bytes says that it holds {total}, which no honest model does; "
            "if you know who made it, name the flavor in trust to load it all the same"
        )
    return total

"""Blobs in a folder: each file is named after the digest of its bytes."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from fitprint.access import create_file, make_folder, open_regular, settle_modes
from fitprint.errors import ArtifactNotFoundError, IntegrityError, StoreError
from fitprint.ids import new_id
from fitprint.platform.processes import is_gone

__all__ = ["BlobStore"]

_PIECE = 1 << 20
_TEMPORARY = re.compile(r"\.(?:[0-9a-f]{32}|(?:model|load|import)-(?P<pid>[0-9]+)-\w+|(?:model|load|import)-\w+)")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_OLD_SECONDS = 86_400  # processes of other machines cannot be asked for; no file is that long on its way


class BlobStore:
    """Content-addressed files below ``root``: the bytes of ``sha256:abcdef…`` lie in ``ab/cdef…``.

    A blob appears whole or not at all, and is its owner's alone (see :mod:`fitprint.access`). Threads and processes may put the same
    bytes at once.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root)
        self.uri = self.root.absolute().as_uri()
        self._folder = str(self.root)

    def path_of(self, digest: str) -> Path:
        """Return where the bytes lie, or would lie.

        Raises:
            ArtifactNotFoundError: ``digest`` is not a digest.
        """
        if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
            raise ArtifactNotFoundError(f"{digest!r} is not a digest; one looks like sha256: and 64 hexadecimal digits")
        return Path(self._place(digest))

    def _place(self, digest: str) -> str:
        return f"{self._folder}/{digest[7:9]}/{digest[9:]}"

    def put_bytes(self, *pieces: bytes) -> str:
        total = hashlib.sha256()
        for piece in pieces:
            total.update(piece)
        digest = _spoken(total)
        if not _is_there(self._place(digest), sum(map(len, pieces))):  # most often it is: no Path is made for that
            target = self.path_of(digest)
            with self._new(target.parent) as (temporary, file):
                file.writelines(pieces)
                file.close()
                temporary.replace(target)
        return digest

    def put_file(self, path: str | os.PathLike[str], *, move: bool = False, digest: str | None = None) -> tuple[str, int]:
        """Keep the file's bytes, and return their digest and number.

        Args:
            path: the file.
            move: the file itself is gone afterwards.
            digest: of the bytes, where the caller has just taken it; only looked at with ``move``.

        Raises:
            StoreError: the file cannot be read or the blob cannot be written.
        """
        source = Path(path)
        if move and (moved := self._move(source, digest)):
            return moved
        with self._new(self.root) as (temporary, file):
            total, size = hashlib.sha256(), 0
            with open_regular(source) as original:
                while piece := original.read(_PIECE):
                    total.update(piece)
                    size += file.write(piece)
            file.close()
            digest = _spoken(total)
            target = self.path_of(digest)
            if not _is_there(target, size):
                make_folder(target.parent)
                temporary.replace(target)
            if move:
                source.unlink()
        return digest, size

    def open(self, digest: str) -> BinaryIO:
        """Open the bytes for reading, unchecked."""
        path = self.path_of(digest)
        try:
            return open_regular(path)
        except FileNotFoundError:
            raise ArtifactNotFoundError(f"the bytes of {digest} are not in {self.root}") from None
        except OSError as error:
            raise StoreError(f"the bytes of {digest} cannot be read from {path}: {error.strerror or error}") from error

    def read(self, digest: str) -> bytes:
        with self.open(digest) as file:
            data = file.read()
        if _spoken(hashlib.sha256(data)) != digest:
            raise IntegrityError(f"{self.path_of(digest)} has changed since it was written: its bytes do not match its name")
        return data

    def leftovers(self, *, deep: bool = False) -> list[Path]:
        """Return what processes that were killed have left below the root: folders and files with a dot, a day old, whose process is gone.

        With ``deep`` the folders of the blobs are looked through, too, where files of that kind may lie.
        """
        names = self.root.glob(".*")
        return sorted(path for path in (*names, *(self.root.glob("??/.*") if deep else ())) if _is_left(path))

    def sweep(self, *, deep: bool = False) -> list[Path]:
        """Remove what :meth:`leftovers` returns, and return it."""
        found = self.leftovers(deep=deep)
        for path in found:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        return found

    def __contains__(self, digest: str) -> bool:
        try:
            return self.path_of(digest).is_file()
        except ArtifactNotFoundError:
            return False

    def _move(self, source: Path, digest: str | None) -> tuple[str, int] | None:
        """Rename the file to its place; None where that is on another file system."""
        with _spoken_errors(source):
            digest = digest or _digest_of(source)
            size = source.stat().st_size
            target = self.path_of(digest)
            make_folder(target.parent)
            if _is_there(target, size):
                source.unlink()
            else:
                settle_modes(source, target.parent)
                try:
                    source.replace(target)
                except OSError as error:
                    if error.errno != errno.EXDEV:
                        raise
                    return None
            return digest, size

    @contextmanager
    def _new(self, folder: Path) -> Iterator[tuple[Path, BinaryIO]]:
        """Open a file in ``folder`` under a name that nobody else uses; it is gone afterwards unless it was renamed."""
        with _spoken_errors(folder):
            make_folder(folder)
            temporary = folder / f".{new_id()}"
            try:
                with os.fdopen(create_file(temporary), "wb") as file:
                    yield temporary, file
            finally:
                temporary.unlink(missing_ok=True)


def _is_left(path: Path) -> bool:
    made = _TEMPORARY.fullmatch(path.name)
    try:
        if made is None or time.time() - path.stat().st_mtime < _OLD_SECONDS:
            return False
    except OSError:
        return False  # it is gone by now
    return not made["pid"] or is_gone(int(made["pid"]))


def _digest_of(path: Path) -> str:
    total = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            total.update(piece)
    return _spoken(total)


def _is_there(target: str | Path, size: int) -> bool:
    """Return whether the blob is there in full length; a torn one, left by a full disk of old, is written anew."""
    try:
        return os.stat(target).st_size == size  # noqa: PTH116 - spares a Path
    except OSError:
        return False


def _spoken(total: hashlib._Hash) -> str:
    return f"sha256:{total.hexdigest()}"


@contextmanager
def _spoken_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        advice = ": free space, or set FITPRINT_HOME" if error.errno in _FULL else ""
        raise StoreError(f"cannot keep bytes of or below {path}: {error.strerror or error}{advice}") from error

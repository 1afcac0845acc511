"""Where the bytes of artifacts are put first: a folder of this machine, beside the journal.

Nothing else knows its paths.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from fitprint.access import create_file, make_folder, open_regular, settle_modes, temporary_folder
from fitprint.artifacts.protocol import Kept
from fitprint.errors import ArtifactNotFoundError, IntegrityError, StoreError
from fitprint.ids import new_id
from fitprint.platform.files import make_safe
from fitprint.platform.processes import is_gone

if TYPE_CHECKING:
    import tempfile

    from fitprint.artifacts.protocol import Source

__all__ = ["Staging"]

_PIECE = 1 << 20
_TEMPORARY = re.compile(
    r"\.(?:[0-9a-f]{32}|(?:model|load|import)-(?P<pid>[0-9]+)-\w+|(?:model|load|import)-\w+)"
)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_TOUCH_SECONDS = 600  # a small part of the shortest grace that makes sense
_DOOMED = ".gc-"  # begins the name of a blob that is being removed
# processes of other machines cannot be asked for; no file is that long on its way
_OLD_SECONDS = 86_400


class Staging:
    """Content-addressed files below ``root``: the bytes of ``sha256:abcdef…`` lie in ``ab/cdef…``.

    A blob appears whole or not at all, and is its owner's alone (see :mod:`fitprint.access`).
    Threads and processes may put the same bytes at once. What is put here stays: whoever brings it
    to an artifact store copies it.

    Args:
        root: the folder; it is made when something is put.
        advice: what to do when its disk is full.
    """

    def __init__(
        self, root: str | os.PathLike[str], advice: str = "free space, or set FITPRINT_HOME"
    ) -> None:
        self.root = Path(root)
        self._folder = str(self.root)
        self._advice = advice

    def path_of(self, digest: str) -> Path:
        """Return where the bytes lie, or would lie.

        Raises:
            ArtifactNotFoundError: ``digest`` is not a digest.
        """
        if not _DIGEST.fullmatch(digest):
            raise ArtifactNotFoundError(
                f"{digest!r} is not a digest; one looks like sha256: and 64 hexadecimal digits"
            )
        return Path(self._place(digest))

    def _place(self, digest: str) -> str:
        return f"{self._folder}/{digest[7:9]}/{digest[9:]}"

    def put_bytes(self, *pieces: bytes) -> str:
        """Keep the bytes, given in one or more pieces, and return their digest; bytes that are
        there already are not written again.
        """
        total = hashlib.sha256()
        for piece in pieces:
            total.update(piece)
        digest = _spoken(total)
        # most often it is: no Path is made for that
        if not _is_there(self._place(digest), sum(map(len, pieces))):
            target = self.path_of(digest)
            with self._new(target.parent) as (temporary, file):
                file.writelines(pieces)
                file.close()
                temporary.replace(target)
        return digest

    def put_file(self, path: str | os.PathLike[str]) -> tuple[str, int]:
        """Keep a copy of the file, and return its digest and its size in bytes.

        Raises:
            StoreError: the file cannot be read or the blob cannot be written.
        """
        with self._new(self.root) as (temporary, file):
            with open_regular(Path(path)) as original:
                digest, size = _copy(original, file)
            file.close()
            target = self.path_of(digest)
            if not _is_there(target, size):
                make_folder(target.parent)
                temporary.replace(target)
        return digest, size

    def adopt(self, path: Path, digest: str | None = None) -> tuple[str, int]:
        """Keep the file itself, which is gone afterwards; return digest and size.

        Args:
            path: the file; below :meth:`temporary` it is renamed, from another file system copied.
            digest: of the bytes, where the caller has just taken it.

        Raises:
            StoreError: as for :meth:`put_file`.
        """
        moved = self._move(path, digest)
        if moved is None:
            moved = self.put_file(path)
            with self._spoken_errors(path):
                path.unlink()
        return moved

    def take(self, digest: str, source: Source, size: int) -> None:
        """Keep bytes whose digest is known, from a source of ``size`` bytes that is read in pieces;
        those that are there are not read.

        When this returns they outlive a loss of power.

        Raises:
            ArtifactNotFoundError: ``digest`` is not a digest.
            IntegrityError: the source gave other bytes; nothing is kept.
            StoreError: the blob cannot be written.
        """
        target = self.path_of(digest)
        if _is_there(target, size):
            return
        with self._new(self.root) as (temporary, file):
            found, _ = _copy(source, file)
            if found != digest:
                raise IntegrityError(f"the bytes that were to be kept as {digest} are others")
            file.flush()
            make_safe(file.fileno())
            file.close()
            make_folder(target.parent)
            temporary.replace(target)

    def link(self, digest: str, path: Path) -> None:
        """Give a blob a second name, which costs no copy.

        Raises:
            OSError: it is not here, or cannot have one there.
        """
        os.link(self.path_of(digest), path)

    def temporary(self, prefix: str) -> tempfile.TemporaryDirectory[str]:
        """Make a temporary folder from which files move here by a rename, and to which blobs can be
        linked.

        Args:
            prefix: ``.model-``, ``.load-`` or ``.import-``: what is left of such a folder is swept.

        Raises:
            OSError: it cannot be made.
        """
        make_folder(self.root)
        return temporary_folder(prefix, self.root)

    def size_of(self, digest: str) -> int | None:
        """Return the number of bytes; None if they are not here."""
        try:
            return os.stat(self._place(digest)).st_size  # noqa: PTH116 - spares a Path
        except OSError:
            return None

    def open(self, digest: str) -> BinaryIO:
        """Open the bytes for reading, unchecked."""
        path = self.path_of(digest)
        try:
            return open_regular(path)
        except FileNotFoundError:
            raise ArtifactNotFoundError(f"the bytes of {digest} are not in {self.root}") from None
        except OSError as error:
            raise StoreError(
                f"the bytes of {digest} cannot be read from {path}: {error.strerror or error}"
            ) from error

    def read(self, digest: str) -> bytes:
        """Return the bytes, checked against the digest.

        Raises:
            ArtifactNotFoundError: nothing is kept under this digest.
            IntegrityError: the bytes have changed since they were kept.
        """
        with self.open(digest) as file:
            data = file.read()
        if _spoken(hashlib.sha256(data)) != digest:
            raise IntegrityError(
                f"{self.path_of(digest)} has changed since it was written: its bytes do not match "
                "its name"
            )
        return data

    def leftovers(self, *, deep: bool = False) -> list[Path]:
        """Return what processes that were killed have left below the root: folders and files with a
        dot, a day old, whose process is gone.

        With ``deep`` the folders of the blobs are looked through, too, where files of that kind may
        lie.
        """
        names = self.root.glob(".*")
        return sorted(
            path for path in (*names, *(self.root.glob("??/.*") if deep else ())) if _is_left(path)
        )

    def sweep(self, *, deep: bool = False) -> list[Path]:
        """Remove what :meth:`leftovers` returns, and return it."""
        found = self.leftovers(deep=deep)
        for path in found:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        return found

    def touch(self, digest: str) -> bool:
        """Tell whether the bytes are here, and let them count as put just now."""
        try:
            os.utime(self.path_of(digest))
        except (OSError, ArtifactNotFoundError):
            return False
        return True

    def clock(self) -> float:
        """Return the time of the file system's clock, which may be that of another machine.

        Raises:
            StoreError: nothing can be written there.
        """
        with self._new(self.root) as (temporary, _):
            return temporary.stat().st_mtime

    def kept(self) -> Iterator[Kept]:
        """Yield the bytes that are here."""
        for path in self._blobs():
            with suppress(OSError):  # somebody else has removed it
                facts = path.lstat()
                if stat.S_ISREG(facts.st_mode):
                    digest = f"sha256:{path.parent.name}{path.name}"
                    yield Kept(digest, facts.st_size, facts.st_mtime)

    def remove(self, digest: str, before: float) -> bool:
        """Remove bytes unless they were put, also again, after ``before``; tell whether they were.

        The file is renamed before the last look at its time, so that nobody finds it there who
        comes later.

        Raises:
            StoreError: they cannot be removed.
        """
        path = self.path_of(digest)
        doomed = path.with_name(f"{_DOOMED}{path.name}")
        try:
            if path.lstat().st_mtime > before:
                return False
            path.rename(doomed)
            if doomed.stat().st_mtime > before:
                doomed.rename(path)
                return False
            doomed.unlink()
        except FileNotFoundError:
            return False  # somebody else was faster
        except OSError as error:
            raise StoreError(f"cannot remove {path}: {error.strerror or error}") from error
        return True

    def _blobs(self) -> Iterator[Path]:
        """Yield the files of blobs, none behind a link; what a collection that was killed had taken
        away is put back first.
        """
        for folder in sorted(self.root.glob("[0-9a-f][0-9a-f]")):
            if folder.is_symlink():
                continue
            for doomed in folder.glob(f"{_DOOMED}*"):
                original = doomed.with_name(doomed.name.removeprefix(_DOOMED))
                if original.exists():
                    doomed.unlink(missing_ok=True)
                else:
                    with suppress(FileNotFoundError):  # another collection was faster
                        doomed.rename(original)
            yield from sorted(
                path for path in folder.iterdir() if re.fullmatch(r"[0-9a-f]{62}", path.name)
            )

    def __contains__(self, digest: str) -> bool:
        return _DIGEST.fullmatch(digest) is not None and os.path.isfile(self._place(digest))  # noqa: PTH113 - spares a Path

    def _move(self, source: Path, digest: str | None) -> tuple[str, int] | None:
        """Rename the file to its place; None where that is on another file system."""
        with self._spoken_errors(source):
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
        """Open a file in ``folder`` under a name that nobody else uses; it is gone afterwards
        unless it was renamed.
        """
        with self._spoken_errors(folder):
            make_folder(folder)
            temporary = folder / f".{new_id()}"
            try:
                with os.fdopen(create_file(temporary), "wb") as file:
                    yield temporary, file
            finally:
                temporary.unlink(missing_ok=True)

    @contextmanager
    def _spoken_errors(self, path: Path) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            advice = f": {self._advice}" if error.errno in _FULL else ""
            raise StoreError(
                f"cannot keep bytes of or below {path}: {error.strerror or error}{advice}"
            ) from error


def _copy(source: Source, target: BinaryIO) -> tuple[str, int]:
    total, size = hashlib.sha256(), 0
    while piece := source.read(_PIECE):
        total.update(piece)
        size += target.write(piece)
    return _spoken(total), size


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
    """Return whether the blob is there in full length; a torn one, left by a full disk of old, is
    written anew.

    One that is there gets a new time now and then, by which it is seen that somebody needs it (see
    :meth:`Staging.remove`).
    """
    try:
        facts = os.stat(target)  # noqa: PTH116 - spares a Path
        if facts.st_size != size:
            return False
        if time.time() - facts.st_mtime > _TOUCH_SECONDS:
            os.utime(target)
    except OSError:
        return False
    return True


def _spoken(total: hashlib._Hash) -> str:
    return f"sha256:{total.hexdigest()}"

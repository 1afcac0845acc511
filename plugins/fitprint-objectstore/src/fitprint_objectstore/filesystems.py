"""An artifact store in any file system that fsspec opens, ``fsspec+sftp://host/path`` and its like:
the bytes of ``sha256:abcdef…`` are the file ``ab/cdef…`` below the URL.
"""

from __future__ import annotations

import hashlib
import io
import os
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar
from uuid import uuid4

from fitprint.artifacts.protocol import ArtifactStore, Source
from fitprint.errors import ArtifactNotFoundError, IntegrityError, StoreError
from fitprint.stores.addresses import hidden, public
from fitprint_objectstore.keys import key_of
from fitprint_objectstore.positions import Positioned

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["PREFIX", "FsspecArtifacts"]

PREFIX = "fsspec+"

_T = TypeVar("_T")
_PIECE, _RANGE = 1 << 20, 4 << 20  # bytes that are written, and read, at once
_SILENCE = 120.0  # seconds for one call: to connect, to ask, or for a piece of bytes
_DRAFTS = "partial"  # a folder of files that are being written, whose names begin with the time
_OLD = 7 * 86400  # seconds after which nobody writes a draft any more


class FsspecArtifacts(ArtifactStore):
    """Files by digest, written beside and renamed, for no file system of fsspec's has a condition
    for "if it is not there"; two who write the same file write the same bytes.

    Nothing is freed here: file systems tell no common time.

    Raises:
        StoreError: the URL names no file system, fsspec is not installed, or does not know this
            one, or lacks its package.
    """

    def __init__(self, uri: str) -> None:
        self.uri = public(uri)
        self._whole = uri
        self._inner = uri.removeprefix(PREFIX)
        self._own = threading.local()  # a connection is one thread's
        self._is_swept = False
        _known(self._inner, self.uri)

    def put(self, digest: str, source: Source, size: int) -> None:
        name = key_of(digest)
        there = self._size_of(name)
        if there == size:
            return
        self._sweep()
        draft = f"{_DRAFTS}/{int(time.time())}-{uuid4().hex}"
        try:
            self._write(draft, digest, source)
            if there is not None:  # cut off, by a file system that copies where others rename
                self._do(lambda files, path: files.rm_file(path(name)))
            self._place(draft, name, size)
        except BaseException:
            with suppress(StoreError, ArtifactNotFoundError):
                self._do(lambda files, path: files.rm_file(path(draft)))
            raise

    def open(self, digest: str) -> BinaryIO:
        name = key_of(digest)
        size = self._size_of(name)
        if size is None:
            raise ArtifactNotFoundError(f"the bytes of {digest} are not in {self.uri}")

        def read(start: int, end: int) -> bytes:
            return self._do(lambda files, path: bytes(files.cat_file(path(name), start, end)))

        return io.BufferedReader(_Reading(read, size), min(size, _RANGE) or 1)

    def __contains__(self, digest: str) -> bool:
        try:
            return self._size_of(key_of(digest)) is not None
        except ArtifactNotFoundError:  # it is no digest
            return False

    def close(self) -> None:
        connection = self._own.__dict__.pop("connection", None)
        if connection is not None:
            connection.end()

    def _size_of(self, name: str) -> int | None:
        def size(files: Any, path: Callable[[str], str]) -> int:
            files.invalidate_cache()  # some remember what they have listed
            return int(files.info(path(name))["size"])

        try:
            return self._do(size)
        except ArtifactNotFoundError:
            return None

    def _write(self, draft: str, digest: str, source: Source) -> None:
        """Write a file of which nobody knows yet.

        Raises:
            IntegrityError: the source gave other bytes than those of the digest.
            StoreError: the file system does not take them.
        """
        total = hashlib.sha256()
        self._do(lambda files, path: _make_folder(files, path(_DRAFTS)))
        file = self._do(lambda files, path: files.open(path(draft), "wb"))
        try:
            while piece := source.read(_PIECE):
                total.update(piece)
                self._do(lambda *_, piece=piece: file.write(piece))
        finally:
            self._do(lambda *_: file.close())
        if f"sha256:{total.hexdigest()}" != digest:
            raise IntegrityError(f"the bytes that were to be kept as {digest} are others")

    def _place(self, draft: str, name: str, size: int) -> None:
        folder = name.partition("/")[0]
        self._do(lambda files, path: _make_folder(files, path(folder)))
        try:
            self._do(lambda files, path: files.mv(path(draft), path(name)))
        except (StoreError, ArtifactNotFoundError):
            if self._size_of(name) != size:  # nobody else was faster
                raise

    def _sweep(self) -> None:
        """Remove what processes that were killed have left."""
        if self._is_swept:
            return
        self._is_swept = True
        try:
            drafts = self._do(lambda files, path: files.ls(path(_DRAFTS), detail=False))
        except ArtifactNotFoundError:
            return
        for draft in drafts:
            name = str(draft).rpartition("/")[2]
            begun = name.partition("-")[0]
            if begun.isdecimal() and int(begun) < time.time() - _OLD:
                with suppress(ArtifactNotFoundError):
                    self._do(
                        lambda files, path, name=name: files.rm_file(path(f"{_DRAFTS}/{name}"))
                    )

    def _do(self, work: Callable[..., _T]) -> _T:
        """Return what ``work(file system, function from a name to its path)`` returns.

        Raises:
            ArtifactNotFoundError: there is no such file.
            StoreError: anything else, also that it takes too long.
        """
        connection = getattr(self._own, "connection", None)
        if connection is None or connection.process != os.getpid():
            connection = self._own.connection = _Connection(self._inner)
        try:
            done: _T = connection.do(work)
        except FileNotFoundError as error:
            raise ArtifactNotFoundError(f"there is no such file in {self.uri}") from error
        except Exception as error:
            self.close()  # the next one connects anew
            reason = hidden(hidden(_reason(error), self._whole), self._inner)
            raise StoreError(
                f"the artifact store {self.uri} cannot be reached, or refuses ({reason}): look at "
                "the URL, the network, and the options of fsspec"
            ) from error
        return done


class _Connection:
    """A file system of fsspec's, and a thread on which it works: who wants something waits for it a
    while, and not for ever. What is stuck there is left behind.

    Where the interpreter ends no thread can begin; there the caller works himself.
    """

    def __init__(self, inner: str) -> None:
        self.process = os.getpid()
        self._inner = inner
        self._files: Any = None
        self._folder = ""
        self._wanted: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._has_thread = True
        try:
            threading.Thread(target=_serve, args=(self._wanted,), daemon=True).start()
        except RuntimeError:
            self._has_thread = False
        self.end = weakref.finalize(self, self._wanted.put, None)

    def do(self, work: Callable[..., _T]) -> _T:
        """Return what the work returns, or raise what it raises.

        Raises:
            TimeoutError: there is no end of it.
        """
        if not self._has_thread:
            return self._work(work)
        answers: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()

        def attempt() -> None:
            try:
                answers.put((self._work(work), None))
            except BaseException as error:  # noqa: BLE001 - raised where it is wanted
                answers.put((None, error))

        self._wanted.put(attempt)
        try:
            answer, error = answers.get(timeout=_SILENCE)
        except Empty:
            raise TimeoutError(f"no answer within {_SILENCE:g} s") from None
        try:
            if error is not None:
                raise error
        finally:
            del error  # its traceback leads to this frame
        done: _T = answer
        return done

    def _work(self, work: Callable[..., _T]) -> _T:
        if self._files is None:
            from fsspec.core import url_to_fs

            # one of our own: those that fsspec remembers stay broken where a line has broken
            self._files, self._folder = url_to_fs(self._inner, skip_instance_cache=True)
        return work(self._files, self._path)

    def _path(self, name: str) -> str:
        return f"{self._folder.rstrip('/')}/{name}"


def _serve(wanted: SimpleQueue[Callable[[], None] | None]) -> None:
    while (work := wanted.get()) is not None:
        work()
        del work  # it holds the connection, whose end ends this


class _Reading(Positioned):
    """A file, each piece of which is asked for by itself: some file systems give all readers of a
    file the same open one.
    """

    def __init__(self, read: Callable[[int, int], bytes], size: int) -> None:
        super().__init__(size)
        self._read = read

    def readinto(self, target: WriteableBuffer, /) -> int:
        view = memoryview(target).cast("B")
        end = min(self._position + len(view), self._size)
        if self._position >= end:
            return 0
        piece = self._read(self._position, end)
        view[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)


def _make_folder(files: Any, path: str) -> None:
    try:
        files.makedirs(path, exist_ok=True)
    except Exception:
        if not files.isdir(path):  # else another was faster
            raise


def _known(inner: str, uri: str) -> None:
    """Look for the file system in fsspec; nothing is asked of the network.

    Raises:
        StoreError: it is not there, and what to do.
    """
    scheme, _, rest = inner.partition("://")
    if not scheme or not rest.strip("/") or "::" in inner:
        raise StoreError(
            f"{uri!r} names no folder: write {PREFIX}SCHEME://…/path, with one scheme of fsspec's"
        )
    try:
        from fsspec import get_filesystem_class
        from fsspec.core import url_to_fs  # noqa: F401 - what loads much, and is needed soon
    except RuntimeError as error:  # it prepares threads, for which it is too late
        raise StoreError(
            f"{uri} cannot be opened while the program ends ({_reason(error)})"
        ) from error
    except ImportError:
        raise StoreError(
            f"{uri} needs fsspec: pip install 'fitprint-objectstore[fsspec]'"
        ) from None
    try:
        get_filesystem_class(scheme)
    except ImportError as error:
        raise StoreError(
            f"{uri} needs the package of its file system, which is not installed: {_reason(error)}"
        ) from error
    except ValueError as error:
        raise StoreError(
            f"fsspec knows no file system {scheme}:// ({uri}): install the package that brings it, "
            "or correct the scheme"
        ) from error


def _reason(error: Exception) -> str:
    first = str(error).strip().partition("\n")[0][:200]
    return first or type(error).__name__

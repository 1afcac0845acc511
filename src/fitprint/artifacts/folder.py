"""An artifact store in a folder, ``file:///path``, also on a file system that several machines
share.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote, unquote

from fitprint.access import create_file, make_folder
from fitprint.artifacts.protocol import ArtifactStore, Kept, Source
from fitprint.artifacts.staging import Staging
from fitprint.errors import ArtifactNotFoundError, StoreError

__all__ = ["FolderArtifacts"]

_SCHEME = "file://"
_OWNERS = "owners"  # a folder with an empty file for each store


class FolderArtifacts(ArtifactStore):
    """Files by digest, as in a home's ``blobs``; who can read them says :mod:`fitprint.access`.

    Raises:
        StoreError: the URL names no folder.
    """

    def __init__(self, uri: str) -> None:
        path = unquote(uri.removeprefix(_SCHEME))
        if not uri.startswith(f"{_SCHEME}/") or not path.strip("/") or "\0" in path:
            raise StoreError(f"{uri!r} names no folder: write file:///absolute/path")
        self.uri = uri
        self._root = Path(path)
        self._folder = Staging(self._root, "free space there, and run `fitprint sync` again")
        self._is_swept = False

    def put(self, digest: str, source: Source, size: int) -> None:
        self._check()
        if not self._is_swept:
            self._is_swept = True
            self._folder.sweep()  # what processes that were killed have left
        if self._folder.size_of(digest) != size or not self._folder.touch(digest):
            self._folder.take(digest, source, size)

    def open(self, digest: str) -> BinaryIO:
        try:
            return self._folder.open(digest)
        except ArtifactNotFoundError:
            self._check()
            raise
        except OSError as error:
            raise self._unreachable(error.strerror or str(error)) from error

    def __contains__(self, digest: str) -> bool:
        try:
            there = digest in self._folder
        except OSError as error:
            raise self._unreachable(error.strerror or str(error)) from error
        if not there:
            self._check()
        return there

    def close(self) -> None:
        """There is nothing to release."""

    def clock(self) -> float:
        self._check()
        return self._folder.clock()

    def touch(self, digest: str) -> bool:
        # what is another's, and cannot be touched, is put again
        return self._folder.touch(digest)

    def kept(self) -> Iterator[Kept]:
        self._check()
        return self._folder.kept()

    def remove(self, digest: str, before: float) -> bool:
        return self._folder.remove(digest, before)

    def claim(self, owner: str) -> None:
        self._check()
        mark = self._root / _OWNERS / quote(owner, safe="")
        try:
            if not mark.exists():
                make_folder(mark.parent)
                os.close(create_file(mark))
        except FileExistsError:
            pass
        except OSError as error:
            raise self._unreachable(error.strerror or str(error)) from error

    def owners(self) -> Collection[str]:
        self._check()
        try:
            return [unquote(mark.name) for mark in (self._root / _OWNERS).iterdir()]
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise self._unreachable(error.strerror or str(error)) from error

    def _check(self) -> None:
        """Refuse to take a folder that is not mounted for one that is empty.

        Raises:
            StoreError: not even the folder above is there.
        """
        try:
            reachable = self._root.parent.is_dir()
        except OSError:
            reachable = False
        if not reachable:
            raise self._unreachable(f"there is no folder {self._root.parent}")

    def _unreachable(self, reason: str) -> StoreError:
        return StoreError(
            f"the artifact store {self.uri} cannot be reached ({reason}): is it mounted, and may "
            "you read it?"
        )

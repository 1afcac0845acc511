"""An artifact store in a bucket: the bytes of ``sha256:abcdef…`` are the object ``ab/cdef…`` below
the URL.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import BinaryIO, Protocol

from fitprint.artifacts.protocol import Source
from fitprint.errors import ArtifactNotFoundError, StoreError
from fitprint.stores.addresses import public
from fitprint_objectstore.beside import Beside, is_copy
from fitprint_objectstore.bucket import Bucket

__all__ = ["ObjectArtifacts"]


class _Objects(Protocol):
    def size_of(self, key: str) -> int | None: ...
    def put(self, key: str, digest: str, source: Source, size: int) -> None: ...
    def open(self, key: str) -> BinaryIO: ...


class ObjectArtifacts:
    """Objects by digest below ``s3://bucket/prefix``, ``gs://bucket/prefix`` or ``az://container/prefix``.

    Raises:
        StoreError: the URL cannot be read, or has an option that does not exist.
    """

    def __init__(self, uri: str) -> None:
        self.uri = public(uri)
        self._bucket = Bucket(uri)
        self._beside = Beside(uri)

    def put(self, digest: str, source: Source, size: int) -> None:
        key, objects = _key(digest), self._objects()
        if objects.size_of(key) != size:
            objects.put(key, digest, source, size)

    def open(self, digest: str) -> BinaryIO:
        key = _key(digest)
        try:
            return self._objects().open(key)
        except ArtifactNotFoundError:
            raise ArtifactNotFoundError(f"the bytes of {digest} are not in {self.uri}") from None

    def __contains__(self, digest: str) -> bool:
        try:
            return self._objects().size_of(_key(digest)) is not None
        except ArtifactNotFoundError:  # it is no digest
            return False

    def link(self, digest: str, lasts: timedelta = timedelta(hours=1)) -> str:
        """Return a URL with which anybody can read the bytes for a while.

        Raises:
            ArtifactNotFoundError: nothing is kept under this digest.
            StoreError: the credentials do not allow to sign one, or this process is a forked child.
        """
        if is_copy():
            raise StoreError(
                "a forked child signs no links: do it where the process was forked from, or in a "
                "fresh one"
            )
        if digest not in self:
            raise ArtifactNotFoundError(f"the bytes of {digest} are not in {self.uri}")
        return self._bucket.link(_key(digest), lasts)

    def close(self) -> None:
        """There is nothing to release: connections that are not used close by themselves."""

    def _objects(self) -> _Objects:
        return self._beside if is_copy() else self._bucket


def _key(digest: str) -> str:
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        raise ArtifactNotFoundError(
            f"{digest!r} is not a digest; one looks like sha256: and 64 hexadecimal digits"
        )
    return f"{digest[7:9]}/{digest[9:]}"

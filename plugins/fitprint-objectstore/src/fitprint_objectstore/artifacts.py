"""An artifact store in a bucket: the bytes of ``sha256:abcdef…`` are the object ``ab/cdef…`` below
the URL.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Collection, Iterator
from datetime import timedelta
from typing import BinaryIO, Protocol
from urllib.parse import quote, unquote

from fitprint.artifacts.protocol import ArtifactStore, Kept, Source
from fitprint.errors import ArtifactNotFoundError, StoreError
from fitprint.stores.addresses import public
from fitprint_objectstore.beside import Beside, is_copy
from fitprint_objectstore.bucket import Bucket
from fitprint_objectstore.keys import key_of

__all__ = ["ObjectArtifacts"]

_KEY = re.compile(r"[0-9a-f]{2}/[0-9a-f]{62}")
# objects without bytes: when others were touched, by their keys; whose the prefix is; what time it
# is there
_TOUCHED, _OWNERS, _CLOCK = "touched/", "owners/", "clock"
_NOTHING = f"sha256:{hashlib.sha256().hexdigest()}"


class _Objects(Protocol):
    def size_of(self, key: str) -> int | None: ...
    def put(self, key: str, digest: str, source: Source, size: int) -> None: ...
    def open(self, key: str) -> BinaryIO: ...


class ObjectArtifacts(ArtifactStore):
    """Objects by digest below ``s3://bucket/prefix``, ``gs://bucket/prefix`` or ``az://container/prefix``.

    Raises:
        StoreError: the URL cannot be read, or has an option that does not exist.
    """

    def __init__(self, uri: str) -> None:
        self.uri = public(uri)
        if not uri.startswith("az:"):  # Azure forgets them after a week
            self.remark = (
                "the parts of uploads that were killed cannot be seen from here: let a lifecycle "
                "rule of the bucket abort incomplete multipart uploads"
            )
        self._bucket = Bucket(uri)
        self._beside = Beside(uri)

    def put(self, digest: str, source: Source, size: int) -> None:
        key, objects = key_of(digest), self._objects()
        if objects.size_of(key) != size or not self.touch(digest):
            objects.put(key, digest, source, size)

    def open(self, digest: str) -> BinaryIO:
        key = key_of(digest)
        try:
            return self._objects().open(key)
        except ArtifactNotFoundError:
            raise ArtifactNotFoundError(f"the bytes of {digest} are not in {self.uri}") from None

    def __contains__(self, digest: str) -> bool:
        try:
            return self._objects().size_of(key_of(digest)) is not None
        except ArtifactNotFoundError:  # it is no digest
            return False

    def link(self, digest: str, lasts: timedelta = timedelta(hours=1)) -> str:
        """Return a URL with which anybody can read the bytes for a while.

        Raises:
            ArtifactNotFoundError: nothing is kept under this digest.
            StoreError: the credentials do not allow to sign one, or this process is a forked child.
        """
        bucket = self._whole("signs no links")
        if digest not in self:
            raise ArtifactNotFoundError(f"the bytes of {digest} are not in {self.uri}")
        return bucket.link(key_of(digest), lasts)

    def clock(self) -> float:
        bucket = self._whole("frees nothing")
        self._mark(_CLOCK)
        found = bucket.time_of(_CLOCK)
        if found is None:
            raise StoreError(f"{self.uri} does not keep what was written a moment ago")
        return found

    def touch(self, digest: str) -> bool:
        # an object's own time is new only where it is written whole again
        if digest not in self:
            return False
        self._mark(_TOUCHED + key_of(digest))
        return digest in self  # it may have been removed before the mark was there

    def kept(self) -> Iterator[Kept]:
        bucket = self._whole("frees nothing")
        touched = {each.key: each.time for each in bucket.listed(_TOUCHED)}
        for each in bucket.listed():
            if _KEY.fullmatch(each.key):
                time = max(each.time, touched.get(_TOUCHED + each.key, 0.0))
                yield Kept(f"sha256:{each.key.replace('/', '')}", each.size, time)

    def remove(self, digest: str, before: float) -> bool:
        bucket, key = self._whole("frees nothing"), key_of(digest)
        mark = bucket.time_of(_TOUCHED + key)
        put = bucket.time_of(key)
        if put is None or max(put, mark or 0.0) > before or not bucket.remove(key):
            return False
        if mark is not None:
            bucket.remove(_TOUCHED + key)
        return True

    def claim(self, owner: str) -> None:
        key = _OWNERS + quote(owner, safe="")
        if self._objects().size_of(key) is None:
            self._mark(key)

    def owners(self) -> Collection[str]:
        found = self._whole("frees nothing").listed(_OWNERS)
        return [unquote(each.key.removeprefix(_OWNERS)) for each in found]

    def close(self) -> None:
        """There is nothing to release: connections that are not used close by themselves."""

    def _mark(self, key: str) -> None:
        self._objects().put(key, _NOTHING, io.BytesIO(), 0)

    def _whole(self, cannot: str) -> Bucket:
        """Return what does more than to read and write.

        Raises:
            StoreError: this process is a forked child.
        """
        if is_copy():
            raise StoreError(
                f"a forked child {cannot}: do it where the process was forked from, or in a "
                "fresh one"
            )
        return self._bucket

    def _objects(self) -> _Objects:
        return self._beside if is_copy() else self._bucket

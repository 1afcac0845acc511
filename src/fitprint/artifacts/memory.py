"""An artifact store in the memory of this process, ``memory://NAME``."""

from __future__ import annotations

import hashlib
import io
import threading
import time
from collections.abc import Collection, Iterator
from typing import BinaryIO

from fitprint.artifacts.protocol import ArtifactStore, Kept, Source
from fitprint.errors import ArtifactNotFoundError, IntegrityError

__all__ = ["MemoryArtifacts", "shared"]

_PIECE = 1 << 20
_shared: dict[str, MemoryArtifacts] = {}
_lock = threading.Lock()


def shared(uri: str) -> MemoryArtifacts:
    """Return the one artifact store of this process for the URL ``memory://NAME``."""
    with _lock:
        if uri not in _shared:
            _shared[uri] = MemoryArtifacts(uri)
        return _shared[uri]


class MemoryArtifacts(ArtifactStore):
    """Bytes by digest that last as long as the object."""

    def __init__(self, uri: str = "memory://") -> None:
        self.uri = uri
        self._kept: dict[str, bytes] = {}
        self._touched: dict[str, float] = {}
        self._owners: set[str] = set()
        self._lock = threading.Lock()

    # it is that of the bytes
    def put(self, digest: str, source: Source, size: int) -> None:  # noqa: ARG002
        if self.touch(digest):
            return
        data = b"".join(iter(lambda: source.read(_PIECE), b""))
        if f"sha256:{hashlib.sha256(data).hexdigest()}" != digest:
            raise IntegrityError(f"the bytes that were to be kept as {digest} are others")
        with self._lock:
            self._kept[digest], self._touched[digest] = data, time.time()

    def open(self, digest: str) -> BinaryIO:
        try:
            return io.BytesIO(self._kept[digest])
        except KeyError:
            raise ArtifactNotFoundError(f"the bytes of {digest} are not in {self.uri}") from None

    def __contains__(self, digest: str) -> bool:
        return digest in self._kept

    def clock(self) -> float:
        return time.time()

    def touch(self, digest: str) -> bool:
        with self._lock:
            if digest in self._kept:
                self._touched[digest] = time.time()
            return digest in self._kept

    def kept(self) -> Iterator[Kept]:
        with self._lock:
            found = [
                Kept(digest, len(data), self._touched[digest])
                for digest, data in self._kept.items()
            ]
        return iter(found)

    def remove(self, digest: str, before: float) -> bool:
        with self._lock:
            if self._touched.get(digest, before + 1) > before:
                return False
            del self._kept[digest], self._touched[digest]
            return True

    def claim(self, owner: str) -> None:
        self._owners.add(owner)

    def owners(self) -> Collection[str]:
        return tuple(self._owners)

    def close(self) -> None:
        """Keep everything."""

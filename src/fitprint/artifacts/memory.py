"""An artifact store in the memory of this process, ``memory://NAME``."""

from __future__ import annotations

import hashlib
import io
import threading
from typing import BinaryIO

from fitprint.artifacts.protocol import Source
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


class MemoryArtifacts:
    """Bytes by digest that last as long as the object."""

    def __init__(self, uri: str = "memory://") -> None:
        self.uri = uri
        self._kept: dict[str, bytes] = {}

    # it is that of the bytes
    def put(self, digest: str, source: Source, size: int) -> None:  # noqa: ARG002
        if digest in self._kept:
            return
        data = b"".join(iter(lambda: source.read(_PIECE), b""))
        if f"sha256:{hashlib.sha256(data).hexdigest()}" != digest:
            raise IntegrityError(f"the bytes that were to be kept as {digest} are others")
        self._kept[digest] = data

    def open(self, digest: str) -> BinaryIO:
        try:
            return io.BytesIO(self._kept[digest])
        except KeyError:
            raise ArtifactNotFoundError(f"the bytes of {digest} are not in {self.uri}") from None

    def __contains__(self, digest: str) -> bool:
        return digest in self._kept

    def close(self) -> None:
        """Keep everything."""

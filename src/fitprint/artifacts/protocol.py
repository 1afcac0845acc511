"""What an artifact store is: bytes by digest."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Protocol

__all__ = ["ArtifactStore"]


class ArtifactStore(Protocol):
    """Content-addressed bytes. A digest is ``sha256:`` and 64 hexadecimal digits. Safe from threads and processes."""

    uri: str

    def put_bytes(self, *pieces: bytes) -> str:
        """Keep the bytes, given in one or more pieces, and return their digest; bytes that are there already are not written again."""

    def put_file(self, path: Path) -> tuple[str, int]:
        """Keep a copy of the file, and return its digest and its size in bytes."""

    def open(self, digest: str) -> BinaryIO:
        """Open the bytes for reading.

        Raises:
            ArtifactNotFoundError: nothing is kept under this digest.
        """

    def read(self, digest: str) -> bytes:
        """Return the bytes, checked against the digest.

        Raises:
            ArtifactNotFoundError: nothing is kept under this digest.
            IntegrityError: the bytes have changed since they were kept.
        """

    def __contains__(self, digest: str) -> bool: ...

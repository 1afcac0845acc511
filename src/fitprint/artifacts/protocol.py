"""What an artifact store is: bytes by digest, where every reader of a backend store
can get them.
"""

from __future__ import annotations

from typing import BinaryIO, Protocol

__all__ = ["ArtifactStore", "Source"]


class Source(Protocol):
    """Where bytes are read from, in pieces. A read may raise; then nothing is to be kept."""

    def read(self, size: int, /) -> bytes:
        """Return at most ``size`` bytes, b"" at the end."""


class ArtifactStore(Protocol):
    """Content-addressed bytes.

    A digest is ``sha256:`` and 64 hexadecimal digits. Safe from threads and processes.

    It is never called on a training thread. Only bytes come here that a run has recorded: they lie
    in the home of who recorded them until then, and longer.

    Attributes:
        uri: the URL that it was opened with, without a password: it is shown.
    """

    uri: str

    def put(self, digest: str, source: Source, size: int) -> None:
        """Keep the bytes that the source gives, ``size`` in number, under their digest.

        They appear whole or not at all.

        Bytes that are there already are neither read nor written. Several processes may put the
        same bytes at once. The source is read in pieces, and never held in memory whole.

        Raises:
            ArtifactNotFoundError: ``digest`` is not a digest.
            IntegrityError: the source gave other bytes; nothing is kept.
            StoreError: they cannot be kept, or the store cannot be reached; it will be tried again
                later.
        """

    def open(self, digest: str) -> BinaryIO:
        """Open the bytes for reading. Who reads them compares them with the digest.

        Raises:
            ArtifactNotFoundError: nothing is kept under this digest.
            StoreError: the store cannot be reached.
        """

    def __contains__(self, digest: str) -> bool:
        """Tell whether bytes are kept under this digest; nothing else than a digest is there.

        Raises:
            StoreError: the store cannot be reached.
        """

    def close(self) -> None:
        """Release everything; closing twice is fine."""

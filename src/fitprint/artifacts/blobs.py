"""The one way to read the bytes of artifacts: in the home first, then where all bring them who use
the store.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO, Protocol

from fitprint.errors import IntegrityError

if TYPE_CHECKING:
    from fitprint.artifacts.staging import Staging

__all__ = ["Blobs"]


class _Elsewhere(Protocol):
    def open(self, digest: str) -> BinaryIO: ...


class Blobs:
    """Bytes by digest, wherever they are.

    Args:
        staging: where those lie that were recorded here.
        elsewhere: returns what opens others; None if there are no others.
    """

    def __init__(self, staging: Staging, elsewhere: Callable[[], _Elsewhere | None]) -> None:
        self._staging = staging
        self._elsewhere = elsewhere

    def open(self, digest: str) -> BinaryIO:
        """Open the bytes for reading, unchecked.

        Raises:
            PendingBytesError: they are in the home where they were recorded, which the message
                names.
            ArtifactNotFoundError: ``digest`` is not a digest, nothing is kept under it, or the
                bytes are lost.
            StoreError: the artifact store cannot be reached.
        """
        if self._staging.size_of(digest) is None:
            self._staging.path_of(digest)  # refuses what is no digest
            elsewhere = self._elsewhere()
            if elsewhere is not None:
                return elsewhere.open(digest)
        return self._staging.open(digest)

    def read(self, digest: str) -> bytes:
        """Return the bytes, checked against the digest.

        Raises:
            IntegrityError: the bytes have changed since they were recorded.
            ArtifactNotFoundError, StoreError: as for :meth:`open`.
        """
        with self.open(digest) as file:
            data = file.read()
        if f"sha256:{hashlib.sha256(data).hexdigest()}" != digest:
            raise self.change(digest)
        return data

    def change(self, digest: str) -> IntegrityError:
        """Return the error for bytes that do not match their digest."""
        where = (
            self._staging.path_of(digest)
            if digest in self._staging
            else f"{digest}, in the artifact store,"
        )
        return IntegrityError(
            f"{where} has changed since it was written: its bytes do not match its name"
        )

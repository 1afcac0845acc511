"""What an artifact store is: bytes by digest, where every reader of a backend store
can get them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator
from typing import BinaryIO, NamedTuple, Protocol

__all__ = ["ArtifactStore", "Kept", "Source"]


class Source(Protocol):
    """Where bytes are read from, in pieces. A read may raise; then nothing is to be kept."""

    def read(self, size: int, /) -> bytes:
        """Return at most ``size`` bytes, b"" at the end."""


class Kept(NamedTuple):
    """Bytes that an artifact store keeps.

    Attributes:
        digest: of the bytes.
        size: their number.
        touched: when they were put, put again or touched last, in seconds since the epoch, by the
            clock of the place.
    """

    digest: str
    size: int
    touched: float


class ArtifactStore(ABC):
    """Content-addressed bytes; a plugin's derives from this class, and defines all that has no
    default here.

    A digest is ``sha256:`` and 64 hexadecimal digits. Safe from threads and processes.

    It is never called on a training thread. Only bytes come here that a run has recorded: they lie
    in the home of who recorded them until then, and longer.

    Attributes:
        uri: the URL that it was opened with, without a password: it is shown.
        remark: what must be seen to at the place and cannot be seen from here, as `fitprint doctor`
            says it; "" for nothing.
    """

    uri: str
    remark: str = ""

    @abstractmethod
    def put(self, digest: str, source: Source, size: int) -> None:
        """Keep the bytes that the source gives, ``size`` in number, under their digest.

        They appear whole or not at all.

        Bytes that are there already are neither read nor written, and are touched. Several
        processes may put the same bytes at once. The source is read in pieces, and never held in
        memory whole.

        Raises:
            ArtifactNotFoundError: ``digest`` is not a digest.
            IntegrityError: the source gave other bytes; nothing is kept.
            StoreError: they cannot be kept, or the store cannot be reached; it will be tried again
                later.
        """

    @abstractmethod
    def open(self, digest: str) -> BinaryIO:
        """Open the bytes for reading. Who reads them compares them with the digest.

        Raises:
            ArtifactNotFoundError: nothing is kept under this digest.
            StoreError: the store cannot be reached.
        """

    @abstractmethod
    def __contains__(self, digest: str) -> bool:
        """Tell whether bytes are kept under this digest; nothing else than a digest is there.

        Raises:
            StoreError: the store cannot be reached.
        """

    @abstractmethod
    def close(self) -> None:
        """Release everything; closing twice is fine."""

    def link(self, digest: str) -> str:  # noqa: ARG002 - the default
        """Return a URL with which anybody can read the bytes for an hour or so; "", the default,
        where there are no such links.

        Raises:
            ArtifactNotFoundError: nothing is kept under this digest.
            StoreError: the credentials do not allow it, or the store cannot be reached.
        """
        return ""

    # -- what frees bytes that nobody needs; without it they stay --

    def clock(self) -> float | None:
        """Return the time of the clock by which :attr:`Kept.touched` is told, which is that of the
        place, not of this machine; None, the default, where nothing can be freed.

        Raises:
            StoreError: the place cannot be reached, or does not tell.
        """
        return None

    def touch(self, digest: str) -> bool:
        """Tell whether bytes are kept under this digest, and let them count as put just now.

        Raises:
            StoreError: the store cannot be reached.
        """
        return digest in self

    def kept(self) -> Iterator[Kept]:
        """Yield all bytes that are kept, in any order; other things that lie there are passed over.

        Raises:
            StoreError: the store cannot be reached.
        """
        return iter(())

    def remove(self, digest: str, before: float) -> bool:  # noqa: ARG002 - the default
        """Remove bytes unless they were touched after ``before``, which is asked last of all; tell
        whether they were removed. It is called from several threads.

        Raises:
            StoreError: they cannot be removed, or the store cannot be reached.
        """
        return False

    def claim(self, owner: str) -> None:  # noqa: B027 - without it nothing is freed
        """Note that the backend store with this id keeps bytes here, if that is not known; called
        by who is about to put some.

        Raises:
            StoreError: the store cannot be reached.
        """

    def owners(self) -> Collection[str]:
        """Return the ids of all backend stores that have claimed.

        Raises:
            StoreError: the store cannot be reached.
        """
        return ()

"""What is done with the objects of a bucket."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from datetime import timedelta
from itertools import chain
from typing import BinaryIO, NamedTuple

import obstore

from fitprint.artifacts.protocol import Source
from fitprint.errors import IntegrityError
from fitprint.stores.addresses import public
from fitprint_objectstore.connecting import connected
from fitprint_objectstore.failures import is_refusal, spoken_errors
from fitprint_objectstore.ranges import Ranges

__all__ = ["Bucket", "Listed"]

_PIECE = 1 << 20
# bytes, the least that S3 takes: an object that is not larger is sent by one request
_PART = 5 << 20
_MOST_PARTS = 10_000  # of an object, as S3 has it
_IN_FLIGHT = 20 << 20  # bytes of parts that are sent at once; so much memory is used


class Listed(NamedTuple):
    """An object: key, size in bytes, and when it was written, by the server's clock."""

    key: str
    size: int
    time: float


class Bucket:
    """Objects by key below a URL; safe from threads.

    Raises:
        StoreError: the URL cannot be read, or has an option that does not exist.
    """

    def __init__(self, uri: str) -> None:
        self._uri = public(uri)
        self._reading, self._writing = connected(uri)
        self._was_seen = False  # whether the bucket is known to exist

    def size_of(self, key: str) -> int | None:
        """Return the size of an object; None if there is none.

        Raises:
            StoreError: the bucket does not exist, or cannot be reached.
        """
        with spoken_errors(self._uri):
            size: int | None
            try:
                size = obstore.head(self._reading, key)["size"]
            except FileNotFoundError:
                size = None
            except obstore.exceptions.BaseError as error:
                if is_refusal(error):
                    self._look(key)
                raise
        if size is None and not self._was_seen:
            self._look(key)
        self._was_seen = True
        return size

    def _look(self, key: str) -> None:
        """Ask once more, with GET: the answer to HEAD has no text that says what is wrong, or that
        there is no bucket at all.
        """
        with spoken_errors(self._uri, missing=None):
            obstore.get(self._reading, key)

    def put(self, key: str, digest: str, source: Source, size: int) -> None:
        """Write an object, which appears whole or not at all: in parts if it is large.

        Raises:
            IntegrityError: the source gave other bytes than those of the digest.
            StoreError: the bucket does not take them.
        """
        pieces = _Checked(source, digest)
        try:
            with spoken_errors(self._uri):
                first = list(pieces.up_to(_PART))
                if pieces.are_all:
                    obstore.put(self._writing, key, b"".join(first), use_multipart=False)
                else:
                    part = max(_PART, -(-size // _MOST_PARTS))
                    most = max(_IN_FLIGHT // part, 1)
                    obstore.put(
                        self._writing,
                        key,
                        chain(first, pieces),
                        use_multipart=True,
                        chunk_size=part,
                        max_concurrency=most,
                    )
        except Exception:
            if pieces.failure is not None:
                raise pieces.failure from None
            raise

    def open(self, key: str) -> BinaryIO:
        """Open an object for reading. Of a large one some bytes are read at a time.

        Raises:
            ArtifactNotFoundError: there is none.
            StoreError: the bucket does not exist, or cannot be reached.
        """
        with spoken_errors(self._uri):
            answer = obstore.get(self._reading, key)
            if answer.meta["size"] <= _PART:
                return io.BytesIO(bytes(answer.bytes()))
            return io.BufferedReader(Ranges(self._reading, key, answer.meta["size"], self._uri))

    def listed(self, below: str | None = None) -> Iterator[Listed]:
        """Yield the objects, all or those whose keys begin so, a page at a time.

        Raises:
            StoreError: the bucket does not exist, or cannot be reached.
        """
        with spoken_errors(self._uri):
            for page in obstore.list(self._reading, below):
                for meta in page:
                    yield Listed(meta["path"], meta["size"], meta["last_modified"].timestamp())

    def time_of(self, key: str) -> float | None:
        """Return when an object was written, by the server's clock; None if there is none.

        Raises:
            StoreError: the bucket cannot be reached.
        """
        written: float | None = None
        with spoken_errors(self._uri, missing=None):
            written = obstore.head(self._reading, key)["last_modified"].timestamp()
        return written  # noqa: RET504 - the block may end early

    def remove(self, key: str) -> bool:
        """Remove an object; tell whether it was there, if the cloud tells.

        Raises:
            StoreError: the bucket cannot be reached, or does not allow it.
        """
        was_there = False
        with spoken_errors(self._uri, missing=None):
            obstore.delete(self._reading, key)
            was_there = True
        return was_there  # noqa: RET504 - the block may end early

    def link(self, key: str, lasts: timedelta) -> str:
        """Return a URL with which anybody can read the object for a while.

        Raises:
            StoreError: the credentials do not allow to sign one.
        """
        with spoken_errors(self._uri):
            signed: str = obstore.sign(self._reading, "GET", key, lasts)
        return signed


class _Checked(Iterator[bytes]):
    """The pieces of a source, the last of which is given only if all are those of the digest.

    Attributes:
        are_all: whether the source has given its last piece.
        failure: what the source raised, or the digest.
    """

    def __init__(self, source: Source, digest: str) -> None:
        self._source = source
        self._digest = digest
        self._total = hashlib.sha256()
        self.are_all = False
        self.failure: BaseException | None = None

    def up_to(self, size: int) -> Iterator[bytes]:
        """Give pieces until there are so many bytes, and one piece more at most."""
        for piece in self:
            yield piece
            size -= len(piece)
            if size < 0:
                break

    def __next__(self) -> bytes:
        try:
            piece = self._source.read(_PIECE)
            self._total.update(piece)
            if not piece:
                self.are_all = True
                if f"sha256:{self._total.hexdigest()}" != self._digest:
                    raise IntegrityError(
                        f"the bytes that were to be kept as {self._digest} are others"
                    )
                raise StopIteration
        except StopIteration:
            raise
        except BaseException as error:
            self.failure = error
            raise
        return piece

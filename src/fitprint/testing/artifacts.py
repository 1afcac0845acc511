"""Conformance of artifact stores: bytes by digest."""

from __future__ import annotations

import hashlib
import io
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from fitprint.artifacts.opening import open_artifact_store
from fitprint.artifacts.protocol import ArtifactStore
from fitprint.errors import ArtifactNotFoundError, IntegrityError, StoreError
from fitprint.hooks.manager import hooks
from fitprint.testing.checks import Conformance, NotApplicable, expect
from fitprint.testing.processes import forked

__all__ = ["ArtifactStoreConformance"]


class ArtifactStoreSubject(Conformance):
    """An artifact store under test, and how it is opened.

    Attributes:
        uri: URL of an artifact store; ``{folder}`` in it is replaced by a new empty folder for each
            check.
        across_processes: whether a process that opens the same URL finds the same bytes.
    """

    uri: str
    across_processes: bool = True

    def open(self, folder: Path) -> ArtifactStore:
        """Open the artifact store of the folder: the same each time.

        Override it for one that no installed plugin registers.
        """
        return open_artifact_store(
            self.uri.format(folder=folder), hooks().registered("register_artifact_stores")
        )

    @contextmanager
    def opened(self, folder: Path) -> Iterator[ArtifactStore]:
        """Open the artifact store of the folder, and close it at the end of the block."""
        store = self.open(folder)
        try:
            yield store
        finally:
            store.close()


def bytes_round_trip(conformance: ArtifactStoreSubject, folder: Path) -> None:
    """Bytes come back as they were, also none at all and also from another object of the same
    artifact store.
    """
    samples = [b"", b"a", bytes(range(256)) * 500, "é🙂\r\n".encode(), b"\0" * 70_000]
    with conformance.opened(folder) as store:
        for data in samples:
            _put(store, data)
            expect(_read(store, _digest(data)) == data, f"{len(data)} bytes came back as others")
            expect(_digest(data) in store, "what was kept is not in the artifact store")
    with conformance.opened(folder) as again:
        expect(
            [_read(again, _digest(data)) for data in samples] == samples,
            "another object of the same artifact store gives other bytes",
        )


def put_is_idempotent(conformance: ArtifactStoreSubject, folder: Path) -> None:
    """Bytes that are there already are neither read nor written again."""
    data = os.urandom(200_000)
    with conformance.opened(folder) as store:
        _put(store, data)
        before = _size(folder)
        store.put(_digest(data), _Unread(), len(data))
        expect(_size(folder) == before, "the same bytes are kept twice")
        expect(_read(store, _digest(data)) == data, "after being put again the bytes are others")


def wrong_bytes_are_refused(conformance: ArtifactStoreSubject, folder: Path) -> None:
    """Bytes that do not match the digest under which they are put are an IntegrityError, and are
    not kept.
    """
    data = b"as it was recorded" * 100
    for what, given in {
        "changed": b"x" + data[1:],
        "cut off": data[:-5],
        "followed by more": data + b"more",
        "nothing": b"",
    }.items():
        with conformance.opened(folder) as store:
            try:
                store.put(_digest(data), io.BytesIO(given), len(data))
            except IntegrityError:
                expect(
                    _digest(data) not in store,
                    f"bytes that were {what} are kept under the digest of others",
                )
                continue
        raise AssertionError(
            f"bytes that were {what} are taken as if they were the ones of the digest"
        )
    with conformance.opened(folder) as store:
        _put(store, data)
        expect(
            _read(store, _digest(data)) == data,
            "after wrong bytes were refused, the right ones are not kept",
        )


def upload_cut_off(conformance: ArtifactStoreSubject, folder: Path) -> None:
    """A source that fails midway makes put() raise and leaves nothing that can be seen; the next
    attempt succeeds.
    """
    data = os.urandom(5 << 20)

    def fail() -> None:
        raise ConnectionResetError("the line is cut")

    with conformance.opened(folder) as store:
        try:
            store.put(_digest(data), _Interrupted(data, fail), len(data))
        except (ConnectionResetError, StoreError):
            pass
        else:
            raise AssertionError("put() returns although its source failed")
        _expect_absent(store, _digest(data))
        _put(store, data)
        expect(
            _read(store, _digest(data)) == data,
            "after an attempt that was cut off the bytes are not kept",
        )


def killed_while_putting(conformance: ArtifactStoreSubject, folder: Path) -> None:
    """A process that dies within put() leaves nothing that can be seen,
    and the next one succeeds.
    """
    _need_processes(conformance)
    data = os.urandom(5 << 20)

    def die() -> None:
        conformance.open(folder).put(
            _digest(data), _Interrupted(data, partial(os._exit, 9)), len(data)
        )

    try:
        forked(die)
    except AssertionError:
        pass
    with conformance.opened(folder) as store:
        _expect_absent(store, _digest(data))
        _put(store, data)
        expect(_read(store, _digest(data)) == data, "after a process died the bytes are not kept")


def seen_by_another_process(conformance: ArtifactStoreSubject, folder: Path) -> None:
    """What put() kept is read by a process that opens the same URL."""
    _need_processes(conformance)
    data = os.urandom(100_000)
    with conformance.opened(folder) as store:
        _put(store, data)
    forked(partial(_see, conformance, folder, data))


def _see(conformance: ArtifactStoreSubject, folder: Path, data: bytes) -> None:
    with conformance.opened(folder) as store:
        expect(_read(store, _digest(data)) == data, "another process does not read what was kept")


def unknown_digest(conformance: ArtifactStoreSubject, folder: Path) -> None:
    """A digest under which nothing is kept is an ArtifactNotFoundError, and is not in the artifact
    store.
    """
    with conformance.opened(folder) as store:
        _expect_absent(store, _digest(b"never put"))
        _put(store, b"something")
        _expect_absent(store, _digest(b"never put"))


def bad_digest_is_refused(conformance: ArtifactStoreSubject, folder: Path) -> None:
    """What is no digest is not found, and nothing is kept under it: no path leads out of the
    artifact store.
    """
    (folder / "secret.txt").write_bytes(b"secret")
    digest = _digest(b"something")
    bad = [
        "",
        "sha256:",
        "../secret.txt",
        "sha256:../secret.txt",
        f"sha256:{'../' * 20}etc/passwd",
        digest[7:],
        digest.upper(),
        f"{digest}0",
    ]
    bad += [
        digest[:-1],
        f"md5:{digest[7:]}",
        f"{digest}\n",
        f"sha256:{'g' * 64}",
        str(folder / "secret.txt"),
    ]
    with conformance.opened(folder) as store:
        _put(store, b"something")
        for name in bad:
            _expect_absent(store, name)
            try:
                store.put(name, io.BytesIO(b"something"), 9)
            except (ArtifactNotFoundError, IntegrityError):
                continue
            raise AssertionError(f"bytes are kept under {name!r}, which is no digest")


def large_file(conformance: ArtifactStoreSubject, folder: Path) -> None:
    """A file of 64 MiB is put and read in pieces, and never held in memory whole."""
    import tracemalloc

    _need_processes(conformance)
    source = folder / "large.bin"
    piece = os.urandom(1 << 20)
    total = hashlib.sha256()
    with source.open("wb") as file:
        for number in range(64):
            block = number.to_bytes(4, "big") + piece[4:]
            total.update(block)
            file.write(block)
    digest = f"sha256:{total.hexdigest()}"
    with conformance.opened(folder) as store:
        tracemalloc.start()
        try:
            with source.open("rb") as file:
                store.put(digest, file, 64 << 20)
            peak = tracemalloc.get_traced_memory()[1] >> 20
        finally:
            tracemalloc.stop()
        expect(peak < 32, f"keeping a file of 64 MiB took {peak} MiB of memory")
        again = hashlib.sha256()
        with store.open(digest) as file:
            while block := file.read(1 << 20):
                again.update(block)
    expect(again.digest() == total.digest(), "a large file is read as another")


def concurrent_puts(conformance: ArtifactStoreSubject, folder: Path) -> None:
    """Threads that put the same and different bytes at once all succeed, and nobody ever reads a
    half.
    """
    _put_while_another_does(conformance, folder)
    _at_once(lambda number: _put_and_read(conformance, folder, number))


def _put_while_another_does(conformance: ArtifactStoreSubject, folder: Path) -> None:
    """Put bytes, and read them, while another thread is in the middle of putting the same."""
    data = bytes(range(256)) * 2000
    source = _Halting(data)
    with conformance.opened(folder) as store, conformance.opened(folder) as other:
        putting = threading.Thread(target=lambda: store.put(_digest(data), source, len(data)))
        putting.start()
        source.half.wait(60)
        try:
            _put(other, data)
            expect(
                _read(other, _digest(data)) == data,
                "bytes that another thread was putting came back as others",
            )
        finally:
            source.go_on.set()
            putting.join()
        expect(
            _read(store, _digest(data)) == data,
            "bytes that were put twice at once came back as others",
        )


def _put_and_read(conformance: ArtifactStoreSubject, folder: Path, number: int) -> None:
    shared = bytes(range(256)) * 2000
    with conformance.opened(folder) as store:
        for turn in range(5):
            for data in (shared + bytes([turn]), f"{number}-{turn}".encode() * 5000):
                _put(store, data)
                expect(
                    _read(store, _digest(data)) == data,
                    "bytes that were put at once came back as others",
                )


def _at_once(work: Callable[[int], None]) -> None:
    errors: list[BaseException] = []
    barrier = threading.Barrier(4)

    def guarded(number: int) -> None:
        try:
            barrier.wait(60)
            work(number)
        except BaseException as error:  # noqa: BLE001 - raised again below
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def kept_bytes_are_listed(conformance: ArtifactStoreSubject, folder: Path) -> None:
    """kept() yields all bytes with their sizes, and nothing else; where nothing can be freed this
    does not apply.
    """
    samples = [b"", b"a", bytes(range(256)) * 500]
    with conformance.opened(folder) as store:
        _need_clock(store)
        store.claim("somebody")
        for data in samples:
            _put(store, data)
        store.touch(_digest(b"a"))
        found = sorted((each.digest, each.size) for each in store.kept())
        expect(
            found == sorted((_digest(data), len(data)) for data in samples),
            f"kept() yields {found}, which is not what was put",
        )


def removed_bytes_are_gone(conformance: ArtifactStoreSubject, folder: Path) -> None:
    """remove() takes bytes away that were not touched since, once; they can be put again."""
    data = b"not needed any more"
    with conformance.opened(folder) as store:
        before = _need_clock(store) + 3600
        _put(store, data)
        store.touch(_digest(data))
        _put(store, b"another")
        expect(store.remove(_digest(data), before), "remove() does not remove")
        _expect_absent(store, _digest(data))
        expect(not store.touch(_digest(data)), "bytes that were removed can be touched")
        _expect_absent(store, _digest(data))
        expect(not store.remove(_digest(data), before), "bytes are removed that are not there")
        expect(_read(store, _digest(b"another")) == b"another", "other bytes are removed, too")
        _put(store, data)
        expect(_read(store, _digest(data)) == data, "bytes that were removed cannot be put again")


def touched_bytes_stay(conformance: ArtifactStoreSubject, folder: Path) -> None:
    """To put bytes that are there already makes their time new, and so does touch(): remove()
    leaves what was touched since.
    """
    data = b"needed again"
    with conformance.opened(folder) as store:
        _need_clock(store)
        _put(store, data)
        for touch in (lambda: _put(store, data), lambda: store.touch(_digest(data))):
            before = _later(store)
            touch()
            (kept,) = store.kept()
            expect(kept.touched > before, "bytes that were touched have the time of before")
            expect(
                not store.remove(_digest(data), before),
                "bytes are removed that were touched a moment ago",
            )
            expect(_read(store, _digest(data)) == data, "bytes that were touched are gone")


def _later(store: ArtifactStore) -> float:
    """Wait until the clock of the place has passed the time of what is kept, and return a time
    between that and what comes now. A clock may tell whole seconds.
    """
    (kept,) = store.kept()
    while (store.clock() or 0.0) <= kept.touched:
        pass
    return kept.touched


def owners_are_known(conformance: ArtifactStoreSubject, folder: Path) -> None:
    """Each backend store that claimed is among the owners, once."""
    with conformance.opened(folder) as store:
        _need_clock(store)
        expect(not store.owners(), "an empty artifact store has owners")
        for owner in ("one", "the other/é", "one"):
            store.claim(owner)
        found = sorted(store.owners())
        expect(found == ["one", "the other/é"], f"two claimed, and the owners are {found}")


def closed_twice(conformance: ArtifactStoreSubject, folder: Path) -> None:
    """Closing twice is fine, and what was kept is there when the URL is opened again."""
    store = conformance.open(folder)
    _put(store, b"kept")
    store.close()
    store.close()
    with conformance.opened(folder) as again:
        expect(
            _digest(b"kept") in again, "what was kept is gone after the artifact store was closed"
        )


def says_its_url(conformance: ArtifactStoreSubject, folder: Path) -> None:
    """It says its URL."""
    with conformance.opened(folder) as store:
        expect("://" in store.uri, f"{store.uri!r} is no URL")


class ArtifactStoreConformance(ArtifactStoreSubject):
    """Check that an artifact store keeps its protocol.

    Attributes:
        uri: URL of an artifact store; ``{folder}`` in it is replaced by a new empty folder for each
            check.
        across_processes: whether a process that opens the same URL finds the same bytes.

    Example:
        >>> class TestBuckets(ArtifactStoreConformance):
        ...     uri = "bucket://{folder}"
    """

    checks = (
        bytes_round_trip,
        put_is_idempotent,
        wrong_bytes_are_refused,
        upload_cut_off,
        killed_while_putting,
        seen_by_another_process,
        unknown_digest,
        bad_digest_is_refused,
        large_file,
        concurrent_puts,
        kept_bytes_are_listed,
        removed_bytes_are_gone,
        touched_bytes_stay,
        owners_are_known,
        closed_twice,
        says_its_url,
    )


class _Halting:
    """Bytes that stop in the middle until they may go on; where puts wait for each other, for a
    while only.
    """

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)
        self.half, self.go_on = threading.Event(), threading.Event()

    def read(self, size: int = -1) -> bytes:
        if self._file.tell():
            self.half.set()
            self.go_on.wait(_HALT_SECONDS)
            return self._file.read(size)
        return self._file.read(1000)


class _Unread:
    """A source that must not be read."""

    def read(self, size: int, /) -> bytes:  # noqa: ARG002 - that of every source
        raise AssertionError("bytes that are there already are read once more")


class _Interrupted:
    """A source that gives half of its bytes, after which something else happens."""

    def __init__(self, data: bytes, then: Callable[[], None]) -> None:
        self._file = io.BytesIO(data[: len(data) // 2])
        self._then = then

    def read(self, size: int, /) -> bytes:
        piece = self._file.read(size)
        if not piece:
            self._then()
        return piece


_HALT_SECONDS = 3.0


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _put(store: ArtifactStore, data: bytes) -> None:
    store.put(_digest(data), io.BytesIO(data), len(data))


def _read(store: ArtifactStore, digest: str) -> bytes:
    with store.open(digest) as file:
        return file.read()


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _expect_absent(store: ArtifactStore, digest: str) -> None:
    expect(
        digest not in store, f"{digest!r}, under which nothing is kept, is in the artifact store"
    )
    try:
        store.open(digest).close()
    except ArtifactNotFoundError:
        return
    raise AssertionError(f"open() takes {digest!r}, under which nothing is kept")


def _need_clock(store: ArtifactStore) -> float:
    now = store.clock()
    if now is None:
        raise NotApplicable("the artifact store frees nothing")
    return now


def _need_processes(conformance: ArtifactStoreSubject) -> None:
    if not conformance.across_processes:
        raise NotApplicable("the artifact store lasts as long as its process")

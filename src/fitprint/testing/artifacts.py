"""Conformance of artifact stores: bytes by digest."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

from fitprint.artifacts.protocol import ArtifactStore
from fitprint.errors import ArtifactNotFoundError, IntegrityError
from fitprint.testing.checks import Conformance, NotApplicable, expect

__all__ = ["ArtifactStoreConformance"]


class ArtifactStoreSubject(Conformance):
    """An artifact store under test, how it is opened, and how its bytes are changed behind its back."""

    def open(self, folder: Path) -> ArtifactStore:
        """Open the store of the folder, which is the check's own: the same store each time."""
        raise NotImplementedError

    def tamper(self, store: ArtifactStore, digest: str, folder: Path, change: Callable[[bytes], bytes]) -> None:  # noqa: ARG002 - for others
        """Change the kept bytes behind the store's back. Override it where they do not lie in plain files of the folder.

        Raises:
            NotApplicable: they are not found.
        """
        for path in folder.rglob("*"):
            if path.is_file() and _digest(path.read_bytes()) == digest:
                data = path.read_bytes()
                path.chmod(0o600)
                path.write_bytes(change(data))
                return
        raise NotApplicable("no file of the folder holds the bytes: override `tamper`")


def bytes_round_trip(conformance: ArtifactStoreSubject, folder: Path) -> None:
    """Bytes come back as they were, under the digest of their content, also none at all and also from another store object."""
    samples = [b"", b"a", bytes(range(256)) * 500, "é🙂\r\n".encode(), b"\0" * 70_000]
    store = conformance.open(folder)
    for data in samples:
        digest = store.put_bytes(data)
        expect(digest == _digest(data), f"the digest of {len(data)} bytes is {digest!r}")
        expect(store.read(digest) == data, f"{len(data)} bytes came back as others")
        with store.open(digest) as file:
            expect(file.read() == data, f"{len(data)} bytes are read from open() as others")
        expect(digest in store, "what was kept is not in the store")
    again = conformance.open(folder)
    expect([again.read(_digest(data)) for data in samples] == samples, "another object of the same store gives other bytes")


def file_round_trip(conformance: ArtifactStoreSubject, folder: Path) -> None:
    """A file is copied with digest and size; what happens to the file afterwards does not matter."""
    source = _folder(folder, "given") / "file.bin"
    data = b"first\nsecond" * 1000
    source.write_bytes(data)
    store = conformance.open(_folder(folder, "store"))
    expect(store.put_file(source) == (_digest(data), len(data)), "put_file() gives another digest or size")
    source.write_bytes(b"changed")
    expect(store.read(_digest(data)) == data, "changing the file afterwards changes what was kept")
    source.unlink()
    expect(store.read(_digest(data)) == data, "removing the file afterwards removes what was kept")


def put_is_idempotent(conformance: ArtifactStoreSubject, folder: Path) -> None:
    """The same bytes put again, as bytes or as a file, have the same digest and are not kept twice."""
    source = _folder(folder, "given") / "file.bin"
    data = os.urandom(200_000)
    source.write_bytes(data)
    kept = _folder(folder, "store")
    store = conformance.open(kept)
    digest = store.put_bytes(data)
    before = _size(kept)
    expect(store.put_bytes(data) == digest and store.put_file(source)[0] == digest, "the same bytes get another digest")
    expect(_size(kept) <= before, "the same bytes are kept twice")
    expect(store.read(digest) == data, "after being put again the bytes are others")


def unknown_digest(conformance: ArtifactStoreSubject, folder: Path) -> None:
    """A digest under which nothing is kept is an ArtifactNotFoundError, and is not in the store."""
    store = conformance.open(folder)
    store.put_bytes(b"something")
    unknown = _digest(b"never put")
    expect(unknown not in store, "what was never put is in the store")
    _expect_not_found(store, unknown)


def bad_digest_is_refused(conformance: ArtifactStoreSubject, folder: Path) -> None:
    """What is no digest is not found: no path leads out of the store, and nothing is found under another spelling."""
    outside = folder / "secret.txt"
    outside.write_bytes(b"secret")
    store = conformance.open(_folder(folder, "store"))
    digest = store.put_bytes(b"something")
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
    bad += [digest[:-1], f"md5:{digest[7:]}", f"{digest}\n", f"sha256:{'g' * 64}", str(outside)]
    for name in bad:
        expect(name not in store, f"{name!r} is in the store")
        _expect_not_found(store, name)


def tampering_is_noticed(conformance: ArtifactStoreSubject, folder: Path) -> None:
    """Bytes that have changed since they were kept are an IntegrityError when they are read: one bit, a lost end, an added one."""
    changes = {
        "one bit": lambda data: data[:-1] + bytes([data[-1] ^ 1]),
        "a lost end": lambda data: data[:-10],
        "an added end": lambda data: data + b"more",
        "nothing left": lambda data: b"",  # noqa: ARG005 - what there was does not matter
    }
    store = conformance.open(folder)
    for number, (what, change) in enumerate(changes.items()):
        digest = store.put_bytes(f"kept {number} ".encode() * 1000)
        conformance.tamper(store, digest, folder, change)
        try:
            store.read(digest)
        except IntegrityError:
            continue
        raise AssertionError(f"changed bytes ({what}) are read as if they were the ones that were kept")


def large_file(conformance: ArtifactStoreSubject, folder: Path) -> None:
    """A file of 64 MiB is kept and read in pieces, and never held in memory whole."""
    import tracemalloc

    source = _folder(folder, "given") / "large.bin"
    piece = os.urandom(1 << 20)
    total = hashlib.sha256()
    with source.open("wb") as file:
        for number in range(64):
            block = number.to_bytes(4, "big") + piece[4:]
            total.update(block)
            file.write(block)
    store = conformance.open(_folder(folder, "store"))
    tracemalloc.start()
    try:
        digest, size = store.put_file(source)
        peak = tracemalloc.get_traced_memory()[1] >> 20
    finally:
        tracemalloc.stop()
    expect((digest, size) == (f"sha256:{total.hexdigest()}", 64 << 20), "a large file gets another digest or size")
    expect(peak < 32, f"keeping a file of 64 MiB took {peak} MiB of memory")
    again = hashlib.sha256()
    with store.open(digest) as file:
        while block := file.read(1 << 20):
            again.update(block)
    expect(again.digest() == total.digest(), "a large file is read as another")


def concurrent_puts(conformance: ArtifactStoreSubject, folder: Path) -> None:
    """Threads that put the same and different bytes at once all succeed, and nobody ever reads a half."""
    shared = os.urandom(300_000)
    errors: list[BaseException] = []
    barrier = threading.Barrier(8)

    def work(number: int) -> None:
        try:
            store = conformance.open(folder)
            barrier.wait(60)
            for turn in range(5):
                own = f"{number}-{turn}".encode() * 5000
                for data in (shared, own):
                    expect(store.read(store.put_bytes(data)) == data, "bytes that threads put at once came back as others")
        except BaseException as error:  # noqa: BLE001 - raised again below
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


class ArtifactStoreConformance(ArtifactStoreSubject):
    """Hold an artifact store against its protocol.

    Example:
        >>> class TestBlobStore(ArtifactStoreConformance):
        ...     def open(self, folder):
        ...         return BlobStore(folder)
    """

    checks = (
        bytes_round_trip,
        file_round_trip,
        put_is_idempotent,
        unknown_digest,
        bad_digest_is_refused,
        tampering_is_noticed,
        large_file,
        concurrent_puts,
    )


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _folder(folder: Path, name: str) -> Path:
    made = folder / name
    made.mkdir()
    return made


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _expect_not_found(store: ArtifactStore, digest: str) -> None:
    for what, read in (("read", store.read), ("open", lambda name: store.open(name).close())):
        try:
            read(digest)
        except ArtifactNotFoundError:
            continue
        raise AssertionError(f"{what}() takes {digest!r}, under which nothing is kept")

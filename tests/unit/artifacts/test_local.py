"""Blobs in a folder."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

import pytest

from fitprint.artifacts.local import BlobStore
from fitprint.artifacts.protocol import ArtifactStore
from fitprint.errors import ArtifactNotFoundError, IntegrityError, StoreError


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "deep" / "blobs")


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def files(blobs: BlobStore) -> list[Path]:
    return sorted(path for path in blobs.root.rglob("*") if path.is_file())


@pytest.mark.parametrize("data", [b"", b"hello", os.urandom(3_000_000)], ids=["empty", "short", "long"])
def test_bytes_come_back(blobs: BlobStore, data: bytes) -> None:
    """Bytes are kept under their digest, below two letters of it."""
    store: ArtifactStore = blobs
    digest = store.put_bytes(data)
    assert digest == digest_of(data)
    assert digest in store
    assert store.read(digest) == data
    with store.open(digest) as file:
        assert file.read() == data
    assert files(blobs) == [blobs.root / digest[7:9] / digest[9:]] == [blobs.path_of(digest)]


@pytest.mark.parametrize("move", [False, True])
def test_files_come_back(blobs: BlobStore, tmp_path: Path, move: bool) -> None:
    """A file's bytes are copied, or the file itself becomes the blob."""
    source = tmp_path / "model.bin"
    source.write_bytes(b"weights" * 500_000)
    digest, size = blobs.put_file(source, move=move)
    assert (digest, size) == (digest_of(b"weights" * 500_000), 3_500_000)
    assert blobs.read(digest) == b"weights" * 500_000
    assert source.exists() is not move
    assert files(blobs) == [blobs.path_of(digest)]


@pytest.mark.parametrize("move", [False, True])
def test_the_same_bytes_are_kept_once(blobs: BlobStore, tmp_path: Path, move: bool) -> None:
    """Bytes that are there are not written again."""
    digest = blobs.put_bytes(b"same")
    before = blobs.path_of(digest).stat().st_ino
    source = tmp_path / "same"
    source.write_bytes(b"same")
    assert blobs.put_file(source, move=move) == (digest, 4)
    assert blobs.put_bytes(b"same") == digest
    assert blobs.path_of(digest).stat().st_ino == before
    assert source.exists() is not move
    assert len(files(blobs)) == 1


def test_blobs_are_private(blobs: BlobStore, tmp_path: Path) -> None:
    """Only the owner can read a blob, however open the original was."""
    source = tmp_path / "open"
    source.write_bytes(b"secret")
    source.chmod(0o644)
    moved, _ = blobs.put_file(source, move=True)
    for digest in (blobs.put_bytes(b"data"), moved):
        assert blobs.path_of(digest).stat().st_mode & 0o777 == 0o600
        assert blobs.path_of(digest).parent.stat().st_mode & 0o777 == 0o700
    assert blobs.root.stat().st_mode & 0o777 == 0o700


def test_changed_bytes_are_noticed(blobs: BlobStore) -> None:
    """Reading checks the digest."""
    digest = blobs.put_bytes(b"original")
    blobs.path_of(digest).write_bytes(b"tampered")
    with pytest.raises(IntegrityError, match="has changed"):
        blobs.read(digest)


def test_a_torn_blob_is_written_anew(blobs: BlobStore, tmp_path: Path) -> None:
    """A blob of the wrong length is replaced when its bytes come again."""
    digest = blobs.put_bytes(b"original")
    source = tmp_path / "source"
    source.write_bytes(b"original")
    for put in (lambda: blobs.put_bytes(b"original"), lambda: blobs.put_file(source), lambda: blobs.put_file(source, move=True)):
        blobs.path_of(digest).write_bytes(b"orig")
        put()
        assert blobs.read(digest) == b"original"


def test_missing_bytes(blobs: BlobStore) -> None:
    """A digest that nobody put is an error that names it."""
    digest = digest_of(b"nothing")
    assert digest not in blobs
    for ask in (blobs.read, blobs.open):
        with pytest.raises(ArtifactNotFoundError, match=digest):
            ask(digest)


@pytest.mark.parametrize(
    "digest",
    [
        "",
        "sha256:",
        "abc",
        "sha256:" + "g" * 64,
        "sha256:../" + "a" * 61,
        "sha256:" + "A" * 64,
        "md5:" + "a" * 64,
        "sha256:" + "a" * 64 + "\n",
    ],
)
def test_what_is_no_digest_leads_nowhere(blobs: BlobStore, digest: str) -> None:
    """Nothing but a digest becomes a path."""
    assert digest not in blobs
    for ask in (blobs.read, blobs.open, blobs.path_of):
        with pytest.raises(ArtifactNotFoundError):
            ask(digest)


@pytest.mark.parametrize("move", [False, True])
def test_a_file_that_cannot_be_read(blobs: BlobStore, tmp_path: Path, move: bool) -> None:
    """A missing source is an error of the store, and leaves nothing behind."""
    with pytest.raises(StoreError, match="No such file"):
        blobs.put_file(tmp_path / "missing", move=move)
    assert not blobs.root.exists() or files(blobs) == []


def test_a_root_that_cannot_be_made(tmp_path: Path) -> None:
    """A root where a file lies is an error that names it."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="file"):
        BlobStore(tmp_path / "file").put_bytes(b"data")


def test_threads_put_the_same_bytes(blobs: BlobStore) -> None:
    """Many writers of one blob leave one blob."""
    data = os.urandom(100_000)
    threads = [threading.Thread(target=blobs.put_bytes, args=(data,)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert files(blobs) == [blobs.path_of(digest_of(data))]
    assert blobs.read(digest_of(data)) == data


@pytest.mark.parametrize("name", [".model-{pid}-abc", ".load-{pid}-abc", ".import-{pid}-abc", ".model-abcd_efg", ".{hex}", "ab/.{hex}"])
def test_fault_9_what_a_killed_process_left_is_swept(tmp_path: Path, name: str) -> None:
    """It goes a day later, with all that is in it; blobs stay."""
    blobs = BlobStore(tmp_path)
    digest = blobs.put_bytes(b"kept")
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    left = tmp_path / name.format(pid=child, hex="0" * 32)
    left.parent.mkdir(exist_ok=True)
    if "-" in name:
        left.mkdir()
        (left / "model.bin").write_bytes(b"half")
    else:
        left.write_bytes(b"half")
    assert [] == blobs.sweep(deep=True)
    os.utime(left, (1, 1))
    assert [left] == blobs.sweep(deep=True)
    assert not left.exists()
    assert b"kept" == blobs.read(digest)


def test_fault_9_what_a_process_is_at_work_on_is_not_swept(tmp_path: Path) -> None:
    """However old: a program may be stopped for days."""
    own = tmp_path / f".model-{os.getpid()}-abc"
    own.mkdir()
    os.utime(own, (1, 1))
    assert [] == BlobStore(tmp_path).sweep(deep=True)
    assert own.is_dir()

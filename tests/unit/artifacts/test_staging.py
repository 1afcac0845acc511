"""Blobs in a folder."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

import pytest

from fitprint.artifacts.staging import Staging
from fitprint.errors import ArtifactNotFoundError, IntegrityError, StoreError


@pytest.fixture
def staging(tmp_path: Path) -> Staging:
    return Staging(tmp_path / "deep" / "blobs")


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def files(staging: Staging) -> list[Path]:
    return sorted(path for path in staging.root.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    "data", [b"", b"hello", os.urandom(3_000_000)], ids=["empty", "short", "long"]
)
def test_bytes_come_back(staging: Staging, data: bytes) -> None:
    """Bytes are kept under their digest, below two letters of it."""
    digest = staging.put_bytes(data)
    assert digest == digest_of(data)
    assert digest in staging
    assert staging.read(digest) == data
    with staging.open(digest) as file:
        assert file.read() == data
    assert files(staging) == [staging.root / digest[7:9] / digest[9:]] == [staging.path_of(digest)]


@pytest.mark.parametrize("move", [False, True])
def test_files_come_back(staging: Staging, tmp_path: Path, move: bool) -> None:
    """A file's bytes are copied, or the file itself becomes the blob."""
    source = tmp_path / "model.bin"
    source.write_bytes(b"weights" * 500_000)
    digest, size = (staging.adopt if move else staging.put_file)(source)
    assert (digest, size) == (digest_of(b"weights" * 500_000), 3_500_000)
    assert staging.read(digest) == b"weights" * 500_000
    assert source.exists() is not move
    assert files(staging) == [staging.path_of(digest)]


@pytest.mark.parametrize("move", [False, True])
def test_the_same_bytes_are_kept_once(staging: Staging, tmp_path: Path, move: bool) -> None:
    """Bytes that are there are not written again."""
    digest = staging.put_bytes(b"same")
    before = staging.path_of(digest).stat().st_ino
    source = tmp_path / "same"
    source.write_bytes(b"same")
    assert (staging.adopt if move else staging.put_file)(source) == (digest, 4)
    assert staging.put_bytes(b"same") == digest
    assert staging.path_of(digest).stat().st_ino == before
    assert source.exists() is not move
    assert len(files(staging)) == 1


def test_staging_are_private(staging: Staging, tmp_path: Path) -> None:
    """Only the owner can read a blob, however open the original was."""
    source = tmp_path / "open"
    source.write_bytes(b"secret")
    source.chmod(0o644)
    moved, _ = staging.adopt(source)
    for digest in (staging.put_bytes(b"data"), moved):
        assert staging.path_of(digest).stat().st_mode & 0o777 == 0o600
        assert staging.path_of(digest).parent.stat().st_mode & 0o777 == 0o700
    assert staging.root.stat().st_mode & 0o777 == 0o700


def test_changed_bytes_are_noticed(staging: Staging) -> None:
    """Reading checks the digest."""
    digest = staging.put_bytes(b"original")
    staging.path_of(digest).write_bytes(b"tampered")
    with pytest.raises(IntegrityError, match="has changed"):
        staging.read(digest)


def test_a_torn_blob_is_written_anew(staging: Staging, tmp_path: Path) -> None:
    """A blob of the wrong length is replaced when its bytes come again."""
    digest = staging.put_bytes(b"original")
    source = tmp_path / "source"
    source.write_bytes(b"original")
    for put in (
        lambda: staging.put_bytes(b"original"),
        lambda: staging.put_file(source),
        lambda: staging.adopt(source),
    ):
        staging.path_of(digest).write_bytes(b"orig")
        put()
        assert staging.read(digest) == b"original"


def test_missing_bytes(staging: Staging) -> None:
    """A digest that nobody put is an error that names it."""
    digest = digest_of(b"nothing")
    assert digest not in staging
    for ask in (staging.read, staging.open):
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
def test_what_is_no_digest_leads_nowhere(staging: Staging, digest: str) -> None:
    """Nothing but a digest becomes a path."""
    assert digest not in staging
    for ask in (staging.read, staging.open, staging.path_of):
        with pytest.raises(ArtifactNotFoundError):
            ask(digest)


@pytest.mark.parametrize("move", [False, True])
def test_a_file_that_cannot_be_read(staging: Staging, tmp_path: Path, move: bool) -> None:
    """A missing source is an error of the store, and leaves nothing behind."""
    with pytest.raises(StoreError, match="No such file"):
        (staging.adopt if move else staging.put_file)(tmp_path / "missing")
    assert not staging.root.exists() or files(staging) == []


def test_a_root_that_cannot_be_made(tmp_path: Path) -> None:
    """A root where a file lies is an error that names it."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="file"):
        Staging(tmp_path / "file").put_bytes(b"data")


def test_threads_put_the_same_bytes(staging: Staging) -> None:
    """Many writers of one blob leave one blob."""
    data = os.urandom(100_000)
    threads = [threading.Thread(target=staging.put_bytes, args=(data,)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert files(staging) == [staging.path_of(digest_of(data))]
    assert staging.read(digest_of(data)) == data


@pytest.mark.parametrize(
    "name",
    [
        ".model-{pid}-abc",
        ".load-{pid}-abc",
        ".import-{pid}-abc",
        ".model-abcd_efg",
        ".{hex}",
        "ab/.{hex}",
    ],
)
def test_fault_9_what_a_killed_process_left_is_swept(tmp_path: Path, name: str) -> None:
    """It goes a day later, with all that is in it; staging stay."""
    staging = Staging(tmp_path)
    digest = staging.put_bytes(b"kept")
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
    assert [] == staging.sweep(deep=True)
    os.utime(left, (1, 1))
    assert [left] == staging.sweep(deep=True)
    assert not left.exists()
    assert b"kept" == staging.read(digest)


def test_fault_9_what_a_process_is_at_work_on_is_not_swept(tmp_path: Path) -> None:
    """However old: a program may be stopped for days."""
    own = tmp_path / f".model-{os.getpid()}-abc"
    own.mkdir()
    os.utime(own, (1, 1))
    assert [] == Staging(tmp_path).sweep(deep=True)
    assert own.is_dir()

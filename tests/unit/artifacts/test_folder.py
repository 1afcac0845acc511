"""Artifacts in a folder that others see, too."""

from __future__ import annotations

import hashlib
import io
import os
import resource
import signal
from pathlib import Path

import pytest

from fitprint.artifacts.folder import FolderArtifacts
from fitprint.errors import StoreError
from fitprint.testing.processes import forked


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def put(store: FolderArtifacts, data: bytes) -> None:
    store.put(digest_of(data), io.BytesIO(data), len(data))


def modes(folder: Path) -> set[int]:
    return {path.stat().st_mode & 0o7777 for path in (folder, *folder.rglob("*"))}


@pytest.mark.parametrize(("mode", "expected"), [(0o755, {0o700, 0o600}), (0o2770, {0o2770, 0o660})])
def test_files_are_as_private_as_the_folder_around(
    tmp_path: Path, mode: int, expected: set[int]
) -> None:
    """Their owner's alone, unless the folder above is made for a group."""
    above = tmp_path / "above"
    above.mkdir()
    above.chmod(mode)
    put(FolderArtifacts(f"file://{above}/bytes"), b"data")
    assert expected == modes(above / "bytes")


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    """What does not fit is an error that says so, and no half of it is seen; what fits is kept
    afterwards.
    """
    store = FolderArtifacts(f"file://{tmp_path}/bytes")

    def fill() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
        with pytest.raises(StoreError, match="free space there"):
            put(store, os.urandom(3 << 20))

    forked(fill)
    assert [] == [path for path in (tmp_path / "bytes").rglob("*") if path.is_file()]
    put(store, b"small")
    assert digest_of(b"small") in store


def test_a_torn_file_is_written_anew(tmp_path: Path) -> None:
    """One of another length, such as a copy that somebody broke off, is replaced when its bytes
    come again.
    """
    store = FolderArtifacts(f"file://{tmp_path}/bytes")
    put(store, b"original")
    (file,) = (path for path in (tmp_path / "bytes").rglob("*") if path.is_file())
    file.write_bytes(b"orig")
    put(store, b"original")
    assert b"original" == file.read_bytes()


def test_what_killed_processes_left_is_swept(tmp_path: Path) -> None:
    """A day later, by the next who puts something."""
    store = FolderArtifacts(f"file://{tmp_path}/bytes")
    left = tmp_path / "bytes" / f".{'0' * 32}"
    left.parent.mkdir()
    left.write_bytes(b"half")
    os.utime(left, (1, 1))
    put(store, b"data")
    assert not left.exists()


def test_a_folder_that_is_not_mounted_is_no_empty_one(tmp_path: Path) -> None:
    """Nothing is made where it would be, and nothing is said to be missing."""
    store = FolderArtifacts(f"file://{tmp_path}/mount/bytes")
    for ask in (
        lambda: put(store, b"data"),
        lambda: store.open(digest_of(b"data")),
        lambda: digest_of(b"data") in store,
    ):
        with pytest.raises(StoreError, match="cannot be reached .* is it mounted"):
            ask()
    assert [] == list(tmp_path.iterdir())

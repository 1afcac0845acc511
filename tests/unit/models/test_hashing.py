import hashlib
import os

import pytest

from fitprint.errors import IntegrityError
from fitprint.models.hashing import Checking, digest_of, write_hashed

SMALL = b"small"
LARGE = os.urandom(5 << 20)


@pytest.mark.parametrize("data", [b"", SMALL, LARGE], ids=["empty", "small", "large"])
def test_digest_while_writing_is_that_of_the_file(tmp_path, data):
    """Also where another thread takes it."""
    digest = write_hashed(tmp_path / "file", memoryview(data))

    assert (f"sha256:{hashlib.sha256(data).hexdigest()}", len(data)) == digest_of(tmp_path / "file")
    assert digest == digest_of(tmp_path / "file")[0]
    assert data == (tmp_path / "file").read_bytes()


@pytest.fixture
def digests(tmp_path):
    return {
        name: write_hashed(tmp_path / name, data)
        for name, data in (("small", SMALL), ("large", LARGE))
    }


def test_files_as_they_were_pass(tmp_path, digests):
    """Small ones at once, large ones in the end."""
    Checking(tmp_path, digests, "model").finish()


def test_small_files_are_checked_at_once(tmp_path, digests):
    """What is read before the large ones are checked is right already."""
    (tmp_path / "small").write_bytes(b"Small")

    with pytest.raises(IntegrityError, match="'model/small' have changed"):
        Checking(tmp_path, digests, "model")


def test_large_files_are_named_in_the_end(tmp_path, digests):
    """By whoever waits for them, as often as it is asked."""
    with (tmp_path / "large").open("r+b") as file:
        file.seek(3 << 20)
        file.write(b"x" if LARGE[3 << 20] != ord("x") else b"y")
    checking = Checking(tmp_path, digests, "model")

    for _ in range(2):
        with pytest.raises(IntegrityError, match="'model/large' have changed"):
            checking.finish()


def test_a_file_that_vanishes_is_told_where_it_is_waited_for(tmp_path, digests):
    """An error of the thread is no silence."""
    checking = Checking(tmp_path, {"large": digests["large"]}, "model")
    checking.finish()
    (tmp_path / "large").unlink()

    with pytest.raises(FileNotFoundError):
        checking._check("large")

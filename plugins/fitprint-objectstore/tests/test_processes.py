"""Processes that are killed, that put the same bytes at once, or that were forked."""

import hashlib
import io
import os
import sys
from functools import partial
from pathlib import Path

import pytest

from fitprint.errors import ArtifactNotFoundError, IntegrityError, StoreError
from fitprint.testing.processes import forked
from fitprint_objectstore.artifacts import ObjectArtifacts

MIB = 1 << 20
DATA = os.urandom(12 * MIB)
DIGEST = f"sha256:{hashlib.sha256(DATA).hexdigest()}"


PUTTING = """
import sys
from fitprint_objectstore.artifacts import ObjectArtifacts

class Source:
    sent = 0

    def read(self, size):
        if self.sent > 9 << 20:
            print("in the middle", flush=True)
            sys.stdin.readline()
        piece = data.read(size)
        self.sent += len(piece)
        return piece

with open("data", "rb") as data:
    ObjectArtifacts(sys.argv[1]).put(sys.argv[2], Source(), 12 << 20)
"""


@pytest.fixture
def putting(tmp_path, store, halting):
    """What starts a process that halts when it has sent the most of an object, until a line
    comes.
    """
    (tmp_path / "data").write_bytes(DATA)
    return partial(halting, PUTTING, store.uri, DIGEST)


def test_a_killed_upload_leaves_nothing_that_counts(putting, store, server, bucket):
    process = putting()
    process.kill()
    process.wait()

    assert DIGEST not in store
    with pytest.raises(ArtifactNotFoundError):
        store.open(DIGEST)
    assert b"<UploadId>" in server.ask(
        f"{bucket}?uploads"
    )  # the part that only a rule of the bucket's removes

    store.put(DIGEST, io.BytesIO(DATA), len(DATA))

    with store.open(DIGEST) as file:
        assert DATA == file.read()


def test_two_processes_put_the_same_bytes(putting, store):
    first, second = putting(), putting()

    answers = [process.communicate("go on\n" * 20, timeout=60) for process in (second, first)]

    assert [0, 0] == [first.returncode, second.returncode], answers
    with store.open(DIGEST) as file:
        assert DATA == file.read()


def test_bytes_that_arrive_meanwhile_are_the_same(putting, store):
    process = putting()
    store.put(DIGEST, io.BytesIO(DATA), len(DATA))

    process.communicate("go on\n" * 20, timeout=60)

    assert 0 == process.returncode
    with store.open(DIGEST) as file:
        assert DATA == file.read()


@pytest.fixture
def used(store):
    """An artifact store that this process has used, so that a forked child cannot."""
    assert DIGEST not in store
    return store


def test_a_forked_child_puts_and_reads(used):
    def work():
        assert DIGEST not in used
        used.put(DIGEST, io.BytesIO(DATA), len(DATA))
        assert DIGEST in used
        with used.open(DIGEST) as file:
            assert DATA[:10] == file.read(10)
        with ObjectArtifacts(used.uri).open(DIGEST) as file:
            assert DATA == file.read()

    forked(work)

    assert DIGEST in used


def test_a_forked_child_is_told_what_goes_wrong(used):
    def work():
        with pytest.raises(ArtifactNotFoundError, match="are not in s3://"):
            used.open(DIGEST)
        with pytest.raises(IntegrityError, match="are others"):
            used.put(DIGEST, io.BytesIO(b"others"), 6)
        with pytest.raises(StoreError, match="there is no bucket at s3://nowhere"):
            ObjectArtifacts("s3://nowhere").put(DIGEST, io.BytesIO(DATA), len(DATA))

    forked(work)

    assert DIGEST not in used


def test_a_source_that_fails_in_a_forked_child_leaves_nothing(used):
    class Source(io.BytesIO):
        def read(self, size=-1):
            if self.tell() >= 9 * MIB:
                raise ConnectionResetError("the line is cut")
            return super().read(size)

    def work():
        with pytest.raises(ConnectionResetError):
            used.put(DIGEST, Source(DATA), len(DATA))

    forked(work)

    assert DIGEST not in used


def test_what_was_opened_before_a_fork_is_opened_again(used):
    used.put(DIGEST, io.BytesIO(DATA), len(DATA))

    def work(file):
        with pytest.raises(StoreError, match="open it again"):
            file.read()

    with used.open(DIGEST) as file:
        forked(lambda: work(file))


def test_a_helper_that_does_not_start_is_told(used, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")

    def work():
        for way in (
            lambda: DIGEST in used,
            lambda: used.open(DIGEST),
            lambda: used.put(DIGEST, io.BytesIO(DATA), len(DATA)),
        ):
            with pytest.raises(StoreError, match="ended with status 1"):
                way()

    forked(work)


def commands():
    """Return what each process was started with."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes())
        except OSError:  # it has ended
            continue
    return b"\n".join(found)


@pytest.mark.skipif(
    not Path("/proc/self/cmdline").exists(), reason="this system shows no processes"
)
def test_the_password_is_in_no_list_of_processes(used, server):
    """A forked child hands it to its helper where other users cannot see it."""
    secret = (
        f"{used.uri}?endpoint={server.endpoint}&access_key_id=testing&secret_access_key=verysecret"
    )

    class Halted:
        seen = None

        def read(self, size):
            if self.seen is None:
                self.seen = b""
                return bytes(size)  # more than a pipe holds: the helper must have begun to read
            self.seen = commands()
            return b""

    def work():
        halted = Halted()
        with pytest.raises(IntegrityError):
            ObjectArtifacts(secret).put(DIGEST, halted, len(DATA))
        assert b"fitprint_objectstore.beside" in halted.seen
        assert b"verysecret" not in halted.seen

    forked(work)

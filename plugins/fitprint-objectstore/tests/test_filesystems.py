"""File systems of fsspec: what the conformance kit does not ask."""

import hashlib
import io
import os
import subprocess
import sys
import threading
import time

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem
from fsspec.registry import _registry

from fitprint.artifacts.opening import open_artifact_store
from fitprint.errors import ArtifactNotFoundError, IntegrityError, StoreError
from fitprint.hooks.manager import hooks
from fitprint_objectstore import filesystems
from fitprint_objectstore.filesystems import FsspecArtifacts

DATA = b"what was recorded" * 1000
DIGEST = f"sha256:{hashlib.sha256(DATA).hexdigest()}"


class Local(LocalFileSystem):
    """Files of this machine, under other schemes, too."""

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.rpartition("://")[2])


def put(store):
    store.put(DIGEST, io.BytesIO(DATA), len(DATA))


def read(store):
    with store.open(DIGEST) as file:
        return file.read()


def files(folder):
    return sorted(str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file())


@pytest.fixture
def registered():
    """Register a file system with fsspec for the time of a test."""
    names = []

    def register(name, cls):
        names.append(name)
        fsspec.register_implementation(name, cls, clobber=True)

    yield register
    for name in names:
        _registry.pop(name)


def test_the_plugin_opens_every_scheme_with_the_prefix(tmp_path):
    store = open_artifact_store(
        f"fsspec+file://{tmp_path}/deep/down", hooks().registered("register_artifact_stores")
    )

    put(store)

    assert [f"{DIGEST[7:9]}/{DIGEST[9:]}"] == files(tmp_path / "deep/down")
    assert store.clock() is None


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("fsspec+nosuch://host/path", "fsspec knows no file system nosuch://"),
        ("fsspec+file://", r"write fsspec\+SCHEME://…/path"),
        ("fsspec+://path", r"write fsspec\+SCHEME://…/path"),
        ("fsspec+zip://a.zip::file:///b", "with one scheme"),
    ],
)
def test_a_url_that_leads_nowhere_says_what_to_write(uri, told):
    with pytest.raises(StoreError, match=told):
        FsspecArtifacts(uri)


def test_the_package_of_a_file_system_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "smbprotocol", None)

    with pytest.raises(StoreError, match=r"which is not installed: .*smbprotocol"):
        FsspecArtifacts("fsspec+smb://bob:secret@host/share")


def test_without_fsspec_it_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec", None)

    with pytest.raises(StoreError, match=r"pip install 'fitprint-objectstore\[fsspec\]'") as caught:
        FsspecArtifacts("fsspec+sftp://bob:secret@host/path")
    assert "secret" not in str(caught.value)


def test_a_file_that_was_cut_off_is_written_again(tmp_path):
    store = FsspecArtifacts(f"fsspec+file://{tmp_path}")
    put(store)
    path = tmp_path / DIGEST[7:9] / DIGEST[9:]
    path.write_bytes(DATA[:100])

    put(store)

    assert DATA == path.read_bytes()


def test_nothing_is_left_of_bytes_that_are_others(tmp_path):
    store = FsspecArtifacts(f"fsspec+file://{tmp_path}")

    with pytest.raises(IntegrityError):
        store.put(DIGEST, io.BytesIO(DATA[1:]), len(DATA))

    assert [] == files(tmp_path)


def test_what_killed_programs_left_goes_after_a_week(tmp_path):
    drafts = tmp_path / "partial"
    drafts.mkdir()
    old, new = f"{int(time.time()) - 8 * 86400}-a", f"{int(time.time()) - 6 * 86400}-b"
    for name in (old, new, "note.txt"):
        (drafts / name).write_bytes(b"half")

    put(FsspecArtifacts(f"fsspec+file://{tmp_path}"))

    assert sorted([new, "note.txt"]) == files(drafts)


def test_a_large_file_is_read_from_any_place(tmp_path):
    data = os.urandom(9 << 20)
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    store = FsspecArtifacts(f"fsspec+file://{tmp_path}")
    store.put(digest, io.BytesIO(data), len(data))

    with store.open(digest) as file:
        assert data[:10] == file.read(10)
        file.seek(-5, io.SEEK_END)
        assert data[-5:] == file.read()
        file.seek(4 << 20)
        assert data[4 << 20 :] == file.read()


def test_a_file_system_that_is_silent_is_given_up(tmp_path, registered, monkeypatch):
    """And the next call connects anew."""
    go_on = threading.Event()

    class Silent(Local):
        is_down = True

        def info(self, path, **options):
            if Silent.is_down:
                go_on.wait(60)
            return super().info(path, **options)

    registered("silent", Silent)
    monkeypatch.setattr(filesystems, "_SILENCE", 0.2)
    store = FsspecArtifacts(f"fsspec+silent://{tmp_path}")
    try:
        with pytest.raises(StoreError, match=r"no answer within 0\.2 s"):
            put(store)
        Silent.is_down = False
        put(store)
    finally:
        go_on.set()

    assert DATA == read(store)


def test_a_line_that_breaks_is_connected_anew(tmp_path, registered):
    class Broken(Local):
        made = 0

        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            Broken.made += 1
            self.number = Broken.made

        def info(self, path, **options):
            if self.number == 1:
                raise OSError("Socket is closed: bob:secret@host")
            return super().info(path, **options)

    registered("broken", Broken)
    store = FsspecArtifacts(f"fsspec+broken://{tmp_path}")

    with pytest.raises(StoreError, match="Socket is closed"):
        put(store)
    put(store)

    assert DATA == read(store)


def test_who_comes_second_finds_the_bytes_in_place(tmp_path, registered):
    """File systems that do not rename onto a file refuse it; the bytes are those."""

    class Refusing(Local):
        def mv(self, path1, path2, **options):
            super().mv(path1, path2, **options)
            raise FileExistsError(path2)

    registered("refusing", Refusing)
    store = FsspecArtifacts(f"fsspec+refusing://{tmp_path}")

    put(store)

    assert DATA == read(store)


def test_threads_that_end_leave_no_thread_behind(tmp_path):
    store = FsspecArtifacts(f"fsspec+file://{tmp_path}")
    before = set(threading.enumerate())
    put(store)
    (helper,) = set(threading.enumerate()) - before

    store.close()
    helper.join(30)

    assert not helper.is_alive()


def test_bytes_that_are_not_there_are_told(tmp_path):
    with pytest.raises(ArtifactNotFoundError, match="are not in fsspec"):
        FsspecArtifacts(f"fsspec+file://{tmp_path}").open(DIGEST)


TRAINING = """
import fitprint

with fitprint.start_run(name="first"):
    fitprint.log_text("it works", "note.txt")
"""
READING = "import fitprint; print(fitprint.get_run('first').read('note.txt').decode())"


def python(script, **environment):
    return subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=100,
    )


def test_what_one_home_records_the_other_reads(tmp_path):
    shared = {
        "FITPRINT_STORE": f"sqlite:///{tmp_path}/team.db",
        "FITPRINT_ARTIFACTS": f"fsspec+file://{tmp_path}/far",
        "FITPRINT_EXIT_WAIT": "60",
    }
    for script in (TRAINING, "from fitprint.cli import main; raise SystemExit(main(['sync']))"):
        done = python(script, FITPRINT_HOME=str(tmp_path / "ada"), **shared)
        assert 0 == done.returncode, done.stderr

    done = python(READING, FITPRINT_HOME=str(tmp_path / "bob"), **shared)

    assert ("it works\n", "") == (done.stdout, done.stderr)
    assert files(tmp_path / "far")


LATE = """
import atexit, io, sys

FIRST
from fitprint.errors import StoreError
from fitprint_objectstore.filesystems import FsspecArtifacts

def work():
    try:
        store = FsspecArtifacts(f"fsspec+file://{sys.argv[1]}")
    except StoreError as error:
        print(error)
    else:
        store.put("DIGEST", io.BytesIO(), 0)
        print("done")

atexit.register(work)
sys.argv.append("FOLDER")
"""


@pytest.mark.parametrize(
    ("first", "told"),
    [("", "cannot be opened while the program ends"), ("import fsspec.core", "done")],
)
def test_at_the_end_of_a_program(tmp_path, first, told):
    """No thread can begin any more, and fsspec can be used only if it is loaded."""
    nothing = f"sha256:{hashlib.sha256().hexdigest()}"
    script = LATE.replace("FIRST", first).replace("DIGEST", nothing)

    done = python(script.replace("FOLDER", str(tmp_path)))

    assert told in done.stdout, done.stderr

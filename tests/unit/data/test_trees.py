"""Files and folders by what is in them, and the cache of what has not changed."""

from __future__ import annotations

import hashlib
import os
import socket
import sys
import time
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fitprint.data.stat_cache import StatCache, known_digest, mark_of
from fitprint.data.trees import Changes, File, Tree, read_tree
from fitprint.errors import FitprintError

OLD = time.time() - 1000
posix = pytest.mark.skipif(os.name == "nt", reason="Windows has none of these")


def hex_of(data):
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def folder(tmp_path):
    """A folder with two files, changed long ago."""
    root = tmp_path / "data"
    (root / "b").mkdir(parents=True)
    for path, data in (("a.txt", b"a"), ("b/c.txt", b"cc")):
        (root / path).write_bytes(data)
        os.utime(root / path, (OLD, OLD))
    return root


def test_a_folder(folder):
    """The digest is that of the lines that the module describes."""
    (folder / "empty").mkdir()
    tree = read_tree(folder)
    assert (File("a.txt", 1, hex_of(b"a")), File("b/c.txt", 2, hex_of(b"cc"))) == (*tree.files,)
    lines = f"a.txt\x001\0{hex_of(b'a')}\nb/c.txt\x002\0{hex_of(b'cc')}\n".encode()
    assert (f"sha256:{hex_of(lines)}", 3, True) == (tree.digest, tree.size, tree.is_folder)


def test_a_file(folder):
    """Its digest is that of its bytes, whatever its name."""
    tree = read_tree(folder / "a.txt")
    assert ((File("", 1, hex_of(b"a")),), f"sha256:{hex_of(b'a')}") == ((*tree.files,), tree.digest)


def test_an_empty_folder_and_an_empty_file(tmp_path):
    """Both have digests, of nothing."""
    (tmp_path / "e").mkdir()
    (tmp_path / "f").touch()
    nothing = f"sha256:{hex_of(b'')}"
    assert [nothing, nothing] == [read_tree(tmp_path / name).digest for name in "ef"]


def test_order_is_that_of_bytes(tmp_path):
    """Not of what the file system gives, nor of a language."""
    names = ["a.b", "a", "Z", "ä", "a-b", "\uffff", "\U0001f600"]
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").touch()
    paths = [f"{name}/x" for name in names]
    found = [file.path for file in read_tree(tmp_path).files]
    assert sorted(paths, key=os.fsencode) == found


@posix
@pytest.mark.skipif(sys.platform == "darwin", reason="macOS refuses such names")
def test_odd_names(tmp_path):
    """Bytes that are no text, newlines, tabs: each file is told apart, with the cache, too."""
    names = [b"\xff", b"\xff\xfe\n", b"a\tb", b"a\nb", b" ", b"back\\slash"]
    for name in names:
        path = os.path.join(os.fsencode(tmp_path / "d"), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(name)
        os.utime(path, (OLD, OLD))
    cache = StatCache(tmp_path / "home", tmp_path / "d")
    first, second = (read_tree(tmp_path / "d", cache) for _ in range(2))
    assert {os.fsdecode(name): hex_of(name) for name in names} == {
        file.path: file.hex for file in first.files
    }
    assert set(cache.read()) == set(map(os.fsdecode, names))
    assert first == second == Tree.from_json(first.to_json())


@posix
def test_links(folder, tmp_path):
    """A link counts as what it leads to, also outside."""
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "x").write_bytes(b"x")
    (folder / "link").symlink_to(folder / "a.txt")
    (folder / "other").symlink_to(tmp_path / "far")
    paths = {file.path: file.hex for file in read_tree(folder).files}
    assert (hex_of(b"a"), hex_of(b"x")) == (paths["link"], paths["other/x"])
    (tmp_path / "root").symlink_to(folder)
    assert read_tree(tmp_path / "root") == read_tree(folder)


def _loop(folder):
    (folder / "b" / "up").symlink_to(folder)


def _self(folder):
    (folder / "me").symlink_to(folder / "me")


def _nowhere(folder):
    (folder / "gone").symlink_to(folder / "none")


def _pipe(folder):
    os.mkfifo(folder / "pipe")


def _socket(folder):
    there = os.getcwd()
    os.chdir(folder)  # an address is short
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind("socket")
    finally:
        os.chdir(there)


def _device(folder):
    (folder / "null").symlink_to("/dev/null")


@posix
@pytest.mark.parametrize(
    ("make", "told"),
    [
        (_loop, "up' leads to a folder that it lies in"),
        (_self, "me' cannot be read"),
        (_nowhere, "gone' leads nowhere"),
        (_pipe, "pipe' is neither a file nor a folder"),
        (_socket, "socket' is neither a file nor a folder"),
        (_device, "null' is neither a file nor a folder"),
    ],
)
def test_what_has_no_bytes(folder, make, told):
    """It is named, and nobody waits for it."""
    make(folder)
    with pytest.raises(FitprintError, match=told):
        read_tree(folder)


def test_what_is_not_there(tmp_path):
    """It is named."""
    with pytest.raises(FitprintError, match="there is no file and no folder '.*gone'"):
        read_tree(tmp_path / "gone")


@posix
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root reads all")
@pytest.mark.parametrize("what", ["a.txt", "b"])
def test_what_cannot_be_read(folder, what):
    """It is named."""
    (folder / what).chmod(0)
    try:
        with pytest.raises(FitprintError, match=f"{what}.*cannot be read: Permission denied"):
            read_tree(folder)
    finally:
        (folder / what).chmod(0o700)


class Restless:
    """Changes a file whenever bytes of it are read."""

    def __init__(self, monkeypatch, path, times):
        self.path, self.times = path, times
        monkeypatch.setattr(hashlib, "sha256", self.sha)
        self.real = type(hashlib.new("sha256"))

    def sha(self, data=b""):
        found = hashlib.new("sha256", data)
        if self.times and sys._getframe(1).f_code.co_name == "_read":
            self.times -= 1
            with open(self.path, "ab") as file:
                file.write(b"more")
        return found


@pytest.mark.parametrize("times", [1, 2])
def test_a_file_that_changes_while_it_is_read(folder, monkeypatch, times):
    """It is read once more; one that goes on changing is named."""
    Restless(monkeypatch, folder / "a.txt", times)
    if times == 1:
        assert hex_of(b"amore") == read_tree(folder / "a.txt").files[0].hex
    else:
        with pytest.raises(FitprintError, match="a.txt' changes while it is read"):
            read_tree(folder / "a.txt")


def test_changes(folder):
    """What came, what went, what is another."""
    before = read_tree(folder)
    assert Changes() == before.changes(read_tree(folder))
    (folder / "new").touch()
    (folder / "a.txt").unlink()
    (folder / "b" / "c.txt").write_bytes(b"CC")
    assert Changes(("new",), ("a.txt",), ("b/c.txt",)) == before.changes(read_tree(folder))


@pytest.mark.parametrize(
    "content",
    [
        None,
        {},
        {"folder": 1, "files": []},
        {"folder": True, "files": [["a", 1]]},
        {"folder": True, "files": [["a", -1, "0" * 64]]},
        {"folder": True, "files": [["a", True, "0" * 64]]},
        {"folder": True, "files": [["a", 1, "0" * 63]]},
        {"folder": True, "files": [["a", 1, "0" * 64]] * 2},
        {"folder": False, "files": []},
        {"folder": False, "files": [["a", 1, "0" * 64]]},
        *(
            {"folder": True, "files": [[path, 1, "0" * 64]]}
            for path in ("../a", "/a", "a/../../b", "", "a//b", "./a", "a\0")
        ),
    ],
)
def test_a_list_that_is_none(content):
    """Nothing that leads out of a folder is believed."""
    with pytest.raises(ValueError, match="it is no list|leads out"):
        Tree.from_json(content)


# -- the cache -------------------------------------------------------------------------------------


def test_what_has_not_changed_is_not_read(folder, tmp_path, monkeypatch):
    """Not even opened; whatever has another size, time or inode is."""
    cache = StatCache(tmp_path / "home", folder)
    first = read_tree(folder, cache)
    opened = []
    from fitprint.data import trees

    real = trees.open_regular
    monkeypatch.setattr(trees, "open_regular", lambda path: opened.append(path) or real(path))
    assert (first, []) == (read_tree(folder, cache), opened)
    os.utime(folder / "a.txt", (OLD, OLD + 1))
    (folder / "n").write_bytes(b"CC")
    os.utime(folder / "n", (OLD, OLD))
    (folder / "n").replace(folder / "b" / "c.txt")  # same size and time, another inode
    second = read_tree(folder, cache)
    assert {folder / "a.txt", folder / "b/c.txt"} == set(opened)
    assert hex_of(b"CC") == second.files[1].hex


def test_what_was_changed_just_now_is_read_again(folder, tmp_path):
    """A later change could have the same time."""
    cache = StatCache(tmp_path / "home", folder)
    path = folder / "a.txt"
    path.write_bytes(b"1")
    about = path.stat()
    read_tree(folder, cache)
    assert ["b/c.txt"] == list(cache.read())
    path.write_bytes(b"2")
    os.utime(path, ns=(about.st_mtime_ns, about.st_mtime_ns))
    assert hex_of(b"2") == read_tree(folder, cache).files[0].hex


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: raw[:-1],
        lambda raw: raw.replace(b"a.txt", b"b.txt"),
        lambda raw: b"",
        lambda raw: b"x" * 100,
    ],
)
def test_a_damaged_cache_only_costs_time(folder, tmp_path, damage):
    """It is not believed, and made anew."""
    cache = StatCache(tmp_path / "home", folder)
    expected = read_tree(folder, cache)
    sound = cache.file.read_bytes()
    cache.file.write_bytes(damage(sound))
    assert expected == read_tree(folder, cache)
    assert sound == cache.file.read_bytes()


def test_a_cache_that_cannot_be_written(folder, tmp_path):
    """Nothing is cached, and nobody is told."""
    (tmp_path / "home").write_text("a file")
    assert read_tree(folder) == read_tree(folder, StatCache(tmp_path / "home", folder))


def test_the_digest_of_one_file_is_looked_up(folder, tmp_path):
    """By itself or a folder above it, while it has not changed."""
    home, path = tmp_path / "home", folder / "b" / "c.txt"
    assert "" == known_digest(home, str(path))
    read_tree(folder, StatCache(home, folder))
    assert f"sha256:{hex_of(b'cc')}" == known_digest(home, str(path))
    path.write_bytes(b"dd")
    assert "" == known_digest(home, str(path))
    assert "" == known_digest(home, str(folder / "gone"))


names = st.text(st.characters(codec="utf-8", exclude_characters="/\0\\:"), min_size=1, max_size=5)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(names, st.binary(max_size=4), max_size=6))
def test_equal_files_equal_digests(tmp_path_factory, contents):
    """Two trees have the same digest if and only if they have the same files; a model says so."""
    model = {path: (len(data), hex_of(data)) for path, data in contents.items()}
    tree = Tree(True, [File(path, *model[path]) for path in sorted(model, key=os.fsencode)])
    for path in model:
        fewer = [file for file in tree.files if file.path != path]
        assert tree.digest != Tree(True, fewer).digest
        renamed = [
            file._replace(path=f"{path}x") if file.path == path else file for file in tree.files
        ]
        assert tree.digest != Tree(True, renamed).digest


@posix
def test_a_change_that_keeps_the_time(folder, tmp_path):
    """A file that got other bytes of the same size, and its old time back, is read again."""
    cache = StatCache(tmp_path, folder)
    before = read_tree(folder, cache)
    assert cache.read()
    was = (folder / "a.txt").stat()
    while (folder / "a.txt").stat().st_ctime_ns == was.st_ctime_ns:
        (folder / "a.txt").write_bytes(b"z")
        os.utime(folder / "a.txt", ns=(was.st_atime_ns, was.st_mtime_ns))
    assert ("a.txt",) == before.changes(read_tree(folder, cache)).changed
    assert f"sha256:{hex_of(b'z')}" == known_digest(tmp_path, str(folder / "a.txt"))


@pytest.mark.parametrize("entry", ["nonsense", "{mark}zz\ta.txt", "{mark}" + "Z" * 64 + "\ta.txt"])
def test_entries_that_nobody_wrote(folder, tmp_path, entry):
    """They are no digests, even where the sum over them is right."""
    cache = StatCache(tmp_path, folder)
    whole = read_tree(folder, cache)
    body = entry.format(mark=mark_of((folder / "a.txt").stat())).encode()
    cache.file.write_bytes(b"fitprint-stat-cache 2 %d\n" % zlib.crc32(body) + body)
    assert entry.partition("{")[0] in str(cache.read())
    assert whole == read_tree(folder, cache)

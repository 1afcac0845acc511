"""``fitprint data``."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def folder(home, tmp_path, monkeypatch):
    """A folder of data in the working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.txt").write_bytes(b"a")
    return tmp_path / "data"


def test_add_verify_get(command, folder):
    """The digest is printed; what changed is named, with status 1; nothing is written over."""
    added = command("data", "add", "data", "--keep")
    assert (0, "data: 1 file, 1 B, kept") == (
        added.status,
        added.err.split("fitprint: ")[-1].strip(),
    )
    digest = added.out.strip()
    assert "data is as it was\n" == command("data", "verify", "data").out
    (folder / "a.txt").write_bytes(b"b")
    (folder / "b\x1b.txt").touch()
    done = command("data", "verify", digest[:20])
    assert (1, ["+ b\\x1b.txt", "~ a.txt"]) == (done.status, done.out.splitlines())
    done = command("data", "get", digest)
    assert (1, "", True) == (done.status, done.out, "other bytes" in done.err)
    assert "new\n" == command("data", "get", digest, "-o", "new").out
    assert "data\n" == command("data", "get", digest, "--overwrite").out
    assert b"a" == (folder / "a.txt").read_bytes()


def test_json(command, folder):
    """The form that is documented."""
    added = json.loads(command("data", "add", "data", "--name", "mine", "--json").out)
    assert (1, "mine", False, "folder", 1) == (
        added["schema"],
        added["name"],
        added["kept"],
        added["facts"]["type"],
        added["facts"]["files"],
    )
    (folder / "a.txt").unlink()
    done = command("data", "verify", "mine", "--json")
    verified = json.loads(done.out)
    assert (1, False, [], ["a.txt"], []) == (
        done.status,
        *(verified[key] for key in ("same", "added", "removed", "changed")),
    )
    assert added.items() <= verified.items()


@pytest.mark.parametrize(
    "words",
    [("add", "gone"), ("verify", "gone"), ("get", "gone"), ("verify", "data", "gone")],
)
def test_what_is_not_there(command, folder, words):
    """Status 1 and a sentence."""
    command("data", "add", "data")
    done = command("data", *words)
    assert (1, "", True) == (done.status, done.out, "gone" in done.err)


def test_an_option_that_is_written_wrongly_is_told_by_the_verb(command, folder):
    done = command("data", "add", "data", "--kep")
    assert 2 == done.status
    assert done.err == (
        "fitprint data add: unrecognized arguments: --kep; did you mean '--keep'?\n"
    )

"""The code of a recorded run comes to a fresh folder, and the repository stays as it was."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fitprint.context.code import describe_code
from fitprint.recording.environment import _files
from fitprint_projects.checkout import CodeMissingError, check_out
from fitprint_projects.git import copy_with

AUTHOR = {
    **os.environ,
    **{
        f"GIT_{who}_{what}": "a@example.org"
        for who in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    },
    "GIT_CONFIG_GLOBAL": os.devnull,
}


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", *words], cwd=folder, env=AUTHOR, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def repository(folder: Path, **files: str) -> Path:
    folder.mkdir()
    git(folder, "init", "-q")
    for name, text in {"train.py": "print(1)\n", **files}.items():
        (folder / name).write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "first")
    return folder


def recorded(root: Path, script: str = "train.py") -> tuple[dict[str, Any], Callable[[str], bytes]]:
    """Return what a run of the script would record of its code."""
    files = dict(_files({"git": describe_code(root / script)}))

    return json.loads(files["environment.json"])["git"], files.__getitem__


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def files_of(folder: Path) -> dict[str, bytes]:
    return {name: data for name, data in tree(folder).items() if ".git/" not in f"/{name}"}


def test_commit_patch_and_untracked_sources_come_back(tmp_path):
    root = repository(tmp_path / "work", **{"lib.py": "a = 1\n", "gone.py": "x = 1\n"})
    (root / "lib.py").write_text("a = 2\n")
    (root / "gone.py").unlink()
    (root / "sub").mkdir()
    (root / "sub" / "new.py").write_text("b = 3\n")
    about, read = recorded(root)
    # later work of the user
    git(root, "commit", "-qam", "second")
    (root / "lib.py").write_text("a = 99\n")

    notes = check_out(about, read, tmp_path / "fresh", [root])

    assert [] == notes
    assert {
        "train.py": b"print(1)\n",
        "lib.py": b"a = 2\n",
        "sub/new.py": b"b = 3\n",
    } == files_of(tmp_path / "fresh")


def test_the_rerun_would_record_the_same_code(tmp_path):
    root = repository(tmp_path / "work")
    git(root, "remote", "add", "origin", "https://example.org/a.git")
    (root / "train.py").write_text("print(2)\n")
    (root / "more.py").write_text("c = 1\n")
    about, read = recorded(root)

    check_out(about, read, tmp_path / "fresh", [root])
    again, read_again = recorded(tmp_path / "fresh")

    for name in ("commit", "remote", "changed", "untracked", "patch", "sources", "script"):
        assert about[name] == again[name], name
    assert read("code/uncommitted.patch") == read_again("code/uncommitted.patch")
    assert read("code/untracked.zip") == read_again("code/untracked.zip")


def test_tree_head_index_and_stash_of_the_user_stay(tmp_path):
    root = repository(tmp_path / "work")
    (root / "train.py").write_text("stashed\n")
    git(root, "stash")
    (root / "train.py").write_text("staged\n")
    git(root, "add", "-A")
    (root / "train.py").write_text("not staged\n")
    for hook in ("post-checkout", "post-index-change", "reference-transaction"):
        path = root / ".git" / "hooks" / hook
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
        path.chmod(0o755)
    about, read = recorded(root)
    before = tree(root)

    check_out(about, read, tmp_path / "fresh", [root])

    assert before == tree(root)
    assert not (tmp_path / "ran").exists()
    assert b"not staged\n" == (tmp_path / "fresh" / "train.py").read_bytes()


def test_a_commit_that_no_branch_has_any_more_comes_back(tmp_path):
    root = repository(tmp_path / "work")
    (root / "train.py").write_text("print(2)\n")
    git(root, "commit", "-qam", "second")
    about, read = recorded(root)
    git(root, "reset", "-q", "--hard", "HEAD~1")

    check_out(about, read, tmp_path / "fresh", [root])

    assert b"print(2)\n" == (tmp_path / "fresh" / "train.py").read_bytes()


def test_submodules_come_at_their_commits(tmp_path):
    inner = repository(tmp_path / "inner")
    root = repository(tmp_path / "work")
    git(root, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner), "part")
    git(root, "commit", "-qm", "with a part")
    (root / "part" / "train.py").write_text("print('moved')\n")
    git(root / "part", "commit", "-qam", "moved")  # the outer commit does not know it
    about, read = recorded(root)
    git(root / "part", "checkout", "-q", "HEAD~1")

    check_out(about, read, tmp_path / "fresh", [root])

    assert b"print('moved')\n" == (tmp_path / "fresh" / "part" / "train.py").read_bytes()


@pytest.mark.parametrize("path", ["../out", "/tmp/out", ".git/hooks"])
def test_a_submodule_cannot_lie_outside(tmp_path, path):
    root = repository(tmp_path / "work")
    about, read = recorded(root)
    about["submodules"] = {path: about["commit"]}

    with pytest.raises(CodeMissingError):
        check_out(about, read, tmp_path / "fresh", [root])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("path", ["../out.py", ".git/hooks/post-checkout", ".git/more"])
def test_a_script_cannot_lie_outside(tmp_path, path):
    about = {"repository": None, "script": {"path": path, "digest": "", "source": "print(1)"}}
    with pytest.raises(CodeMissingError, match="outside"):
        check_out(about, bytes, tmp_path / "fresh", [])
    assert not (tmp_path / "out.py").exists()


def test_a_recorded_file_does_not_leave_through_a_link(tmp_path):
    root = repository(tmp_path / "work")
    (root / "link").symlink_to(tmp_path)
    git(root, "add", "-A")
    git(root, "commit", "-qm", "a link")
    (root / "new.py").write_text("d = 1\n")
    about, read = recorded(root)
    import io
    import zipfile

    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("link/out.py", "")

    def hostile(path):
        return held.getvalue() if path.endswith(".zip") else read(path)

    with pytest.raises(CodeMissingError, match="outside"):
        check_out(about, hostile, tmp_path / "fresh", [root])
    assert not (tmp_path / "out.py").exists()


NEW = """diff --git a/{0} b/{0}
new file mode {1}
--- /dev/null
+++ b/{0}
@@ -0,0 +1 @@
+{2}
"""


@pytest.mark.parametrize(
    "patch",
    [
        NEW.format("../out.py", "100644", "x"),
        NEW.format("/tmp/fitprint-out.py", "100644", "x"),
        NEW.format(".git/hooks/post-checkout", "100755", "x"),
        NEW.format(".GIT/config", "100644", "x"),
        NEW.format("sub/.git/config", "100644", "x"),
        NEW.format("link", "120000", "..") + NEW.format("link/out.py", "100644", "x"),
        "not a patch",
    ],
)
def test_a_patch_stays_inside(tmp_path, patch):
    """That of a bundle may be anybody's."""
    root = repository(tmp_path / "work")
    (root / "train.py").write_text("print(2)\n")
    about, read = recorded(root)

    def hostile(path):
        return patch.encode() if path.endswith(".patch") else read(path)

    with pytest.raises(CodeMissingError, match="does not fit its commit"):
        check_out(about, hostile, tmp_path / "fresh", [root])
    assert not [
        path for path in (tmp_path / "out.py", Path("/tmp/fitprint-out.py")) if path.exists()
    ]
    assert not (tmp_path / "fresh/.git/hooks/post-checkout").exists()


def test_a_commit_nowhere_to_be_found_is_told(tmp_path):
    about, read = recorded(repository(tmp_path / "work"))
    other = repository(tmp_path / "other", **{"other.py": ""})

    with pytest.raises(CodeMissingError, match=r"is in no repository around .*git fetch"):
        check_out(about, read, tmp_path / "fresh", [other, tmp_path])


def test_a_commit_is_fetched_where_it_was_pushed(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root = repository(tmp_path / "work")
    git(root, "remote", "add", "origin", f"file://{tmp_path}/shared.git")
    git(tmp_path, "init", "-q", "--bare", "-b", "main", "shared.git")
    git(root, "push", "-q", "origin", "HEAD:main")
    (root / "train.py").write_text("print(2)\n")
    about, read = recorded(root)

    check_out(about, read, tmp_path / "fresh", [tmp_path], copy_with)
    assert b"print(2)\n" == (tmp_path / "fresh" / "train.py").read_bytes()

    git(root, "commit", "-qam", "not pushed")
    about, read = recorded(root)
    with pytest.raises(CodeMissingError, match=r"shared\.git does not have it"):
        check_out(about, read, tmp_path / "other", [tmp_path], copy_with)

    (tmp_path / "shared.git").rename(tmp_path / "gone.git")
    with pytest.raises(CodeMissingError, match="cannot be fetched"):
        check_out(about, read, tmp_path / "third", [tmp_path], copy_with)


def test_an_address_that_would_start_a_program_is_refused(tmp_path):
    about, read = recorded(repository(tmp_path / "work"))
    about["remote"] = f"ext::sh -c touch% {tmp_path}/ran"
    with pytest.raises(CodeMissingError, match="cannot be fetched"):
        check_out(about, read, tmp_path / "fresh", [tmp_path], copy_with)
    assert not (tmp_path / "ran").exists()


def test_a_patch_without_its_secrets_is_told(tmp_path):
    root = repository(tmp_path / "work")
    (root / "train.py").write_text("password = 'hunter2-swordfish'\n")
    about, read = recorded(root)

    with pytest.raises(CodeMissingError, match=r"train\.py were not committed.*secrets"):
        check_out(about, read, tmp_path / "fresh", [root])


def test_changes_that_were_not_recorded_are_told(tmp_path):
    root = repository(tmp_path / "work")
    (root / "train.py").write_text("print(2)\n")
    about, read = recorded(root)
    del about["patch"]

    with pytest.raises(CodeMissingError, match="code_patch was off"):
        check_out(about, read, tmp_path / "fresh", [root])


def test_a_script_outside_of_a_repository_comes_from_its_run(tmp_path):
    (tmp_path / "alone.py").write_text("print(7)\n")
    about, read = recorded(tmp_path, "alone.py")

    check_out(about, read, tmp_path / "fresh", [tmp_path])

    assert {"alone.py": b"print(7)\n"} == files_of(tmp_path / "fresh")


def test_a_script_with_secrets_outside_of_a_repository_is_told(tmp_path):
    (tmp_path / "alone.py").write_text("token = 'ghp_0123456789abcdefghijABCDEFGHIJ456789'\n")
    about, read = recorded(tmp_path, "alone.py")

    with pytest.raises(CodeMissingError, match="secrets"):
        check_out(about, read, tmp_path / "fresh", [tmp_path])


def test_a_notebook_is_told():
    with pytest.raises(CodeMissingError, match="notebook"):
        check_out({"repository": None, "script": {"path": None, "cells": 3}}, bytes, Path(), [])


@pytest.mark.parametrize("pack", [b"", b"PACK" + bytes(40), b"no pack"])
def test_a_damaged_snapshot_is_told(tmp_path, pack):
    about, read = recorded(repository(tmp_path / "work"))

    def damaged(path):
        return pack if path == "code/commit.pack" else read(path)

    with pytest.raises(CodeMissingError, match="cannot be checked out"):
        check_out(about, damaged, tmp_path / "fresh", [tmp_path])

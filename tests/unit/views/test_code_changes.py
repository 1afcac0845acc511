"""How recorded code differs, where git knows the commits and where it does not."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import zipfile

import pytest

from fitprint.context.git import Repository
from fitprint.views.code_changes import Sources, code_changes

NOWHERE = "0" * 39
PATCH = b"--- a/t.py\n+++ b/t.py\n@@ -1 +1 @@\n-one\n+%s\n"


def sources(commit=None, patch=b"", untracked=None, exact=True, **script):
    """Return what was recorded of a run's code."""
    git = {"commit": commit, "patch": {"exact": exact}, "script": script}
    return Sources({"git": git}, patch, b"" if untracked is None else zipped(untracked))


def zipped(files):
    """Return an archive of files."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return data.getvalue()


def told(old, new, repository=None):
    """Return the changed lines by what they are of, and the notes."""
    notes: list[str] = []
    found = {}
    for change in code_changes(old, new, repository, notes):
        lines = change.text.splitlines()
        found[change.what] = [
            line for line in lines if line[:1] in "+-" and line[:4] not in ("+++ ", "--- ")
        ]
    return found, notes


@pytest.fixture
def project(tmp_path):
    """A repository with two commits of one file, and their names."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}

    def git(*arguments):
        command = ["git", "-c", "user.name=A", "-c", "user.email=a@example.org", *arguments]
        return subprocess.run(
            command, cwd=tmp_path, check=True, capture_output=True, text=True, env=environment
        ).stdout.strip()

    git("init", "-q")
    for content in ("one\n", "two\n"):
        (tmp_path / "t.py").write_text(content)
        git("add", ".")
        git("commit", "-q", "-m", "a commit")
    return Repository(tmp_path), git("rev-parse", "HEAD~1"), git("rev-parse", "HEAD")


def test_commits_and_patches_together(project):
    """The files as they were: what the one has in a commit and the other in a patch is the same."""
    repository, first, second = project
    assert ({"tracked files": ["-one", "+two"]}, []) == told(
        sources(first), sources(second), repository
    )
    assert ({}, []) == told(sources(first, PATCH % b"two"), sources(second), repository)
    both = told(sources(first, PATCH % b"2"), sources(first, PATCH % b"3"), repository)
    assert ({"tracked files": ["-2", "+3"]}, []) == both


def test_incomplete_patches_are_compared_as_text(project):
    """What was left out of them would make a wrong difference; that is said."""
    repository, first, second = project
    found, notes = told(
        sources(first, PATCH % b"[redacted]", exact=False), sources(second), repository
    )
    assert ["-one", "+two"] == found["tracked files"]
    assert ["--one", "-+[redacted]"] == found["uncommitted changes"][-2:]
    assert ["incomplete" in note for note in notes] == [True]


def test_a_patch_that_does_not_apply_is_compared_as_text(project):
    """git says why."""
    repository, first, second = project
    found, notes = told(sources(second, PATCH % b"2"), sources(first), repository)
    assert (["uncommitted changes"], 1) == (list(found), len(notes))
    assert "cannot be compared: git apply failed" in notes[0]


@pytest.mark.parametrize("has_repository", [True, False])
def test_commits_that_are_not_here(project, has_repository):
    """The patches alone are compared, and the note says what to do."""
    repository, first, _ = project
    found, notes = told(
        sources(first, PATCH % b"2"),
        sources("f" * 40, PATCH % b"3"),
        repository if has_repository else None,
    )
    assert {"uncommitted changes": ["-+2", "++3"]} == found
    assert ["f" * 12 in note and "git fetch" in note for note in notes] == [True]


def test_the_same_commit_needs_no_repository():
    """Its patches say all."""
    assert ({"uncommitted changes": ["-+2", "++3"]}, []) == told(
        sources("a" * 40, PATCH % b"2"), sources("a" * 40, PATCH % b"3")
    )


def test_one_run_without_a_commit():
    """There is nothing to compare, and that is said."""
    found, notes = told(sources("a" * 40), sources())
    assert ({}, True) == (found, "only one of the runs has a commit" in notes[0])
    assert ({}, []) == told(sources(), Sources(None))


def test_untracked_files_and_scripts():
    """Files come and go, and their lines change; a script that no commit has is one of them."""
    old = sources(untracked={"a.py": "1\n2\n", "b.py": "1\n"}, path="t.py", source="x\n")
    new = sources(untracked={"a.py": "1\n3\n", "c.py": "1\n"}, path="t.py", source="y\n")
    assert ({"untracked files": ["-x", "+y", "-2", "+3", "-1", "+1"]}, []) == told(old, new)


def test_hunks_have_the_numbers_of_the_file():
    """Though only the part that differs was compared."""
    lines = [f"line {number}" for number in range(1, 101)]
    (change,) = code_changes(
        sources(untracked={"a.py": "\n".join(lines)}),
        sources(untracked={"a.py": "\n".join([*lines[:50], "new", *lines[50:]])}),
        None,
        [],
    )
    assert ["--- a/a.py", "+++ b/a.py", "@@ -48,6 +48,7 @@"] == change.text.splitlines()[:3]


def test_an_archive_that_is_none():
    """Whatever bytes were recorded, what can be read is compared."""
    good = zipped({"a.py": "1\n" * 1000})
    for bad in (
        b"x",
        good[: len(good) // 2],
        good.replace(b"PK\x03\x04", b"PK\x03\x05"),
        good[:40] + b"\xff" * 10 + good[50:],
    ):
        found, notes = told(Sources({}, untracked=bad), sources())
        assert ({}, 1) == (found, len(notes))


def test_an_archive_that_grows_is_given_up():
    """No more than 4 MiB is unpacked."""
    found, notes = told(
        sources(untracked={"a.py": "", "bomb.py": b"\n" * (64 << 20), "b.py": "1\n"}), sources()
    )
    assert ({}, ["untracked files of more than 4 MiB together: the rest is not compared"]) == (
        found,
        notes,
    )


def test_files_that_are_too_long_are_not_compared():
    """It would take long; that they differ is said."""
    old, new = (
        sources(untracked={"a.py": "".join(f"{name}{number}\n" for number in range(5000))})
        for name in "ab"
    )
    (change,) = code_changes(old, new, None, [])
    assert (True, True) == (
        change.is_cut,
        "5000 lines and 5000 lines: too many to compare" in change.text,
    )


@pytest.mark.parametrize(
    "odd",
    [
        None,
        1,
        "x",
        [],
        {"commit": 1, "patch": [], "script": 1},
        {"commit": ["a"], "script": {"source": 1}},
    ],
    ids=repr,
)
def test_records_of_any_form(odd):
    """What is no text is no commit and no source."""
    assert ({}, []) == told(Sources({"git": odd}), Sources({"git": odd}, b"", b""))

"""Two recorded states of code, told apart by the real git."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from fitprint.context.git import GitError, Repository
from fitprint.context.revisions import State, difference, missing_commits, repository_around

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
LIMIT = 1 << 20


def git(folder, *arguments):
    settings = [
        "-c",
        "user.name=A",
        "-c",
        "user.email=a@example.org",
        "-c",
        "commit.gpgsign=false",
        "-c",
        "init.defaultBranch=main",
    ]
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    done = subprocess.run(
        ["git", *settings, *arguments], cwd=folder, check=True, capture_output=True, env=environment
    )
    return done.stdout.decode().strip()


@pytest.fixture(params=["project", "a:b"])
def project(tmp_path, request):
    """A repository with two commits; what git separates folders by may be in its name."""
    root = (tmp_path / request.param).resolve()
    root.mkdir()
    git(root, "init", "-q")
    for content in ("one\ntwo\nthree\n", "one\n2\nthree\n"):
        (root / "train.py").write_text(content)
        git(root, "add", ".")
        git(root, "commit", "-q", "-m", "a commit")
    return root


def commits(project):
    return git(project, "rev-parse", "HEAD~1"), git(project, "rev-parse", "HEAD")


def patch(project, content):
    """Return the patch that makes this of the script."""
    (project / "train.py").write_text(content)
    done = subprocess.run(["git", "diff", "HEAD"], cwd=project, check=True, capture_output=True)
    git(project, "checkout", "-q", "--", ".")
    return done.stdout


def changed(text):
    """Return the lines of a patch that are not context."""
    return [
        line for line in text.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")
    ]


def test_two_commits(project):
    """The files of the one against those of the other."""
    old, new = commits(project)
    text, is_cut = difference(Repository(project), State(old), State(new), limit=LIMIT)
    assert (["-two", "+2"], False) == (changed(text), is_cut)


def test_what_was_not_committed_counts(project):
    """Each commit with its patch: what both have is no difference, however it came to be."""
    old, new = commits(project)
    later = patch(project, "one\n2\nthree\nfour\n")
    text, _ = difference(Repository(project), State(old), State(new, later), limit=LIMIT)
    assert ["-two", "+2", "+four"] == changed(text)
    text, _ = difference(
        Repository(project),
        State(new, patch(project, "one\ntwo\nthree\n")),
        State(old),
        limit=LIMIT,
    )
    assert "" == text


def test_neither_files_nor_index_nor_objects_are_touched(project):
    """The working tree and all below ``.git`` are what they were."""
    old, new = commits(project)
    later = patch(project, "one\n2\nthree\nfour\n")

    def everything():
        return {str(path): path.read_bytes() for path in project.rglob("*") if path.is_file()}

    before = everything()
    difference(Repository(project), State(old), State(new, later), limit=LIMIT)
    assert before == everything()


def test_nothing_of_the_repository_runs(project, tmp_path):
    """No hook, no external diff, no filter and no text conversion that configuration and attributes
    name.
    """
    old, new = commits(project)
    later = patch(project, "one\n2\nthree\nfour\n")
    mark = tmp_path / "ran"
    script = tmp_path / "script"
    script.write_text(f"#!/bin/sh\necho ran >> '{mark}'\ncat\n")
    script.chmod(0o755)
    for hook in ("post-index-change", "post-checkout", "pre-commit"):
        shutil.copy(script, project / ".git" / "hooks" / hook)
    (project / ".git" / "info").mkdir(exist_ok=True)
    (project / ".git" / "info" / "attributes").write_text("*.py diff=odd filter=odd\n")
    for name in (
        "diff.external",
        "diff.odd.command",
        "diff.odd.textconv",
        "filter.odd.clean",
        "filter.odd.smudge",
        "core.fsmonitor",
    ):
        git(project, "config", name, str(script))
    text, _ = difference(Repository(project), State(old), State(new, later), limit=LIMIT)
    assert (["-two", "+2", "+four"], False) == (changed(text), mark.exists())


def test_a_patch_that_does_not_apply_is_an_error(project):
    """It was changed, or belongs to something else."""
    old, new = commits(project)
    with pytest.raises(GitError, match="apply"):
        difference(
            Repository(project), State(old, patch(project, "1\n2\n3\n")), State(new), limit=LIMIT
        )


def test_a_long_difference_is_cut(project):
    """No more than so many bytes are read."""
    old, new = commits(project)
    text, is_cut = difference(Repository(project), State(old), State(new), limit=20)
    assert (20, True) == (len(text), is_cut)


@pytest.mark.parametrize("name", ["", "HEAD", "main", "--output=x", "a" * 39, "A" * 40, "0" * 40])
def test_what_is_no_commit_is_not_there(project, name):
    """Names, options and objects that there are not."""
    assert [name] == missing_commits(Repository(project), [name, *commits(project)])
    with pytest.raises(GitError):
        difference(Repository(project), State(name), State(commits(project)[0]), limit=LIMIT)


def test_a_tree_is_no_commit(project):
    """An object of another kind is none either."""
    tree = git(project, "rev-parse", "HEAD^{tree}")
    assert [tree] == missing_commits(Repository(project), [*commits(project), tree])


def test_the_repository_around_a_folder(project):
    """It is found from below; outside there is none."""
    (project / "a" / "b").mkdir(parents=True)
    found = repository_around(project / "a" / "b")
    assert found is not None
    assert (project, None) == (found.root, repository_around(project.parent))

"""The repository around a script, read with the real git."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import threading

import pytest

from fitprint.context import code
from fitprint.context.code import describe_code

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def git(folder, *arguments):
    settings = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false", "-c", "init.defaultBranch=main"]
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    return subprocess.run(
        ["git", *settings, *arguments], cwd=folder, check=True, capture_output=True, text=True, env=environment
    ).stdout.strip()


@pytest.fixture
def repository(tmp_path):
    """A repository ``project`` with the committed script ``src/train.py``."""
    root = (tmp_path / "project").resolve()
    (root / "src").mkdir(parents=True)
    git(root, "init", "-q")
    (root / "src" / "train.py").write_text("print('train')\n")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "first")
    return root


def test_a_clean_repository(repository):
    """Commit and branch are told, there is no patch, and the script needs no copy."""
    script = repository / "src" / "train.py"
    assert describe_code(script) == {
        "repository": "project",
        "commit": git(repository, "rev-parse", "HEAD"),
        "branch": "main",
        "dirty": False,
        "changed": [],
        "untracked": [],
        "script": {"path": "src/train.py", "digest": f"sha256:{hashlib.sha256(script.read_bytes()).hexdigest()}"},
    }


def test_changes_are_a_patch_that_applies(repository):
    """The patch brings the committed files to what they are."""
    script = repository / "src" / "train.py"
    script.write_text("print('changed')\n")
    facts = describe_code(script)
    assert (facts["dirty"], facts["changed"]) == (True, ["src/train.py"])
    script.write_text("print('train')\n")
    subprocess.run(["git", "apply", "-"], cwd=repository, input=facts["patch"], text=True, check=True)
    assert script.read_text() == "print('changed')\n"


def test_secrets_leave_the_patch(repository):
    """A password that was just typed in does not get out."""
    (repository / "src" / "train.py").write_text("password = 'hunter2'\n")
    facts = describe_code(repository / "src" / "train.py")
    assert "+password = '[redacted]'" in facts["patch"]
    assert "hunter2" not in str(facts)


def test_large_patches_are_cut_and_marked(repository, monkeypatch):
    """The patch ends with a whole line."""
    monkeypatch.setattr(code, "_PATCH_LIMIT", 1000)
    (repository / "src" / "train.py").write_text("".join(f"line {number}\n" for number in range(10_000)))
    facts = describe_code(repository / "src" / "train.py")
    assert facts["patch_truncated"] is True
    assert len(facts["patch"]) <= 1000
    assert facts["patch"].endswith("\n")


def test_without_source_there_is_no_text(repository):
    """Who does not want patches gets the names alone."""
    script = repository / "src" / "train.py"
    script.write_text("x = 1\n")
    facts = describe_code(script, with_source=False)
    assert (facts["dirty"], "patch" in facts, "source" in facts["script"]) == (True, False, False)


def test_untracked_files_are_named_and_an_untracked_script_is_kept(repository):
    """No commit and no patch has the script, so its text is kept."""
    script = repository / "new" / "explore.py"
    script.parent.mkdir()
    script.write_text("token = 'abc12345'\n")
    facts = describe_code(script)
    assert (facts["untracked"], facts["dirty"]) == (["new/"], False)
    assert facts["script"]["source"] == "token = '[redacted]'\n"


def test_many_untracked_files_are_counted(repository):
    """Two hundred are named, all are counted."""
    for number in range(250):
        (repository / f"file{number:03}").touch()
    facts = describe_code(repository / "src" / "train.py")
    assert (len(facts["untracked"]), facts["untracked_count"]) == (200, 250)


def test_renamed_and_oddly_named_files(repository):
    """Blanks, umlauts and renames do not confuse the list."""
    git(repository, "mv", "src/train.py", "src/größe 2.py")
    (repository / "a b").touch()
    facts = describe_code(repository / "src" / "größe 2.py")
    assert (facts["changed"], facts["untracked"]) == (["src/größe 2.py"], ["a b"])


def test_credentials_leave_the_remote(repository):
    """The address stays usable, the password does not stay."""
    git(repository, "remote", "add", "origin", "https://user:hunter2@host.example/a/b.git")
    assert describe_code(repository / "src" / "train.py")["remote"] == "https://user:[redacted]@host.example/a/b.git"


def test_a_detached_head_has_no_branch(repository):
    """The commit is told all the same."""
    git(repository, "checkout", "-q", "--detach")
    facts = describe_code(repository / "src" / "train.py")
    assert (facts["branch"], facts["commit"]) == (None, git(repository, "rev-parse", "HEAD"))


def test_a_repository_without_commits(tmp_path):
    """There is no commit yet, and the script is kept."""
    git(tmp_path, "init", "-q")
    script = tmp_path.resolve() / "train.py"
    script.write_text("x = 1\n")
    facts = describe_code(script)
    assert (facts["commit"], facts["branch"], facts["script"]["source"]) == (None, "main", "x = 1\n")


def test_a_script_outside_any_repository_is_kept(tmp_path, monkeypatch):
    """git is not even started, wherever the working directory is."""
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    script = tmp_path.resolve() / "train.py"
    script.write_text("x = 1\n")
    facts = describe_code(script)
    assert (facts["repository"], facts["script"]["source"], "error" in facts) == (None, "x = 1\n", False)


def test_without_git_the_commit_is_read_from_its_files(repository, monkeypatch):
    """A machine without git still tells commit and branch, and why there is no more."""
    commit = git(repository, "rev-parse", "HEAD")
    monkeypatch.setenv("PATH", "")
    facts = describe_code(repository / "src" / "train.py")
    assert (facts["commit"], facts["branch"]) == (commit, "main")
    assert facts["error"].startswith("git cannot be run")


def test_packed_references_are_read_without_git(repository, monkeypatch):
    """Also where git has packed its references."""
    commit = git(repository, "rev-parse", "HEAD")
    git(repository, "pack-refs", "--all")
    monkeypatch.setenv("PATH", "")
    assert describe_code(repository / "src" / "train.py")["commit"] == commit


def test_a_slow_git_is_given_up(repository, tmp_path, monkeypatch):
    """The section says so instead of waiting."""
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(code, "_SECONDS", 0.2)
    assert describe_code(repository / "src" / "train.py")["error"] == "git status took longer than 0.2 seconds"


def test_git_takes_no_lock_and_leaves_no_trace(repository):
    """The index is not refreshed: not a byte below the repository changes."""

    def state():
        return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in sorted(repository.rglob("*"))}

    script = repository / "src" / "train.py"
    os.utime(script)  # git would like to note this
    before = state()
    describe_code(script)
    assert state() == before


def test_the_variables_of_a_git_hook_are_ignored(repository, monkeypatch, tmp_path):
    """A process that was started by git itself still tells the script's repository."""
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    assert describe_code(repository / "src" / "train.py")["branch"] == "main"


def test_it_works_in_a_thread(repository):
    """Nothing needs the main thread."""
    found = []
    thread = threading.Thread(target=lambda: found.append(describe_code(repository / "src" / "train.py")))
    thread.start()
    thread.join()
    assert found[0]["branch"] == "main"


def test_a_script_that_has_ended_is_still_known(tmp_path):
    """A short one ends while the background is still looking."""
    script = tmp_path / "short.py"
    script.write_text("import atexit\nfrom fitprint.context.code import find_script\natexit.register(lambda: print(find_script()))\n")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    assert done.stdout == f"{script}\n"

"""The repository around a script, read with the real git."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import threading

import pytest

from fitprint.context import git as git_module
from fitprint.context import sources
from fitprint.context.code import describe_code
from fitprint.context.git import GitError, Repository

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


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
    return subprocess.run(
        ["git", *settings, *arguments],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
        env=environment,
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
        "folder": None,
        "commit": git(repository, "rev-parse", "HEAD"),
        "branch": "main",
        "dirty": False,
        "changed": [],
        "untracked": [],
        "script": {
            "path": "src/train.py",
            "digest": f"sha256:{hashlib.sha256(script.read_bytes()).hexdigest()}",
        },
    }


def test_changes_are_a_patch_that_applies(repository):
    """The patch brings the committed files to what they are."""
    script = repository / "src" / "train.py"
    script.write_text("print('changed')\n")
    facts = describe_code(script)
    assert (facts["dirty"], facts["changed"], facts["patch"]["exact"]) == (
        True,
        ["src/train.py"],
        True,
    )
    script.write_text("print('train')\n")
    apply(repository, facts["patch"])
    assert script.read_text() == "print('changed')\n"


def apply(repository, patch):
    """Bring the commit to what the patch says."""
    git(repository, "checkout", "-q", "--force", "HEAD")
    data = patch["text"].encode("utf-8", "surrogateescape")
    subprocess.run(["git", "apply", "-"], cwd=repository, input=data, check=True)


def test_a_patch_is_exact_byte_by_byte(repository):
    """Bytes that are no text, ends of lines, and blanks at the end of a line come back."""
    content = b"x = 1  \r\ny = '\xff\xfe'\n\n\n# no end of line"
    (repository / "src" / "train.py").write_bytes(content)
    patch = describe_code(repository / "src" / "train.py")["patch"]
    apply(repository, patch)
    assert (patch["exact"], (repository / "src" / "train.py").read_bytes()) == (True, content)


@pytest.mark.parametrize(
    "setting", ["diff.noprefix", "diff.mnemonicPrefix", "diff.suppressBlankEmpty"]
)
def test_a_patch_applies_whatever_the_user_has_configured(repository, setting):
    git(repository, "config", setting, "true")
    git(repository, "config", "diff.context", "0")
    (repository / "src" / "train.py").write_text("print('train')\n\nprint('more')\n")
    patch = describe_code(repository / "src" / "train.py")["patch"]
    apply(repository, patch)
    assert (repository / "src" / "train.py").read_text() == "print('train')\n\nprint('more')\n"


def test_binary_changes_make_a_patch_inexact(repository):
    """Their bytes cannot be looked through for secrets, and are not in it."""
    (repository / "weights.bin").write_bytes(bytes(range(256)))
    git(repository, "add", "weights.bin")
    patch = describe_code(repository / "src" / "train.py")["patch"]
    assert (patch["exact"], patch["left_out"]) == (False, ["binary files"])


@pytest.fixture
def with_submodule(repository, tmp_path):
    """The repository with the submodule ``libs/data``."""
    inner = tmp_path / "inner"
    inner.mkdir()
    git(inner, "init", "-q")
    (inner / "a.py").write_text("a = 1\n")
    git(inner, "add", ".")
    git(inner, "commit", "-q", "-m", "first")
    git(
        repository,
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "add",
        "-q",
        str(inner),
        "libs/data",
    )
    git(repository, "commit", "-q", "-m", "second")
    return repository


def test_commits_of_submodules_are_told(with_submodule):
    """As they lie there, whatever the repository has committed."""
    inner = with_submodule / "libs" / "data"
    git(inner, "commit", "-q", "--allow-empty", "-m", "second")
    facts = describe_code(with_submodule / "src" / "train.py")
    assert facts["submodules"] == {"libs/data": git(inner, "rev-parse", "HEAD")}
    # `git apply` leaves a submodule where it is
    assert facts["patch"]["left_out"] == ["submodules"]


def test_changes_in_a_submodule_make_a_patch_inexact(with_submodule):
    (with_submodule / "libs" / "data" / "a.py").write_text("a = 2\n")
    facts = describe_code(with_submodule / "src" / "train.py")
    assert (facts["patch"]["exact"], facts["patch"]["left_out"]) == (False, ["submodules"])


def test_changes_of_a_file_with_the_name_of_a_secret_leave_the_patch(repository):
    """Its values need not look like secrets; other files' changes stay."""
    for name in ("secrets.toml", "other.toml"):
        (repository / name).write_text("value = 'batterystaple'\n")
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "values")
    for name in ("secrets.toml", "other.toml"):
        (repository / name).write_text("value = 'swordfish'\n")
    patch = describe_code(repository / "src" / "train.py")["patch"]
    assert (patch["exact"], patch["left_out"]) == (False, ["files with the name of a secret"])
    assert "other.toml" in patch["text"]
    assert "secrets.toml" not in patch["text"]


def test_a_secret_file_with_a_name_that_is_no_utf8_leaves_the_patch(repository):
    """It is named with escapes, and left out by the bytes that it has."""
    folder = os.fsencode(repository) + b"/secrets\xff"
    os.mkdir(folder)
    for value in ("batterystaple", "swordfish"):
        with open(folder + b"/password.toml", "w") as file:
            file.write(f"value = '{value}'\n")
        git(repository, "add", ".")
        if value == "batterystaple":
            git(repository, "commit", "-q", "-m", "values")
    facts = describe_code(repository / "src" / "train.py")
    assert (facts["changed"], facts["patch"]["left_out"]) == (
        ["secrets\\xff/password.toml"],
        ["files with the name of a secret"],
    )
    assert "swordfish" not in facts["patch"]["text"]


def test_a_git_that_fails_midway_costs_no_facts(repository, monkeypatch):
    """The script is kept where git does not say that it has it."""
    ask = Repository.ask

    def fail(self, limit, *arguments, **options):
        if arguments[0] == "ls-files":
            raise GitError("no more")
        return ask(self, limit, *arguments, **options)

    monkeypatch.setattr(Repository, "ask", fail)
    facts = describe_code(repository / "src" / "train.py")
    assert (facts["branch"], facts["script"]["source"]) == ("main", "print('train')\n")


def test_a_script_that_git_ignores_is_kept(repository):
    """Neither commit nor patch has it."""
    (repository / ".gitignore").write_text("scratch/\n")
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "ignores")
    script = repository / "scratch" / "try.py"
    script.parent.mkdir()
    script.write_text("print('tried')\n")
    facts = describe_code(script)
    assert (facts["dirty"], facts["script"]["source"]) == (False, "print('tried')\n")


@pytest.mark.parametrize("is_changed", [True, False])
def test_a_changed_script_is_kept_where_the_patch_is_not_exact(repository, is_changed):
    """One that is as the commit has it is not."""
    script = repository / "src" / "train.py"
    if is_changed:
        script.write_text("print('changed')\n")
    (repository / "secrets.toml").write_text("a = 'b'\n")
    git(repository, "add", "secrets.toml")
    facts = describe_code(script)
    assert facts["patch"]["exact"] is False
    assert ("source" in facts["script"]) is is_changed


def test_the_working_directory_is_told_below_the_root(repository, monkeypatch):
    monkeypatch.chdir(repository / "src")
    assert describe_code(repository / "src" / "train.py")["folder"] == "src"
    monkeypatch.chdir(repository)
    assert describe_code(repository / "src" / "train.py")["folder"] == "."


def test_secrets_leave_the_patch(repository):
    """A password that was just typed in does not get out."""
    (repository / "src" / "train.py").write_text("password = 'hunter2'\n")
    facts = describe_code(repository / "src" / "train.py")
    assert "+password = '[redacted]'" in facts["patch"]["text"]
    assert (facts["patch"]["exact"], facts["patch"]["left_out"]) == (False, ["secrets"])
    assert "hunter2" not in str(facts)


def test_large_patches_are_cut_and_marked(repository, monkeypatch):
    """The patch ends with a whole line."""
    monkeypatch.setattr(sources, "_PATCH_LIMIT", 1000)
    (repository / "src" / "train.py").write_text(
        "".join(f"line {number}\n" for number in range(10_000))
    )
    facts = describe_code(repository / "src" / "train.py")
    assert (facts["patch"]["exact"], facts["patch"]["left_out"]) == (False, ["the end"])
    assert len(facts["patch"]["text"]) <= 1000
    assert facts["patch"]["text"].endswith("\n")


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


def test_texts_of_untracked_sources_are_kept(repository):
    """Those of upper folders first; what git ignores, other kinds, links, and the code of others
    are not looked at.
    """
    files = {
        "notes.md": "# ideas\n",
        "conf/model.yaml": "depth: 3\n",
        "conf/deep/er/x.py": "x = 1\n",
        "ignored.py": "",
        "data.csv": "1,2\n",
        "venv/lib/site-packages/other.py": "",
    }
    for path, text in files.items():
        (repository / path).parent.mkdir(parents=True, exist_ok=True)
        (repository / path).write_text(text)
    (repository / ".gitignore").write_text("ignored.py\n")
    (repository / "link.py").symlink_to("/etc/passwd")
    found = describe_code(repository / "src" / "train.py")["sources"]
    assert list(found["texts"]) == ["notes.md", "conf/model.yaml", "conf/deep/er/x.py"]
    assert (found["texts"]["conf/model.yaml"], found["left_out"]) == (
        "depth: 3\n",
        {"link.py": "it is not a regular file"},
    )
    assert "redacted" not in found


def test_secrets_leave_untracked_sources(repository):
    """What was taken out is marked; a file of values that has the name of a secret is not read at
    all.
    """
    (repository / "load.py").write_text("password = 'hunter2'\n")
    (repository / "clean.py").write_text("x = 1\n")
    (repository / "secrets.toml").write_text("hunter2\n")
    (repository / "api_token.txt").write_text("hunter2\n")
    found = describe_code(repository / "src" / "train.py")["sources"]
    assert (found["texts"]["load.py"], found["redacted"]) == (
        "password = '[redacted]'\n",
        ["load.py"],
    )
    assert (
        dict.fromkeys(("api_token.txt", "secrets.toml"), "it has the name of a secret")
        == found["left_out"]
    )
    assert "hunter2" not in str(found)


def test_untracked_sources_are_bounded(repository, monkeypatch):
    """In bytes of each, in bytes of all, and in number; what is no text is none."""
    (repository / "large.json").write_bytes(b" " * (256 * 1024 + 1))
    (repository / "odd.txt").write_bytes(b"a\0b")
    monkeypatch.setattr(sources, "_TOTAL_LIMIT", 100)
    for number in range(12):
        (repository / f"s{number:02}.py").write_text("x = 12345\n")
    found = describe_code(repository / "src" / "train.py")["sources"]
    assert len(found["texts"]) == 10
    assert sorted(found["left_out"]) == ["large.json", "odd.txt", "s10.py", "s11.py"]
    monkeypatch.setattr(sources, "_MOST_FILES", 3)
    found = describe_code(repository / "src" / "train.py")["sources"]
    assert (list(found["texts"]), found["count"]) == (["s00.py", "s01.py", "s02.py"], 14)


def test_sources_are_not_kept_where_they_are_not_wanted(repository):
    (repository / "notes.md").write_text("x\n")
    assert "sources" not in describe_code(repository / "src" / "train.py", with_source=False)


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
    assert (
        describe_code(repository / "src" / "train.py")["remote"]
        == "https://user:[redacted]@host.example/a/b.git"
    )


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
    assert (facts["commit"], facts["branch"], facts["script"]["source"]) == (
        None,
        "main",
        "x = 1\n",
    )


def test_a_script_outside_any_repository_is_kept(tmp_path, monkeypatch):
    """git is not even started, wherever the working directory is."""
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    script = tmp_path.resolve() / "train.py"
    script.write_text("x = 1\n")
    facts = describe_code(script)
    assert (facts["repository"], facts["script"]["source"], "error" in facts) == (
        None,
        "x = 1\n",
        False,
    )


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
    monkeypatch.setattr(git_module, "_SECONDS", 0.2)
    assert (
        describe_code(repository / "src" / "train.py")["error"]
        == "git status took longer than 0.2 seconds"
    )


def test_git_takes_no_lock_and_leaves_no_trace(repository):
    """The index is not refreshed: not a byte below the repository changes."""

    def state():
        return {
            path: (path.stat().st_mtime_ns, path.stat().st_size)
            for path in sorted(repository.rglob("*"))
        }

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
    thread = threading.Thread(
        target=lambda: found.append(describe_code(repository / "src" / "train.py"))
    )
    thread.start()
    thread.join()
    assert found[0]["branch"] == "main"


def test_a_script_that_has_ended_is_still_known(tmp_path):
    """A short one ends while the background is still looking."""
    script = tmp_path / "short.py"
    script.write_text(
        "import atexit\n"
        "from fitprint.context.code import find_script\n"
        "atexit.register(lambda: print(find_script()))\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    assert done.stdout == f"{script}\n"

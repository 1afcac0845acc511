"""Where projects come from; nothing of the user's is touched."""

from __future__ import annotations

import json
import os
import stat
import zipfile
from pathlib import Path

import pytest

import fitprint
from fitprint.cli import main
from fitprint_projects import archives
from fitprint_projects.errors import ProjectError
from fitprint_projects.git import checked_reference
from fitprint_projects.sources import opened

pytestmark = pytest.mark.usefixtures("answer")


def state(project):
    """Return all that git knows of a working tree."""
    index = (project.folder / ".git/index").read_bytes()
    refs = (
        project.git("for-each-ref"),
        project.git("stash", "list"),
        project.git("worktree", "list"),
    )
    head = (project.folder / ".git/HEAD").read_text()
    return head, refs, index, project.git("status", "--porcelain")


def test_a_version_never_moves_the_users_head(made, home):
    """Tree, HEAD, index, stash and hooks stay as they are; the old code runs."""
    project = made().write(t__py="import fitprint; fitprint.log_metric('m', 1)")
    first = project.commit()
    project.write(t__py="1/0").commit()
    project.write(t__py="stashed").git("stash")
    project.write(t__py="staged").git("add", "-A")
    project.write(t__py="changed", new="")
    hook = project.folder / ".git/hooks/post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch {project.folder}/hooked\n")
    hook.chmod(0o755)
    before = state(project)
    for version in (first, first[:10], "HEAD~1", "main~1"):
        assert 0 == main(["run", str(project.folder / "t.py"), "--version", version])
    assert before == state(project)
    assert not (project.folder / "hooked").exists()
    run = fitprint.get_run("@last")
    assert {"m": 1.0} == run.metrics
    assert (first, False) == (
        run.environment["git"]["commit"],
        run.environment["git"].get("dirty", False),
    )
    assert first == run.tags["project.revision"]


def test_repositories_in_both_notations(made, tmp_path):
    project = made()
    (project.folder / "a/v1.2").mkdir(parents=True)
    (project.folder / "a/v1.2/x").write_text("one")
    first = project.commit()
    project.git("tag", "v1")
    project.git("branch", "side")
    (project.folder / "a/v1.2/x").write_text("two")
    second = project.commit()
    url = project.folder.as_uri()
    for text, version, commit in [
        (f"git+{url}@v1#subdirectory=a/v1.2", "", first),
        (f"git+{url}@side#egg=x&subdirectory=a/v1.2", "", first),
        (f"git+{url}@{first}#subdirectory=a/v1.2", "", first),
        (f"git+{url}#subdirectory=a/v1.2", "", second),
        (f"git+{url}#a/v1.2", "main", second),
        (f"{project.folder}#a/v1.2", "v1", first),
    ]:
        with opened(text, version) as source:
            assert (commit, "git") == (source.revision, source.kind)
            assert ("one" if commit == first else "two") == (source.folder / "x").read_text()
            place = source.folder
        assert not place.exists()
    assert 1 == len(project.git("worktree", "list").splitlines())


def test_a_commit_that_is_in_the_cache_needs_no_repository(made):
    project = made().write(x="1")
    commit = project.commit()
    url = f"git+{project.folder.as_uri()}@{commit}"
    with opened(url):
        pass
    project.folder.rename(project.folder.with_name("gone"))
    with opened(url) as source:
        assert "1" == (source.folder / "x").read_text()
    with (
        pytest.raises(ProjectError, match="git fetch failed"),
        opened(f"git+{project.folder.as_uri()}@main"),
    ):
        pass


@pytest.mark.parametrize(
    ("text", "version", "words"),
    [
        ("ext::sh -c touch% pwned", "", "is no address of a repository"),
        ("git+ext::sh -c touch% pwned", "", "is no address of a repository"),
        ("fd::17", "", "is no address of a repository"),
        ("git+ftp://host/a", "", "is not fetched by 'ftp'"),
        ("--upload-pack=touch pwned", "", "is no address of a repository"),
        ("git+https://host/a@--output=x", "", "cannot be a revision"),
        ("git+https://host/a@b", "c", "names the revision 'b', and --version 'c'"),
        ("project", "-x", "cannot be a revision"),
        ("project", "a:b", "cannot be a revision"),
        ("project", "a..b", "cannot be a revision"),
        ("project", "nowhere", "has no revision 'nowhere'"),
        ("project#../secret", "", "leads out of the project"),
        ("project#nowhere", "", "no folder 'nowhere'"),
        ("project#../secret", "main", "leads out of the project"),
    ],
)
def test_what_is_refused(made, tmp_path, monkeypatch, text, version, words):
    made("secret")
    made().write(x="").commit()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ProjectError, match=words), opened(text, version):
        pass
    assert not list(tmp_path.rglob("pwned"))


def test_a_revision_that_does_not_exist_in_a_remote_is_told(made):
    project = made().write(x="")
    project.commit()
    with (
        pytest.raises(ProjectError, match="has no revision 'nope'; give a branch"),
        opened(f"git+{project.folder.as_uri()}@nope"),
    ):
        pass


def test_a_default_branch_that_was_never_pushed(made, tmp_path):
    project = made().write(x="1")
    commit = project.commit()
    project.git("branch", "side")
    project.git("tag", "v1")
    url = f"git+{project.folder.as_uri()}"
    with opened(url) as source:
        assert commit == source.revision
    project.git("symbolic-ref", "HEAD", "refs/heads/never")
    for version in ("side", "v1", "main"):
        with opened(url, version) as source:
            assert commit == source.revision
    for version in ("", "HEAD"):
        with (
            pytest.raises(ProjectError, match=r"was never pushed there; give --version"),
            opened(url, version),
        ):
            pass


def test_a_git_that_was_killed_leaves_nothing_that_is_in_the_way(made, tmp_path):
    project = made().write(x="1")
    project.commit()
    url = f"git+{project.folder.as_uri()}"
    with opened(url):
        pass
    (bare,) = tmp_path.glob("cache/fitprint/git/*.git")
    project.git("branch", "new")
    project.git("branch", "-M", "main", "other")
    for name in ("packed-refs", "config", "shallow", "refs/remotes/origin/new", "refs/tags/x"):
        (bare / f"{name}.lock").parent.mkdir(exist_ok=True, parents=True)
        (bare / f"{name}.lock").touch()
    with opened(url, "new"), opened(url, "other"):
        pass


@pytest.mark.parametrize("url", ["ext::sh -c touch% pwned", "file"])
def test_a_submodule_with_an_odd_transport_is_refused(made, url, tmp_path):
    inner = made("inner").write(x="")
    inner.commit()
    project = made().write(x="")
    project.commit()
    project.git("-c", "protocol.file.allow=always", "submodule", "add", str(inner.folder), "sub")
    if url != "file":
        project.git("config", "-f", ".gitmodules", "submodule.sub.url", url)
    project.commit()
    with (
        pytest.raises(ProjectError, match="a submodule of the project cannot be fetched"),
        opened(f"git+{project.folder.as_uri()}"),
    ):
        pass
    assert not list(tmp_path.rglob("pwned"))


def test_a_cache_that_was_half_made_is_made_anew(made, tmp_path):
    project = made().write(x="1")
    project.commit()
    url = f"git+{project.folder.as_uri()}"
    with opened(url):
        pass
    (copy,) = (tmp_path / "cache/fitprint/git").glob("*.git")
    (copy / "complete").unlink()
    (copy / "config").write_text("broken [")
    with opened(url) as source:
        assert "1" == (source.folder / "x").read_text()


@pytest.mark.parametrize("text", ["main", "v1.2", "a/b", "HEAD~2", "@{1}", "f" * 40])
def test_what_is_a_revision(text):
    assert text == checked_reference(text)


# -- archives --------------------------------------------------------------------------------------


def zipped(path: Path, *members: tuple[str, bytes, int]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content, mode in members:
            about = zipfile.ZipInfo(name)
            about.external_attr = mode << 16
            archive.writestr(about, content)
    return path


def test_an_archive_runs(tmp_path, answer, home):
    say = b"import sys, json, os; json.dump(sys.argv, open(os.environ['ANSWER'], 'w'))"
    path = zipped(tmp_path / "a.zip", ("sub/", b"", 0o40755), ("sub/t.py", say, 0o100755))
    assert 0 == main(["run", f"{path}#sub", "-e", "t.py", "-P", "a=1"])
    assert ["t.py", "--a", "1"] == json.loads(answer.read_text())
    run = fitprint.get_run("@last")
    assert run.tags["project.revision"].startswith("sha256:")
    with opened(str(path)) as source:
        assert (source.folder / "sub/t.py").stat().st_mode & stat.S_IXUSR


@pytest.mark.parametrize(
    "member",
    [
        ("../evil", b"", 0),
        ("/evil", b"", 0),
        ("a/../../evil", b"", 0),
        ("..\\evil", b"", 0),
        ("c:/evil", b"", 0),
        ("link", b"/etc/passwd", stat.S_IFLNK | 0o777),
        ("pipe", b"", stat.S_IFIFO | 0o644),
    ],
)
def test_a_member_outside_of_an_archive_is_refused(tmp_path, member):
    path = zipped(tmp_path / "a.zip", ("fine", b"", 0), member)
    with pytest.raises(ProjectError, match="nothing was unpacked"), opened(str(path)):
        pass
    assert not list(tmp_path.rglob("evil"))


def test_a_bomb_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MOST_BYTES", 1 << 20)
    path = zipped(tmp_path / "a.zip", ("zeros", b"\0" * (2 << 20), 0))
    with pytest.raises(ProjectError, match="a project has at most"), opened(str(path)):
        pass


def test_a_damaged_archive_is_told(tmp_path):
    path = zipped(tmp_path / "a.zip", ("a", os.urandom(1000), 0))
    data = bytearray(path.read_bytes())
    data[200] ^= 255
    path.write_bytes(data)
    with pytest.raises(ProjectError, match="is no zip that can be read"), opened(str(path)):
        pass
    (tmp_path / "b.zip").write_bytes(b"PK")
    with pytest.raises(ProjectError, match="is no zip"), opened(str(tmp_path / "b.zip")):
        pass


def test_two_files_of_one_name_are_told(tmp_path):
    path = tmp_path / "a.zip"
    with pytest.warns(UserWarning, match="Duplicate name"):
        zipped(path, ("a", b"1", 0), ("a", b"2", 0))
    with pytest.raises(ProjectError, match="two files of one name"), opened(str(path)):
        pass


# -- runs ------------------------------------------------------------------------------------------


def test_the_code_that_a_run_had_runs_again(made, home, monkeypatch):
    """With what was not committed, from any folder."""
    project = made().write(t__py="1/0")
    project.commit()
    project.write(t__py="import fitprint; fitprint.log_metric('m', 7)")
    monkeypatch.chdir(project.folder)
    assert 0 == main(["run", "t.py", "--name", "first"])
    first = fitprint.get_run("first")
    assert json.loads(first.read("project.json"))["dirty"]
    project.write(t__py="1/0")
    assert 0 == main(["clone", "first", "--name", "second"])
    second = fitprint.get_run("second")
    assert ({"m": 7.0}, first.id) == (second.metrics, second.tags["cloned_from"])
    assert "1/0" == (project.folder / "t.py").read_text()


@pytest.mark.parametrize("packed", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damage_in_what_is_packed_is_told(tmp_path, packed):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", packed) as archive:
        archive.writestr("a", bytes(range(256)) * 20)
    data = bytearray(path.read_bytes())
    data[40:60] = bytes(20)
    path.write_bytes(data)
    with pytest.raises(ProjectError, match=r"no zip that can be read|cannot be unpacked"):
        archives.unpack(path, tmp_path / "code")


def test_a_name_that_no_file_can_have_is_told(tmp_path):
    path = zipped(tmp_path / "a.zip", ("x" * 3000, b"", 0))
    with pytest.raises(ProjectError, match="cannot be unpacked into"), opened(str(path)):
        pass

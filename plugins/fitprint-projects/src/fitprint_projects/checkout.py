"""The code of a recorded run, brought to a fresh folder.

The folder is a repository of its own that borrows the objects of the one at hand: the user's
working tree, HEAD, index, stash and configuration are neither written nor locked, no hook runs,
and what is killed in the middle leaves nothing behind but the folder.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fitprint.context.git import GitError, Repository
from fitprint.context.revisions import missing_commits, repository_around
from fitprint.errors import FitprintError
from fitprint.views.facts import PATCH, SOURCES, part
from fitprint_projects.snapshots import empty_repository, unpack

__all__ = ["CodeMissingError", "check_out"]

_SECONDS = 600.0  # for all calls of git in one repository
_MOST_SOURCES = 16 << 20  # bytes of all untracked files
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_DIRTY_SUBMODULE = re.compile(rb"^\+Subproject commit [0-9a-f]+-dirty$", re.MULTILINE)
_VARIABLES = {
    "GIT_CONFIG_COUNT": "2",
    "GIT_CONFIG_KEY_0": "advice.detachedHead",
    "GIT_CONFIG_VALUE_0": "false",
    "GIT_CONFIG_KEY_1": "protocol.allow",  # nothing is fetched here
    "GIT_CONFIG_VALUE_1": "never",
    # A file of git-lfs stays the pointer that the commit has: to bring it in is a download.
    "GIT_LFS_SKIP_SMUDGE": "1",
}

# Returns a repository that has a commit of an address, or None.
Fetch = Callable[[str, str], "Path | None"]


class CodeMissingError(FitprintError):
    """The code that a run had cannot be brought back."""


def check_out(
    git: Mapping[str, Any],
    read: Callable[[str], bytes],
    folder: Path,
    places: Sequence[Path],
    fetch: Fetch | None = None,
) -> list[str]:
    """Fill an empty folder with the code of a run, and return what may be otherwise in it.

    Args:
        git: what ``run.environment["git"]`` says.
        read: returns the bytes of an artifact of the run.
        folder: it becomes the root of the repository; where the run had none, the script lies
            in it.
        places: folders that may lie in a repository which has the commit.
        fetch: brings a repository with a commit (second argument) from an address (first), where
            none of the places has it.

    Raises:
        CodeMissingError: the commit is nowhere to be found, or what was not committed was not
            recorded as it was; the text says why, and what to do.
        FitprintError: an artifact cannot be read.
    """
    notes: list[str] = []
    commit, script = git.get("commit"), part(git, "script")
    if "error" in git:
        raise CodeMissingError(f"git could not be asked when the run began: {git['error']}")
    try:
        if isinstance(commit, str) and _COMMIT.fullmatch(commit):
            try:
                root = _place_of(commit, git, places, None)
            except CodeMissingError:
                root = folder
                if not unpack(read, commit, folder):
                    root = _place_of(commit, git, places, fetch)
            _borrow(root, commit, folder, git.get("remote"))
            for path, inner in sorted(part(git, "submodules").items()):
                if isinstance(inner, str) and _COMMIT.fullmatch(inner):
                    _bring_submodule(root, path, inner, folder, fetch)
            if git.get("dirty"):
                _apply(git, read, folder)
        elif not git.get("sources") and not script:
            raise CodeMissingError(
                "no code of it was recorded: it was started from a prompt, by a program that is "
                "installed, or with the setting context = false"
            )
        notes += _write_sources(git, read, folder)
        if script.get("path") in (part(git, "sources").get("redacted") or ()):
            raise CodeMissingError(
                f"the script {script['path']} is in no commit, and had secrets, which were not "
                "recorded: keep them elsewhere, and commit it before a run that is to be reproduced"
            )
        notes += _write_script(script, folder)
    except (GitError, OSError, ValueError) as error:
        raise CodeMissingError(f"its code cannot be checked out: {error}") from error
    return notes


def _place_of(
    commit: str, git: Mapping[str, Any], places: Sequence[Path], fetch: Fetch | None
) -> Path:
    """Return the root of a repository that has the commit."""
    for place in places:
        found = repository_around(place)
        if found is not None and not missing_commits(found, [commit]):
            return found.root
    remote = git.get("remote")
    why = "the run recorded no address of a remote repository"
    if isinstance(remote, str) and remote:
        why = f"{remote} was not asked"
        if fetch is not None:
            try:
                fetched = fetch(remote, commit)
            except FitprintError as error:
                why = f"it cannot be fetched: {error}"
            else:
                if fetched is not None:
                    return fetched
                why = f"{remote} does not have it"
    raise CodeMissingError(
        f"commit {commit[:12]} of {git.get('repository') or 'its repository'} is in no repository "
        f"around {' or '.join(str(place) for place in places) or 'here'}, and {why}: run this in a "
        "clone that has the commit (`git fetch` brings commits in)"
    )


def _borrow(root: Path, commit: str, folder: Path, remote: Any = None) -> None:
    """Make the folder a repository at the commit, with the objects of another one."""
    if root == folder:  # it has the commit itself
        _set_at(Repository(folder, _SECONDS), commit, remote)
        return
    source = Repository(root, _SECONDS)
    found, _ = source.ask(1 << 12, "rev-parse", "--git-path", "objects")
    objects = Path(root, os.fsdecode(found).rstrip("\n")).resolve()
    if not objects.is_dir() or "\n" in str(objects):
        raise GitError(f"{objects} holds no objects of git")
    own = empty_repository(folder, commit)
    listed = str(objects)
    if listed.startswith('"'):
        listed = '"' + listed.replace("\\", "\\\\").replace('"', '\\"') + '"'
    information = folder / ".git" / "objects" / "info"
    information.mkdir(exist_ok=True)
    (information / "alternates").write_bytes(os.fsencode(listed) + b"\n")
    for name in ("core.autocrlf", "core.eol", "core.symlinks"):  # they decide on bytes
        value, _ = source.ask(1 << 12, "config", "--local", "--get", name, allowed=(0, 1))
        if value:
            own.ask(1 << 12, "config", name, os.fsdecode(value).rstrip("\n"))
    _set_at(own, commit, remote)


def _set_at(own: Repository, commit: str, remote: Any) -> None:
    if isinstance(remote, str) and remote and not remote.startswith("-"):
        own.ask(1 << 12, "config", "remote.origin.url", remote)
    own.ask(1 << 16, "checkout", "--quiet", "--force", "--detach", commit, variables=_VARIABLES)


def _bring_submodule(root: Path, path: str, commit: str, folder: Path, fetch: Fetch | None) -> None:
    source, target = root / path, folder / path
    if not _is_inside(target, folder) or target.is_symlink():
        raise CodeMissingError(f"the submodule {path!r} lies outside of the repository")
    if not (source / ".git").exists() or missing_commits(Repository(source), [commit]):
        address = _address_of(path, folder)
        found = fetch(address, commit) if fetch is not None and "://" in address else None
        if found is None:
            raise CodeMissingError(
                f"commit {commit[:12]} of the submodule {path} is not in {source}: `git submodule "
                f"update --init {path}` in {root} brings it in, or `git fetch` there"
            )
        source = found
    _borrow(source, commit, target)


def _address_of(path: str, folder: Path) -> str:
    """Return the address of a submodule, as the commit has it."""
    pattern = r"^submodule\..*\.path$"
    own = Repository(folder)
    listed, _ = own.ask(
        *(1 << 16, "config", "--file", ".gitmodules", "-z", "--get-regexp", pattern),
        allowed=(0, 1),
    )
    for entry in os.fsdecode(listed).split("\0")[:-1]:
        name, _, where = entry.partition("\n")
        if where == path:
            key = f"{name.removesuffix('.path')}.url"
            address, _ = own.ask(1 << 12, "config", "--file", ".gitmodules", key, allowed=(0, 1))
            return os.fsdecode(address).strip()
    return ""


def _apply(git: Mapping[str, Any], read: Callable[[str], bytes], folder: Path) -> None:
    """Turn the files of the commit into those that ran."""
    facts = part(git, "patch")
    if not facts or "error" in facts:
        raise CodeMissingError(
            f"its changes to {_named(git.get('changed'))} were not committed, and not recorded "
            f"({facts.get('error', 'the setting code_patch was off')}): only the commit "
            f"{str(git['commit'])[:12]} is known"
        )
    submodules = [path for path, commit in part(git, "submodules").items() if commit]
    left_out = [str(each) for each in facts.get("left_out") or ()]
    patch = read(PATCH) if facts.get("artifact") else b""
    if left_out == ["submodules"] and submodules and not _DIRTY_SUBMODULE.search(patch):
        left_out = []  # their commits are recorded beside the patch
    if left_out or not (facts.get("exact") or submodules):
        raise CodeMissingError(
            f"its changes to {_named(git.get('changed'))} were not committed, and their patch is "
            f"not whole: {', '.join(left_out) or 'something'} could not be recorded. Commit such "
            "changes before a run that is to be reproduced"
        )
    if not patch:
        return
    file = folder / ".git" / "fitprint.patch"
    file.write_bytes(patch)
    own = Repository(folder, _SECONDS)
    words = ["--whitespace=nowarn", *(f"--exclude={path}" for path in submodules)]
    try:
        own.ask(1 << 16, "apply", "--check", *words, str(file.resolve()))
        own.ask(1 << 16, "apply", *words, str(file.resolve()))
    except GitError as error:
        raise CodeMissingError(f"the recorded patch does not fit its commit: {error}") from error


def _write_sources(
    git: Mapping[str, Any], read: Callable[[str], bytes], folder: Path
) -> Iterator[str]:
    """Write the small files that git did not track, and yield what is missing of them."""
    facts = part(git, "sources")
    for path in facts.get("redacted") or ():
        yield f"{path}: its secrets were not recorded"
    for path, reason in part(facts, "left_out").items():
        yield f"{path} was not recorded: {reason}"
    if not facts.get("artifact"):
        return
    left = _MOST_SOURCES
    try:
        with zipfile.ZipFile(io.BytesIO(read(SOURCES))) as archive:
            for member in archive.infolist():
                target = folder / member.filename
                if not _is_inside(target, folder):
                    raise CodeMissingError(
                        f"the recorded file {member.filename!r} lies outside of the repository"
                    )
                with archive.open(member) as file:
                    data = file.read(left + 1)
                left -= len(data)
                if left < 0:
                    raise CodeMissingError("the recorded files unpack to more than 16 MiB")
                target.parent.mkdir(parents=True, exist_ok=True)
                if not os.path.lexists(target):
                    target.write_bytes(data)
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, RuntimeError) as error:
        raise CodeMissingError(f"the recorded files cannot be unpacked: {error}") from error


def _write_script(script: Mapping[str, Any], folder: Path) -> Iterator[str]:
    """Write a script that was recorded by itself, and compare the one that is there with what
    ran.
    """
    path, digest = script.get("path"), script.get("digest")
    if not isinstance(path, str):
        if script.get("cells"):
            raise CodeMissingError(
                "it ran in a notebook or a prompt: what was run is recorded "
                '(run.environment["git"]["script"]["source"]), but in which order cells are run '
                "is its user's to say"
            )
        return
    target = folder / path
    if not _is_inside(target, folder):
        raise CodeMissingError(f"the script {path!r} lies outside of the repository")
    source = script.get("source")
    if isinstance(source, str) and not os.path.lexists(target):
        data = source.encode("utf-8", "surrogatepass")
        if _digest(data) != digest:
            raise CodeMissingError(
                f"the script {path} is in no commit, and was not recorded as it was: secrets were "
                "taken out, it is larger than 256 KiB, or it is no UTF-8. Commit it before a run "
                "that is to be reproduced"
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    elif not target.is_file():
        raise CodeMissingError(
            f"the script {path} is in no commit, and its text was not recorded: it is a part of "
            "an installed program, or too large"
        )
    elif _digest(target.read_bytes()) != digest:
        yield f"{path} is not byte by byte what ran: line endings or a filter of git's may differ"


def _is_inside(path: Path, folder: Path) -> bool:
    """Tell whether a path is one of the code's own: below the folder, and nothing of git's."""
    root, found = folder.resolve(), path.resolve()
    return root in found.parents and ".git" not in found.relative_to(root).parts


def _named(changed: Any) -> str:
    names = [str(name) for name in changed] if isinstance(changed, (list, tuple)) else []
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more or "its files"


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"

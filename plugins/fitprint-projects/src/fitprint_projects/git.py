"""git: a project of a repository is a working tree of its own, for the time of the run.

Each repository has a bare copy in the user's cache, which is brought up to date; working trees are
added to that one. A repository of the user's is read as any other: its tree, HEAD, index and stash
stay as they are. No hook runs, and nothing is fetched by a transport that starts programs.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fitprint.context.git import GitError, Repository
from fitprint.context.redaction import redact_text
from fitprint_projects.caching import cache_folder, locked
from fitprint_projects.errors import ProjectError

__all__ = ["checked_reference", "copy_with", "git", "repository_of", "tree_of"]

_SECONDS = 600.0  # of one command
_MOST = 1 << 20  # bytes of an answer
_REFERENCE = re.compile(r"[\w@][\w./@+~^{}-]*")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SETTLED = {
    "protocol.ext.allow": "never",
    "protocol.fd.allow": "never",
    "filter.lfs.smudge": "",
    "filter.lfs.process": "",
    "filter.lfs.required": "false",
    "http.lowSpeedLimit": "100",
    "http.lowSpeedTime": "60",
    "advice.detachedHead": "false",
    "gc.auto": "0",
}
_VARIABLES = {
    "GIT_LFS_SKIP_SMUDGE": "1",
    # what a git around us has set
    **dict.fromkeys(("GIT_CONFIG_PARAMETERS", "GIT_NAMESPACE"), ""),
    **dict.fromkeys(("GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_EXTERNAL_DIFF"), ""),
    "GIT_CONFIG_COUNT": str(len(_SETTLED)),
    **{f"GIT_CONFIG_KEY_{number}": name for number, name in enumerate(_SETTLED)},
    **{f"GIT_CONFIG_VALUE_{number}": value for number, value in enumerate(_SETTLED.values())},
}


def git(*arguments: str, folder: Path, protocols: str = "", seconds: float = _SECONDS) -> str:
    """Return what git writes.

    Args:
        arguments: of git.
        folder: where it works.
        protocols: those that it may use, as in ``https:ssh``.
        seconds: until it is given up.

    Raises:
        ProjectError: it fails; the message is git's own, without passwords.
    """
    variables = {**_VARIABLES, "GIT_ALLOW_PROTOCOL": protocols}
    try:
        said, _ = Repository(folder, seconds).ask(_MOST, *arguments, variables=variables)
    except GitError as error:
        raise ProjectError(" ".join(str(error).split())) from None
    return said.decode("utf-8", "surrogateescape").strip()


def checked_reference(reference: str) -> str:
    """Return the name of a branch, tag or commit.

    Raises:
        ProjectError: it could be taken for an option, or for more than a name.
    """
    if not _REFERENCE.fullmatch(reference) or ".." in reference:
        raise ProjectError(
            f"{reference!r:.100} cannot be a revision; give a branch, a tag or a commit"
        )
    return reference


def repository_of(folder: Path) -> Path | None:
    """Return the root of the repository in which a folder lies; None if it is in none."""
    for above in (folder, *folder.parents):
        if (above / ".git").exists():
            return above
    return None


@contextmanager
def tree_of(address: str, reference: str, place: Path) -> Iterator[tuple[Path, str]]:
    """Yield a working tree of a repository and its commit; the tree is removed afterwards.

    Args:
        address: of the repository; a path is absolute.
        reference: branch, tag or commit; "" for what the repository says itself.
        place: the folder to be; it does not exist.

    Raises:
        ProjectError: there is no such repository or revision, or its address is refused.
    """
    protocols = _protocols(address)
    bare = _bare_copy(address)
    with _locked(bare):
        _make(bare, address)
        commit = _find(bare, reference) if _COMMIT.fullmatch(reference) else ""
        if not commit:  # a commit that is here already needs no network
            _fetch(bare, address, protocols)
            commit = _resolve(bare, address, reference, protocols)
        git("worktree", "add", "--detach", "--quiet", str(place), commit, folder=bare)
    try:
        if (place / ".gitmodules").is_file():
            _submodules(place)
        yield place, commit
    finally:
        with _locked(bare):
            shutil.rmtree(place, ignore_errors=True)
            git("worktree", "prune", folder=bare)


def copy_with(address: str, commit: str) -> Path | None:
    """Return a bare copy of a repository that has a commit; None if it does not have it.

    Raises:
        ProjectError: the address is refused, or cannot be reached.
    """
    protocols = _protocols(address)
    bare = _bare_copy(address)
    with _locked(bare):
        _make(bare, address)
        if not _find(bare, commit):
            _fetch(bare, address, protocols)
        return bare if _find(bare, commit) else None


def _protocols(address: str) -> str:
    """Return what git may use to reach this address.

    Raises:
        ProjectError: it would start a program, or is an option.
    """
    scheme, sign, _ = address.partition("://")
    if address.startswith("-") or re.match(r"[\w+.-]*::", address) or "\n" in address:
        raise ProjectError(
            f"{redact_text(address)!r:.200} is no address of a repository that is fetched; give "
            "one that begins with https://, ssh:// or file://, or a folder"
        )
    if not sign:
        return "file" if address.startswith(("/", ".")) else "ssh"
    if scheme not in ("https", "http", "ssh", "git", "file"):
        raise ProjectError(
            f"a repository is not fetched by {scheme!r:.40}; use https, ssh or a folder"
        )
    return "https:http" if scheme in ("https", "http") else scheme


def _bare_copy(address: str) -> Path:
    digest = hashlib.sha256(address.encode("utf-8", "surrogateescape")).hexdigest()[:32]
    return cache_folder("git") / f"{digest}.git"


@contextmanager
def _locked(bare: Path) -> Iterator[None]:
    """Be the only one that changes a bare copy."""
    with locked(bare.with_suffix(".lock"), _SECONDS, lambda: None):
        yield


def _make(bare: Path, address: str) -> None:
    if (bare / "HEAD").is_file() and (bare / "complete").is_file():
        return
    shutil.rmtree(bare, ignore_errors=True)
    bare.mkdir()
    git("init", "--bare", "--quiet", ".", folder=bare)
    git("config", "remote.origin.url", address, folder=bare)
    (bare / "complete").touch()


def _fetch(bare: Path, address: str, protocols: str) -> None:
    # Nobody else is here, so that these are of a git that was killed.
    for left in itertools.chain(
        *map(bare.glob, ("*.lock", "refs/**/*.lock", "objects/pack/tmp_*"))
    ):
        left.unlink(missing_ok=True)
    words = (
        *("fetch", "--quiet", "--force", "--prune", "--no-tags", "--no-recurse-submodules"),
        *("--no-write-fetch-head", "--end-of-options", address),
        *("+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"),
    )
    try:
        git(*words, "+HEAD:refs/fitprint/HEAD", folder=bare, protocols=protocols)
    except ProjectError as error:
        if "couldn't find remote ref HEAD" not in str(error):
            raise
        git(*words, folder=bare, protocols=protocols)  # its default branch was never pushed
        git("update-ref", "-d", "refs/fitprint/HEAD", folder=bare)


def _find(bare: Path, name: str) -> str:
    try:
        return git(
            *("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"),
            folder=bare,
        ).splitlines()[-1]
    except (ProjectError, IndexError):
        return ""


def _resolve(bare: Path, address: str, reference: str, protocols: str) -> str:
    names = (
        [f"refs/remotes/origin/{reference}", f"refs/tags/{reference}", reference]
        if reference and not reference.startswith(("HEAD", "@"))
        else [f"refs/fitprint/HEAD{reference.removeprefix('HEAD').removeprefix('@')}"]
    )
    for name in names:
        if found := _find(bare, name):
            return found
    if reference in ("", "HEAD", "@"):
        raise ProjectError(
            f"the default branch of {redact_text(address)} was never pushed there; give --version "
            "with another branch, a tag or a commit"
        )
    if re.fullmatch(r"[\w./+-]+", reference):  # such as refs/pull/7/head
        try:
            git(
                *("fetch", "--quiet", "--force", "--no-tags", "--end-of-options", address),
                f"+{reference}:refs/fitprint/wanted",
                folder=bare,
                protocols=protocols,
            )
        except ProjectError:
            pass
        else:
            return _find(bare, "refs/fitprint/wanted")
    raise ProjectError(
        f"the repository {redact_text(address)} has no revision {reference or 'HEAD'!r}; give a "
        "branch, a tag or a whole commit that was pushed there"
    )


def _submodules(tree: Path) -> None:
    """Bring the submodules, from where nothing of this machine is read and no program started."""
    try:
        git(
            *("submodule", "--quiet", "update", "--init", "--recursive"),
            folder=tree,
            protocols="https:http:ssh:git",
        )
    except ProjectError as error:
        raise ProjectError(f"a submodule of the project cannot be fetched: {error}") from None

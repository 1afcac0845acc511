"""How two recorded states of code differ: two commits, each with a patch of what was not committed.

git makes the difference, from objects alone: the working tree is neither read nor touched, no hook,
filter or driver of the user's runs, and nothing is fetched. Patches are applied to a copy of the
index that lies elsewhere, and what that makes goes to a folder of objects that is removed
afterwards.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fitprint.context.git import GitError, Repository

__all__ = ["State", "difference", "missing_commits", "repository_around"]

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_DIFF = (
    "--no-ext-diff --no-textconv --no-color --submodule=short --find-renames -l200 "
    "--src-prefix=a/ --dst-prefix=b/"
).split()


@dataclass(frozen=True, slots=True)
class State:
    """A commit, and the exact patch of what differed from it; b"" for none."""

    commit: str
    patch: bytes = b""


def repository_around(folder: Path) -> Repository | None:
    """Return the repository that a folder lies in; None if it lies in none."""
    root = next((place for place in (folder, *folder.parents) if (place / ".git").exists()), None)
    return None if root is None else Repository(root)


def missing_commits(repository: Repository, commits: Iterable[str]) -> list[str]:
    """Return those that the repository does not have; what is no full name of a commit is not
    looked for.

    Raises:
        GitError: git cannot be asked.
    """
    wanted = list(commits)
    named = [commit for commit in wanted if _COMMIT.fullmatch(commit)]
    found, _ = (
        repository.ask(1 << 12, "rev-list", "--no-walk", "--ignore-missing", *named, "--")
        if named
        else (b"", False)
    )
    have = set(found.decode("ascii", "replace").split())
    return [commit for commit in wanted if commit not in have]


def difference(repository: Repository, old: State, new: State, *, limit: int) -> tuple[str, bool]:
    """Return how the files differ, as a patch of at most ``limit`` bytes, and whether there was
    more.

    Raises:
        GitError: a patch does not apply, or git failed or took too long.
    """
    found, _ = repository.ask(1 << 12, "rev-parse", "--git-path", "objects")
    theirs = Path(repository.root, os.fsdecode(found).rstrip("\n")).resolve()
    with tempfile.TemporaryDirectory(prefix="fitprint-") as name:
        folder = Path(name)
        (folder / "objects").mkdir()
        # Here git writes new objects, and there it finds those of the repository.
        variables = {
            "GIT_OBJECT_DIRECTORY": str(folder / "objects"),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": _quoted(str(theirs)),
        }
        trees = [
            _tree(repository, state, folder / side, variables)
            for state, side in ((old, "old"), (new, "new"))
        ]
        text, cut = repository.ask(limit, "diff", *_DIFF, *trees, "--", variables=variables)
    return text.decode("utf-8", "replace"), cut


def _tree(repository: Repository, state: State, place: Path, variables: Mapping[str, str]) -> str:
    """Return the name of the tree of a state; patch and index are files beside ``place``."""
    if not _COMMIT.fullmatch(state.commit):
        raise GitError(f"{state.commit[:60]!r} is no commit")
    if not state.patch:
        return f"{state.commit}^{{tree}}"
    patch = place.with_suffix(".patch")
    patch.write_bytes(state.patch)
    variables = {**variables, "GIT_INDEX_FILE": str(place.with_suffix(".index"))}
    repository.ask(1 << 10, "read-tree", state.commit, variables=variables)
    repository.ask(
        1 << 10, "apply", "--cached", "--whitespace=nowarn", str(patch), variables=variables
    )
    tree, _ = repository.ask(1 << 10, "write-tree", variables=variables)
    return tree.decode("ascii").strip()


def _quoted(path: str) -> str:
    """Return a path as an entry of a list of paths, as git reads it."""
    if os.pathsep not in path:
        return path
    escaped = path.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'

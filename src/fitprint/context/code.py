"""The code that runs: entry script, git commit, and what is not committed."""

from __future__ import annotations

import hashlib
import os
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from fitprint.access import read_regular
from fitprint.context.git import GitError, Repository, head_of
from fitprint.context.redaction import redact_text, redact_url
from fitprint.context.sources import patch_of, shown_path, untracked_sources
from fitprint.settings import working_folder

__all__ = ["describe_code", "find_script", "is_installed"]

_SOURCE_LIMIT = 256 << 10
# of any installation, for paths may lead to several
_PACKAGES = frozenset({"site-packages", "dist-packages"})
_FILES = 200  # names of changed or untracked files that are told
_STATUS_LIMIT = 4 << 20
_SUBMODULES_DEPTH = 3  # submodules inside submodules


def find_script() -> Path | None:
    """Return the file that this program was started with; None in a notebook, a prompt, ``-c`` or a
    worker without one.
    """
    main = sys.modules.get("__main__")
    # Python takes the name from the module when the script has ended, and a short one ends before
    # this is asked; its loader still knows.
    file = getattr(main, "__file__", None) or getattr(
        getattr(main, "__loader__", None), "path", None
    )
    if not isinstance(file, str) or "ipykernel" in sys.modules:
        return None
    path = Path(file)
    try:
        path = path.resolve()
        return path if path.is_file() else None
    except OSError:
        return None


def describe_code(script: Path | None, *, with_source: bool = True) -> dict[str, Any]:
    """Return facts on the repository that the script lies in, and on the script itself.

    ``commit``, ``branch``, ``remote`` (without credentials), ``folder`` (the working directory
    below the root), ``dirty``, ``changed`` and ``untracked`` (up to 200 names, and their numbers),
    ``submodules`` (commits by path); with ``with_source`` also ``patch`` and ``sources`` (see
    :mod:`fitprint.context.sources`). ``script`` has the path, the digest of its bytes and, where no
    commit and patch can give it back, its ``source`` (up to 256 KiB, secrets redacted); the cells
    of a notebook are told as such a source.

    Outside a repository there is ``{"repository": None}`` beside the script, and git is not run.

    Args:
        script: the entry script; without one the working directory decides on the repository.
        with_source: whether patch and source text are wanted.
    """
    folder = script.parent if script is not None else working_folder()
    root = (
        None
        if folder is None or (script is not None and is_installed(script))
        else _repository(folder)
    )
    facts: dict[str, Any] = {"repository": None}
    tracked = False
    if root is not None:
        try:
            facts, tracked = _repository_facts(root, script, with_source=with_source)
        except GitError as error:
            facts = {"repository": root.name, **head_of(root), "error": str(error)}
    about_script = _script(script, root, with_source=with_source and not tracked)
    return {**facts, "script": about_script} if about_script else facts


def is_installed(script: Path) -> bool:
    """Tell whether the script belongs to the Python installation,
    as ``pytest`` or a launcher do.
    """
    if not _PACKAGES.isdisjoint(script.parts):
        return True
    folders = {sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib", "scripts")}
    return any(Path(folder).resolve() in script.parents for folder in folders if folder)


def _repository(folder: Path) -> Path | None:
    return next(
        (parent for parent in (folder, *folder.parents) if os.path.exists(parent / ".git")),  # noqa: PTH110 - see settings
        None,
    )


def _comes_back(
    script: Path, repository: Repository, facts: Mapping[str, Any], changed: Sequence[str]
) -> bool:
    """Tell whether commit and patch give a script back: git has it, and an exact patch what was
    changed of it.
    """
    try:
        if not facts["commit"] or not repository.ask(1, "ls-files", "--", str(script))[0]:
            return False
    except GitError:
        return False  # its source is kept rather than lost
    return bool(facts.get("patch", {}).get("exact")) or not any(
        repository.root / name == script for name in changed
    )


def _repository_facts(
    root: Path, script: Path | None, *, with_source: bool
) -> tuple[dict[str, Any], bool]:
    """Return facts on the repository, and whether it gives the script back.

    Raises:
        GitError: the state of the working tree is not told.
    """
    repository = Repository(root)
    status, truncated = repository.ask(
        _STATUS_LIMIT, "status", "--porcelain=v2", "--branch", "-z", "--untracked-files=normal"
    )
    headers, changed, untracked = _read_status(status)
    commit = headers.get("branch.oid", "")
    facts: dict[str, Any] = {
        "repository": root.name,
        "folder": _folder_in(root),
        "commit": commit if commit != "(initial)" else None,
        "branch": shown_path(headers["branch.head"]) if "branch.head" in headers else None,
    }
    if facts["branch"] == "(detached)":
        facts["branch"] = None
    remote = repository.remote(headers.get("branch.upstream", ""))
    if remote:
        facts["remote"] = redact_url(remote)
    facts["dirty"] = bool(changed)
    for name, files in (("changed", changed), ("untracked", untracked)):
        facts[name] = [shown_path(file) for file in files[:_FILES]]
        if len(files) > _FILES or truncated:
            facts[f"{name}_count"] = len(files)
    submodules = dict(_submodules(repository))
    if submodules:
        facts["submodules"] = submodules
    if changed and with_source and facts["commit"]:
        facts["patch"] = _attempt(partial(patch_of, changed=changed), repository)
    if untracked and with_source and (sources := _attempt(untracked_sources, repository)):
        facts["sources"] = sources
    return facts, script is not None and _comes_back(script, repository, facts, changed)


def _attempt(
    tell: Callable[[Repository], dict[str, Any]], repository: Repository
) -> dict[str, Any]:
    """Return what is told, or why it cannot be: what else is known stays."""
    try:
        return tell(repository)
    except GitError as error:
        return {"error": str(error)}


def _folder_in(root: Path) -> str | None:
    """Return the working directory as the repository knows it, ``.`` for its root; None if it lies
    elsewhere, or is gone.
    """
    folder = working_folder()
    try:
        return None if folder is None else folder.resolve().relative_to(root.resolve()).as_posix()
    except (OSError, ValueError):
        return None


def _submodules(repository: Repository, depth: int = 0) -> Iterator[tuple[str, str | None]]:
    """Yield path and commit of each submodule as it lies there, also of those inside others; None
    where it was never brought in.
    """
    if depth == _SUBMODULES_DEPTH or not (repository.root / ".gitmodules").is_file():
        return
    listed, _ = repository.ask(
        1 << 16,
        "config",
        "--file",
        ".gitmodules",
        "-z",
        "--get-regexp",
        r"^submodule\..*\.path$",
        allowed=(0, 1),
    )
    for entry in listed.decode("utf-8", "backslashreplace").split("\0")[:-1]:
        path = entry.partition("\n")[2]
        if not path or path.startswith("/") or ".." in path.split("/"):
            continue
        yield path, head_of(repository.root / path).get("commit")
        yield from (
            (f"{path}/{name}", commit)
            for name, commit in _submodules(repository.inside(path), depth + 1)
        )


def _read_status(status: bytes) -> tuple[dict[str, str], list[str], list[str]]:
    headers: dict[str, str] = {}
    changed: list[str] = []
    untracked: list[str] = []
    entries = iter(os.fsdecode(status).split("\0"))
    for entry in entries:
        kind = entry[:1]
        if kind == "#":
            name, _, value = entry[2:].partition(" ")
            headers[name] = value
        elif kind == "?":
            untracked.append(entry[2:])
        elif kind in ("1", "2", "u"):
            fields = {"1": 8, "2": 9, "u": 10}[kind]
            changed.append(entry.split(" ", fields)[-1])
            if kind == "2":
                next(entries, None)  # the name before
    return headers, changed, untracked


def _script(script: Path | None, root: Path | None, *, with_source: bool) -> dict[str, Any]:
    if script is None:
        cells = _cells()
        if not cells:
            return {}
        source = "\n\n".join(cells)
        facts: dict[str, Any] = {
            "path": None,
            "cells": len(cells),
            "digest": _digest(source.encode("utf-8", "surrogatepass")),
        }
        if with_source:
            facts["source"] = redact_text(source[-_SOURCE_LIMIT:])
        return facts
    try:
        data = read_regular(script)  # of a pipe, Python itself has read all
    except OSError:
        return {}
    inside = root is not None and root in script.parents
    facts = {
        "path": script.relative_to(root).as_posix() if inside and root is not None else script.name,
        "digest": _digest(data),
    }
    if with_source and not is_installed(script):
        facts["source"] = redact_text(data[:_SOURCE_LIMIT].decode("utf-8", "replace"))
        if len(data) > _SOURCE_LIMIT:
            facts["source_truncated"] = True
    return facts


def _cells() -> list[str]:
    """Return the cells that a notebook or an IPython prompt has run so far."""
    if "IPython" not in sys.modules:
        return []
    cells = vars(sys.modules["__main__"]).get("In")
    return [str(cell) for cell in list(cells) if cell] if isinstance(cells, list) else []


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"

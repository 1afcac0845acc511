"""The code that runs: entry script, git commit, and what is not committed."""

from __future__ import annotations

import hashlib
import os
import selectors
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fitprint.access import read_regular
from fitprint.context.redaction import redact_text, redact_url
from fitprint.settings import working_folder

__all__ = ["describe_code", "find_script"]

_PATCH_LIMIT = 1 << 20
_SOURCE_LIMIT = 256 << 10
_FILES = 200  # names of changed or untracked files that are told
_SECONDS = 10.0  # for all calls of git together
_STATUS_LIMIT = 4 << 20


class _GitError(Exception):
    """git failed, took too long, or is not installed."""


def find_script() -> Path | None:
    """Return the file that this program was started with; None in a notebook, a prompt, ``-c`` or a worker without one."""
    main = sys.modules.get("__main__")
    # Python takes the name from the module when the script has ended, and a short one ends before this is asked; its loader still knows.
    file = getattr(main, "__file__", None) or getattr(getattr(main, "__loader__", None), "path", None)
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

    ``commit``, ``branch``, ``remote`` (without credentials), ``dirty``, ``changed`` and ``untracked`` (up to 200 names, and their
    numbers); with ``with_source`` also ``patch`` (``git diff HEAD``, secrets redacted, up to 1 MiB, ``patch_truncated`` if there was more).
    ``script`` has the path, the digest of its bytes and, where no commit and patch can give it back, its ``source`` (up to 256 KiB,
    secrets redacted); the cells of a notebook are told as such a source.

    Outside a repository there is ``{"repository": None}`` beside the script, and git is not run.

    Args:
        script: the entry script; without one the working directory decides on the repository.
        with_source: whether patch and source text are wanted.
    """
    folder = script.parent if script is not None else working_folder()
    root = None if folder is None or (script is not None and _is_installed(script)) else _repository(folder)
    facts: dict[str, Any] = {"repository": None}
    tracked = False
    if root is not None:
        try:
            facts, untracked = _repository_facts(root, with_source=with_source)
            tracked = script is not None and not any(_is_below(script, root, name) for name in untracked)
        except _GitError as error:
            facts = {"repository": root.name, **_head(root), "error": str(error)}
    about_script = _script(script, root, with_source=with_source and not tracked)
    return {**facts, "script": about_script} if about_script else facts


def _is_installed(script: Path) -> bool:
    """Tell whether the script belongs to the Python installation, as ``pytest`` or a launcher do."""
    folders = {sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib", "scripts")}
    return any(Path(folder).resolve() in script.parents for folder in folders if folder)


def _repository(folder: Path) -> Path | None:
    return next((parent for parent in (folder, *folder.parents) if os.path.exists(parent / ".git")), None)  # noqa: PTH110 - see settings


def _is_below(script: Path, root: Path, name: str) -> bool:
    path = root / name
    return path == script or (name.endswith("/") and path in script.parents)


def _repository_facts(root: Path, *, with_source: bool) -> tuple[dict[str, Any], list[str]]:
    deadline = time.monotonic() + _SECONDS
    status, truncated = _git(root, deadline, _STATUS_LIMIT, "status", "--porcelain=v2", "--branch", "-z", "--untracked-files=normal")
    headers, changed, untracked = _read_status(status)
    commit = headers.get("branch.oid", "")
    facts: dict[str, Any] = {
        "repository": root.name,
        "commit": commit if commit != "(initial)" else None,
        "branch": headers.get("branch.head"),
    }
    if facts["branch"] == "(detached)":
        facts["branch"] = None
    remote = _remote(root, deadline, headers.get("branch.upstream", ""))
    if remote:
        facts["remote"] = redact_url(remote)
    facts["dirty"] = bool(changed)
    for name, files in (("changed", changed), ("untracked", untracked)):
        facts[name] = files[:_FILES]
        if len(files) > _FILES or truncated:
            facts[f"{name}_count"] = len(files)
    if changed and with_source and facts["commit"]:
        patch, cut = _git(
            root, deadline, _PATCH_LIMIT, "diff", "--no-ext-diff", "--no-textconv", "--no-color", "--submodule=short", "HEAD", "--"
        )
        text = patch.decode("utf-8", "replace")
        facts["patch"] = redact_text(text[: text.rfind("\n") + 1] if cut else text)
        if cut:
            facts["patch_truncated"] = True
    return facts, untracked


def _read_status(status: bytes) -> tuple[dict[str, str], list[str], list[str]]:
    headers: dict[str, str] = {}
    changed: list[str] = []
    untracked: list[str] = []
    entries = iter(status.decode("utf-8", "backslashreplace").split("\0"))
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


def _remote(root: Path, deadline: float, upstream: str) -> str:
    """Return the address of the branch's remote, else of ``origin``, else of the only one."""
    text, _ = _git(root, deadline, 1 << 16, "config", "--get-regexp", r"^remote\..*\.url$", allowed=(0, 1))
    remotes = {}
    for line in text.decode("utf-8", "replace").splitlines():
        name, _, address = line.partition(" ")
        remotes[name[len("remote.") : -len(".url")]] = address
    wanted = (upstream.partition("/")[0], "origin")
    return next((remotes[name] for name in wanted if name in remotes), next(iter(remotes.values())) if len(remotes) == 1 else "")


def _head(root: Path) -> dict[str, Any]:
    """Return commit and branch from git's own files, for where git itself cannot be asked."""
    folder = root / ".git"
    try:
        if folder.is_file():  # a worktree or a submodule
            folder = root / folder.read_text(encoding="utf-8").partition(":")[2].strip()
        head = (folder / "HEAD").read_text(encoding="utf-8").strip()
        if not head.startswith("ref: "):
            return {"commit": head, "branch": None}
        reference = head[len("ref: ") :]
        common = folder / (folder / "commondir").read_text(encoding="utf-8").strip() if (folder / "commondir").is_file() else folder
        branch = reference.removeprefix("refs/heads/")
        if (common / reference).is_file():
            return {"commit": (common / reference).read_text(encoding="utf-8").strip(), "branch": branch}
        for line in (common / "packed-refs").read_text(encoding="utf-8").splitlines():
            if line.endswith(f" {reference}"):
                return {"commit": line.partition(" ")[0], "branch": branch}
    except (OSError, UnicodeDecodeError):
        pass
    return {}


def _script(script: Path | None, root: Path | None, *, with_source: bool) -> dict[str, Any]:
    if script is None:
        cells = _cells()
        if not cells:
            return {}
        source = "\n\n".join(cells)
        facts: dict[str, Any] = {"path": None, "cells": len(cells), "digest": _digest(source.encode("utf-8", "surrogatepass"))}
        if with_source:
            facts["source"] = redact_text(source[-_SOURCE_LIMIT:])
        return facts
    try:
        data = read_regular(script)  # of a pipe, Python itself has read all
    except OSError:
        return {}
    inside = root is not None and root in script.parents
    facts = {"path": script.relative_to(root).as_posix() if inside and root is not None else script.name, "digest": _digest(data)}
    if with_source and not _is_installed(script):
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


def _git(root: Path, deadline: float, limit: int, *arguments: str, allowed: tuple[int, ...] = (0,)) -> tuple[bytes, bool]:
    """Return what git writes, up to ``limit`` bytes, and whether there was more.

    git takes no lock, asks nothing, starts no monitor and no pager, and is ended when the time is up.
    """
    unwanted = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY", "GIT_TRACE")
    environment = {name: value for name, value in os.environ.items() if name not in unwanted}
    environment.update(GIT_OPTIONAL_LOCKS="0", GIT_TERMINAL_PROMPT="0", GIT_PAGER="cat", LC_ALL="C")
    command = ["git", "-c", "core.fsmonitor=false", "-c", "core.quotepath=false", "-C", str(root), *arguments]
    pipe = subprocess.PIPE
    try:  # from the root folder, for git starts in no folder that is gone
        process = subprocess.Popen(command, cwd="/", stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, env=environment)
    except OSError as error:
        raise _GitError(f"git cannot be run: {error.strerror or error}") from None
    with process:
        output = {"stdout": bytearray(), "stderr": bytearray()}
        try:
            for name, data in _pieces(process, deadline):
                output[name] += data
                if len(output["stdout"]) > limit:
                    process.kill()
                    return bytes(output["stdout"][:limit]), True
            status = process.wait(max(0.0, deadline - time.monotonic()))
        except (TimeoutError, subprocess.TimeoutExpired):
            process.kill()
            raise _GitError(f"git {arguments[0]} took longer than {_SECONDS:g} seconds") from None
    if status not in allowed:
        reason = redact_text(output["stderr"].decode("utf-8", "replace").strip()[:500])
        raise _GitError(f"git {arguments[0]} failed with status {status}: {reason}")
    return bytes(output["stdout"]), False


def _pieces(process: subprocess.Popen[bytes], deadline: float) -> Iterator[tuple[str, bytes]]:
    """Yield what the process writes, as it comes, until it has closed both its outputs.

    Raises:
        TimeoutError: it has not done so in time.
    """
    with selectors.DefaultSelector() as selector:
        for name in ("stdout", "stderr"):
            selector.register(getattr(process, name), selectors.EVENT_READ, name)
        while selector.get_map():
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError
            for key, _ in ready:
                data = os.read(key.fd, 1 << 16)
                if data:
                    yield key.data, data
                else:
                    selector.unregister(key.fileobj)

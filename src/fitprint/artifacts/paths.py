"""Paths of artifacts inside a run."""

from __future__ import annotations

import os
from collections.abc import Iterable
from hashlib import sha256

from fitprint.entities import Artifact
from fitprint.errors import FitprintError

__all__ = ["Places", "checked_path", "file_name", "files_below"]

_MOST_BYTES = 255  # of a name that file systems take
_IN_NO_NAME = frozenset("/\\\0")


def checked_path(path: str) -> str:
    """Return an artifact's path in its one form: relative, ``/`` between the parts.

    Raises:
        FitprintError: the path is empty, absolute, or leads out of the run.
    """
    if not isinstance(path, str):
        raise FitprintError(f"an artifact's path is a text such as 'plots/roc.png', not {path!r}")
    parts = [part for part in path.replace("\\", "/").split("/") if part not in ("", ".")]
    if not parts or path.startswith("/") or ".." in parts or "\0" in path:
        raise FitprintError(
            f"an artifact's path must be relative and stay inside the run, not {path!r}"
        )
    if path.isascii() and len(path) <= _MOST_BYTES:
        return "/".join(parts)
    try:
        longest = max(len(os.fsencode(part)) for part in parts)
    except UnicodeEncodeError:
        raise FitprintError(
            f"no file can have the name {path!r}; give the artifact another one"
        ) from None
    if longest > _MOST_BYTES:
        raise FitprintError(
            f"a name in the artifact's path {path[:40]!r}… has {longest} bytes, no file can have "
            f"more than {_MOST_BYTES}"
        )
    return "/".join(parts)


def files_below(artifacts: Iterable[Artifact], folder: str) -> tuple[Artifact, ...]:
    """Return the artifacts below a folder, by their paths inside it."""
    prefix = f"{folder.strip('/')}/"
    return tuple(
        Artifact(each.path.removeprefix(prefix), each.digest, each.size)
        for each in artifacts
        if each.path.startswith(prefix)
    )


def file_name(name: str) -> str:
    """Return a name that a file can have for any text; a text that needs no change is its own."""
    if name.isascii() and len(name) <= _MOST_BYTES - 55 and _IN_NO_NAME.isdisjoint(name):
        return name
    plain = name.translate({ord("/"): "_", ord("\\"): "_", 0: "_"}).encode("utf-8", "replace")
    if len(plain) > _MOST_BYTES - 55:
        plain = (
            plain[:120]
            + b"-"
            + sha256(name.encode("utf-8", "backslashreplace")).hexdigest()[:32].encode()
        )
    return plain.decode("utf-8", "replace")


class Places:
    """The files and folders that a run's artifacts make: a path cannot be both."""

    def __init__(self) -> None:
        self._files: set[str] = set()
        self._folders: set[str] = set()

    def take(self, path: str) -> None:
        """Note a file.

        Raises:
            FitprintError: a folder has this path, or a file the path of one of its folders.
        """
        folders = [path[:at] for at, letter in enumerate(path) if letter == "/"]
        file = next((folder for folder in folders if folder in self._files), None)
        if file is not None:
            raise FitprintError(
                f"the artifact {path!r} cannot be recorded: {file!r} is a file of this run; give "
                "it another path"
            )
        if path in self._folders:
            raise FitprintError(
                f"the artifact {path!r} cannot be recorded: it is a folder of this run; give it "
                "another path"
            )
        self._files.add(path)
        self._folders.update(folders)

"""The facts that are recorded of data in a file or folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from fitprint.arguments import checked_place
from fitprint.context.redaction import redact_url
from fitprint.data.neighbours import versions_beside
from fitprint.data.stat_cache import StatCache
from fitprint.data.trees import Tree, read_tree
from fitprint.entities import Dataset
from fitprint.errors import FitprintError
from fitprint.recording.workspace import Workspace

__all__ = ["dataset_elsewhere", "dataset_of", "told_place", "whole_path"]


def dataset_of(workspace: Workspace, path: Any, name: str, role: str) -> tuple[Dataset, Tree]:
    """Return the facts on a file or folder, and its files.

    Facts: ``type`` ("file" or "folder"), ``path`` (below the home's project as seen from there,
    else whole), ``files``, ``bytes``, ``digest_of`` ("all"), and those of
    :func:`fitprint.data.neighbours.versions_beside`.

    Raises:
        FitprintError: it is not there, or cannot be read.
    """
    place = whole_path(path)
    if place in (workspace.home, *workspace.home.parents):
        raise FitprintError(
            f"{place} holds what fitprint itself writes ({workspace.home}); add the files or "
            "folders beside it"
        )
    tree = read_tree(place, StatCache(workspace.home, place))
    facts = {
        "type": "folder" if tree.is_folder else "file",
        "path": told_place(workspace, place),
        "files": len(tree.files),
        "bytes": tree.size,
        "digest_of": "all",
        **versions_beside(place),
    }
    return Dataset(name or _readable(place.name) or "data", role, tree.digest, facts), tree


def dataset_elsewhere(url: str, name: str, role: str) -> Dataset:
    """Return the facts on data at a URL, which is not opened: there is no digest.

    Facts: ``type`` ("url") and ``path`` (the URL without what opens it).
    """
    try:
        last = unquote(urlsplit(url).path).rstrip("/").rpartition("/")[2]
    except ValueError:  # such as a bracket that is not closed
        last = ""
    return Dataset(
        name or _readable(last) or "data", role, "", {"type": "url", "path": redact_url(url)}
    )


def whole_path(path: Any) -> Path:
    """Return a path from the root on; links in it stay what they are."""
    return Path(os.path.abspath(checked_place(path, "the path of the data")))  # noqa: PTH100


def told_place(workspace: Workspace, place: Path) -> str:
    """Return a path as it is recorded: as seen from the home's project where it lies below that."""
    try:
        return _readable(place.relative_to(workspace.home.parent).as_posix())
    except ValueError:
        return _readable(place.as_posix())


def _readable(text: str) -> str:
    """Return a name or path as text that every store takes: odd bytes as their escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")

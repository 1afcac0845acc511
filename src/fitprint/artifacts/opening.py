"""Artifact stores by URL, and which one a backend store has where nobody chose."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from fitprint.errors import UnknownStoreError
from fitprint.stores.addresses import public

if TYPE_CHECKING:
    from fitprint.artifacts.protocol import ArtifactStore

__all__ = ["BUILTIN", "default_for", "open_artifact_store", "resolved"]

_SQLITE = "sqlite:///"
_HOMES_OWN = "fitprint.db"
_ELSEWHERE = {"s3": "fitprint-objectstore", "gs": "fitprint-objectstore", "az": "fitprint-objectstore"}


def _file(uri: str) -> ArtifactStore:
    from fitprint.artifacts.folder import FolderArtifacts

    return FolderArtifacts(uri)


def _memory(uri: str) -> ArtifactStore:
    from fitprint.artifacts.memory import shared

    return shared(uri)


BUILTIN: Mapping[str, Callable[[str], ArtifactStore]] = {"file": _file, "memory": _memory}


def default_for(store_uri: str) -> str | None:
    """Return where the artifacts of a backend store lie if nobody chose: beside a database file, with a memory store in memory.

    The name of a folder is one beside the database file, wherever that lies: ``team.db.artifacts`` for ``team.db``, and the home's
    ``blobs`` for the ``fitprint.db`` of a home. None for other stores: artifacts stay in the homes that recorded them.
    """
    if store_uri.startswith("memory:"):
        return store_uri
    name = Path(store_uri.removeprefix(_SQLITE)).name if store_uri.startswith(_SQLITE) else ""
    if name == _HOMES_OWN:
        return "blobs"
    return f"{name}.artifacts" if name else None


def resolved(place: str, store_uri: str) -> str:
    """Return the URL of an artifact store that may be named as a folder beside the store's database file."""
    if "://" in place:
        return place
    folder = Path(store_uri.removeprefix(_SQLITE)).absolute().parent
    return f"file://{quote(str(folder / place))}"


def open_artifact_store(uri: str, factories: Mapping[str, Callable[[str], ArtifactStore]] = BUILTIN) -> ArtifactStore:
    """Open the artifact store that a URL names, with the factory of its scheme.

    Raises:
        UnknownStoreError: no factory has this scheme; the message says which do, and what to install.
        StoreError: it cannot be opened.
    """
    scheme, colon, _ = uri.partition("://")
    factory = factories.get(scheme) if colon else None
    if factory is not None:
        return factory(uri)
    choice = ", ".join(f"{name}://" for name in sorted(factories))
    if not colon:
        raise UnknownStoreError(
            f"{public(uri)!r} is not the URL of an artifact store: it needs a scheme ({choice}), as in file:///shared/bytes"
        )
    if package := _ELSEWHERE.get(scheme):
        raise UnknownStoreError(
            f"artifact stores at {scheme}:// need the package {package}, or another plugin (installed schemes: {choice})"
        )
    raise UnknownStoreError(f"no installed plugin provides artifact stores at {scheme}:// (installed schemes: {choice})")

"""Artifact stores by URL, and which one a backend store has where nobody chose."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

from fitprint.arguments import shown
from fitprint.artifacts.protocol import ArtifactStore, Source
from fitprint.errors import StoreError, UnknownStoreError
from fitprint.hooks.openers import Opener, opener_for
from fitprint.stores.addresses import unknown_scheme

__all__ = ["BUILTIN", "OF_A_HOME", "default_for", "open_artifact_store", "resolved"]

_SQLITE = "sqlite:///"
_HOMES_OWN = "fitprint.db"
OF_A_HOME = "blobs"  # the artifact store of a home's own database: files of that home


class _Plain(ArtifactStore):
    """An artifact store of a plugin that derives from nothing: nothing of it can be freed."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.uri = store.uri

    def put(self, digest: str, source: Source, size: int) -> None:
        self._store.put(digest, source, size)

    def open(self, digest: str) -> BinaryIO:
        opened: BinaryIO = self._store.open(digest)
        return opened

    def __contains__(self, digest: str) -> bool:
        return digest in self._store

    def close(self) -> None:
        self._store.close()


def _file(uri: str) -> ArtifactStore:
    from fitprint.artifacts.folder import FolderArtifacts

    return FolderArtifacts(uri)


def _memory(uri: str) -> ArtifactStore:
    from fitprint.artifacts.memory import shared

    return shared(uri)


BUILTIN: Mapping[str, Opener] = {
    "file": Opener(_file, "on-read"),
    "memory": Opener(_memory, "on-read"),
}


def default_for(store_uri: str) -> str | None:
    """Return where the artifacts of a backend store lie if nobody chose: beside a database file,
    with a memory store in memory.

    The name of a folder is one beside the database file, wherever that lies: ``team.db.artifacts``
    for ``team.db``, and the home's ``blobs`` for the ``fitprint.db`` of a home. None for other
    stores: artifacts stay in the homes that recorded them.
    """
    if store_uri.startswith("memory:"):
        return store_uri
    name = Path(store_uri.removeprefix(_SQLITE)).name if store_uri.startswith(_SQLITE) else ""
    if name == _HOMES_OWN:
        return OF_A_HOME
    return f"{name}.artifacts" if name else None


def resolved(place: str, store_uri: str) -> str:
    """Return the URL of an artifact store that may be named as a folder beside the store's database
    file.

    Raises:
        StoreError: it is a path that leads elsewhere.
    """
    if "://" in place:
        return place
    # the store's own word, which others may have written
    if Path(place).name != place or place in ("", ".."):
        raise StoreError(
            f"the store names {shown(place)} as the folder of its artifacts, which is not "
            "the name of a folder next to its database"
        )
    folder = Path(store_uri.removeprefix(_SQLITE)).absolute().parent
    return f"file://{quote(str(folder / place))}"


def open_artifact_store(uri: str, openers: Mapping[str, Opener] = BUILTIN) -> ArtifactStore:
    """Open the artifact store that a URL names, with the opener of its scheme.

    Raises:
        UnknownStoreError: there is none for this scheme; the message says for which there are.
        StoreError: it cannot be opened.
    """
    opener = opener_for(uri, openers)
    if opener is not None:
        store = opener.open(uri)
        return store if isinstance(store, ArtifactStore) else _Plain(store)
    raise UnknownStoreError(unknown_scheme(uri, openers, "artifact stores", "file:///shared/bytes"))

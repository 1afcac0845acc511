"""Stores by URI: the scheme says what opens it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from fitprint.errors import PluginError, StoreError, UnknownStoreError
from fitprint.hooks.openers import Opener, opener_for
from fitprint.stores.addresses import public, unknown_scheme

if TYPE_CHECKING:
    from fitprint.stores.protocol import Store

__all__ = ["BUILTIN", "open_store"]


def _memory(uri: str) -> Store:
    from fitprint.stores.memory import shared

    return shared(uri)


def _sqlite(uri: str) -> Store:
    from fitprint.stores.sql.sqlite import open_sqlite

    return open_sqlite(uri)


BUILTIN: Mapping[str, Opener] = {"memory": Opener(_memory, "on-read"), "sqlite": Opener(_sqlite)}


def open_store(
    uri: str, openers: Mapping[str, Opener] = BUILTIN, home: Path | None = None
) -> Store:
    """Open the store that ``uri`` names, with the opener of its scheme; ``home`` is for those that
    keep something in the home.

    Raises:
        UnknownStoreError: there is none for this scheme; the message says for which there are.
        PluginError: what it made does not derive from :class:`fitprint.stores.protocol.Store`.
        StoreError: the store cannot be opened.
    """
    opener = opener_for(uri, openers)
    if opener is None:
        raise UnknownStoreError(
            unknown_scheme(
                uri, openers, "stores", f"sqlite:///{public(uri).lstrip('/') or 'fitprint.db'}"
            )
        )
    if opener.at_home and home is None:
        raise StoreError(f"the store {public(uri)} is one of a home, and there is none here")
    store = opener.open(uri, home) if opener.at_home else opener.open(uri)
    from fitprint.stores.protocol import Store

    if not isinstance(store, Store):
        raise PluginError(
            f"a {type(store).__qualname__}, for {uri.partition('://')[0]}://, does not derive from "
            "fitprint.stores.protocol.Store"
        )
    return store

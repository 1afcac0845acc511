"""Stores by URI: the scheme says which factory opens it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from fitprint.errors import PluginError, UnknownStoreError
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


BUILTIN: Mapping[str, Callable[[str], Store]] = {"memory": _memory, "sqlite": _sqlite}


def open_store(uri: str, factories: Mapping[str, Callable[[str], Store]] = BUILTIN) -> Store:
    """Open the store that ``uri`` names, with the factory of its scheme.

    Raises:
        UnknownStoreError: no factory has this scheme; the message says which do.
        PluginError: what it made does not derive from :class:`fitprint.stores.protocol.Store`.
        StoreError: the store cannot be opened.
    """
    scheme, colon, _ = uri.partition("://")
    factory = factories.get(scheme) if colon else None
    if factory is None:
        raise UnknownStoreError(unknown_scheme(uri, factories, "stores", f"sqlite:///{public(uri).lstrip('/') or 'fitprint.db'}"))
    store = factory(uri)
    from fitprint.stores.protocol import Store

    if not isinstance(store, Store):
        raise PluginError(f"a {type(store).__qualname__}, for {scheme}://, does not derive from fitprint.stores.protocol.Store")
    return store

"""Stores by URI: the scheme says which factory opens it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from fitprint.errors import UnknownStoreError
from fitprint.stores.addresses import public

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
        StoreError: the store cannot be opened.
    """
    scheme, colon, _ = uri.partition("://")
    factory = factories.get(scheme) if colon else None
    if factory is None:
        raise UnknownStoreError(_complaint(uri, scheme if colon else "", sorted(factories)))
    return factory(uri)


def _complaint(uri: str, scheme: str, known: list[str]) -> str:
    from difflib import get_close_matches

    choice = ", ".join(f"{name}://" for name in known)
    if not scheme:
        uri = public(uri)
        return f"{uri!r} is not the URI of a store: it needs a scheme ({choice}), as in sqlite:///{uri.lstrip('/') or 'fitprint.db'}"
    close = get_close_matches(scheme, known, 1)
    hint = f"; did you mean {close[0]}://?" if close else ""
    return f"no installed plugin provides stores at {scheme}://{hint}; use {choice}, or install a plugin that brings this one"

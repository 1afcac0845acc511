"""The PostgreSQL plugin of fitprint: a store that many machines share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fitprint.hooks.markers import hookimpl
from fitprint.hooks.openers import Opener


def _open(uri: str) -> Any:
    from fitprint_postgres.store import PostgresStore

    return PostgresStore(uri)


@hookimpl
def register_stores() -> Mapping[str, Opener]:
    return {"postgresql": Opener(_open), "postgres": Opener(_open)}


@hookimpl
def register_commands() -> Sequence[Any]:
    from fitprint_postgres.upkeep import COMMAND

    return [COMMAND]

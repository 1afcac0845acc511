"""What the store is held against, in a PostgreSQL that is started for it."""

from __future__ import annotations

import atexit
import hashlib
from contextlib import suppress
from functools import cache
from pathlib import Path

import psycopg

from fitprint.stores.protocol import Store
from fitprint.testing import StoreConformance
from fitprint.testing.checks import Item
from fitprint.testing.stores import reading
from fitprint_postgres.server import Server
from fitprint_postgres.store import PostgresStore

__all__ = ["PostgresConformance", "PostgresShortConformance", "server"]


@cache
def server() -> Server:
    """Return the server of this process."""
    started = Server()
    atexit.register(started.remove)
    return started


class PostgresConformance(StoreConformance):
    """A schema for each folder."""

    uri = "postgresql://{folder}"

    def open(self, folder: Path) -> Store:
        schema = f"s{hashlib.sha256(str(folder).encode()).hexdigest()[:24]}"
        with (
            psycopg.connect(server().uri(), autocommit=True) as connection,
            suppress(psycopg.errors.UniqueViolation),
        ):  # others make it, too
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        return PostgresStore(
            server().uri(schema).replace("postgresql:", self.uri.partition("{")[0].rstrip("/"), 1)
        )

    def test_conforms(self, item: Item) -> None:
        server()  # before a check copies this process
        super().test_conforms(item)


class PostgresShortConformance(PostgresConformance):
    """The other spelling of the scheme, which opens the same stores."""

    uri = "postgres://{folder}"
    checks = reading.CHECKS[:3]

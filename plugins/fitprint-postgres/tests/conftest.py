"""A real PostgreSQL, a schema of it for each test, and what the core's own tests of stores use."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from itertools import count
from pathlib import Path

import psycopg
import pytest

from fitprint_postgres.server import Server
from fitprint_postgres.store import PostgresStore

_numbers = count(1)


CORE = Path(__file__).parents[3] / "tests/unit/stores"
sys.path.insert(0, str(CORE))  # its tests are imported here, and run with this store
sys.path.insert(0, str(Path(__file__).parent))  # what these tests share

_spec = spec_from_file_location("core_conftest", CORE / "conftest.py")
_core = module_from_spec(_spec)
_spec.loader.exec_module(_core)
write, points = _core.write, _core.points


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A server that forgets what it has when its machine stops: making tables takes a fifth of the
    time.
    """
    server = Server(fsync="off")
    yield server
    server.remove()


@pytest.fixture(scope="session")
def new_uri(server: Server) -> Callable[[], str]:
    """Return a function that makes a schema, and returns the URI of a store in it."""

    def new_uri() -> str:
        schema = f"test{next(_numbers)}"
        with psycopg.connect(server.uri(), autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {schema}")
        return server.uri(schema)

    return new_uri


@pytest.fixture(scope="session")
def emptied(new_uri: Callable[[], str]) -> Callable[[], str]:
    """Return a function that empties one store, and returns its URI: to make the tables anew takes
    longer than most tests.
    """
    uri = new_uri()

    def emptied() -> str:
        store = PostgresStore(uri)
        with store.driver.writing() as transaction:
            names = transaction.rows(
                "SELECT c.oid::regclass::text FROM pg_class c WHERE relkind = 'r' AND relname LIKE "
                "'fp\\_%'"
                " AND relnamespace = current_schema()::regnamespace"
            )
            for (table,) in names:
                transaction.rows(f"DELETE FROM {table}")
            transaction.rows("DELETE FROM facts WHERE name = 'artifacts'")
        store.close()
        return uri

    return emptied


@pytest.fixture
def uri(emptied: Callable[[], str]) -> str:
    """The URI of an empty store."""
    return emptied()


@pytest.fixture
def store(uri: str) -> Iterator[PostgresStore]:
    """An empty store."""
    store = PostgresStore(uri)
    yield store
    store.close()

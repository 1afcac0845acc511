"""The connection of a store: opened when it is needed, and given back soon after, for a server has
few of them.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from decimal import Decimal
from typing import Any, NamedTuple

import psycopg
from psycopg import adapters, conninfo
from psycopg.adapt import AdaptersMap, Buffer
from psycopg.types.numeric import NumericBinaryLoader, NumericLoader

from fitprint.errors import StoreBusyError, StoreError
from fitprint_postgres.arrays import Array, ArrayDumper

__all__ = ["Connected", "Link"]

_IDLE = 0.5  # seconds after which a connection that nobody uses is closed
_DEFAULTS: Mapping[str, Any] = {
    "application_name": "fitprint",
    "connect_timeout": 10,
    "keepalives_idle": 10,  # a server that is gone is noticed within half a minute
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
_FULL = (
    "too many clients",
    "too many connections",
    "connection slots are reserved",
    "connection limit exceeded",
)
_SOON = (
    "starting up",
    "shutting down",
    "not yet accepting connections",
    "in recovery mode",
    "terminating connection",
)
_left: list[Any] = []  # connections of a parent process, which nobody here may close


class Connected(NamedTuple):
    """A connection, and whether it was opened just now."""

    connection: psycopg.Connection[Any]
    is_new: bool


class Link:
    """At most one connection, used by one thread at a time; closed when it was idle for half a
    second. A forked child gets its own.

    Attributes:
        opened: how many connections there were so far.
    """

    def __init__(self, uri: str) -> None:
        try:
            self._parameters = {
                **_DEFAULTS,
                **conninfo.conninfo_to_dict(uri),
                "client_encoding": "UTF8",
            }
        except psycopg.Error as error:
            raise StoreError(
                f"the URI cannot be read: {str(error).strip()}; write "
                "postgresql://user@host/database"
            ) from error
        self.opened = 0
        self._renew()

    def _renew(self) -> None:
        self._process = os.getpid()
        self._lock = threading.RLock()
        self._connection: psycopg.Connection[Any] | None = None
        self._used = 0.0
        self._watched = False

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep the connection for this thread, and see to it that it is closed some time after."""
        if self._process != os.getpid():
            _left.append(self._connection)
            self._renew()
        with self._lock:
            try:
                yield
            finally:
                self._used = time.monotonic()
                if self._connection is not None and not self._watched:
                    self._watched = True
                    threading.Thread(target=self._watch, name="fitprint-idle", daemon=True).start()

    def connected(self, patience: float) -> Connected:
        """Return the connection, opening one where there is none; where the server has no room,
        wait for it so many seconds.
        """
        if self._connection is not None and not self._connection.closed:
            return Connected(self._connection, is_new=False)
        deadline = time.monotonic() + patience
        while True:
            try:
                connection = psycopg.connect(**self._parameters, autocommit=True, context=_ADAPTERS)
                break
            except psycopg.OperationalError as error:
                if not any(sign in str(error) for sign in (*_FULL, *_SOON)):
                    raise
                if time.monotonic() > deadline:
                    raise StoreBusyError(
                        "the server has no free connection for as long as we wait: it is starting "
                        "or stopping, or its max_connections are all in use "
                        f"({str(error).strip().splitlines()[-1]})"
                    ) from error
                # so that not all come back at once
                time.sleep(random.uniform(0.02, 0.2))  # noqa: S311
        # a pooler between us and the server may hand each transaction to another session
        connection.prepare_threshold = None
        self._connection = connection
        self.opened += 1
        return Connected(connection, is_new=True)

    def close(self) -> None:
        """Close the connection, if there is one; the next use opens another."""
        if self._process != os.getpid():
            return
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                with suppress(psycopg.Error):
                    connection.close()

    def _watch(self) -> None:
        lock = self._lock
        while True:
            time.sleep(max(self._used + _IDLE - time.monotonic(), 0.01))
            if self._lock is not lock:  # this process is a copy
                return
            with lock:
                if time.monotonic() >= self._used + _IDLE:
                    self.close()
                    self._watched = False
                    return


class _Number(NumericLoader):  # type: ignore[misc]
    """Sums and averages are whole numbers or floats, as they are with other databases."""

    def load(self, data: Buffer) -> Any:
        return _plain(super().load(data))


class _BinaryNumber(NumericBinaryLoader):  # type: ignore[misc]
    def load(self, data: Buffer) -> Any:
        return _plain(super().load(data))


def _plain(number: Decimal) -> int | float:
    return int(number) if number.is_finite() and number.as_tuple().exponent == 0 else float(number)


_ADAPTERS = AdaptersMap(adapters)
_ADAPTERS.register_dumper(Array, ArrayDumper)
_ADAPTERS.register_loader("numeric", _Number)
_ADAPTERS.register_loader("numeric", _BinaryNumber)

"""The server: a socket, uvicorn, and an end on request."""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import signal
import socket
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import uvicorn

from fitprint.errors import FitprintError
from fitprint_serve.application import Application
from fitprint_serve.logs import Lines

__all__ = ["address_of", "bound", "is_loopback", "new_server", "serve"]

_KEPT = 75  # seconds that an idle connection is kept, longer than balancers do


def is_loopback(host: str) -> bool:
    """Tell whether only programs of this machine reach a host."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def bound(host: str, port: int) -> socket.socket:
    """Return a socket of an address, which takes no connections yet.

    Raises:
        FitprintError: it is in use, or none of this machine's.
    """
    if port > 65535:
        raise FitprintError(f"there is no port {port}: ports end at 65535")
    try:
        (family, kind, _, _, address), *_ = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        listening = socket.socket(family, kind)
        if hasattr(socket, "SO_REUSEADDR") and not hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(address)
        except OSError:
            listening.close()
            raise
    except OSError as error:
        raise FitprintError(
            f"nothing can be served at {host}, port {port}: {error.strerror or error}; choose "
            "another with --port (0 takes a free one) or --host"
        ) from None
    return listening


def address_of(listening: socket.socket, host: str) -> str:
    """Return the address that clients use."""
    port = listening.getsockname()[1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def new_server(
    application: Application, ready: Callable[[], object], grace: float = 20
) -> uvicorn.Server:
    """Return a server that ends when its ``should_exit`` is set, and what was begun is finished.

    Args:
        ready: called when requests are taken.
        grace: seconds that requests have left when the end is asked for.
    """
    config = uvicorn.Config(
        application,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=_KEPT,
        timeout_graceful_shutdown=int(grace),
    )
    return _Server(config, ready)


def serve(
    application: Application, listening: socket.socket, ready: Callable[[], object], grace: float
) -> None:
    """Answer until this process is asked to end by SIGTERM or SIGINT; a second SIGINT does not wait
    for what was begun.
    """
    server = new_server(application, ready, grace)

    def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a handler's signature
        application.is_draining = True
        server.force_exit = server.should_exit
        server.should_exit = True

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    lines, loggers = Lines(), [logging.getLogger(name) for name in ("uvicorn", "asyncio")]
    for logger in loggers:
        logger.addHandler(lines)
        logger.propagate = False
    try:
        server.run(sockets=[listening])
    finally:
        for logger in loggers:
            logger.removeHandler(lines)
            logger.propagate = True
        for number, handler in before.items():
            signal.signal(number, handler)


class _Server(uvicorn.Server):  # type: ignore[misc]  # unknown to mypy where it is not installed
    """uvicorn's, with this program's handlers of signals: its own end the process as if killed."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], object]) -> None:
        super().__init__(config)
        self._ready = ready
        self.kept: float = _KEPT
        self._idle: dict[Any, tuple[Any, float]] = {}  # by connection: its last request, since when

    async def on_tick(self, counter: int) -> bool:
        if counter % 10 == 0:  # each second
            self._close_idle()
        is_end: bool = await super().on_tick(counter)
        return is_end

    def _close_idle(self) -> None:
        """Close connections that have not sent a whole request for long: uvicorn waits without end
        for the first one, and for the headers of each.
        """
        now = time.monotonic()
        before, self._idle = self._idle, {}
        for connection in list(self.server_state.connections):
            last = connection.cycle
            if last is not None and not last.response_complete:
                continue
            known, since = before.get(connection, (last, now))
            self._idle[connection] = last, since if known is last else now
            if known is last and now - since > self.kept:
                connection.transport.close()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

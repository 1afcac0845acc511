"""What the store is held against; none of the answers is a server's, which has to be there."""

from __future__ import annotations

import threading
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from fitprint.hooks.manager import hooks
from fitprint.stores.opening import open_store
from fitprint.stores.protocol import Store
from fitprint.testing import StoreConformance
from fitprint.testing.checks import Item
from fitprint.testing.stores import reading

__all__ = ["MlflowConformance", "MlflowSafeConformance"]


class _Versioned(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"3.0")

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@cache
def _server() -> int:
    """Return the port of a server of this process, which says which version it has."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Versioned)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


class MlflowConformance(StoreConformance):
    """A home for each folder."""

    uri = "mlflow+http://"

    def open(self, folder: Path) -> Store:
        uri = f"{self.uri}127.0.0.1:{_server()}"
        return open_store(uri, hooks().registered("register_stores"), folder)

    def test_conforms(self, item: Item) -> None:
        _server()  # before a check copies this process
        super().test_conforms(item)


class MlflowSafeConformance(MlflowConformance):
    """The other scheme, which opens the same stores."""

    uri = "mlflow+https://"
    checks = reading.CHECKS[:3]

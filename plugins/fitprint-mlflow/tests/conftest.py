"""A real MLflow server, which its tests may stop and start again."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

_START_SECONDS = 240  # a busy machine imports MLflow for a minute


class MlflowServer:
    """``mlflow server`` in a folder of its own, on a port of its own."""

    def __init__(self, folder: Path, *more: str, **environment: str) -> None:
        self.folder = folder
        self._more = more
        self._environment = {
            name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")
        } | {
            "MLFLOW_DISABLE_TELEMETRY": "true",
            # seven more processes, which nobody needs here
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            **environment,
        }
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        """As MLflow's client takes it."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def store(self) -> str:
        """As fitprint takes it."""
        return f"mlflow+{self.uri}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [sys.executable, "-m", "mlflow", "server", "--workers", "1"]
        command += ["--host", "127.0.0.1", "--port", str(self.port)]
        command += ["--backend-store-uri", f"sqlite:///{self.folder / 'mlflow.db'}"]
        command += ["--artifacts-destination", str(self.folder / "files"), *self._more]
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                with urllib.request.urlopen(f"{self.uri}/health", timeout=5):
                    return
            except OSError:
                told = (self.folder / "server.log").read_text(errors="replace")[-3000:]
                assert self._process.poll() is None, told
                assert time.monotonic() < deadline, told
                time.sleep(0.1)

    def stop(self) -> None:
        """End it as a machine ends that loses its power."""
        process, self._process = self._process, None
        if process is not None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture
def between() -> Callable[..., Any]:
    """What stands between a client and a server."""
    return _between


@contextmanager
def _between(
    port: int, decide: Callable[[str, str, bytes], tuple[bool, int] | None]
) -> Iterator[str]:
    """Stand between a client and the server at a port, and give the URI for the client.

    Args:
        port: the server's.
        decide: called with the method, the path and the body; returns None, or whether the server
            is asked at all, and what is answered in place of its answer: a status, or 0 for
            nothing.
    """

    class Between(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            is_asked, status = decide(self.command, self.path, body) or (True, -1)
            content = b""
            if is_asked:
                asked = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
                try:
                    asked.request(self.command, self.path, body, dict(self.headers))
                    found = asked.getresponse()
                    content = found.read()
                    status = found.status if status < 0 else status
                except OSError:  # it is down
                    status = 0
                finally:
                    asked.close()
            if not status:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Retry-After", "0")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _pass

    with _serving(Between) as uri:
        yield uri


@pytest.fixture
def serving() -> Callable[..., Any]:
    """What serves by a handler, and gives the URI."""
    return _serving


@contextmanager
def _serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    class Quiet(handler):  # type: ignore[valid-type,misc]
        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as standing:
        thread = threading.Thread(target=standing.serve_forever, daemon=True)
        thread.start()
        yield f"mlflow+http://127.0.0.1:{standing.server_port}"
        standing.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[MlflowServer]:
    """One server for all tests, which use experiments of their own."""
    found = MlflowServer(tmp_path_factory.mktemp("mlflow-server"))
    found.start()
    yield found
    found.stop()

"""Models in folders, servers of them in a thread or a process, and a client."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import fitprint
from fitprint_serve.application import Application, Limits
from fitprint_serve.served import Served
from fitprint_serve.serving import bound, new_server

NAMES = [f"f{number}" for number in range(4)]


def frame(rows: int = 60) -> pd.DataFrame:
    """Return four columns of normal numbers."""
    return pd.DataFrame(np.random.default_rng(0).normal(size=(rows, 4)), columns=NAMES)


def record(folder: Path, model: Any, inputs: Any, outputs: Any = None) -> str:
    """Record a model and return a folder with it."""
    with fitprint.start_run() as run:
        run.log_model(
            model, inputs=inputs, outputs=model.predict(inputs) if outputs is None else outputs
        )
    return str(fitprint.get_run(run.id).download("model", folder / f"model-{run.id}"))


class Client:
    """A client with one connection, which is kept."""

    def __init__(self, port: int, application: Application | None = None) -> None:
        self.port = port
        self.application = application
        self.server: Any = None
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(
        self,
        path: str,
        body: Any = None,
        method: str | None = None,
        **headers: str,
    ) -> tuple[int, Any]:
        """Return status and answer, which is JSON or a text; a body that is no bytes is JSON."""
        status, found, _ = self.whole(path, body, method, **headers)
        return status, found

    def whole(
        self,
        path: str,
        body: Any = None,
        method: str | None = None,
        **headers: str,
    ) -> tuple[int, Any, dict[str, str]]:
        """Return status, answer and headers."""
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers.setdefault("content_type", "application/json")
        status, text, told = self.raw(path, body, method, **headers)
        is_json = told.get("content-type") == "application/json" and text.strip()
        return status, json.loads(text) if is_json else text.decode(), told

    def raw(
        self, path: str, body: bytes | None = None, method: str | None = None, **headers: str
    ) -> tuple[int, bytes, dict[str, str]]:
        """Return status, body and headers."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        self._connection.request(method or ("GET" if body is None else "POST"), path, body, given)
        answer = self._connection.getresponse()
        told = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, answer.read(), told

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


@contextmanager
def serving(*models: Served, limits: Limits | None = None, **guard: Any) -> Iterator[Client]:
    """Serve models in a thread, and return a client."""
    ready = threading.Event()
    application = Application(models, limits or Limits(), **guard)
    server = new_server(application, ready.set)
    with bound("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        assert ready.wait(30)
        client = Client(port, application)
        client.server = server
        try:
            yield client
        finally:
            client.close()
            server.should_exit = True
            thread.join(30)
            assert not thread.is_alive()


def served(uri: str, name: str = "model", **options: int) -> Served:
    """Return a model to serve."""
    limits = {"most_rows": 1000, "most_waiting": 64, **options}
    return Served(name, fitprint.load_predictor(uri), **limits)


class Command:
    """``fitprint serve`` as a process."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "fitprint", "serve", *arguments],
            env={**os.environ, "FITPRINT_DISABLE_PLUGINS": "monitor", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def client(self) -> Client:
        """Return a client, when it answers."""
        address = self.process.stdout.readline()
        assert address.startswith("http://127.0.0.1:"), self.process.communicate(timeout=30)
        return Client(int(address.rpartition(":")[2]))

    def end(self) -> tuple[int, str, str]:
        """Return exit status, output and error output, when it has ended."""
        output, error = self.process.communicate(timeout=60)
        return self.process.returncode, output, error


def slow_request(port: int, start: bytes) -> socket.socket:
    """Send the start of a request, and return the connection."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    connection.sendall(start)
    return connection

"""A real MLflow server, which its tests may stop and start again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

_START_SECONDS = 240  # a busy machine imports MLflow for a minute


class MlflowServer:
    """``mlflow server`` in a folder of its own, on a port of its own."""

    def __init__(self, folder: Path, *more: str, **environment: str) -> None:
        self.folder = folder
        self._more = more
        self._environment = {
            name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")
        } | {"MLFLOW_DISABLE_TELEMETRY": "true", **environment}
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


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[MlflowServer]:
    """One server for all tests, which use experiments of their own."""
    found = MlflowServer(tmp_path_factory.mktemp("mlflow-server"))
    found.start()
    yield found
    found.stop()

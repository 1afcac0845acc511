"""Servers for tests, in processes of their own: S3, and what stands for Google and Azure."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from collections.abc import Mapping

__all__ = ["CLOUDS", "Server"]

CLOUDS = "from fitprint_objectstore.clouds import main; main()"
_MOTO = """
import logging, sys
logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""


class Server:
    """It runs until it is stopped, or its parent ends.

    Args:
        program: what prints its port, and serves: moto, or ``CLOUDS``.

    Attributes:
        endpoint: its URL.
        environment: variables that lead there, with credentials.
    """

    def __init__(self, program: str = _MOTO) -> None:
        command = [sys.executable, "-c", program]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        port = self._process.stdout.readline().strip()
        if not port:
            raise RuntimeError("the server for tests does not start: pip install 'moto[server]'")
        self.endpoint = f"http://127.0.0.1:{port}"
        self.environment: Mapping[str, str] = {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing-secret",
            "AWS_REGION": "us-east-1",
        }

    def ask(self, path: str, method: str = "GET", data: bytes | None = None) -> bytes:
        """Send a request without a signature, which this server takes, and return the answer."""
        url, headers = f"{self.endpoint}/{path}", {"Content-Type": "text/plain"}
        request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 - it is ours
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - it is ours
            found: bytes = answer.read()
        return found

    def stop(self) -> None:
        """Stop it; what it kept is gone."""
        self._process.kill()
        self._process.__exit__(None, None, None)

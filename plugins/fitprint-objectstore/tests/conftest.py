"""A real S3 server, a bucket of it for each test, and what leads there."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from fitprint_objectstore.artifacts import ObjectArtifacts
from fitprint_objectstore.server import Server

_numbers = count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The server of all tests that leave its rights as they are."""
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def surroundings(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment leads to the server, and to no cloud."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "GOOGLE_", "AZURE_"))]:
        monkeypatch.delenv(name)
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def bucket(server: Server, surroundings: None) -> str:
    """The name of an empty bucket."""
    name = f"bucket-{next(_numbers)}"
    server.ask(name, "PUT")
    return name


@pytest.fixture
def store(bucket: str) -> ObjectArtifacts:
    """An empty artifact store."""
    return ObjectArtifacts(f"s3://{bucket}/some/prefix")


@pytest.fixture
def python(tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Return a function that starts a script."""

    def start(script: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        file = tmp_path / f"script{next(_numbers)}.py"
        file.write_text(script, encoding="utf-8")
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(
            [sys.executable, str(file), *arguments],
            **pipes,
            text=True,
            env={**os.environ, **environment},
            cwd=tmp_path,
        )

    return start


@pytest.fixture
def halting(python: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """What starts a script that says that it is in the middle, and waits; its end is seen to."""
    started = []

    def start(script: str, *arguments: str, **environment: str) -> Any:
        process = python(script, *arguments, **environment)
        started.append(process)
        assert "in the middle\n" == process.stdout.readline()
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def at(tmp_path: Path, bucket: str, python: Callable[..., Any]) -> Callable[..., tuple[str, str]]:
    """What runs a script in a home, with the shared store and the bucket."""

    def run(home: str, script: str, **environment: str) -> tuple[str, str]:
        environment = {
            "FITPRINT_HOME": str(tmp_path / home),
            "FITPRINT_STORE": f"sqlite:///{tmp_path}/team.db",
            "FITPRINT_ARTIFACTS": f"s3://{bucket}/team",
            "FITPRINT_EXIT_WAIT": "60",
            **environment,
        }
        process = python(script, **environment)
        stdout, stderr = process.communicate(timeout=100)
        assert 0 == process.returncode, stderr
        return stdout, stderr

    return run


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that takes connections, and never says a word."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        yield listening

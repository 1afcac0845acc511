"""A recorded model, and servers of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sklearn.linear_model import LogisticRegression

from fitprint.testing import isolated

sys.path.insert(0, str(Path(__file__).parent))  # what these tests share

from clients import Client, Command, frame, record, served, serving


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working directory; what is recorded goes to a home below it."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    with isolated(folder / ".fitprint", store=None, context=False):
        yield folder
        monkeypatch.undo()


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with a classifier of four named columns."""
    place = tmp_path_factory.mktemp("model")
    X = frame()
    with isolated(place / ".fitprint", store=None, context=False):
        return record(place, LogisticRegression().fit(X, X.sum(axis=1) > 0), X)


@pytest.fixture(scope="session")
def client(folder: str) -> Iterator[Client]:
    """A client of a server of the classifier."""
    with serving(served(folder)) as client:
        yield client


@pytest.fixture
def command() -> Iterator[Callable[..., Command]]:
    """Start ``fitprint serve``; what still runs at the end of the test is ended."""
    started: list[Command] = []

    def start(*arguments: str, **environment: str) -> Command:
        started.append(Command(*arguments, **environment))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.process.kill()
        each.process.communicate(timeout=30)

"""Commands run in this process, with what they print."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from fitprint.cli import main


@dataclass(frozen=True)
class Done:
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str


@pytest.fixture
def command(
    home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Done]:
    """Run a command of fitprint."""
    monkeypatch.delenv("COLUMNS", raising=False)

    def run(*words: str) -> Done:
        capsys.readouterr()
        status = main(words)
        return Done(status, *capsys.readouterr())

    return run

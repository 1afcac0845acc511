"""A home in a database, and the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from fitprint.cli import main
from fitprint.data.description import Description
from fitprint.data.profiles import profile
from fitprint.data.sampling import sample
from fitprint.testing import isolated


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working directory; what is recorded goes to a home below it, with a database."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "80")
    with isolated(folder / ".fitprint", store=None, context=False, system_metrics=False):
        yield folder
        monkeypatch.undo()


class Said(NamedTuple):
    """What a command answered."""

    status: int
    out: str
    err: str


@pytest.fixture
def command(place: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Run ``fitprint`` with arguments."""

    def run(*arguments: str) -> Said:
        capsys.readouterr()
        status = main([*arguments])
        return Said(status, *capsys.readouterr())

    return run


@pytest.fixture(scope="session")
def column() -> Callable[..., dict[str, object]]:
    """Return what a profile tells of values."""

    def told(values: object, **options: object) -> dict[str, object]:
        taken = sample(Description(values))
        assert taken is not None
        (found,) = profile(taken, **options)["columns"]  # type: ignore[arg-type]
        return found

    return told

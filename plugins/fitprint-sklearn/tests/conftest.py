"""Isolation: a test that asks for ``tracked`` records into a folder and a memory store of its own,
and leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import fitprint
from fitprint.recording.run import Run
from fitprint.testing import isolated


class Tracked:
    """Autologging is on; ``runs()`` returns what was recorded, oldest first, children left out."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def all(self) -> list[Run]:
        fitprint.autologging.activation.engine().end_orphans()
        return sorted(
            fitprint.search_runs(max_results=100_000, children=True), key=lambda run: run.id
        )

    def runs(self) -> list[Run]:
        return [run for run in self.all() if run.parent_id is None]

    def run(self) -> Run:
        """Return the only run."""
        (run,) = self.runs()
        return run

    def of(self, train: Callable[[], Any]) -> Run:
        """Return the run of a call that makes exactly one."""
        before = {run.id for run in self.runs()}
        train()
        (run,) = [run for run in self.runs() if run.id not in before]
        return run


@pytest.fixture
def untracked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tracked]:
    """Everything is set up for recording, and autologging is off."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    with isolated(folder / "home", store=f"memory://{folder}", context=False, strict=True):
        yield Tracked(folder / "home")
        monkeypatch.undo()  # of variables, before they are what they were outside


@pytest.fixture
def tracked(untracked: Tracked) -> Tracked:
    """Autologging is on, models are not recorded."""
    fitprint.autolog(models=False)
    return untracked


@pytest.fixture
def asked(tracked: Tracked) -> Tracked:
    """The same, and training metrics may run code of the user's once more."""
    fitprint.configure(training_metrics_code=["*"])
    return tracked

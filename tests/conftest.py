"""Isolation: each test that asks for ``home`` records into a folder and a store of its own, and
leaves nothing behind.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fitprint.entities import History, RunRecord
from fitprint.hooks import manager
from fitprint.hooks.markers import hookimpl
from fitprint.journal.delivery import deliver
from fitprint.query.grammar import parse
from fitprint.stores.protocol import Store
from fitprint.stores.sql.sqlite import open_sqlite
from fitprint.testing import isolated


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Record into an empty home and a memory store, from an empty working directory; return the
    home.
    """
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    with isolated(
        folder / ".fitprint",
        store=f"memory://{folder}",
        context=False,
        profile="off",
        system_metrics=False,
    ):
        yield folder / ".fitprint"
        monkeypatch.undo()  # of variables, before they are what they were outside


class Programs:
    """Programs that record into one home, and what a reader finds there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self._started = 0
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith("FITPRINT_")
        }
        self.environment |= {
            "FITPRINT_HOME": str(self.home),
            "FITPRINT_CONTEXT": "false",
            "FITPRINT_NOTICE": "false",
        }

    def start(self, script: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start a program whose standard input and output are pipes."""
        self._started += 1
        path = self.folder / f"program{self._started}.py"
        path.write_text(script, encoding="utf-8")
        command = [sys.executable, "-W", "error", str(path), *arguments]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment | environment,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            text=True,
        )

    def run(self, script: str, *arguments: str, **environment: str) -> tuple[int, str, str]:
        """Run a program to its end; return exit status, output and error output."""
        process = self.start(script, *arguments, **environment)
        try:
            output, errors = process.communicate(timeout=60)
        finally:
            process.kill()
        return process.returncode, output, errors

    @property
    def store(self) -> Store:
        """The store in the home."""
        return open_sqlite(f"sqlite:///{self.home / 'fitprint.db'}")

    def runs(self) -> dict[str, RunRecord]:
        """Return the runs that a reader finds now, by name."""
        with closing(self.store) as store:
            deliver(self.home / "journal", store)
            return {run.name: run for run in store.search_runs(parse("")).runs}

    def steps(self, name: str, key: str) -> list[int]:
        """Return the steps of a metric of the run of this name."""
        return list(self.history(name, key).step)

    def history(self, name: str, key: str) -> History:
        """Return the points of a metric of the run of this name."""
        run = self.runs()[name].id
        with closing(self.store) as store:
            return store.metric_history(run, key)


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    """Programs that record into a home of this test's own."""
    return Programs(tmp_path)


@pytest.fixture
def problems(home: Path) -> list[str]:
    """What fitprint tells through ``on_problem`` during the test."""
    told: list[str] = []

    class Listener:
        @hookimpl
        def on_problem(self, problem: str, source: str) -> None:
            told.append(f"{source}: {problem}")

    manager.reset(manager.Hooks(extra={"listener": Listener()}))
    return told

"""Isolation: each test that asks for ``home`` records into a folder and a store of its own, and leaves nothing behind."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fitprint.hooks import manager
from fitprint.hooks.markers import hookimpl
from fitprint.recording import context, workspace


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Record into an empty home and a memory store, from an empty working directory; return the home."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name in os.environ:
        if name.startswith("FITPRINT_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("FITPRINT_HOME", str(folder / ".fitprint"))
    monkeypatch.setenv("FITPRINT_STORE", f"memory://{folder}")
    monkeypatch.setenv("FITPRINT_CONTEXT", "false")
    monkeypatch.setenv("FITPRINT_NOTICE", "false")
    _forget()
    yield folder / ".fitprint"
    _forget()


def _forget() -> None:
    while (run := context.current_run()) is not None and not run._attached:
        run.end()
    context.inherit_run(None)
    if "fitprint.autologging.activation" in sys.modules:
        from fitprint import autolog

        autolog(disable=True)
    previous = workspace.use(None)
    if previous is not None:
        previous.close()
    workspace._given.clear()
    manager.reset()


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

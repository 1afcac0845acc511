"""A home in a database, and modules of functions that tests write and edit."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import fitprint
from fitprint.entities import RunRecord
from fitprint.testing import isolated


@pytest.fixture(autouse=True, scope="session")
def _server_folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The server of processes lives as long as this one, and longer than the temporary folder of
    the tests.
    """
    config = multiprocessing.current_process()._config  # type: ignore[attr-defined]
    config["tempdir"] = str(tmp_path_factory.mktemp("mp"))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working directory; what is recorded goes to a home below it, with a database."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    with isolated(
        folder / ".fitprint",
        store=None,
        context=False,
        profile="off",
        system_metrics=False,
    ):
        yield folder
        monkeypatch.undo()


class Programs:
    """Programs that record into one home, and a reader of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / ".fitprint"

    def start(self, script: str, *arguments: str) -> subprocess.Popen[str]:
        """Start a program whose output is a pipe."""
        (self.folder / "program.py").write_text(script, encoding="utf-8")
        return subprocess.Popen(
            [sys.executable, "program.py", *arguments],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, script: str, *arguments: str) -> tuple[int, str, str]:
        """Run a program to its end; return exit status, output and error output."""
        process = self.start(script, *arguments)
        output, error = process.communicate(timeout=120)
        return process.returncode, output, error

    def runs(self) -> dict[str, RunRecord]:
        """Return the runs that a reader finds now, the newest of each name."""
        found = fitprint.search_runs(children=True)
        return {run.name: run.record for run in reversed(found)}


@pytest.fixture
def programs(place: Path) -> Programs:
    """Programs in the working directory of this test."""
    return Programs(place)


@pytest.fixture(scope="session")
def write_module() -> Callable[..., types.ModuleType]:
    """Write a module, and import what is written now."""
    return written


def written(folder: Path, name: str, text: str) -> types.ModuleType:
    """Write a module, and import what is written now."""
    file = folder / f"{name}.py"
    file.write_text(text, encoding="utf-8")
    module = types.ModuleType(name)
    module.__file__ = str(file)
    sys.modules[name] = module
    exec(compile(text, str(file), "exec"), vars(module))
    return module


@pytest.fixture
def module(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., object]]:
    """Write a module of this test's own, which processes can import, too."""
    names: list[str] = []
    monkeypatch.syspath_prepend(str(place))

    def write(text: str, name: str = "steps_of_test") -> types.ModuleType:
        names.append(name)
        return written(place, name, text)

    yield write
    for name in names:
        sys.modules.pop(name, None)

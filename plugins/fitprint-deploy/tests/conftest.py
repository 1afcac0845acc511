"""A home with registered models, and programs that only note how they were called."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import fitprint
from fitprint import cli
from fitprint.hooks import manager
from fitprint.hooks.markers import hookimpl
from fitprint.hooks.targets import Release, Rendering, Target
from fitprint.testing import isolated
from fitprint_deploy.errors import TargetRefusedError

IMAGE = f"registry.test/team/churn@sha256:{'0123456789abcdef' * 4}"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working directory; what is recorded goes to a home below it, with a database."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    with isolated(folder / ".fitprint", store=None, profile="off", system_metrics=False):
        yield folder
        monkeypatch.undo()


@pytest.fixture
def register(place: Path) -> Callable[..., int]:
    """Record a model with a metric, register it, and return the number of the version."""

    def one(name: str = "Churn rate", accuracy: float = 0.9) -> int:
        from sklearn.linear_model import LogisticRegression

        rows = [[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.5]]
        with fitprint.start_run(name=f"acc-{accuracy}") as run:
            fitprint.log_metric("accuracy", accuracy)
            fitprint.log_model(LogisticRegression(C=accuracy).fit(rows, [0, 0, 1, 1]))
        return fitprint.register_model(run, name).version

    return one


@pytest.fixture
def releases() -> Callable[..., Release]:
    """Make a release that no record has."""

    def one(**changed: Any) -> Release:
        about: dict[str, Any] = {
            "name": "churn",
            "uri": "models:/churn/3",
            "digest": f"sha256:{'ab' * 32}",
            "flavor": "sklearn",
            "created": 1_780_000_000,
            "model": "churn",
            "version": 3,
            "run": "0f" * 16,
            "python": "3.12.4",
            "requirements": ("numpy==2.1.0", "scikit-learn==1.5.2"),
            "runtime": ("fitprint==0.1.0", "fitprint-serve==0.1.0", "fitprint-sklearn==0.1.0"),
            "packages": {"numpy": "2.1.0", "joblib": "1.4.2", "scipy": "1.14.1"},
        }
        return Release(**{**about, **changed})

    return one


class Shelf(Target):
    """A place that keeps what was applied, and refuses versions that it is told to."""

    name = "shelf"
    options = {"size": "of it"}  # noqa: RUF012 - never changed

    def __init__(self) -> None:
        self.served: list[tuple[int, Mapping[str, str]]] = []
        self.refuses: set[int] = set()

    def render(self, release: Release) -> Rendering:
        return Rendering(release, {"what": f"{release.uri}\n"}, "model")

    def apply(self, rendering: Rendering, folder: Path) -> Mapping[str, str]:
        assert (folder / "what").read_text() == f"{rendering.release.uri}\n"
        assert (folder / "model/MLmodel").is_file()
        if rendering.release.version in self.refuses:
            raise TargetRefusedError("the shelf is full")
        self.served.append((rendering.release.version, rendering.release.options))
        return {"image": IMAGE}

    def status(self, release: Release) -> str:
        return f"{release.version} lies there"

    def delete(self, release: Release) -> None:
        self.served.append((-release.version, release.options))


@pytest.fixture
def shelf(place: Path) -> Iterator[Shelf]:
    """A target of the test's own."""
    found = Shelf()

    class Plugin:
        @hookimpl
        def register_deploy_targets(self) -> list[Target]:
            return [found]

    before = manager.hooks()
    manager.reset(manager.Hooks(extra={"shelf": Plugin()}))
    yield found
    manager.reset(before)


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run a command line; return exit status, output and error output."""

    def run(*arguments: str) -> tuple[int, str, str]:
        status = cli.main(list(arguments))
        output, errors = capsys.readouterr()
        return status, output, errors

    return run


class Programs:
    """Programs in the place of those that a target calls: each notes its arguments, prints what it
    is told to, and ends with the status that it is told.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def make(self, name: str, says: Mapping[str, Any] | None = None) -> None:
        """Make one; ``says`` has, by a word among its arguments, what it does: ``out``, ``err``,
        ``status``, and ``files``, what it writes to files that options name.
        """
        script = (
            f"#!{sys.executable}\n"
            "import json, pathlib, sys\n"
            f"says = json.loads({json.dumps(json.dumps(says or {}))})\n"
            f"with open({str(self.folder / name) + '.calls'!r}, 'a') as file:\n"
            "    print(json.dumps(sys.argv[1:]), file=file)\n"
            "for word, does in says.items():\n"
            "    if word in sys.argv[1:]:\n"
            "        for option, text in does.get('files', {}).items():\n"
            "            place = next(w for w in sys.argv if w.startswith(f'--{option}='))\n"
            "            pathlib.Path(place.partition('=')[2]).write_text(text)\n"
            "        sys.stdout.write(does.get('out', ''))\n"
            "        sys.stderr.write(does.get('err', ''))\n"
            "        sys.exit(does.get('status', 0))\n"
        )
        file = self.folder / name
        file.write_text(script, encoding="utf-8")
        file.chmod(0o755)

    def calls(self, name: str) -> list[list[str]]:
        """Return the arguments of each call."""
        file = self.folder / f"{name}.calls"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    """The only programs that are found during the test."""
    found = Programs(tmp_path / "programs")
    monkeypatch.setenv("PATH", str(found.folder) + os.pathsep)
    return found

"""Projects of these tests' own, and wheels that their environments are made of."""

from __future__ import annotations

import os
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

import pytest

from fitprint.hooks import manager
from fitprint.hooks.markers import hookimpl
from fitprint.testing import isolated

# what a shell, or a program that takes options, could take for something else
VALUES = [
    "a; touch pwned; echo b",
    "$(touch pwned)",
    "`touch pwned`",
    "' ; touch pwned ; '",
    '" ; touch pwned ; "',
    "'\"'\"",
    "a\nb\ttouch\r\n",
    "\\",
    "\\'\\\"\\$x",
    "$HOME ${HOME} $1 $@",
    "> pwned",
    "| tee pwned",
    "& touch pwned &",
    "* ? [a-z] ~ {a,b} !!",
    "-x",
    "--help",
    "",
    " ",
    "{alpha} {0} {x.__class__} {{}}",
    "%s %d",
    "a=b",
    "#no comment",
    "żółć 数 🙂 \u202e",
    "x" * 100_000,
]


class Made:
    """A project in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, **files: str) -> Made:
        """Write files; two underscores in a name are a dot."""
        for name, text in files.items():
            (self.folder / name.replace("__", ".")).write_text(text, encoding="utf-8")
        return self

    def git(self, *words: str) -> str:
        """Ask git in the folder."""
        done = subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", *words],
            cwd=self.folder,
            env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def commit(self) -> str:
        """Commit all, and return the commit."""
        if not (self.folder / ".git").exists():
            self.git("init", "-q", "-b", "main")
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "x")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def made(tmp_path: Path) -> Callable[[str], Made]:
    """Make a project in a folder of this name."""
    return lambda name="project": Made(tmp_path / name)


@pytest.fixture
def answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a script of ``SAY`` writes what it was given."""
    path = tmp_path / "answer.json"
    monkeypatch.setenv("ANSWER", str(path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return path


@pytest.fixture
def values() -> list[str]:
    """Values that must arrive as they are."""
    return VALUES


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Record into an empty home, from an empty working directory; return the home."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    with isolated(folder / ".fitprint", profile="off", system_metrics=False):
        yield folder / ".fitprint"
        monkeypatch.undo()


@pytest.fixture
def problems(home: Path) -> Iterator[list[str]]:
    """What fitprint tells through ``on_problem`` during the test."""
    told: list[str] = []

    class Listener:
        @hookimpl
        def on_problem(self, problem: str, source: str) -> None:
            told.append(f"{source}: {problem}")

    before = manager.hooks()
    manager.reset(manager.Hooks(extra={"listener": Listener()}))
    yield told
    manager.reset(before)


class Wheels:
    """A folder of wheels, and the variables by which uv knows them alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.variables = {
            "UV_OFFLINE": "1",
            "UV_NO_INDEX": "1",
            "UV_FIND_LINKS": str(folder),
            "UV_NO_CONFIG": "1",
        }

    def make(self, name: str, version: str, script: str = "") -> None:
        """Make a wheel of one module that knows its version."""
        about = f"{name}-{version}.dist-info"
        files = {
            f"{name}.py": f"version = {version!r}\ndef main():\n    print(version)\n",
            f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
            f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            f"{about}/RECORD": "",
        }
        if script:
            files[f"{about}/entry_points.txt"] = f"[console_scripts]\n{script} = {name}:main\n"
        with zipfile.ZipFile(self.folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
            for path, text in files.items():
                archive.writestr(path, text)

    def repack(self, name: str) -> str:
        """Make a wheel of a package that is installed here; return its requirement."""
        found = metadata.distribution(name)
        lines = (found.read_text("WHEEL") or "").splitlines()
        tag = next(line[5:] for line in lines if line.startswith("Tag: "))
        path = self.folder / f"{name}-{found.version}-{tag}.whl"
        with zipfile.ZipFile(path, "w") as archive:
            for file in found.files or ():
                if "__pycache__" not in file.parts and ".." not in file.parts:
                    archive.write(file.locate(), file.as_posix())
        return f"{name}=={found.version}"


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wheels:
    """Let uv know two wheels of the test alone, `bean` 1.0 and 2.0."""
    found = Wheels(tmp_path / "wheels")
    found.make("bean", "1.0", script="sow")
    found.make("bean", "2.0")
    for name, value in found.variables.items():
        monkeypatch.setenv(name, value)
    return found

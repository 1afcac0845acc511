"""A lane: an environment in which plugins are tested. What it holds, and what is tested there, is
read from the plugins' own metadata.

    python tests/lane.py install all [REQUIREMENT...]                  install every plugin with its framework, or one of them
    python tests/lane.py test xgboost-oldest [OPTION...] -- [PATH...]  install a plugin at one end of what it supports, and run its tests

A plugin's extra `framework` says which versions it supports. Its dependency group `test` says what
its tests need beside. Its group `oldest` holds everything at the lower end: these are constraints,
so they install nothing, and plugins that rest on it keep them, too.
"""  # noqa: E501

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["constraints", "plugins", "requirements"]

ROOT = Path(__file__).parents[1]


def plugins() -> dict[str, Path]:
    """Return the folders of the plugins by short name."""
    return {
        path.parent.name.removeprefix("fitprint-"): path.parent
        for path in sorted(ROOT.glob("plugins/*/pyproject.toml"))
    }


def metadata(folder: Path) -> dict[str, Any]:
    """Return what a distribution says of itself."""
    found: dict[str, Any] = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    return found


def closure(names: list[str]) -> list[str]:
    """Return plugins and those that they, or their tests, rest on."""
    found = list(names)
    for name in found:
        about = metadata(plugins()[name])
        needed = [*about["project"]["dependencies"], *about["dependency-groups"]["test"]]
        short = [
            match[1] for match in (re.match(r"fitprint-(\w+)", line) for line in needed) if match
        ]
        found += [each for each in short if each not in found]
    return found


def requirements(names: list[str], *, with_tests: bool) -> list[str]:
    """Return what pip is to install for these plugins: their frameworks, those that they rest on,
    and what their tests need.
    """
    found = []
    for name in closure(names):
        folder = plugins()[name]
        found += ["-e", f"{folder}[framework]" if name in names else str(folder)]
        if with_tests and name in names:
            found += [
                line
                for line in metadata(folder)["dependency-groups"]["test"]
                if not line.startswith("fitprint-")
            ]
    return found


def constraints(name: str) -> list[str]:
    """Return what holds a plugin, and all that it rests on, at the oldest versions."""
    folders = [ROOT, *(plugins()[each] for each in closure([name]))]
    return [line for folder in folders for line in metadata(folder)["dependency-groups"]["oldest"]]


def install(*arguments: str) -> None:
    """Install into the environment that runs this: with uv, which takes a tenth of pip's time, or
    with pip where uv cannot (it does not read pip's own settings of where packages lie).
    """
    tools = (["uv", "pip", "install", "--python", sys.executable], ["pip", "install"])
    for tool in tools:
        command = [sys.executable, "-I", "-m", *tool, "-e", str(ROOT), *arguments]
        done = subprocess.run(command, cwd=ROOT, check=tool is tools[-1])
        if done.returncode == 0:
            break


def test(lane: str, arguments: list[str]) -> int:
    """Install what a lane needs, and run pytest; return its exit status."""
    name, _, end = lane.rpartition("-")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "constraints.txt"
        path.write_text("\n".join(constraints(name) if end == "oldest" else []), encoding="utf-8")
        install(*requirements([name], with_tests=True), "-c", str(path))
    cut = arguments.index("--")
    paths = arguments[cut + 1 :] or [str(plugins()[name].relative_to(ROOT))]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *arguments[:cut], *paths], cwd=ROOT, check=False
    ).returncode


if __name__ == "__main__":
    verb, what, *rest = sys.argv[1:]
    if verb == "test":
        sys.exit(test(what, rest))
    install(*requirements(list(plugins()) if what == "all" else [what], with_tests=False), *rest)

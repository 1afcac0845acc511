"""What an environment is to hold, as files of projects and records of runs say it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from fitprint.access import read_regular
from fitprint.context.packages import describe_packages
from fitprint.context.process import describe_python
from fitprint.errors import FitprintError
from fitprint.views.facts import part
from fitprint_projects.environments.local import LocalPackage, local_packages

__all__ = [
    "DEFAULT_FILES",
    "OtherPackage",
    "UnbuildableError",
    "Wanted",
    "other_packages",
    "read_wanted",
    "recorded",
]

DEFAULT_FILES = ("python_env.yaml", "pylock.toml", "uv.lock", "requirements.txt")
_MOST_NESTED = 10  # files of requirements that name others
_MOST_BYTES = 16 << 20
_PINNED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9][A-Za-z0-9.!+_-]*")
_PYTHON = re.compile(r"[0-9]+(?:\.[0-9]+){0,2}(?:(?:a|b|rc)[0-9]+)?")
# the requirement is a place here
_PLACE = re.compile(r"(?:-e\s|--editable[\s=]|\.{0,2}/|\.{1,2}(?:$|\[)|file:)")
_FILE = re.compile(r"(-r|--requirement|-c|--constraint)(?:\s+|=)(\S.*)")


class UnbuildableError(FitprintError):
    """An environment is described wrongly, or cannot be built."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an environment is to hold.

    Attributes:
        kind: of ``text``: "requirements"; "lock", requirements that are all, so that nothing is
            installed beside them; "pylock.toml"; or "uv.lock".
        text: of the file.
        python: version, such as "3.11.7" or "3.11"; this interpreter's where nothing is said.
        implementation: of Python, as ``sys.implementation.name`` has it.
        build: what is installed before all else (``build_dependencies`` of MLflow).
        project: text of ``pyproject.toml``, for a "uv.lock".
        local: packages that come from folders of this machine.
    """

    kind: Literal["requirements", "lock", "pylock.toml", "uv.lock"]
    text: str
    python: str = field(default_factory=lambda: str(describe_python()["version"]))
    implementation: str = sys.implementation.name
    build: tuple[str, ...] = ()
    project: str = ""
    local: tuple[LocalPackage, ...] = ()

    @property
    def key(self) -> str:
        """A digest of all that decides on the environment's content: 64 hexadecimal digits."""
        is_list = self.kind in ("requirements", "lock")
        lines = sorted(filter(None, map(str.strip, self.text.splitlines())))
        facts = {
            "kind": self.kind,
            "content": lines if is_list else self.text,
            "python": [self.implementation, self.python],
            "platform": sysconfig.get_platform(),
            "build": sorted(self.build),
            "project": self.project,
            "local": sorted(each.identity for each in self.local),
            # where packages are looked for besides, without the addresses themselves
            "indexes": [os.environ.get(name, "") for name in _INDEXES],
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


_INDEXES = ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS")


# -- files of a project ----------------------------------------------------------------------------


def read_wanted(folder: Path, name: str | None = None) -> Wanted | None:
    """Return what a file of a project says; None if no file is named and there is none.

    Args:
        folder: of the project; no file outside of it is read.
        name: of the file below it; by default the first of :data:`DEFAULT_FILES`.

    Raises:
        UnbuildableError: the file is not there, not what it should be, or leads out of the folder.
    """
    if name is None:
        name = next((each for each in DEFAULT_FILES if (folder / each).is_file()), None)
        if name is None:
            return None
    text = _text(folder, name)
    kind = Path(name).name
    if kind == "pylock.toml" or re.fullmatch(r"pylock\.[^.]+\.toml", kind):
        return Wanted("pylock.toml", text)
    if kind == "uv.lock":
        place = Path(name).parent
        return Wanted("uv.lock", text, project=_text(folder, str(place / "pyproject.toml")))
    if kind.endswith((".yaml", ".yml")):
        return _python_env(folder, name, text)
    return Wanted("requirements", "\n".join(_requirements(folder, Path(name), text)))


def _text(folder: Path, name: str) -> str:
    path = folder / name
    root = folder.resolve()
    if root not in path.resolve().parents:
        raise UnbuildableError(f"{name!r} lies outside of the project {folder}; move it inside")
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UnbuildableError(f"{path} is larger than {_MOST_BYTES >> 20} MiB")
        return read_regular(path).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UnbuildableError(
            f"{path}, which says what the environment is to hold, cannot be read ({error})"
        ) from error


def _python_env(folder: Path, name: str, text: str) -> Wanted:
    """Read the file that MLflow calls ``python_env.yaml``."""
    import yaml

    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise UnbuildableError(f"{folder / name} is no YAML: {error}") from error
    content = {} if content is None else content
    if not isinstance(content, Mapping):
        raise UnbuildableError(
            f"{folder / name} must be a mapping with python, build_dependencies and dependencies"
        )
    python = content.get("python")
    if python is not None and not (isinstance(python, str) and _PYTHON.fullmatch(python)):
        raise UnbuildableError(
            f"python in {folder / name} must be a version in quotes, such as '3.11.7', not "
            f"{python!r}"
        )
    lists = {}
    for key in ("build_dependencies", "dependencies"):
        found = content.get(key) or []
        if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
            raise UnbuildableError(f"{key} in {folder / name} must be a list of requirements")
        lists[key] = found
    lines = _requirements(folder, Path(name), "\n".join(lists["dependencies"]))
    wanted = Wanted("requirements", "\n".join(lines), build=tuple(lists["build_dependencies"]))
    return Wanted(wanted.kind, wanted.text, python, build=wanted.build) if python else wanted


def _requirements(folder: Path, name: Path, text: str, depth: int = 0) -> Iterator[str]:
    """Yield the requirements of a text, with those of the files that it names in their place."""
    if depth > _MOST_NESTED:
        raise UnbuildableError(f"{name} is one of files of requirements that name each other")
    for line in text.replace("\\\n", " ").splitlines():
        line = re.sub(r"(?:^|\s)#.*", "", line).strip()  # noqa: PLW2901 - step by step
        if not line:
            continue
        named = _FILE.fullmatch(line)
        if named is not None and named[1].lstrip("-").startswith("c"):
            raise UnbuildableError(
                f"{name} names a file of constraints ({line}): put its lines among the requirements"
            )
        if named is not None:
            inner = name.parent / named[2].strip()
            yield from _requirements(folder, inner, _text(folder, str(inner)), depth + 1)
        elif _PLACE.match(line):
            raise UnbuildableError(
                f"{name} asks for a package from a folder ({line}): an environment is kept by what "
                "it holds, and a folder may change. Name a package with its version; code of the "
                "project itself is found where it lies"
            )
        else:
            yield line


# -- records of runs -------------------------------------------------------------------------------


def recorded(environment: Mapping[str, Any]) -> Wanted:
    """Return what the environment of a run held (``run.environment``), all of it.

    Packages that are installed here from a folder, such as one that is being developed, and have
    the version of then, come from that folder.

    Raises:
        UnbuildableError: that was not recorded.
    """
    installed = _versions(environment)
    python = part(environment, "python")
    version = python.get("version")
    if not installed or not isinstance(version, str) or not _PYTHON.fullmatch(version):
        raise UnbuildableError(
            "packages and Python of the run were not recorded (the setting context was off): only "
            "the environment at hand can be taken (--env current)"
        )
    here = local_packages()
    local = tuple(
        here[name] for name in installed if name in here and here[name].version == installed[name]
    )
    taken = {each.name for each in local}
    lines = [f"{name}=={version}" for name, version in installed.items() if name not in taken]
    odd = [line for line in lines if not _PINNED.fullmatch(line)]
    if odd:
        raise UnbuildableError(f"the run recorded {odd[0]!r}, which names no package and version")
    implementation = str(python.get("implementation", "cpython")).lower()
    return Wanted("lock", "\n".join(sorted(lines)), version, implementation, local=local)


@dataclass(frozen=True, slots=True)
class OtherPackage:
    """A package, or Python itself, that is another one here than in a run.

    Attributes:
        then: version in the run; None if it had none.
        now: version here; None if it is missing.
        is_used: whether the run's program had imported it.
    """

    name: str
    then: str | None
    now: str | None
    is_used: bool

    def __str__(self) -> str:
        if self.now is None:
            return f"{self.name} {self.then} is missing"
        return f"{self.name} {self.then or 'was missing'} → {self.now}"


def other_packages(
    environment: Mapping[str, Any], now: Mapping[str, Any] | None = None
) -> list[OtherPackage]:
    """Return what of a run's environment is otherwise, those that it used first; what has been
    added since and is not used says nothing.

    Args:
        environment: of the run.
        now: another run's environment; that of this process by default.
    """
    then = _versions(environment)
    used = set(_names(part(environment, "packages").get("imported")))
    here: Mapping[str, Any]
    python: Mapping[str, Any]
    if now is None:
        here = describe_packages()["installed"]
        python = describe_python()
        used_now: set[str] = set()
    else:
        here, python = _versions(now), part(now, "python")
        used_now = set(_names(part(now, "packages").get("imported")))
    found = [
        OtherPackage(name, version, here.get(name), name in used)
        for name, version in then.items()
        if here.get(name) != version
    ]
    found += [
        OtherPackage(name, None, here[name], True)
        for name in sorted(used_now - then.keys())
        if name in here and not name.startswith("fitprint-")  # a plugin changes no result
    ]
    before = part(environment, "python")
    for name in ("implementation", "version"):
        old, new = before.get(name), python.get(name)
        if old and old != new:
            title = "Python" if name == "version" else "implementation of Python"
            found.append(OtherPackage(title, str(old), None if new is None else str(new), True))
    return sorted(found, key=lambda each: (not each.is_used, each.name.lower()))


def _versions(environment: Mapping[str, Any]) -> dict[str, str]:
    installed = part(part(environment, "packages"), "installed")
    return {str(name): str(version) for name, version in installed.items()}


def _names(names: Any) -> Iterable[str]:
    is_list = isinstance(names, Sequence) and not isinstance(names, str)
    return [str(name) for name in names] if is_list else []

"""Packages that were installed from a folder of this machine, as those in development are.

No registry has them as they are. They are brought to another environment of the same Python by
the lines that lead to their folder (``.pth``) and their metadata, which name the entry points.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["LocalPackage", "local_packages", "place"]

_FOLDER = re.compile(r"(?P<name>.+?)-(?P<version>[0-9][^-]*)\.dist-info")


@dataclass(frozen=True, slots=True)
class LocalPackage:
    """A package that is installed from a folder.

    Attributes:
        name: normalized, such as "fitprint-sklearn".
        version: of it.
        metadata: its folder ``*.dist-info``.
        paths: files that lead to its code.
    """

    name: str
    version: str
    metadata: Path
    paths: tuple[Path, ...]

    @property
    def identity(self) -> str:
        """What tells it from the same package in another folder."""
        return "\n".join(
            [self.name, self.version, *(each.read_text("utf-8") for each in self.paths)]
        )


def local_packages() -> dict[str, LocalPackage]:
    """Return those of this interpreter, by name."""
    return {each.name: each for entry in reversed(sys.path) for each in _found(Path(entry or "."))}


def _found(folder: Path) -> Iterator[LocalPackage]:
    try:
        names = os.listdir(folder)  # noqa: PTH208 - names alone are needed
    except OSError:
        return
    for name in names:
        match = _FOLDER.fullmatch(name)
        if match is None or not (folder / name / "direct_url.json").is_file():
            continue
        paths = tuple(_leading(folder, name))
        if paths:
            normal = re.sub(r"[-_.]+", "-", match["name"]).lower()
            yield LocalPackage(normal, match["version"], folder / name, paths)


def _leading(folder: Path, name: str) -> Iterator[Path]:
    """Yield the files of a package that lead to code elsewhere."""
    try:
        lines = (folder / name / "RECORD").read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return
    for line in lines:
        file = line.partition(",")[0]
        if file.endswith(".pth") and "/" not in file and (folder / file).is_file():
            yield folder / file


def place(package: LocalPackage, folder: Path) -> None:
    """Bring a package to another environment.

    Args:
        package: of this interpreter.
        folder: where the other environment has its packages.

    Raises:
        OSError: it cannot be written there.
    """
    shutil.copytree(package.metadata, folder / package.metadata.name)
    for path in package.paths:
        shutil.copy(path, folder / path.name)

"""Installed packages, by the names of their metadata folders: no metadata is parsed,
``importlib.metadata`` is not imported.
"""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["describe_packages"]

_METADATA = re.compile(
    r"(?P<name>[^-]+?)-(?P<version>[0-9v][^-]*?)(?:-py[0-9][^-]*(?:-.*)?)?\.(?:dist|egg)-info\Z"
)
_DEVELOPED = re.compile(r"(?P<name>[^-]+)\.egg-info\Z")

# top-level modules by metadata folder, whose name holds the version
_modules_of: dict[str, frozenset[str]] = {}
_lock = threading.Lock()


def describe_packages() -> dict[str, Any]:
    """Return ``{"installed": {name: version}, "imported": [name, ...]}``, names normalized
    (``scikit-learn``).

    Where a package is installed twice, the version is that of the first on ``sys.path``, the one
    that imports find. Packages in zip files, and those without metadata, are not seen. ``imported``
    are those of which a module is loaded.
    """
    folders = dict(_folders())
    installed = {name: version for name, (version, _) in folders.items()}
    return {
        "installed": dict(sorted(installed.items())),
        "imported": _imported({name: folder for name, (_, folder) in folders.items()}),
    }


def _folders() -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield each package's name with its version and its metadata folder."""
    seen: set[str] = set()
    for entry in dict.fromkeys(path or "." for path in list(sys.path)):
        try:
            # names alone are needed, at a third of the cost
            names = os.listdir(entry)  # noqa: PTH208
        except OSError:
            continue
        for file in names:
            if not file.endswith(("dist-info", "egg-info")):
                continue
            match = _METADATA.match(file)
            developed = _DEVELOPED.match(file) if match is None else None
            if match is None and developed is None:
                continue
            name = re.sub(r"[-_.]+", "-", (match or developed)["name"]).lower()  # type: ignore[index]
            if name in seen:
                continue
            folder = f"{entry}/{file}"
            version = match["version"] if match is not None else _version_inside(folder)
            if version:
                seen.add(name)
                yield name, (version, folder)


def _version_inside(folder: str) -> str:
    for line in _lines(f"{folder}/PKG-INFO"):
        if line.startswith("Version:"):
            return line.partition(":")[2].strip()
        if not line:
            break
    return ""


def _imported(folders: dict[str, str]) -> list[str]:
    loaded = (
        {name.partition(".")[0] for name in list(sys.modules)}
        - sys.stdlib_module_names
        - {"__main__"}
    )
    found = {name for name in folders if name.replace("-", "_") in loaded}
    unexplained = loaded - {name.replace("-", "_") for name in found}
    for name, folder in folders.items():
        if name not in found and unexplained & _modules(folder):
            found.add(name)
    return sorted(found)


def _modules(folder: str) -> frozenset[str]:
    """Return the top-level modules of a package, remembered for as long as the process lives."""
    with _lock:
        known = _modules_of.get(folder)
    if known is None:
        known = frozenset(_read_modules(folder))
        with _lock:
            _modules_of[folder] = known
    return known


def _read_modules(folder: str) -> Iterator[str]:
    names = _lines(f"{folder}/top_level.txt")
    if names:
        yield from (name.strip() for name in names)
        return
    for line in _lines(f"{folder}/RECORD"):
        first, slash, rest = line.partition("/")
        if slash and "." not in first:
            yield first
        elif not slash:
            file = rest or first.partition(",")[0]
            if file.endswith((".py", ".so")):
                yield file.partition(".")[0]


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []

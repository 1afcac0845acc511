"""Which files packages were installed from: names and digests, without the addresses of anybody's
registry.

uv installs from a ``pylock.toml``, and checks each file against the digests there. A version has
many files, one for each platform: that which was installed is the one whose name has the tags of
the installed package. Where that does not tell, nothing is said.
"""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from fitprint.versions import normal

__all__ = ["installed_files", "listed_files"]

_WHEEL = re.compile(r"[^-]+-[^-]+(?:-\d[^-]*)?-(?P<python>[^-]+)-(?P<abi>[^-]+)-(?P<at>[^-]+)\.whl")


def listed_files(pylock: str) -> dict[str, dict[str, str]]:
    """Return the digests (64 digits of SHA-256) of the files that a ``pylock.toml`` lists for each
    package, by the file's name.

    Raises:
        ValueError: it is no such file.
    """
    found: dict[str, dict[str, str]] = {}
    for package in tomllib.loads(pylock).get("packages", ()):
        files = found.setdefault(normal(str(package.get("name"))), {})
        files.update(_named(package))
    return found


def _named(package: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for entry in (package.get("sdist"), package.get("archive"), *package.get("wheels", ())):
        if isinstance(entry, Mapping):
            place = str(entry.get("name") or entry.get("path") or entry.get("url") or "")
            name = unquote(urlsplit(place).path).replace("\\", "/").rpartition("/")[2]
            digest = entry.get("hashes", {}).get("sha256")
            if name and isinstance(digest, str):
                yield name, digest


def installed_files(pylock: str, folder: Path) -> dict[str, dict[str, str]]:
    """Return for each installed package ``file`` and ``sha256``, if they are known for certain.

    Args:
        pylock: what the packages were installed from.
        folder: where they are.
    """
    try:
        listed = listed_files(pylock)
    except (ValueError, AttributeError, TypeError):
        return {}
    found = {}
    for about in folder.glob("*.dist-info"):
        name = normal(about.name.partition("-")[0])
        one = _installed_from(listed.get(name, {}), about / "WHEEL")
        if one is not None:
            found[name] = {"file": one[0], "sha256": one[1]}
    return found


def _installed_from(files: Mapping[str, str], about: Path) -> tuple[str, str] | None:
    wheels = {file: digest for file, digest in files.items() if file.endswith(".whl")}
    if not wheels:  # it was built here, from the one file that there is
        return next(iter(files.items())) if len(files) == 1 else None
    try:
        lines = about.read_text("utf-8", "replace").splitlines()
    except OSError:
        return None
    tags = {line[4:].strip() for line in lines if line.startswith("Tag:")}
    same = [each for each in wheels.items() if _tags(each[0]) == tags]
    return same[0] if len(same) == 1 else None


def _tags(file: str) -> set[str]:
    match = _WHEEL.fullmatch(file)
    if match is None:
        return set()
    parts = (match[name].split(".") for name in ("python", "abi", "at"))
    return {"-".join(tag) for tag in itertools.product(*parts)}

"""What other programs that keep versions of data have written beside a file or folder: DVC, and
lakeFS.

Their files are a few lines of YAML of a known form, which is all that is read of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fitprint.access import open_regular
from fitprint.context.redaction import redact_url

__all__ = ["versions_beside"]

_MOST_BYTES = 1 << 16
_LAKEFS = ".lakefs_ref.yaml"
_LINE = re.compile(r"[ ]*(- )?([A-Za-z_]\w*): ?([^\n]*)")
_MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")


def versions_beside(path: Path) -> dict[str, Any]:
    """Return facts: ``dvc`` (``md5``, ``file``: the name of the .dvc file), ``lakefs`` (``source``,
    ``revision``); each only where it is there and can be understood.
    """
    facts: dict[str, Any] = {}
    beside = path.with_name(f"{path.name}.dvc")
    for entry in _entries(_text(beside)):
        if entry.get("path") == path.name and _MD5.fullmatch(entry.get("md5", "")):
            facts["dvc"] = {"md5": entry["md5"], "file": beside.name}
    folder = path if path.is_dir() else path.parent
    for place in (folder, *folder.parents):
        if text := _text(place / _LAKEFS):
            found = {key: value for entry in _entries(text) for key, value in entry.items()}
            if "src" in found and "at_head" in found:
                facts["lakefs"] = {
                    "source": redact_url(found["src"]),
                    "revision": found["at_head"][:200],
                }
            break
    return facts


def _text(path: Path) -> str:
    try:
        with open_regular(path) as file:
            return file.read(_MOST_BYTES).decode("utf-8", "replace")
    except (OSError, ValueError):
        return ""


def _entries(text: str) -> Iterator[dict[str, str]]:
    """Yield the items of lists of ``key: value``, and what stands outside of lists as one more."""
    entry: dict[str, str] = {}
    for line in text.splitlines():
        found = _LINE.fullmatch(line)
        if found is None:
            continue
        dash, key, value = found.groups()
        if dash:
            yield entry
            entry = {}
        entry[key] = value.strip().strip("'\"")
    yield entry

"""Documents of runs that this user's own programs wrote, told from those that came from elsewhere.

A document that says what a run executed has a seal (see :mod:`fitprint.models.seals`) over its
content and over the files that belong to it: whoever runs it again need not trust anybody else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from fitprint.models.seals import is_own, seal
from fitprint.recording.media import json_bytes

__all__ = ["is_sealed", "sealed"]

_KEY = "seal"


def sealed(document: Mapping[str, Any], files: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return a JSON document with this user's seal; without one where no key can be kept.

    Args:
        document: the content.
        files: digests of the files that belong to it, by path.
    """
    found = seal(_digest(document, files or {}))
    return {**document, _KEY: found} if found else dict(document)


def is_sealed(document: Mapping[str, Any], files: Mapping[str, str] | None = None) -> bool:
    """Tell whether a program of this user's wrote the document, and the files are those of then."""
    content = {name: value for name, value in document.items() if name != _KEY}
    return is_own(_digest(content, files or {}), document.get(_KEY))


def _digest(content: Mapping[str, Any], files: Mapping[str, str]) -> str:
    read = json.loads(json_bytes([content, files]))  # as it is once it was written
    text = json.dumps(read, sort_keys=True, separators=(",", ":"))
    return f"document sha256:{hashlib.sha256(text.encode()).hexdigest()}"

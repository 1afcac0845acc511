"""What bytes are called in a bucket or a folder."""

from __future__ import annotations

import re

from fitprint.errors import ArtifactNotFoundError

__all__ = ["key_of"]


def key_of(digest: str) -> str:
    """Return ``ab/cdef…`` for ``sha256:abcdef…``.

    Raises:
        ArtifactNotFoundError: it is no digest.
    """
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        raise ArtifactNotFoundError(
            f"{digest!r} is not a digest; one looks like sha256: and 64 hexadecimal digits"
        )
    return f"{digest[7:9]}/{digest[9:]}"

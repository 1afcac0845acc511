"""Bringing a file from elsewhere into a folder of the run."""

from __future__ import annotations

import time
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from fitprint.context.redaction import redact_text
from fitprint_projects.errors import ProjectError

__all__ = ["download", "fetched"]

_SILENCE = 60.0  # seconds without a byte
_SECONDS = 3600.0  # of a download
_MOST = 64 << 30  # bytes
_PIECE = 1 << 20


def download(address: str, place: Path, most: int = _MOST) -> Path:
    """Bring what an ``http`` or ``https`` address leads to, and return where it is.

    Args:
        address: of it.
        place: the file to be.
        most: bytes that it may have.

    Raises:
        ProjectError: it cannot be had whole, takes longer than an hour, or is too large.
    """
    shown = redact_text(address)
    if urlsplit(address).scheme not in ("http", "https"):
        raise ProjectError(
            f"{shown!r:.200} cannot be fetched; bring it here yourself and give its path, or use "
            "https, runs:/ or file:"
        )
    import http.client
    import urllib.request

    try:
        with (
            urllib.request.urlopen(address, timeout=_SILENCE) as answer,  # noqa: S310 - see above
            place.open("wb") as file,
        ):
            _copy(answer, file, most)
    except (http.client.HTTPException, OSError, ValueError) as error:
        place.unlink(missing_ok=True)
        reason = redact_text(str(getattr(error, "reason", None) or error))
        raise ProjectError(f"{shown} cannot be fetched: {reason}") from None
    return place


def _copy(answer: Any, file: IO[bytes], most: int) -> None:
    """Copy an answer of a server's.

    Raises:
        OSError: it breaks off, is too large, or takes too long.
    """
    deadline = time.monotonic() + _SECONDS
    said = answer.headers.get("Content-Length", "")
    size = 0
    while piece := answer.read1(_PIECE):
        size += len(piece)
        if size > most:
            raise OSError(f"it has more than {most} bytes; bring it here yourself, give its path")
        if time.monotonic() > deadline:
            raise OSError(
                f"it took longer than {_SECONDS:g} seconds; bring it here yourself, give its path"
            )
        file.write(piece)
    if said.isdecimal() and size != int(said):
        raise OSError(f"it broke off after {size} of {said} bytes; try again")


def fetched(address: str, folder: Path) -> Path:
    """Bring what a parameter leads to into a folder: of a run (``runs:/RUN/path``), or of the web.

    Raises:
        ProjectError: it cannot be had.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not address.startswith("runs:/"):
        name = Path(urlsplit(address).path).name
        return download(address, folder / ("file" if name in ("", "..") else name))
    import fitprint
    from fitprint.errors import FitprintError

    run, _, path = address.removeprefix("runs:").strip("/").partition("/")
    try:
        return Path(fitprint.get_run(run).download(path, folder))
    except FitprintError as error:
        raise ProjectError(f"{address!r:.200} cannot be fetched: {error}") from None

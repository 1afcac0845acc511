"""Bringing a file from elsewhere into a folder of the run."""

from __future__ import annotations

import shutil
from pathlib import Path
from urllib.parse import urlsplit

from fitprint.context.redaction import redact_text
from fitprint_projects.errors import ProjectError

__all__ = ["download", "fetched"]

_SILENCE = 60.0  # seconds without a byte


def download(address: str, place: Path) -> Path:
    """Bring what an ``http`` or ``https`` address leads to, and return where it is.

    Raises:
        ProjectError: it cannot be had.
    """
    shown = redact_text(address)
    if urlsplit(address).scheme not in ("http", "https"):
        raise ProjectError(
            f"{shown!r:.200} cannot be fetched; bring it here yourself and give its path, or use "
            "https, runs:/ or file:"
        )
    import urllib.error
    import urllib.request

    try:
        with (
            urllib.request.urlopen(address, timeout=_SILENCE) as answer,  # noqa: S310 - see above
            place.open("wb") as file,
        ):
            shutil.copyfileobj(answer, file)
    except (urllib.error.URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise ProjectError(f"{shown} cannot be fetched: {reason}") from None
    return place


def fetched(address: str, folder: Path) -> Path:
    """Bring what a parameter leads to into a folder: of a run (``runs:/RUN/path``), or of the web.

    Raises:
        ProjectError: it cannot be had.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not address.startswith("runs:/"):
        return download(address, folder / (Path(urlsplit(address).path).name or "file"))
    import fitprint
    from fitprint.errors import FitprintError

    run, _, path = address.removeprefix("runs:").strip("/").partition("/")
    try:
        return Path(fitprint.get_run(run).download(path, folder))
    except FitprintError as error:
        raise ProjectError(f"{address!r:.200} cannot be fetched: {error}") from None

"""Paths of artifacts inside a run."""

from __future__ import annotations

from fitprint.errors import FitprintError

__all__ = ["checked_path"]


def checked_path(path: str) -> str:
    """Return an artifact's path in its one form: relative, ``/`` between the parts.

    Raises:
        FitprintError: the path is empty, absolute, or leads out of the run.
    """
    parts = [part for part in path.replace("\\", "/").split("/") if part not in ("", ".")]
    if not parts or path.startswith("/") or ".." in parts or "\0" in path:
        raise FitprintError(f"an artifact's path must be relative and stay inside the run, not {path!r}")
    return "/".join(parts)

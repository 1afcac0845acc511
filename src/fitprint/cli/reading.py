"""The store that commands read from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fitprint.errors import FitprintError
from fitprint.recording.workspace import current

if TYPE_CHECKING:
    from fitprint.stores.protocol import Store

__all__ = ["nothing_yet", "store"]


def nothing_yet() -> str:
    """Return why there is nothing to read; "" if there is something. Unlike opening the store, asking makes no files."""
    workspace = current()
    if workspace.settings["store"] or workspace.home.exists():
        return ""
    return f"no runs are recorded yet in {workspace.home}: call fitprint.autolog() in a script, or try `fitprint demo`"


def store() -> Store:
    """Return the store, with everything delivered that was recorded so far.

    Raises:
        FitprintError: it cannot be opened, or there is none yet.
    """
    if nothing := nothing_yet():
        raise FitprintError(nothing)
    return current().store

"""Whose code a run has: another's runs only where the user says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fitprint.ids import short_id
from fitprint_projects.errors import ProjectError

if TYPE_CHECKING:
    from fitprint.recording.run import Run

__all__ = ["HELP", "require_own", "require_own_code"]

HELP = "run the code of a run that no program of yours recorded, such as one that was imported"


def require_own_code(run: Run) -> None:
    """See that a program of this user's recorded what a run executed.

    Raises:
        ProjectError: none did, or nobody can tell.
    """
    from fitprint.recording.environment import is_own_environment  # a command's help needs none

    require_own(run, is_own=not run.environment or is_own_environment(run))


def require_own(run: Run, *, is_own: bool) -> None:
    """See that a run is this user's.

    Raises:
        ProjectError: it is not.
    """
    if not is_own:
        raise ProjectError(
            f"no program of yours recorded the run {run.name}, or its record was changed since: it "
            "has no seal of yours. What it says is run as you, with all that you may do: see "
            f"`fitprint show {short_id(run.id)}`, and add --trust if you trust who recorded it"
        )

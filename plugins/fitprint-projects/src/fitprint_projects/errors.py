"""What is wrong with a project, or with what was asked of it."""

from __future__ import annotations

from fitprint.errors import FitprintError

__all__ = ["ProjectError"]


class ProjectError(FitprintError):
    """A project cannot be run as asked; nothing was started.

    The command line prints the text and exits with status 2.
    """

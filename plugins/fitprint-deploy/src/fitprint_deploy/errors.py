"""What is wrong with a deployment, or with what was asked of it."""

from __future__ import annotations

from fitprint.errors import FitprintError

__all__ = ["DeployError", "TargetRefusedError"]


class DeployError(FitprintError):
    """A deployment cannot be made as asked: an option, a tool or a credential is missing.

    The command line prints the text and exits with status 2.
    """

    status = 2


class TargetRefusedError(DeployError):
    """The files are not sound, or the target says no.

    The command line prints the text and exits with status 1.
    """

    status = 1

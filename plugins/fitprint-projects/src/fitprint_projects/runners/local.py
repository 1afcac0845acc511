"""This machine."""

from __future__ import annotations

from typing import Any

from fitprint.hooks.runners import Job, Prepared
from fitprint_projects.runners.processes import ProcessRunner, started

__all__ = ["LocalRunner"]

_STANDARD_ERROR = 2


class LocalRunner(ProcessRunner):
    """Runs the command here, with the terminal that fitprint has.

    Args:
        quiet: let it print to standard error, for standard output is somebody else's.
    """

    name = "local"

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet

    def prepare(self, job: Job) -> Prepared:
        return Prepared(job.command, job)

    def submit(self, prepared: Prepared) -> Any:
        job = prepared.job
        return started(
            prepared.command,
            job.folder,
            job.variables,
            stdout=_STANDARD_ERROR if self._quiet else None,
        )

"""What a plugin registers to run projects elsewhere: how a command is started, waited for and
stopped there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

__all__ = ["Job", "JobStatus", "Prepared", "Runner"]

JobStatus = Literal["PENDING", "RUNNING", "FINISHED", "FAILED", "KILLED"]


@dataclass(frozen=True, slots=True)
class Job:
    """A command of a project that is to be run.

    Attributes:
        run: id of the run that it is recorded on.
        name: of that run.
        command: the arguments, executed as they are, never by a shell.
        folder: where the code is, and where the command runs.
        home: where this process records.
        variables: which the command finds in its environment beside those of the place; they make
            the run current there.
        image: of the container that the project wants; "" if it wants none.
        volumes: of that container, as ``/host:/inside``.
        options: of the runner's own, by name.
    """

    run: str
    name: str
    command: Sequence[str]
    folder: Path
    home: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    image: str = ""
    volumes: Sequence[str] = ()
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a runner is about to do; ``--dry-run`` shows it.

    Attributes:
        command: what is executed here.
        files: texts by name, such as a script or a manifest, that the command is given.
        job: what it is for.
    """

    command: Sequence[str]
    job: Job
    files: Mapping[str, str] = field(default_factory=dict)


class Runner:
    """A place where commands of projects run.

    Attributes:
        name: as in ``fitprint run --runner NAME``.
        options: the names of ``--option NAME=VALUE`` that it takes, each with what it means.
        is_distant: whether the command may run where neither the home nor the code of this machine
            is; it is then handed the run as a whole token, and the store must be reachable from
            there.
    """

    name = ""
    options: Mapping[str, str] = {}
    is_distant = False

    def prepare(self, job: Job) -> Prepared:
        """Return what would be done for a job; nothing is started.

        Raises:
            FitprintError: it cannot run here; the text says what is missing.
        """
        raise NotImplementedError

    def submit(self, prepared: Prepared) -> Any:
        """Start it, and return a handle for the methods below.

        Raises:
            FitprintError: it could not be started.
        """
        raise NotImplementedError

    def wait(self, handle: Any) -> int:
        """Wait for its end, and return its exit status: 128 and the number of a signal where one
        ended it.
        """
        raise NotImplementedError

    def status(self, handle: Any) -> JobStatus:
        """Return how it stands now."""
        raise NotImplementedError

    def cancel(self, handle: Any) -> None:
        """Stop it; one that has ended stays as it is."""
        raise NotImplementedError

    def logs(self, handle: Any) -> Iterable[str]:  # noqa: ARG002 - of those that keep some
        """Return what it has printed so far, line by line, where that does not appear here by
        itself.
        """
        return ()

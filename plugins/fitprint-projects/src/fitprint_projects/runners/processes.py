"""A program of this machine's that stands for a job: the command itself, or the client of a
cluster.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from fitprint.hooks.runners import JobStatus
from fitprint_projects.errors import ProjectError

__all__ = ["cancelled", "started", "status_of", "waited"]

_GRACE = 1.0  # seconds
_PATIENCE = 10.0  # seconds from asking a program to end until it is killed


def started(
    command: Sequence[str],
    folder: Path,
    variables: Mapping[str, str],
    *,
    stdin: int | None = None,
    stdout: int | IO[Any] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program.

    Raises:
        ProjectError: the system does not run it.
    """
    try:
        return subprocess.Popen(
            command, cwd=folder, env={**os.environ, **variables}, stdin=stdin, stdout=stdout
        )
    except FileNotFoundError:
        raise ProjectError(
            f"there is no program {command[0]!r:.200}; install it, or correct the command of the "
            "entry point"
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ProjectError(
            f"{command[0]!r:.200} cannot be run: {reason}; a value that is very long is better "
            "given in a file"
        ) from None


def waited(process: subprocess.Popen[bytes]) -> int:
    """Wait for a program's end, and return its exit status as a shell has it."""
    status = process.wait()
    return status if status >= 0 else 128 - status


def status_of(process: subprocess.Popen[bytes]) -> JobStatus:
    """Return how a program stands."""
    status = process.poll()
    if status is None:
        return "RUNNING"
    return "FINISHED" if status == 0 else "FAILED" if status > 0 else "KILLED"


def cancelled(process: subprocess.Popen[bytes]) -> None:
    """End a program: politely at first. One at the same terminal may have been interrupted with us,
    and be about to end.
    """
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

"""A program of this machine's that stands for a job: the command itself, or the client of a
cluster.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from fitprint.hooks.runners import JobStatus, Runner
from fitprint_projects.errors import ProjectError

__all__ = ["ProcessRunner", "cancelled", "started", "waited"]

_GRACE = 1.0  # seconds
_PATIENCE = 10.0  # seconds from asking a program to end until it is killed
_PAUSE = 0.02  # seconds between two looks


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


class ProcessRunner(Runner):
    """A runner whose job is a program of this machine's: the handle is its process."""

    def wait(self, handle: subprocess.Popen[bytes]) -> int:
        return waited(handle)

    def status(self, handle: subprocess.Popen[bytes]) -> JobStatus:
        status = handle.poll()
        if status is None:
            return "RUNNING"
        return "FINISHED" if status == 0 else "FAILED" if status > 0 else "KILLED"

    def cancel(self, handle: subprocess.Popen[bytes]) -> None:
        cancelled(handle)


def waited(process: subprocess.Popen[bytes]) -> int:
    """Wait for a program's end, and return its exit status as a shell has it."""
    status = process.wait()
    return status if status >= 0 else 128 - status


def cancelled(process: subprocess.Popen[bytes]) -> None:
    """End a program with all that it has started, such as the commands of a shell: politely at
    first. One at the same terminal may have been interrupted with us, and be about to end.
    """
    others = _below(process.pid) if process.poll() is None else {}
    for number, seconds in ((None, _GRACE), (signal.SIGTERM, _PATIENCE), (signal.SIGKILL, _GRACE)):
        if number is not None:
            for pid in others:
                with suppress(OSError):
                    os.kill(pid, number)
            process.send_signal(number)
        deadline = time.monotonic() + seconds
        while process.poll() is None or others:
            now = _all() if others else {}
            others = {pid: began for pid, began in others.items() if now.get(pid, ())[1:] == began}
            if time.monotonic() >= deadline:
                break
            time.sleep(_PAUSE)
        else:
            return


def _below(pid: int) -> dict[int, tuple[str]]:
    """Return the processes that one has started, and those that they have, with their beginning."""
    everything = _all()
    found: dict[int, tuple[str]] = {}
    around = {pid}
    while around:
        around = {each for each, (parent, _) in everything.items() if parent in around} - {*found}
        found |= {each: everything[each][1:] for each in around}
    return found


def _all() -> dict[int, tuple[int, str]]:
    """Return parent and beginning of each process; of none where the system does not tell."""
    found: dict[int, tuple[int, str]] = {}
    if Path("/proc/self/stat").exists():
        for place in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):  # it has ended
                words = place.read_bytes().rpartition(b")")[2].split()
                if words[0] != b"Z":
                    found[int(place.parent.name)] = int(words[1]), words[19].decode()
    elif program := shutil.which("ps"):
        with suppress(OSError, subprocess.SubprocessError):
            told = subprocess.run(
                [program, "-A", "-o", "pid=,ppid=,lstart="],
                capture_output=True,
                timeout=_PATIENCE,
                check=False,
            ).stdout.decode("utf-8", "replace")
            for line in told.splitlines():
                pid, parent, began = line.split(maxsplit=2)
                found[int(pid)] = int(parent), began
    return found

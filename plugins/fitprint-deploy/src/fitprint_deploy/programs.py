"""Programs of others: found, run and waited for."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from fitprint_deploy.errors import DeployError, TargetRefusedError

__all__ = ["called", "first_of"]

_MOST_TOLD = 1500  # letters at the end of what a program says


def first_of(names: Sequence[str], remedy: str) -> str:
    """Return the path of the first of these programs that is here.

    Raises:
        DeployError: none is.
    """
    for name in names:
        if found := shutil.which(name):
            return found
    raise DeployError(f"there is no {' or '.join(names)} here; {remedy}")


def called(
    command: Sequence[str],
    *,
    seconds: float = 120.0,
    remedy: str = "",
) -> str:
    """Return what a program prints.

    Args:
        command: the program and its arguments; no shell reads them.
        seconds: how long it may take.
        remedy: what is told to do if it fails.

    Raises:
        TargetRefusedError: it fails; the message is its own.
        DeployError: it cannot be run, or takes too long.
    """
    name = Path(command[0]).name
    try:
        done = subprocess.run(
            list(command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise DeployError(f"{name} took longer than {seconds:.0f} seconds, and was ended") from None
    except OSError as error:
        raise DeployError(f"{name} cannot be run: {error.strerror or error}") from None
    if done.returncode:
        said = _end(done.stderr.strip() or done.stdout.strip())
        raise TargetRefusedError(
            f"{name} failed with status {done.returncode}: {said}{remedy and f'; {remedy}'}"
        )
    return done.stdout


def _end(said: str) -> str:
    """Return the end of a text, whole lines if there is room."""
    if len(said) <= _MOST_TOLD:
        return said
    end = said[-_MOST_TOLD:]
    return "... " + (end.partition("\n")[2] or end)

"""Environments of conda's, where a user has conda, mamba or micromamba."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from fitprint_projects.caching import cache_folder, locked
from fitprint_projects.errors import ProjectError

__all__ = ["conda_environment"]

_PROGRAMS = ("micromamba", "mamba", "conda")
_SECONDS = 3600.0  # for one environment
_COMPLETE = "fitprint-complete"


def conda_environment(file: Path, *, build: bool, tell: Callable[[str], None]) -> Path:
    """Return the interpreter of the environment that a file describes; it is made once for each
    content of the file, and one that was half made is never used.

    Args:
        file: such as ``conda.yaml``.
        build: make it if it is not there.
        tell: takes a sentence on what takes time.

    Raises:
        ProjectError: there is no such program here, or it fails.
        CacheBusyError: another process makes the same one, and takes too long.
    """
    key = hashlib.sha256(file.read_bytes()).hexdigest()
    folder = cache_folder("conda") / key
    python = folder / ("python.exe" if sys.platform == "win32" else "bin/python")
    if not build:
        return python
    if (folder / _COMPLETE).is_file():
        (folder / _COMPLETE).touch()  # it was used now
        return python
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        raise ProjectError(
            f"the project wants the conda environment of {file.name}, and there is no "
            f"{', '.join(_PROGRAMS[:2])} or {_PROGRAMS[2]} here; install one, or give --env local"
        )
    with locked(folder.with_suffix(".lock"), _SECONDS, lambda: tell("waiting for another process")):
        if not (folder / _COMPLETE).is_file():
            shutil.rmtree(folder, ignore_errors=True)
            tell(f"building the environment of {file.name} with {Path(program).name}")
            _create(program, folder, file)
            (folder / _COMPLETE).touch()
    return python


def _create(program: str, folder: Path, file: Path) -> None:
    """Make the environment where it stays: conda writes its place into it."""
    words = ["create", "--yes"] if Path(program).stem == "micromamba" else ["env", "create"]
    try:
        done = subprocess.run(
            [program, *words, "--prefix", str(folder), "--file", str(file)],
            stdin=subprocess.DEVNULL,
            stdout=2,  # standard error: output is of the project
            env={**os.environ, "CONDA_YES": "1"},
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise ProjectError(f"{program} cannot be run: {error}") from None
    if done.returncode:
        shutil.rmtree(folder, ignore_errors=True)
        raise ProjectError(
            f"{Path(program).name} could not build the environment of {file.name} (status "
            f"{done.returncode}); it has said why"
        )

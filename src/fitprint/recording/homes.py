"""The home folder: which one it is, how it is made, and the temporary one where no other can be."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from fitprint.access import settle_home, why_foreign, write_private
from fitprint.hooks.manager import hooks
from fitprint.platform.users import user_id
from fitprint.settings import find_project

__all__ = ["home_of", "make_home", "make_temporary_home", "temporary_home"]

_IGNORE = "# Made by fitprint: runs are no source code.\n*\n"


def make_home(home: Path, mode: str | None = None) -> None:
    """Make the home folder, which no version control takes up, and see who can read it (see the
    setting ``home_mode``).

    Raises:
        OSError: it cannot be made.
    """
    if settle_home(home, mode):
        advice = "" if mode else "; if your group is to read it, set FITPRINT_HOME_MODE=group"
        hooks().problem(f"others could look into {home}, and now they cannot{advice}", "home")
    if not (home / ".gitignore").exists():
        try:
            write_private(home / ".gitignore", _IGNORE)
        except FileExistsError:
            pass  # another process was faster


def home_of(chosen: str | None) -> Path:
    """Return the home: the folder that was chosen, else that of the project.

    Where neither can be told, it is a temporary one.
    """
    passed_over: list[str] = []
    try:
        if chosen:
            return Path(chosen).expanduser().absolute()
        home = find_project(passed_over=passed_over).absolute() / ".fitprint"
        reason = why_foreign(home)
        if not reason:
            return home
        return _home_elsewhere(
            f"{home} {reason}", f"choose it all the same with FITPRINT_HOME={home}, or "
        )
    except OSError as error:
        return _home_elsewhere(f"the working directory cannot be found ({error.strerror})")
    except RuntimeError as error:  # nobody knows where ~ is
        return _home_elsewhere(f"the home {chosen} cannot be found ({error})")
    finally:
        for problem in passed_over:
            hooks().problem(problem, "home")


def _home_elsewhere(reason: str, choice: str = "") -> Path:
    try:
        home = make_temporary_home()
    except OSError:
        home = temporary_home()  # the writer says that it cannot be written
    hooks().problem(
        f"{reason}; recording to {home} instead: {choice}set FITPRINT_HOME to a folder of yours",
        "home",
    )
    return home


def temporary_home() -> Path:
    """Return the home that is used where no other can be."""
    try:
        folder = tempfile.gettempdir()
    except OSError:  # no folder for temporary files can be written
        folder = "/tmp"  # noqa: S108 - it is made for us alone, or not at all
    return Path(folder) / f"fitprint-{user_id()}"


def make_temporary_home() -> Path:
    """Make a folder below the temporary one that nobody else can read or has prepared for us."""
    home = temporary_home()
    if not os.path.lexists(home):
        home.mkdir(mode=0o700, exist_ok=True)
    if home.is_symlink() or home.stat().st_uid != user_id():
        home = Path(tempfile.mkdtemp(prefix="fitprint-"))
    make_home(home, "private")
    return home

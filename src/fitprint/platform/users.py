"""Whose processes and files these are, and on which machine."""

from __future__ import annotations

import functools
import os
import stat
import sys
from pathlib import Path

__all__ = [
    "account",
    "boot_id",
    "host_name",
    "is_mine_alone",
    "strangers",
    "system",
    "user_id",
    "user_name",
]


def user_id() -> int:
    """Return the number of the user whose rights this process has; 0 where users have none."""
    return os.geteuid() if hasattr(os, "geteuid") else 0


def user_name() -> str:
    """Return the user's name; the number where a container has none."""
    for name in ("USER", "LOGNAME", "USERNAME"):
        if os.environ.get(name):
            return os.environ[name]
    if sys.platform != "win32":
        import pwd

        try:
            return pwd.getpwuid(user_id()).pw_name
        except KeyError:
            pass
    return str(user_id())


def account(name: str) -> tuple[int, int] | None:
    """Return the numbers of an account and of its group; None where there is no such account."""
    if sys.platform != "win32":
        import pwd

        try:
            found = pwd.getpwnam(name)
        except KeyError:
            pass
        else:
            return found.pw_uid, found.pw_gid
    return None


def host_name() -> str:
    """Return the machine's name in its network."""
    return os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")


@functools.cache
def boot_id() -> str:
    """Return what tells this start of the machine from others, 8 digits; "" where the system does
    not say.
    """
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii")[:8]
    except (OSError, ValueError):
        return ""


def system() -> dict[str, str]:
    """Return name and release of the system, and the kind of the machine."""
    if hasattr(os, "uname"):
        found = os.uname()
        return {"name": found.sysname, "release": found.release, "machine": found.machine}
    import platform

    return {"name": platform.system(), "release": platform.release(), "machine": platform.machine()}


def strangers(owners: set[int]) -> set[int]:
    """Return those owners of files who are neither this user nor the administrator."""
    return owners - {0, user_id()}


def is_mine_alone(about: os.stat_result) -> bool:
    """Tell whether a file is this user's, and nobody else may open it; where files have no owners
    the folder decides, and all are.
    """
    return not hasattr(os, "geteuid") or (
        about.st_uid == os.geteuid() and not stat.S_IMODE(about.st_mode) & 0o077
    )

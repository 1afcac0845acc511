"""Locks on files that end with the process which has them."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

__all__ = ["LOCAL_OPTIONS", "faults", "local_option", "try_lock", "unlock"]

# of mounts by which locks are kept on this machine and do not reach the server
LOCAL_OPTIONS = (
    "nolock",
    "nobrl",
    "local_lock=all",
    "local_lock=flock",
    "local_lock=posix",
    "localflocks",
)
_NETWORKS = ("nfs", "nfs4", "cifs", "smb3", "lustre", "ceph", "9p")
_MOUNTS = "/proc/self/mountinfo"
# A second process opens the file anew and asks for what the first has: flock is ours, lockf that of
# SQLite. Its answer are two bits.
_PROBE = """
import fcntl, os, sys

number = os.open(sys.argv[1], os.O_RDWR)
kinds = (fcntl.flock, fcntl.lockf)
for kind in kinds:
    kind(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
child = os.fork()
if child == 0:
    taken = 0
    another = os.open(sys.argv[1], os.O_RDWR)
    for bit, kind in enumerate(kinds):
        try:
            kind(another, fcntl.LOCK_EX | fcntl.LOCK_NB)
            taken |= 1 << bit
        except BlockingIOError:
            pass
    os._exit(taken)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def faults(folder: Path, seconds: float = 10.0) -> str:
    """Return what is wrong with locks on files of this folder, found by trying them with two
    processes; "" if they keep each other out.

    Raises:
        OSError: nothing can be written there.
    """
    number, path = tempfile.mkstemp(prefix=".locks-", dir=folder)
    try:
        return _probed(number, path, seconds)
    finally:
        os.close(number)
        Path(path).unlink(missing_ok=True)


def local_option(folder: Path) -> str:
    """Return the option of a network mount by which locks of this folder hold on this machine
    alone; "" if there is none, or the system does not tell.
    """
    try:
        lines = Path(_MOUNTS).read_text(encoding="utf-8", errors="replace").splitlines()
        place = str(folder.resolve())
    except OSError:
        return ""
    best, options, kind = "", "", ""
    for line in lines:
        before, _, after = line.partition(" - ")
        mount = before.split()[4].replace("\\040", " ")
        # of two at the same place the later one lies above
        is_above = place == mount or place.startswith(f"{mount.rstrip('/')}/")
        if is_above and len(mount) >= len(best):
            fields = after.split()
            best, kind, options = mount, fields[0], f"{before.split()[5]},{fields[-1]}"
    chosen = [each for each in LOCAL_OPTIONS if each in options.split(",")]
    return chosen[0] if chosen and kind in _NETWORKS else ""


if sys.platform != "win32":
    import fcntl

    def _probed(_number: int, path: str, seconds: float) -> str:
        import subprocess  # of doctor alone, and slow to import

        command = [sys.executable, "-I", "-S", "-c", _PROBE, path]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=seconds, check=False
            )
        except subprocess.TimeoutExpired:
            return f"they give no answer within {seconds:g} s"
        if done.returncode or not done.stdout.strip().isdecimal():
            reason = (done.stderr.strip().splitlines() or ["the attempt was ended"])[-1]
            return f"they are refused ({reason})"
        taken = int(done.stdout)
        kinds = [kind for bit, kind in enumerate(("flock", "lockf")) if taken & 1 << bit]
        return f"two processes get the same lock at once ({', '.join(kinds)})" if kinds else ""

    def try_lock(number: int, *, shared: bool = False) -> bool:
        """Take the lock on the open file for this process alone, or with all others that share it,
        without waiting; False if another has it. Who has it already changes how.

        Raises:
            OSError: the file system knows no locks.
        """
        try:
            fcntl.flock(number, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def unlock(number: int) -> None:
        """Give the lock back, also for processes forked meanwhile, which have the file too."""
        fcntl.flock(number, fcntl.LOCK_UN)

else:
    import errno
    import msvcrt

    # A lock of Windows keeps others from reading the bytes that it is on: it lies where no file has
    # any.
    _BEYOND = 1 << 40

    def _probed(number: int, path: str, _seconds: float) -> str:
        # a lock is one open file's here, and keeps others of the same process out, too
        another = os.open(path, os.O_RDWR)
        try:
            if try_lock(number) and not try_lock(another):
                return ""
        except OSError as error:
            return f"they are refused ({error})"
        finally:
            os.close(another)
        return "two open files get the same lock at once"

    def try_lock(number: int, *, shared: bool = False) -> bool:
        """Take the lock on the open file for this process alone, without waiting; False if another
        has it. Nothing is shared here: that changes nothing, and is always had.

        Raises:
            OSError: the file system knows no locks.
        """
        if shared:
            return True
        try:
            _at_lock(number, msvcrt.LK_NBLCK)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EDEADLK):
                return False
            raise
        return True

    def unlock(number: int) -> None:
        """Give the lock back."""
        _at_lock(number, msvcrt.LK_UNLCK)

    def _at_lock(number: int, mode: int) -> None:
        place = os.lseek(number, 0, os.SEEK_CUR)
        os.lseek(number, _BEYOND, os.SEEK_SET)
        try:
            msvcrt.locking(number, mode, 1)
        finally:
            os.lseek(number, place, os.SEEK_SET)

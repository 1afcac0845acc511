"""Processes: what happens to them when they are copied, whether they live, what they have used, how
they are bounded, and when they look for garbage.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

if sys.platform != "win32":
    import resource

__all__ = [
    "Usage",
    "at_fork",
    "bound",
    "collection_paused",
    "die_with_parent",
    "is_gone",
    "no_file_above",
    "own_peak",
    "usage",
]


def at_fork(
    *,
    before: Callable[[], None] | None = None,
    after_in_parent: Callable[[], None] | None = None,
    after_in_child: Callable[[], None] | None = None,
) -> None:
    """Have functions called around each fork of this process, where there are forks."""
    if hasattr(os, "register_at_fork"):
        given = {
            "before": before,
            "after_in_parent": after_in_parent,
            "after_in_child": after_in_child,
        }
        os.register_at_fork(
            **{name: function for name, function in given.items() if function is not None}
        )


@contextmanager
def collection_paused() -> Iterator[None]:
    """Look for no garbage meanwhile, in a block that makes many objects which all stay.

    Each full look goes through everything that the program holds, which takes 0.1 s where
    scikit-learn is imported. A process that another thread forks meanwhile looks for it as before.
    """
    if not gc.isenabled():
        yield
        return
    _pausing.append(None)
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        _pausing.pop()


_pausing: list[None] = []


def _collect_in_child() -> None:
    if _pausing:
        _pausing.clear()
        gc.enable()


at_fork(after_in_child=_collect_in_child)


def is_gone(pid: int) -> bool:
    """Tell whether there is no such process on this machine; False where that cannot be asked."""
    if os.name != "posix":
        return False  # to ask is to end it there
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return True
    except OSError:
        pass  # it is somebody else's
    return False


class Usage(NamedTuple):
    """What this process has used since it began; what the system does not say is None.

    Attributes:
        cpu: seconds of CPU, of all its threads.
        peak: bytes of memory that it, or on Linux whoever started it, had at most; see
            :func:`own_peak`.
        read: bytes read from disks.
        written: bytes written to disks.
        children_cpu: seconds of CPU of processes that it started, and that have ended and were
            waited for.
        children_peak: bytes of memory that the largest of them had at most.
    """

    cpu: float
    peak: int | None = None
    read: int | None = None
    written: int | None = None
    children_cpu: float | None = None
    children_peak: int | None = None


def usage() -> Usage:
    """Return what this process has used so far (``getrusage``, two system calls)."""
    if sys.platform == "win32":
        return Usage(time.process_time())
    else:
        own, children = (
            resource.getrusage(resource.RUSAGE_SELF),
            resource.getrusage(resource.RUSAGE_CHILDREN),
        )
        cpu, children_cpu = own.ru_utime + own.ru_stime, children.ru_utime + children.ru_stime
        if sys.platform == "darwin":  # bytes, and no count of blocks
            return Usage(cpu, own.ru_maxrss, None, None, children_cpu, children.ru_maxrss)
        else:
            return Usage(
                cpu,
                own.ru_maxrss * 1024,
                512 * own.ru_inblock,
                512 * own.ru_oublock,
                children_cpu,
                children.ru_maxrss * 1024,
            )


def own_peak(used: Usage) -> int | None:
    """Return how many bytes of memory this process had at most.

    Linux counts on from the peak of the program that started this one; while that is not passed,
    the program's own stands elsewhere.
    """
    if used.peak != _before:
        return used.peak
    try:
        for line in Path("/proc/self/status").read_text("ascii", "replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return None


_before = usage().peak if sys.platform == "linux" else -1  # may be that of whoever started us


def bound(*, seconds: int, memory: int) -> None:
    """Bound this process from here on; a limit that the system does not set is done without.

    Args:
        seconds: of CPU, beyond those that it has used.
        memory: bytes of addresses, beyond those that it has.
    """
    if sys.platform != "win32":
        used = resource.getrusage(resource.RUSAGE_SELF)
        limits = {
            resource.RLIMIT_CORE: 0,
            resource.RLIMIT_CPU: seconds + int(used.ru_utime + used.ru_stime) + 1,
        }
        if taken := _memory_taken():
            limits[resource.RLIMIT_AS] = taken + memory
        for kind, most in limits.items():
            try:
                hard = resource.getrlimit(kind)[1]
                resource.setrlimit(
                    kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard)
                )
            except (OSError, ValueError):
                pass


def _memory_taken() -> int:
    """Return how many bytes of addresses this process has; 0 where the system does not say."""
    if sys.platform != "win32":
        try:
            return int(Path("/proc/self/statm").read_text("ascii").split()[0]) * os.sysconf(
                "SC_PAGE_SIZE"
            )
        except (OSError, ValueError):
            pass
    return 0


def die_with_parent() -> None:
    """Have this process killed when its parent is gone, where the system can do that."""
    try:
        import ctypes

        ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG of Linux, SIGKILL
    except (OSError, AttributeError, TypeError):
        pass


@contextmanager
def no_file_above(size: int) -> Iterator[None]:
    """Let this process make no file grow beyond some bytes, as if the disk were full; where the
    system has no such limit, do nothing.
    """
    if sys.platform == "win32":
        yield
    else:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

"""What this program's processes and the machine under them use at a moment.

A look costs some 100 microseconds, and on Linux some 50 for each process below this one and 10 for
each thread.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from typing import NamedTuple

from fitprint.platform.processes import usage

__all__ = ["MachineLoad", "TreeLoad", "machine_load", "tree_load"]

if sys.platform == "linux":
    _TICKS, _PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
else:
    _TICKS, _PAGE = 100, 4096  # not looked at

_MOST_PROCESSES = 512
_MOST_THREADS = 256  # of a process that are asked for the processes that they have started


class TreeLoad(NamedTuple):
    """What this process and all below it use; what the system does not say is None.

    Attributes:
        cpu: seconds of CPU, those of processes that have ended among them.
        memory: bytes in memory; what processes share counts for each.
        threads: number of threads, and ``processes`` of processes.
        read: bytes read from disks, and ``written`` bytes written to disks.
    """

    cpu: float
    memory: int | None = None
    threads: int | None = None
    processes: int | None = None
    read: int | None = None
    written: int | None = None


class MachineLoad(NamedTuple):
    """What the whole machine uses, which may be more than a container sees; what the system does
    not say is None.

    Attributes:
        busy: seconds of all processors together that were not idle, of ``passed``.
        memory: bytes in use, of ``memory_total``.
        disk: bytes of the root's file system that are used, and ``disk_free`` those that are free
            for users.
        received: bytes from networks, and ``sent`` bytes to networks.
    """

    busy: float | None = None
    passed: float | None = None
    memory: int | None = None
    memory_total: int | None = None
    disk: int | None = None
    disk_free: int | None = None
    received: int | None = None
    sent: int | None = None


def tree_load() -> TreeLoad:
    """Return what this process and those below it use."""
    if sys.platform == "linux":
        return _tree_load()
    else:
        used = usage()
        return TreeLoad(
            used.cpu + (used.children_cpu or 0.0), None, None, None, used.read, used.written
        )


def _tree_load() -> TreeLoad:
    cpu = memory = threads = processes = read = written = 0
    for pid in _tree():
        found = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
        if len(found) < 22:
            continue  # it has ended
        processes += 1
        cpu += sum(map(int, found[11:15]))  # its own, and of those that it has waited for
        threads += int(found[17])
        memory += int(found[21]) * _PAGE
        for line in _read(f"/proc/{pid}/io").splitlines():
            name, _, value = line.partition(b": ")
            if name == b"read_bytes":
                read += int(value)
            elif name == b"write_bytes":
                written += int(value)
    return TreeLoad(cpu / _TICKS, memory, threads, processes, read, written)


def _tree() -> Iterator[str]:
    """Yield the numbers of this process and of those below it."""
    waiting = [str(os.getpid())]
    for _ in range(_MOST_PROCESSES):
        if not waiting:
            return
        pid = waiting.pop()
        yield pid
        try:
            # spares a Path
            threads = os.listdir(f"/proc/{pid}/task")[:_MOST_THREADS]  # noqa: PTH208
        except OSError:
            continue
        for thread in threads:
            waiting += (
                _read(f"/proc/{pid}/task/{thread}/children").decode("ascii", "replace").split()
            )


def machine_load() -> MachineLoad:
    """Return what the machine uses."""
    disk, free = _disk()
    if sys.platform == "linux":
        return _machine_load()._replace(disk=disk, disk_free=free)
    else:
        return MachineLoad(disk=disk, disk_free=free)


def _machine_load() -> MachineLoad:
    spent = [int(word) for word in _read("/proc/stat").partition(b"\n")[0].split()[1:9]]
    idle = sum(spent[3:5])
    memory = {
        name: int(value.split()[0]) * 1024
        for name, sign, value in (
            line.partition(b":") for line in _read("/proc/meminfo").splitlines()[:5]
        )
        if sign
    }
    total, available = memory.get(b"MemTotal"), memory.get(b"MemAvailable")
    used = None if total is None or available is None else total - available
    received, sent = _network()
    return MachineLoad(
        (sum(spent) - idle) / _TICKS, sum(spent) / _TICKS, used, total, received=received, sent=sent
    )


def _disk() -> tuple[int | None, int | None]:
    try:
        about = shutil.disk_usage(os.sep)
    except OSError:
        return None, None
    return about.used, about.free


def _network() -> tuple[int | None, int | None]:
    received = sent = 0
    lines = _read("/proc/net/dev").splitlines()[2:]
    for line in lines:
        words = line.partition(b":")[2].split()
        if len(words) > 8:
            received, sent = received + int(words[0]), sent + int(words[8])
    return (received, sent) if lines else (None, None)


def _read(path: str) -> bytes:
    """Return what a file of the kernel's says now; nothing if there is none."""
    try:
        number = os.open(path, os.O_RDONLY)
    except OSError:
        return b""
    try:
        return os.read(number, 1 << 16)
    except OSError:
        return b""
    finally:
        os.close(number)

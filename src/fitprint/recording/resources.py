"""What a run has used, told from two looks at its process: when it began, and when it ended."""

from __future__ import annotations

from typing import Any

from fitprint.platform.processes import Usage, own_peak, usage

__all__ = ["used_since"]


def used_since(before: Usage) -> dict[str, Any]:
    """Return what this process has used since a look at it; what the system does not say is left
    out.

    Returns:
        ``cpu_seconds`` of all threads; ``peak_memory``, the most bytes that the process has had
        since it began; ``read_bytes`` and ``written_bytes`` from and to disks; where processes that
        it had started ended meanwhile, ``children_cpu_seconds``; and ``children_peak_memory``, the
        most bytes that the largest of them had, if that is more than this process had.
    """
    now = usage()
    used: dict[str, Any] = {"cpu_seconds": round(now.cpu - before.cpu, 6)}
    peak = own_peak(now)
    if peak is not None:
        used["peak_memory"] = peak
    if now.read is not None and before.read is not None:
        used["read_bytes"] = now.read - before.read
    if now.written is not None and before.written is not None:
        used["written_bytes"] = now.written - before.written
    if (
        now.children_cpu
        and before.children_cpu is not None
        and now.children_cpu > before.children_cpu
    ):
        used["children_cpu_seconds"] = round(now.children_cpu - before.children_cpu, 6)
        # A system counts what a process had before it became another program, its parent's memory:
        # only more than that is its own.
        if (
            now.children_peak is not None
            and peak is not None
            and now.children_peak > max(peak, now.peak or 0)
        ):
            used["children_peak_memory"] = now.children_peak
    return used

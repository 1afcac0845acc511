"""Processor, memory, limits and accelerators, read from the kernel's files: no library, no driver
call.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from fitprint.platform.machine import memory, usable_processors

__all__ = ["describe_hardware"]

_UNLIMITED = 1 << 60  # what the kernel writes for "no limit" is a number of about this size


def describe_hardware(root: str = "/") -> dict[str, Any]:
    """Return facts on CPU, memory (bytes), limits of the control group and accelerators; what is
    not known is left out.

    Accelerators are those of the machine; ``visible`` tells those that ``CUDA_VISIBLE_DEVICES``
    leaves to the process. Their memory and the driver are told where the kernel knows them, or
    where the program has ``pynvml`` loaded and initialized.

    Args:
        root: folder that stands for ``/`` (for tests).
    """
    base = Path(root)
    facts: dict[str, Any] = {"cpu": _cpu(base), "memory": _memory(base)}
    limits = _limits(base)
    if limits:
        facts["limits"] = limits
    gpus = _gpus(base)
    if gpus:
        facts["gpus"] = gpus
        driver = _first_line(base / "sys/module/nvidia/version")
        if driver:
            facts["gpu_driver"] = driver
    return facts


def _cpu(base: Path) -> dict[str, Any]:
    facts: dict[str, Any] = {"count": os.cpu_count()}
    usable = usable_processors()
    if usable is not None:
        facts["usable"] = usable
    # The kernel makes this file as it is read, which takes long on machines with many processors:
    # the first one will do.
    for line in _read(base / "proc/cpuinfo", 4096).splitlines():
        name, _, value = line.partition(":")
        if name.strip().lower() in ("model name", "cpu model", "hardware"):
            facts["model"] = value.strip()
        elif name.strip() in ("flags", "Features"):
            wanted = ("avx", "avx2", "avx512f", "amx_tile", "fma", "neon", "asimd", "sve")
            facts["features"] = [feature for feature in wanted if feature in value.split()]
        elif not line.strip():
            break
    return facts


def _memory(base: Path) -> dict[str, int]:
    facts = {}
    for line in _read(base / "proc/meminfo", 2048).splitlines():
        name, _, value = line.partition(":")
        known = {"MemTotal": "total", "MemAvailable": "available", "SwapTotal": "swap"}.get(name)
        if known:
            facts[known] = int(value.split()[0]) * 1024
    total = memory() if not facts else None
    if total is not None:
        facts["total"] = total
    return facts


def _limits(base: Path) -> dict[str, Any]:
    """Return the tightest limits of the control group and the groups above it, for both versions of
    the interface.
    """
    facts: dict[str, Any] = {}
    for line in _read(base / "proc/self/cgroup", 8192).splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers and not {"cpu", "memory"} & set(controllers.split(",")):
            continue
        top = base / "sys/fs/cgroup" / controllers if controllers else base / "sys/fs/cgroup"
        group = top / path.strip("/")
        while True:
            _tighten(facts, "cpus", _cpu_quota(group))
            memory = _first_line(group / "memory.max") or _first_line(
                group / "memory.limit_in_bytes"
            )
            _tighten(facts, "memory", int(memory) if memory.isdigit() else None)
            if group in (top, base) or top not in group.parents:
                break
            group = group.parent
    return facts


def _cpu_quota(group: Path) -> float | None:
    quota, _, period = _first_line(group / "cpu.max").partition(" ")
    if not quota:
        quota, period = (
            _first_line(group / "cpu.cfs_quota_us"),
            _first_line(group / "cpu.cfs_period_us"),
        )
    return (
        int(quota) / int(period) if quota.isdigit() and period.isdigit() and int(period) else None
    )


def _tighten(facts: dict[str, Any], name: str, limit: float | None) -> None:
    if limit is not None and limit < min(facts.get(name, _UNLIMITED), _UNLIMITED):
        facts[name] = limit


def _gpus(base: Path) -> list[dict[str, Any]]:
    gpus = _nvidia(base)
    nvml = sys.modules.get("pynvml")
    if nvml is not None:
        gpus = _asked(nvml) or gpus
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        wanted = [entry.strip() for entry in visible.split(",")]
        for position, gpu in enumerate(gpus):
            uuid = str(gpu.get("uuid", ""))
            gpu["visible"] = any(
                entry == str(position) or (len(entry) > 4 and uuid.startswith(entry))
                for entry in wanted
            )
    return gpus + _amd(base)


def _nvidia(base: Path) -> list[dict[str, Any]]:
    gpus = []
    for folder in _entries(base / "proc/driver/nvidia/gpus"):
        facts = {"bus": folder.name}
        for line in _read(folder / "information", 4096).splitlines():
            name, _, value = line.partition(":")
            known = {"Model": "model", "GPU UUID": "uuid"}.get(name.strip())
            if known:
                facts[known] = value.strip()
        gpus.append(facts)
    return gpus


def _asked(nvml: Any) -> list[dict[str, Any]]:
    """Ask the library that the program itself uses; it is never initialized by us."""
    gpus = []
    try:
        for index in range(nvml.nvmlDeviceGetCount()):
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            facts = {
                "model": nvml.nvmlDeviceGetName(handle),
                "uuid": nvml.nvmlDeviceGetUUID(handle),
            }
            facts = {
                name: value.decode() if isinstance(value, bytes) else value
                for name, value in facts.items()
            }
            gpus.append({**facts, "memory": int(nvml.nvmlDeviceGetMemoryInfo(handle).total)})
    except Exception:  # noqa: BLE001
        # not initialized, or a driver that knows less: the kernel's answer stands
        return []
    return gpus


def _amd(base: Path) -> list[dict[str, Any]]:
    gpus = []
    for folder in _entries(base / "sys/class/kfd/kfd/topology/nodes"):
        words = [line.split() for line in _read(folder / "properties", 8192).splitlines()]
        properties = {pair[0]: pair[1] for pair in words if len(pair) == 2}
        if int(properties.get("simd_count", "0")):
            version = properties.get("gfx_target_version", "")
            gpus.append({"model": _first_line(folder / "name") or "AMD GPU", "target": version})
    return gpus


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _read(path: Path, limit: int) -> str:
    try:
        with path.open("rb", buffering=0) as file:
            return (file.read(limit) or b"").decode("utf-8", "replace")
    except OSError:
        return ""


def _first_line(path: Path) -> str:
    return _read(path, 256).partition("\n")[0].strip()

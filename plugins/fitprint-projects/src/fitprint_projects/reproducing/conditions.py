"""What differed before anything was computed: code, packages, Python, seeds, threads, hardware."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fitprint.recording.run import Run
from fitprint.views.comparison import ABSENT, Comparison
from fitprint.views.facts import part
from fitprint.views.wording import value_text
from fitprint_projects.environments.wanted import other_packages

__all__ = ["usual_tolerance", "what_differed"]

# facts on code that are never the same in a fresh folder, or follow from others
_OF_PLACE = frozenset(("folder", "repository", "branch", "remote", "script", "command"))
_EXACT, _OTHER_PROCESSOR, _GPU = 1e-9, 1e-5, 1e-3
_MOST_PACKAGES = 8  # that are named


def what_differed(comparison: Comparison, then: Run, now: Run) -> list[tuple[str, str]]:
    """Return what differs, as pairs of a word ("code", "package", "Python", "seed", "threads",
    "hardware") and how it does, the likeliest reason for a difference first.

    Args:
        comparison: of both, with what is equal.
        then: the run, or the one above it that knows its surroundings.
        now: the same of the reproduction.
    """
    before, after = then.environment, now.environment
    return [
        *_code(comparison),
        *_packages(before, after),
        *_seeds(then, now),
        *_threads(before, after),
        *_hardware(before, after),
    ]


def usual_tolerance(then: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[float, str]:
    """Return the relative difference that is tolerated where none is given, and why."""
    if any(part(each, "hardware").get("gpus") for each in (then, now)):
        return _GPU, "a GPU"
    if list(_hardware(then, now)) or _kernels(then) != _kernels(now):
        return _OTHER_PROCESSOR, "another processor or BLAS"
    return _EXACT, "the same kind of machine"


def _code(comparison: Comparison) -> Iterator[tuple[str, str]]:
    for row in comparison.section("code").rows:
        if row.differs and row.key not in _OF_PLACE:
            old, new = ("none" if value is ABSENT else str(value)[:19] for value in row.values)
            yield "code", f"{row.key} {old} → {new}"


def _packages(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    found = [each for each in other_packages(before, after) if each.is_used]
    for each in found[:_MOST_PACKAGES]:
        yield "Python" if "Python" in each.name else "package", str(each)
    if len(found) > _MOST_PACKAGES:
        yield "package", f"{len(found) - _MOST_PACKAGES} more"


def _seeds(then: Run, now: Run) -> Iterator[tuple[str, str]]:
    before, after = then.seeds, now.seeds
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        is_digest = any(str(value).startswith("sha256:") for value in (old, new))
        if is_digest:
            why = "it was never seeded, or with another seed"
            yield "seed", f"the global generator of {name} stood elsewhere: {why}"
        else:
            yield "seed", f"{name} {_told(old)} → {_told(new)}"
    if "PYTHONHASHSEED" not in before and before:
        yield "seed", "PYTHONHASHSEED was not set: sets of texts have another order each time"


def _threads(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    old, new = part(before, "threads"), part(after, "threads")
    for name in ("torch", "torch_interop", "numexpr"):
        if name in old and name in new and old[name] != new[name]:
            yield "threads", f"{name} {old[name]} → {new[name]}"
    counts = _pools(before, "threads"), _pools(after, "threads")
    for library in sorted(counts[0].keys() & counts[1].keys()):
        if counts[0][library] != counts[1][library]:
            yield (
                "threads",
                f"{library} {_joined(counts[0][library])} → {_joined(counts[1][library])}",
            )
    variables = [part(part(each, "process"), "variables") for each in (before, after)]
    for name in sorted(variables[0].keys() | variables[1].keys()):
        if "THREADS" in name and variables[0].get(name) != variables[1].get(name):
            yield (
                "threads",
                f"{name} {_told(variables[0].get(name))} → {_told(variables[1].get(name))}",
            )


def _hardware(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    old, new = (part(part(each, "hardware"), "cpu") for each in (before, after))
    for name in ("model", "features", "usable"):
        if name in old and name in new and old[name] != new[name]:
            yield "hardware", f"processor {name} {value_text(old[name])} → {value_text(new[name])}"
    kernels = _kernels(before), _kernels(after)
    if all(kernels) and kernels[0] != kernels[1]:
        yield "hardware", f"BLAS kernels {_joined(kernels[0])} → {_joined(kernels[1])}"
    gpus = [
        sorted(str(gpu.get("model")) for gpu in part(each, "hardware").get("gpus") or ())
        for each in (before, after)
    ]
    if gpus[0] != gpus[1]:
        yield "hardware", f"GPUs {_joined(gpus[0])} → {_joined(gpus[1])}"


def _kernels(environment: Mapping[str, Any]) -> list[str]:
    return sorted({kernel for found in _pools(environment, "kernel").values() for kernel in found})


def _pools(environment: Mapping[str, Any], fact: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for pool in part(environment, "threads").get("pools") or ():
        if isinstance(pool, Mapping) and fact in pool:
            found.setdefault(str(pool.get("library")), []).append(str(pool[fact]))
    return {library: sorted(values) for library, values in found.items()}


def _joined(values: list[str]) -> str:
    return ", ".join(values) or "none"


def _told(value: Any) -> str:
    return "not set" if value is None else str(value)

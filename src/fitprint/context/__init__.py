"""What surrounds a run: code, command, Python, packages, hardware.

Read only: nothing of the process or the machine is changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["collect"]


def collect(settings: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return JSON facts by section: ``python``, ``packages``, ``hardware``, ``threads``,
    ``process`` and ``git``.

    A section that fails is ``{"error": "..."}``; the others are not affected. Secrets are redacted
    everywhere. For any thread; takes some 20 ms and runs ``git``, for at most 10 seconds, if the
    script lies in a repository.

    Args:
        settings: ``code_patch`` (default True) decides whether uncommitted changes and source texts
            are kept.
    """
    from fitprint.context.code import describe_code, find_script
    from fitprint.context.hardware import describe_hardware
    from fitprint.context.packages import describe_packages
    from fitprint.context.process import describe_process, describe_python
    from fitprint.context.threads import describe_threads

    with_source = bool((settings or {}).get("code_patch", True))
    sections: dict[str, Callable[[], dict[str, Any]]] = {
        "process": lambda: describe_process(find_script()),
        "python": describe_python,
        "packages": describe_packages,
        "hardware": describe_hardware,
        "threads": describe_threads,
        "git": lambda: describe_code(find_script(), with_source=with_source),
    }
    facts: dict[str, Any] = {}
    for name, describe in sections.items():
        try:
            facts[name] = describe()
        except Exception as error:  # noqa: BLE001 - each section fails alone
            facts[name] = {"error": f"{type(error).__name__}: {error}"}
    return facts

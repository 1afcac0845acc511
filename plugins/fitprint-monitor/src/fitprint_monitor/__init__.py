"""The monitor plugin of fitprint: whether data are still like those of the training, told from the
record of it alone.

>>> from fitprint_monitor import drift
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fitprint.hooks.markers import hookimpl

if TYPE_CHECKING:
    from fitprint_monitor.drifting import Drift, drift
    from fitprint_monitor.sides import DriftError, MissingDataError

__all__ = ["Drift", "DriftError", "MissingDataError", "drift"]

_ELSEWHERE = {
    "Drift": "fitprint_monitor.drifting",
    "DriftError": "fitprint_monitor.sides",
    "MissingDataError": "fitprint_monitor.sides",
    "drift": "fitprint_monitor.drifting",
}


@hookimpl
def register_commands() -> Sequence[Any]:
    from fitprint.cli.catalogue import LazyCommand

    return [
        LazyCommand(
            "drift",
            "fitprint_monitor.cli:DRIFT",
            "Say whether data differ from a reference, by the exit status: for CI.",
        )
    ]


if not TYPE_CHECKING:  # every program with fitprint loads this module: it is to cost nothing

    def __getattr__(name: str) -> Any:
        if name not in _ELSEWHERE:
            raise AttributeError(f"module 'fitprint_monitor' has no attribute {name!r}")
        from importlib import import_module

        value = globals()[name] = getattr(import_module(_ELSEWHERE[name]), name)
        return value

"""The monitor plugin of fitprint: whether data are still like those of the training, told from the
record of it alone.

>>> from fitprint_monitor import drift
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fitprint.hooks.markers import hookimpl

if TYPE_CHECKING:
    from fitprint.hooks.watchers import Watcher
    from fitprint_monitor.drifting import Drift, drift
    from fitprint_monitor.keeping import Watched, watch_model
    from fitprint_monitor.sides import DriftError, MissingDataError

__all__ = ["Drift", "DriftError", "MissingDataError", "Watched", "drift", "watch_model"]

_ELSEWHERE = {
    "Drift": "fitprint_monitor.drifting",
    "DriftError": "fitprint_monitor.sides",
    "MissingDataError": "fitprint_monitor.sides",
    "Watched": "fitprint_monitor.keeping",
    "drift": "fitprint_monitor.drifting",
    "watch_model": "fitprint_monitor.keeping",
}


@hookimpl
def register_commands() -> Sequence[Any]:
    from fitprint.cli.catalogue import LazyCommand

    return [
        LazyCommand(
            "drift",
            "fitprint_monitor.cli:DRIFT",
            "Say whether data differ from a reference, by the exit status: for CI.",
        ),
        LazyCommand(
            "monitor",
            "fitprint_monitor.cli:MONITOR",
            "Show what a model was given in operation, against its training.",
        ),
    ]


@hookimpl
def register_watchers() -> Mapping[str, Watcher]:
    from fitprint.hooks.watchers import Watcher
    from fitprint_monitor.keeping import watch_model

    return {"monitor": Watcher(watch_model)}


if not TYPE_CHECKING:  # every program with fitprint loads this module: it is to cost nothing

    def __getattr__(name: str) -> Any:
        if name not in _ELSEWHERE:
            raise AttributeError(f"module 'fitprint_monitor' has no attribute {name!r}")
        from importlib import import_module

        value = globals()[name] = getattr(import_module(_ELSEWHERE[name]), name)
        return value

"""The flow plugin of fitprint: steps are ordinary functions or commands, and run again only where
something changed.

>>> from fitprint_flow import Flow, step
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fitprint.hooks.executors import Executor
from fitprint.hooks.markers import hookimpl

if TYPE_CHECKING:
    from fitprint_flow.graph import Flow
    from fitprint_flow.steps import FlowError, step

__all__ = ["Flow", "FlowError", "step"]

_ELSEWHERE = {
    "Flow": "fitprint_flow.graph",
    "FlowError": "fitprint_flow.steps",
    "step": "fitprint_flow.steps",
}


@hookimpl
def register_executors() -> Mapping[str, Executor]:
    from fitprint_flow.executors import open_dask, open_inline, open_processes

    def open_ray(address: str, jobs: int) -> Any:
        from fitprint_flow.on_ray import open_ray as opened

        return opened(address, jobs)

    return {
        "dask": Executor(open_dask),
        "inline": Executor(open_inline),
        "processes": Executor(open_processes),
        "ray": Executor(open_ray),
    }


@hookimpl
def register_commands() -> Sequence[Any]:
    from fitprint.cli.catalogue import LazyCommand

    return [
        LazyCommand(
            "flow",
            "fitprint_flow.cli:COMMAND",
            "Run a workflow: only steps of which something changed.",
        )
    ]


if not TYPE_CHECKING:  # every program with fitprint loads this module: it is to cost nothing

    def __getattr__(name: str) -> Any:
        if name not in _ELSEWHERE:
            raise AttributeError(f"module 'fitprint_flow' has no attribute {name!r}")
        from importlib import import_module

        value = globals()[name] = getattr(import_module(_ELSEWHERE[name]), name)
        return value

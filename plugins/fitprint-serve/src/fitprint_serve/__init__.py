"""The serving plugin of fitprint: recorded models answer over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fitprint.hooks.markers import hookimpl


@hookimpl
def register_commands() -> Sequence[Any]:
    from fitprint.cli.catalogue import LazyCommand

    return [
        LazyCommand("serve", "fitprint_serve.cli:COMMAND", "Answer with a recorded model, by HTTP.")
    ]

"""The plugin of projects: code is run anew, with parameters, and recorded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fitprint.hooks.markers import hookimpl


@hookimpl
def register_commands() -> Sequence[Any]:
    from fitprint_projects.reproducing.command import COMMAND as REPRODUCE

    return [REPRODUCE]

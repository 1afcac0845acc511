"""Which commands there are. Only the one that runs is imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fitprint.cli.command import Command

__all__ = ["all_commands", "built_in", "find_command", "is_built_in"]

# Name, and the module whose COMMAND it is; in the order of the help.
_BUILT_IN = {
    "ls": "listing",
    "show": "showing",
    "compare": "comparing",
    "diff": "differing",
    "query": "querying",
    "evaluate": "evaluating",
    "get": "getting",
    "plot": "plotting",
    "tail": "tailing",
    "exec": "executing",
    "demo": "demonstrating",
    "tag": "tagging",
    "note": "noting",
    "rename": "renaming",
    "experiments": "experimenting",
    "models": "registering",
    "rm": "removing",
    "restore": "restoring",
    "purge": "purging",
    "gc": "collecting",
    "du": "measuring",
    "export": "exporting",
    "import": "importing",
    "sync": "syncing",
    "plugins": "plugins",
    "doctor": "doctor",
    "docs": "documenting",
    "config": "configuration",
    "completion": "completing",
    "mcp": "serving",
}


def built_in() -> Sequence[Command]:
    """Return fitprint's own commands."""
    return [_load(name) for name in _BUILT_IN]


def is_built_in(name: str) -> bool:
    """Tell whether this is the name of one of fitprint's own commands."""
    return name in _BUILT_IN


def find_command(name: str) -> Command | None:
    """Return the command of this name, or None. Plugins are looked at only if it is none of fitprint's own."""
    return _load(name) if is_built_in(name) else all_commands().get(name)


def all_commands() -> Mapping[str, Command]:
    """Return all commands by name, those of plugins included."""
    from fitprint.hooks.manager import hooks
    from fitprint.recording.workspace import current

    current()  # settles which plugins are disabled
    return hooks().registered("register_commands")


def _load(name: str) -> Command:
    command: Command = import_module(f"fitprint.cli.commands.{_BUILT_IN[name]}").COMMAND
    return command

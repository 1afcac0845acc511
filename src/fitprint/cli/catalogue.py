"""Which commands there are.

A command of ours is imported when it runs, or when its arguments are asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse

    from fitprint.cli.command import Command

__all__ = ["all_commands", "built_in", "find_command", "is_built_in"]


class BuiltIn:
    """One of fitprint's own commands.

    Args:
        name: the word behind ``fitprint``.
        module: the one below ``fitprint.cli.commands`` whose ``COMMAND`` does it.
        help: one sentence.
    """

    # as it is called in a command
    def __init__(self, name: str, module: str, help: str) -> None:  # noqa: A002
        self.name = name
        self.help = help
        self._module = module

    def _command(self) -> Any:
        return import_module(f"fitprint.cli.commands.{self._module}").COMMAND

    def details(self) -> str | None:
        """Return what ``--help`` says below the options."""
        details: str | None = type(self._command()).__doc__
        return details

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        self._command().add_arguments(parser)

    def run(self, arguments: argparse.Namespace) -> int:
        status: int = self._command().run(arguments)
        return status


_BUILT_IN = (  # in the order of the help
    BuiltIn("ls", "listing", "List runs, newest first."),
    BuiltIn("show", "showing", "Show all that is known of a run."),
    BuiltIn("compare", "comparing", "Show what differs among runs."),
    BuiltIn("diff", "differing", "Show how a run differs from another, code included."),
    BuiltIn("check", "checking", "Say whether a run is good enough, by the exit status: for CI."),
    BuiltIn("views", "viewing", "List saved views; save, show or remove one."),
    BuiltIn("query", "querying", "Ask the store in SQL."),
    BuiltIn(
        "evaluate",
        "evaluating",
        "Compute metrics of a recorded model on data, and record them on its run.",
    ),
    BuiltIn("get", "getting", "Copy a run's artifacts: a file, a folder such as a model, or all."),
    BuiltIn("data", "keeping", "Record files and folders of data; get them back, or verify them."),
    BuiltIn("plot", "plotting", "Plot curves of runs, in the terminal or to a file."),
    BuiltIn("tail", "tailing", "Print the points of a run as they come, until it ends."),
    BuiltIn("exec", "executing", "Run a Python script, unchanged, and record its training."),
    BuiltIn(
        "demo",
        "demonstrating",
        "Train a few scikit-learn models with the one line of autologging, and list the runs.",
    ),
    BuiltIn("tag", "tagging", "Set or remove tags of runs."),
    BuiltIn("note", "noting", "Read or write what a run is about."),
    BuiltIn("rename", "renaming", "Give a run another name."),
    BuiltIn(
        "experiments",
        "experimenting",
        "List experiments; create, rename, archive, restore, note or tag one.",
    ),
    BuiltIn(
        "models",
        "registering",
        "List registered models; register, promote, compare, roll back and remove versions.",
    ),
    BuiltIn("rm", "removing", "Move runs to the trash."),
    BuiltIn("restore", "restoring", "Take runs out of the trash."),
    BuiltIn("purge", "purging", "Erase runs that are in the trash, for good."),
    BuiltIn(
        "gc",
        "collecting",
        "Free the bytes that nothing refers to, and runs that were long in the trash.",
    ),
    BuiltIn("du", "measuring", "Show which experiments or runs take how many bytes."),
    BuiltIn(
        "export",
        "exporting",
        "Write runs with their artifacts to one portable file, or as a page to read.",
    ),
    BuiltIn("import", "importing", "Take in runs that `fitprint export` or another program wrote."),
    BuiltIn("copy", "copying", "Copy runs and registered models from one store to another."),
    BuiltIn(
        "sync",
        "syncing",
        "Deliver what the journals hold to the store, and artifacts to the artifact store.",
    ),
    BuiltIn("plugins", "plugins", "List plugins, check one, or begin a new one."),
    BuiltIn("doctor", "doctor", "Find out what is broken, and what to do about it."),
    BuiltIn("docs", "documenting", "Read the reference in the terminal."),
    BuiltIn(
        "config",
        "configuration",
        "Show every setting: its value, where that comes from, and what it means.",
    ),
    BuiltIn(
        "completion",
        "completing",
        "Print a script that lets a shell complete command lines of fitprint.",
    ),
    BuiltIn(
        "mcp",
        "serving",
        "Answer an assistant's questions about runs, by the Model Context Protocol.",
    ),
)
_BY_NAME = {command.name: command for command in _BUILT_IN}


def built_in() -> Sequence[Command]:
    """Return fitprint's own commands."""
    return _BUILT_IN


def is_built_in(name: str) -> bool:
    """Tell whether this is the name of one of fitprint's own commands."""
    return name in _BY_NAME


def find_command(name: str) -> Command | None:
    """Return the command of this name, or None.

    Plugins are looked at only if it is none of fitprint's own.
    """
    return _BY_NAME.get(name) or all_commands().get(name)


def all_commands() -> Mapping[str, Command]:
    """Return all commands by name, those of plugins included."""
    from fitprint.hooks.manager import find_plugins

    return find_plugins().registered("register_commands")

"""Which commands there are, without importing them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse

    from fitprint.cli.command import Command

__all__ = ["LazyCommand", "all_commands", "built_in", "find_command", "is_built_in", "plugin_with"]


class LazyCommand:
    """A command that is imported when it runs, or when its arguments are asked for.

    Args:
        name: the word behind ``fitprint``.
        place: of the command, as ``package.module:NAME``.
        help: one sentence.
    """

    # as it is called in a command
    def __init__(self, name: str, place: str, help: str) -> None:  # noqa: A002
        self.name = name
        self.help = help
        self._place = place

    def _command(self) -> Any:
        module, _, name = self._place.partition(":")
        return getattr(import_module(module), name)

    def details(self) -> str | None:
        """Return what ``--help`` says below the options."""
        details: str | None = type(self._command()).__doc__
        return details

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        self._command().add_arguments(parser)

    def run(self, arguments: argparse.Namespace) -> int:
        status: int = self._command().run(arguments)
        return status


def _own(name: str, module: str, help: str) -> LazyCommand:  # noqa: A002
    return LazyCommand(name, f"fitprint.cli.commands.{module}:COMMAND", help)


_OF_PLUGINS = {  # the plugins that a newcomer reads of before they are installed
    "clone": "projects",
    "db": "postgres",
    "deploy": "deploy",
    "drift": "monitor",
    "env": "projects",
    "flow": "flow",
    "image": "deploy",
    "monitor": "monitor",
    "reproduce": "projects",
    "run": "projects",
    "serve": "serve",
    "snapshot": "projects",
}
_BUILT_IN = (  # in the order of the help
    _own("ls", "listing", "List runs, newest first."),
    _own("show", "showing", "Show all that is known of a run."),
    _own("compare", "comparing", "Show what differs among runs."),
    _own("diff", "differing", "Show how a run differs from another, code included."),
    _own("check", "checking", "Say whether a run is good enough, by the exit status: for CI."),
    _own("views", "viewing", "List saved views; save, show or remove one."),
    _own("query", "querying", "Ask the store in SQL."),
    _own(
        "evaluate",
        "evaluating",
        "Compute metrics of a recorded model on data, and record them on its run.",
    ),
    _own("predict", "predicting", "Predict for the rows of a file with a recorded model."),
    _own("get", "getting", "Copy a run's artifacts: a file, a folder such as a model, or all."),
    _own("data", "keeping", "Record files and folders of data; get them back, or verify them."),
    _own("plot", "plotting", "Plot curves of runs, in the terminal or to a file."),
    _own("tail", "tailing", "Print the points of a run as they come, until it ends."),
    _own("exec", "executing", "Run a Python script, unchanged, and record its training."),
    _own(
        "demo",
        "demonstrating",
        "Train a few scikit-learn models with the one line of autologging, and list the runs.",
    ),
    _own("tag", "tagging", "Set or remove tags of runs."),
    _own("note", "noting", "Read or write what a run is about."),
    _own("rename", "renaming", "Give a run another name."),
    _own(
        "experiments",
        "experimenting",
        "List experiments; create, rename, archive, restore, note or tag one.",
    ),
    _own(
        "models",
        "registering",
        "List registered models; register, promote, compare, roll back and remove versions.",
    ),
    _own("rm", "removing", "Move runs to the trash."),
    _own("restore", "restoring", "Take runs out of the trash."),
    _own("purge", "purging", "Erase runs that are in the trash, for good."),
    _own(
        "gc",
        "collecting",
        "Free the bytes that nothing refers to, and runs that were long in the trash.",
    ),
    _own("du", "measuring", "Show which experiments or runs take how many bytes."),
    _own(
        "export",
        "exporting",
        "Write runs with their artifacts to one portable file, or as a page to read.",
    ),
    _own("import", "importing", "Take in runs that `fitprint export` or another program wrote."),
    _own("copy", "copying", "Copy runs and registered models from one store to another."),
    _own(
        "sync",
        "syncing",
        "Deliver what the journals hold to the store, and artifacts to the artifact store.",
    ),
    _own("plugins", "plugins", "List plugins, check one, or begin a new one."),
    _own("doctor", "doctor", "Find out what is broken, and what to do about it."),
    _own("docs", "documenting", "Read the reference in the terminal."),
    _own(
        "config",
        "configuration",
        "Show every setting: its value, where that comes from, and what it means.",
    ),
    _own(
        "completion",
        "completing",
        "Print a script that lets a shell complete command lines of fitprint.",
    ),
    _own(
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


def plugin_with(name: str) -> str | None:
    """Return which of fitprint's own plugins has a command, whether it is installed or not."""
    return _OF_PLUGINS.get(name)

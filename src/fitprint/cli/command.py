"""What a command of the command line is."""

from __future__ import annotations

import argparse
from typing import Protocol

from fitprint.cli.catalogue import BuiltIn

__all__ = ["Command", "parser_of"]


class Command(Protocol):
    """A command. Plugins bring theirs through the hook ``register_commands``.

    Its docstring, if it has one, is shown by ``--help`` below the options. Data go to standard
    output, messages to standard error.

    Attributes:
        name: the word behind ``fitprint``.
        help: one sentence.
    """

    name: str
    help: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare arguments and options."""

    def run(self, arguments: argparse.Namespace) -> int:
        """Do it, and return the exit status: 0 if all is well, 1 if something is wrong, 2 if the
        arguments make no sense.

        Raises:
            FitprintError: the text is shown without a traceback, and the status is 1.
        """


def parser_of(command: Command) -> argparse.ArgumentParser:
    """Return the parser of a command's arguments."""
    told = command.details() if isinstance(command, BuiltIn) else type(command).__doc__
    details = "\n".join(
        line.removeprefix("    ").rstrip() for line in (told or "").strip().splitlines()
    )
    parser = argparse.ArgumentParser(
        prog=f"fitprint {command.name}",
        description=command.help,
        epilog=details or None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    command.add_arguments(parser)
    return parser

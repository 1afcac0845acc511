"""What a command of the command line is."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NoReturn, Protocol

from fitprint.arguments import nearest
from fitprint.cli.catalogue import LazyCommand
from fitprint.views.wording import clean

__all__ = ["Command", "add_trust", "add_verb", "parser_of", "whole_number"]

_MOST = 1 << 31  # rows, runs or lines


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
    told = command.details() if isinstance(command, LazyCommand) else type(command).__doc__
    details = "\n".join(
        line.removeprefix("    ").rstrip() for line in (told or "").strip().splitlines()
    )
    parser = _Parser(
        prog=f"fitprint {command.name}",
        description=command.help,
        epilog=details or None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    command.add_arguments(parser)
    return parser


class _Parser(argparse.ArgumentParser):
    """A parser that says in one line what is wrong, and where to read on."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """See the base class; a verb tells itself what it does not take, and knows what it does."""
        found, others = super().parse_known_args(args, namespace)
        if others:
            self.error(f"unrecognized arguments: {' '.join(others)}")
        return found, others

    def error(self, message: str) -> NoReturn:
        word, known = "", list[str]()
        if found := re.match("unrecognized arguments: (--[^ =]+)", message):
            word, known = found[1], list(self._option_string_actions)
        elif "invalid choice: '" in message:
            word, _, choices = message.partition("invalid choice: '")[2].partition("' (choose from")
            known = re.findall(r"[\w-]+", choices)
        hint = nearest(word, known) if word else ""
        hint = hint or f"; `{self.prog} --help` shows what it takes"
        self.exit(2, f"{self.prog}: {clean(message)}{hint}\n")


def whole_number(least: int) -> Callable[[str], int]:
    """Return what makes a whole number from ``least`` on of an argument."""

    def read(text: str) -> int:
        is_short = text.isascii() and text.isdecimal() and len(text) <= len(str(_MOST))
        if not is_short or not least <= int(text) <= _MOST:
            raise argparse.ArgumentTypeError(
                f"must be a whole number from {least} on, not {text!r}"
            )
        return int(text)

    return read


def add_trust(parser: argparse.ArgumentParser) -> None:
    """Add what a command that loads a model may be told to trust: a list of names, ``trust``."""
    parser.add_argument(
        "--trust",
        metavar="NAME",
        action="append",
        default=[],
        help="a type whose code may run when the model is loaded; may be repeated",
    )


def add_verb(
    verbs: Any,
    name: str,
    told: str,
    positional: Mapping[str, str] = MappingProxyType({}),
    types: Mapping[str, Callable[[str], str]] | None = None,
) -> argparse.ArgumentParser:
    """Add a verb to a command, as in ``fitprint views show NAME``, and return its parser.

    Args:
        verbs: what ``parser.add_subparsers`` returned.
        name: the verb.
        told: what it does, in a few words without a full stop.
        positional: what follows it, each with its help: ``NAME``, ``[NAME]`` where it may be left
            out, ``KEY=VALUE`` where there may be several.
        types: what makes a value of a text, by these names.
    """
    parser: argparse.ArgumentParser = verbs.add_parser(
        name, help=told, description=f"{told[0].upper()}{told[1:]}.", allow_abbrev=False
    )
    for word, meaning in positional.items():
        shown = word.strip("[]")
        parser.add_argument(
            shown.lower().partition("=")[0],
            metavar=shown,
            nargs="*" if "=" in word else "?" if word.startswith("[") else None,
            type=(types or {}).get(shown, str),
            help=meaning,
        )
    return parser

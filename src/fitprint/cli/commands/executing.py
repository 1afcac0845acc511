"""``fitprint exec``."""

from __future__ import annotations

import argparse
from functools import partial
from typing import Any

from fitprint.cli.script import run_module, run_script

__all__ = ["COMMAND", "Executing"]


class Executing:
    """The script runs as under `python`, with the same arguments, `__main__`, import path,
    tracebacks and exit status. `python -m fitprint SCRIPT ...` does the same.
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "-m",
            dest="module",
            action="store_true",
            help="SCRIPT is the name of a module, as for python -m",
        )
        parser.add_argument(
            "--console",
            action="store_true",
            help="also record what the script prints (the setting console)",
        )
        parser.add_argument("script", metavar="SCRIPT", help="the script")
        rest = parser.add_argument(
            "arguments",
            metavar="ARGUMENT",
            nargs=argparse.REMAINDER,
            help="arguments for the script itself",
        )
        # before Python 3.14, argparse says that arguments are missing where the script is
        rest.required = False

    def run(self, arguments: argparse.Namespace) -> int:
        run = run_module if arguments.module else run_script
        return run(
            arguments.script,
            arguments.arguments,
            partial(_begin, {"console": True} if arguments.console else {}),
        )


COMMAND = Executing()


def _begin(settings: dict[str, Any]) -> None:
    import fitprint
    from fitprint.recording.context import current_run
    from fitprint.recording.workspace import strictly

    with strictly():  # the script has not begun: a mistake in a variable loses nothing yet
        fitprint.autolog(**settings)
        current_run()  # one that was handed over begins with the script

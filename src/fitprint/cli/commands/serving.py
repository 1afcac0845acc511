"""``fitprint mcp``."""

from __future__ import annotations

import argparse
import sys

from fitprint.cli.terminal import tell
from fitprint.errors import FitprintError

__all__ = ["COMMAND", "Serving"]


class Serving:
    """The assistant's program starts this command, and talks to it through standard input and
    output; nothing listens on a network. The tools are list_runs, show_run, compare_runs,
    diff_runs, metric_history, query and list_experiments. They change nothing. This needs the
    protocol's SDK: pip install 'fitprint[mcp]'.

    Example of an entry in the program's settings:
      {"command": "fitprint", "args": ["mcp"], "env": {"FITPRINT_HOME": "/path/to/.fitprint"}}
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Take none."""

    def run(self, arguments: argparse.Namespace) -> int:  # noqa: ARG002
        from fitprint.cli.server import new_server, serve

        try:
            server = new_server()
        except ImportError as error:  # there is none, or an older one
            raise FitprintError(
                "the server needs version 2 or later of the Model Context Protocol's SDK "
                f"({error}): pip install 'fitprint[mcp]'"
            ) from error
        if sys.stdin.isatty():
            tell(
                "this speaks the Model Context Protocol with the program that starts it; Ctrl-C "
                "ends it"
            )
        serve(server)
        return 0


COMMAND = Serving()

"""``fitprint rename``."""

from __future__ import annotations

import argparse

from fitprint.cli import reading
from fitprint.cli.terminal import tell
from fitprint.ids import short_id
from fitprint.views.finding import WORDS
from fitprint.views.wording import clean

__all__ = ["COMMAND", "Renaming"]


class Renaming:
    """The run keeps its id. `fitprint experiments rename` renames an experiment."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("run", metavar="RUN", help=WORDS)
        parser.add_argument("new_name", metavar="NAME", help="the new name")

    def run(self, arguments: argparse.Namespace) -> int:
        run = reading.only_run(arguments.run)
        before = run.name
        run.rename(arguments.new_name)
        tell(f"{clean(before)} ({short_id(run.id)}) is called {clean(arguments.new_name)} now")
        return 0


COMMAND = Renaming()

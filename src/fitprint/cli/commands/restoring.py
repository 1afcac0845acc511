"""``fitprint restore``."""

from __future__ import annotations

import argparse

from fitprint.api import get_run, restore_run
from fitprint.cli import reading
from fitprint.cli.terminal import tell

__all__ = ["COMMAND", "Restoring"]


class Restoring:
    name = "restore"
    help = "Take runs out of the trash."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("runs", metavar="RUN", nargs="+", help="id, beginning of an id, or name; `fitprint ls --trash` lists them")

    def run(self, arguments: argparse.Namespace) -> int:
        reading.store()
        for run in [get_run(run) for run in arguments.runs]:
            restore_run(run.id)
            tell(f"{run.name} ({run.id[:12]}) is back")
        return 0


COMMAND = Restoring()

"""``fitprint rm``."""

from __future__ import annotations

import argparse

from fitprint.api import delete_run, get_run
from fitprint.cli import reading
from fitprint.cli.terminal import tell

__all__ = ["COMMAND", "Removing"]


class Removing:
    """Nothing is erased: `fitprint restore RUN` takes it back, `fitprint ls --trash` lists what is in the trash."""

    name = "rm"
    help = "Move runs to the trash."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("runs", metavar="RUN", nargs="+", help="id, beginning of an id, name, or @last")

    def run(self, arguments: argparse.Namespace) -> int:
        reading.store()
        for run in [get_run(run) for run in arguments.runs]:  # all or none: a name that fits nothing stops us before the first
            delete_run(run.id)
            tell(f"{run.name} ({run.id[:12]}) is in the trash; `fitprint restore {run.id[:12]}` takes it back")
        return 0


COMMAND = Removing()

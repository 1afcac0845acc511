"""``fitprint rm``."""

from __future__ import annotations

import argparse

from fitprint.api import delete_run, get_run
from fitprint.cli import reading
from fitprint.cli.terminal import tell
from fitprint.cli.wording import below

__all__ = ["COMMAND", "Removing"]


class Removing:
    """The runs below a run go with it. Nothing is erased: `fitprint restore RUN` takes it back, `fitprint ls --trash` lists it."""

    name = "rm"
    help = "Move runs to the trash."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("runs", metavar="RUN", nargs="+", help="id, beginning of an id, name, or @last")

    def run(self, arguments: argparse.Namespace) -> int:
        reading.store()
        for run in [get_run(run) for run in arguments.runs]:  # all or none: a name that fits nothing stops us before the first
            moved = delete_run(run.id)
            there = "in the trash" if moved else "in the trash already"
            tell(f"{run.name} ({run.id[:12]}){below(len(moved) - 1)} {there}; `fitprint restore {run.id[:12]}` takes it back")
        return 0


COMMAND = Removing()

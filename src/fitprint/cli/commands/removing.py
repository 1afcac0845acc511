"""``fitprint rm``."""

from __future__ import annotations

import argparse

from fitprint.api import delete_run
from fitprint.cli import reading
from fitprint.cli.selecting import add_query, selected
from fitprint.cli.terminal import tell
from fitprint.errors import FitprintError
from fitprint.ids import short_id
from fitprint.views.finding import WORDS
from fitprint.views.wording import below, clean, counted_runs

__all__ = ["COMMAND", "Removing"]

_MOST = 10  # runs that are named one by one


class Removing:
    """The runs below a run are moved with it. Nothing is erased: `fitprint ls --trash` lists the
    trash, `fitprint restore RUN` brings a run back, and `fitprint purge` erases it. A name that
    several runs have is an error.

    Examples:
      fitprint rm 9b6559 @last
      fitprint rm -q "status = 'FAILED' and experiment = 'iris'" --dry-run
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("runs", metavar="RUN", nargs="*", help=WORDS)
        add_query(parser)
        parser.add_argument(
            "--force", action="store_true", help="move runs that are still running, too"
        )
        parser.add_argument(
            "-n", "--dry-run", action="store_true", help="only list what would be moved"
        )

    def run(self, arguments: argparse.Namespace) -> int:
        runs = selected(arguments.runs, arguments.query)
        if runs is None:
            return 2
        if not runs:
            return 1
        if arguments.dry_run:
            counts = reading.store().child_counts([run.id for run in runs])
            for run in runs:
                print(
                    f"{short_id(run.id)}  {clean(run.name)}"
                    + (f" (+{counts[run.id]})" if run.id in counts else "")
                )
            return 0
        if going := [run for run in runs if run.status == "RUNNING" and not arguments.force]:
            told = ", ".join(f"{clean(run.name)} ({short_id(run.id)})" for run in going[:_MOST])
            raise FitprintError(f"still running: {told}; end it first, or remove it with --force")
        total = 0
        for run in runs:
            moved = delete_run(run.id)
            total += len(moved)
            if len(runs) <= _MOST:
                there = "in the trash" if moved else "in the trash already"
                short = short_id(run.id)
                tell(
                    f"{clean(run.name)} ({short}){below(len(moved) - 1)} {there}; "
                    f"`fitprint restore {short}` takes it back"
                )
        if len(runs) > _MOST:
            tell(
                f"{counted_runs(total)} moved to the trash; `fitprint ls --trash` lists them, "
                "`fitprint restore RUN` takes one back"
            )
        return 0


COMMAND = Removing()

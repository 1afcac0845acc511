"""``fitprint copy``."""

from __future__ import annotations

import argparse

from fitprint.cli.transfers import report, show_progress
from fitprint.copying import copy_runs

__all__ = ["COMMAND", "Copying"]


class Copying:
    """Copies runs with their parents, parameters, histories, tags, notes, data sets, models and
    files, tags and notes of experiments, and registered models with versions and aliases. SRC is
    only read. A run whose id is in DST already stays as it is there: run the command again to add
    what is new, or to continue after an interruption. Runs that have not ended are left out. The
    ids of the runs that were added are printed.

    Examples:
      fitprint copy sqlite:///.fitprint/fitprint.db sqlite:////shared/runs/team.db
      fitprint copy sqlite:////shared/runs/team.db sqlite:///paper.db -q "tags.paper = 'yes'"

    --json prints an object: added (ids), present (a count), open (ids of runs that have not ended),
    failed (reasons by id), files, size, versions (name, origin, version), problems, dry_run.
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("source", metavar="SRC", help="URI of the store to copy from")
        parser.add_argument("target", metavar="DST", help="URI of the store to copy to")
        parser.add_argument(
            "-q",
            "--query",
            metavar="FILTER",
            default="",
            help="only the runs that match, with all runs below them",
        )
        parser.add_argument(
            "-n", "--dry-run", action="store_true", help="only say what would be copied"
        )
        parser.add_argument("--json", action="store_true", help="print JSON")

    def run(self, arguments: argparse.Namespace) -> int:
        done = copy_runs(
            arguments.source,
            arguments.target,
            arguments.query,
            dry_run=arguments.dry_run,
            progress=show_progress,
        )
        return report(done, "copied", json=arguments.json)


COMMAND = Copying()

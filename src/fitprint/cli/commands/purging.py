"""``fitprint purge``."""

from __future__ import annotations

import argparse

from fitprint.api import purge_run
from fitprint.cli import reading
from fitprint.cli.terminal import agreed, tell
from fitprint.errors import FitprintError
from fitprint.ids import short_id
from fitprint.views.finding import in_trash
from fitprint.views.selection import matching
from fitprint.views.wording import clean, counted_runs

__all__ = ["COMMAND", "Purging"]


class Purging:
    """Only runs in the trash can be purged (`fitprint rm` puts them there). They cannot be
    restored.

    Examples:
      fitprint ls --trash
      fitprint purge 9b6559
      fitprint purge --all --yes
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "runs",
            metavar="RUN",
            nargs="*",
            help="id, beginning or end of one, or name; `fitprint ls --trash` lists them",
        )
        parser.add_argument("--all", action="store_true", help="all runs in the trash")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def run(self, arguments: argparse.Namespace) -> int:
        if bool(arguments.runs) == arguments.all:
            tell("name the runs: RUN ..., or --all")
            return 2
        store = reading.store()
        if arguments.all:
            chosen, _ = matching(store, "", [], None, limit=None, deleted="only", parts=True)
        else:
            chosen = [
                in_trash(store, name) or reading.only_run(name).record for name in arguments.runs
            ]
        for record in chosen:
            if record.deleted_time is None:
                raise FitprintError(
                    f"{clean(record.name)} ({short_id(record.id)}) is not in the trash; "
                    "`fitprint rm` puts it there"
                )
        if not chosen:
            tell("the trash is empty")
            return 0
        if not arguments.yes and not agreed(
            f"erase {counted_runs(len(chosen))}, and those below them, for good? [y/N] "
        ):
            tell("nothing was erased; add --yes to erase without being asked")
            return 1
        gone: set[str] = set()
        for record in chosen:
            if record.id not in gone:
                gone.update(purge_run(record.id))
        tell(f"{counted_runs(len(gone))} erased")
        return 0


COMMAND = Purging()

"""``fitprint export``."""

from __future__ import annotations

import argparse
from pathlib import Path

from fitprint.bundles import export_runs
from fitprint.cli.selecting import add_query, selected
from fitprint.cli.terminal import tell
from fitprint.ids import short_id
from fitprint.recording.workspace import current
from fitprint.views.finding import WORDS
from fitprint.views.wording import size

__all__ = ["COMMAND", "Exporting"]


class Exporting:
    """The children of a run go with it. Models are written anew with what their frameworks and your own classes need: where these
    are in files of this folder, write `PYTHONPATH=. fitprint export RUN`. `fitprint import` takes a bundle into any store.

    Examples:
      fitprint export @best:val_auc
      fitprint export -q "experiment = 'iris'" -o iris.fitprint.zip
    """

    name = "export"
    help = "Write runs with their artifacts to one portable file."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("runs", metavar="RUN", nargs="*", help=WORDS)
        add_query(parser)
        parser.add_argument("--all", action="store_true", help="all runs, those in the trash left out")
        parser.add_argument(
            "-o", "--output", metavar="FILE", type=Path, help="file to write; by default the first run's id and .fitprint.zip"
        )

    def run(self, arguments: argparse.Namespace) -> int:
        runs = selected(arguments.runs, arguments.query, everything=arguments.all)
        if not runs:
            return 2 if runs is None else 1
        ids = [run.id for run in runs]
        file: Path = arguments.output or Path(f"{short_id(ids[0])}.fitprint.zip")
        exported = export_runs(current(), ids, file)
        tell(f"{len(exported)} {'run' if len(exported) == 1 else 'runs'}, {size(file.stat().st_size)}")
        print(file)
        return 0


COMMAND = Exporting()

"""``fitprint export``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from fitprint.bundles import export_runs
from fitprint.cli import reading
from fitprint.cli.selecting import add_query, add_view, apply_view, listed, selected
from fitprint.cli.terminal import tell
from fitprint.comparing import compare
from fitprint.ids import short_id
from fitprint.recording.run import Run
from fitprint.recording.workspace import current
from fitprint.views.finding import WORDS
from fitprint.views.wording import counted_runs, size

__all__ = ["COMMAND", "Exporting"]

_MOST_COMPARED = 12  # runs side by side


class Exporting:
    """The children of a run go with it. Models are written anew with what their frameworks and your own classes need: where these
    are in files of this folder, write `PYTHONPATH=. fitprint export RUN`. `fitprint import` takes a bundle into any store.

    Examples:
      fitprint export @best:val_auc
      fitprint export -q "experiment = 'iris'" -o iris.fitprint.zip
      fitprint export --html -q "experiment = 'iris'" -o iris.html
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("runs", metavar="RUN", nargs="*", help=WORDS)
        add_query(parser)
        add_view(parser)
        parser.add_argument("--all", action="store_true", help="all runs, those in the trash left out")
        parser.add_argument("--html", action="store_true", help="write one HTML file to read instead: tables, curves, and what differs")
        parser.add_argument("--title", metavar="TEXT", help="heading of the HTML file; by default the run's name, or the number of runs")
        parser.add_argument(
            "-o", "--output", metavar="FILE", type=Path, help="file to write; by default the first run's id with .fitprint.zip or .html"
        )

    def run(self, arguments: argparse.Namespace) -> int:
        runs = _runs(arguments)
        if not runs:
            return 2 if runs is None else 1
        if arguments.html:
            return _write_page(runs, arguments)
        ids = [run.id for run in runs]
        file: Path = arguments.output or Path(f"{short_id(ids[0])}.fitprint.zip")
        exported = export_runs(current(), ids, file)
        tell(f"{len(exported)} {'run' if len(exported) == 1 else 'runs'}, {size(file.stat().st_size)}")
        print(file)
        return 0


COMMAND = Exporting()


def _runs(arguments: argparse.Namespace) -> Sequence[Run] | None:
    if arguments.view is None or arguments.runs or arguments.all:
        return selected(arguments.runs, arguments.query, everything=arguments.all)
    apply_view(arguments)
    found, _ = listed(arguments, None)
    if not found:
        tell("no run matches")
    return found


def _write_page(runs: Sequence[Run], arguments: argparse.Namespace) -> int:
    from fitprint.views.curves import curves_of
    from fitprint.views.report import report

    file: Path = arguments.output or Path(f"{short_id(runs[0].id)}.html")
    title = arguments.title or (runs[0].name if len(runs) == 1 else counted_runs(len(runs)))
    compared = compare(runs[:_MOST_COMPARED]) if len(runs) > 1 else None
    text = report(title, [run.record for run in runs], curves_of(current().store), compared, reading.goals())
    file.write_text(text, encoding="utf-8", errors="backslashreplace")
    tell(f"{counted_runs(len(runs))}, {size(file.stat().st_size)}")
    print(file)
    return 0

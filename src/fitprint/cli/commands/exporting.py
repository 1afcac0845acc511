"""``fitprint export``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from html import escape
from pathlib import Path

from fitprint.bundles import export_runs
from fitprint.cli import reading
from fitprint.cli.selecting import add_query, add_view, apply_view, listed, selected, tell_none
from fitprint.cli.terminal import tell
from fitprint.comparing import compare
from fitprint.entities import RunRecord
from fitprint.errors import FitprintError
from fitprint.ids import short_id
from fitprint.recording.run import Run
from fitprint.recording.workspace import current
from fitprint.stores.naming import find_experiment
from fitprint.views import columns
from fitprint.views.finding import WORDS
from fitprint.views.wording import counted_runs, size

__all__ = ["COMMAND", "Exporting"]

_MOST_COMPARED = 12  # runs side by side
_MOST_EMBEDDED = 50  # of a view in a note, unless it says otherwise


class Exporting:
    """The children of a run are exported with it. Models are written anew, for which their
    frameworks and your own classes must be importable: if your classes are in files in this folder,
    write `PYTHONPATH=. fitprint export RUN`. `fitprint import` imports the file into any store.

    Examples:
      fitprint export @best:val_auc
      fitprint export -q "experiment = 'iris'" -o iris.fitprint.zip
      fitprint export --html -q "experiment = 'iris'" -o iris.html
      fitprint export --openmetrics @last -o metrics.txt
      fitprint export --note iris -o report.html
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("runs", metavar="RUN", nargs="*", help=WORDS)
        add_query(parser)
        add_view(parser)
        parser.add_argument("--all", action="store_true", help="all runs except those in the trash")
        parser.add_argument(
            "--html",
            action="store_true",
            help="write one HTML file to read instead: tables, curves, and what differs",
        )
        parser.add_argument(
            "--openmetrics",
            action="store_true",
            help="write the last values of metrics as OpenMetrics text instead, as GitLab reads it",
        )
        parser.add_argument(
            "--note",
            metavar="EXPERIMENT",
            help=(
                "write the note of an experiment as HTML instead; a line ![TITLE](view:NAME) "
                "becomes a saved view"
            ),
        )
        parser.add_argument(
            "--title",
            metavar="TEXT",
            help="heading of the HTML file; by default the run's name, or the number of runs",
        )
        parser.add_argument(
            "-o",
            "--output",
            metavar="FILE",
            type=Path,
            help="file to write; by default the first run's id with .fitprint.zip, .html or .txt",
        )

    def run(self, arguments: argparse.Namespace) -> int:
        if arguments.note is not None:
            return _write_note(arguments)
        if arguments.html and arguments.openmetrics:
            tell("--html and --openmetrics are two forms; choose one")
            return 2
        runs = _runs(arguments)
        if not runs:
            return 2 if runs is None else 1
        if arguments.html:
            return _write_page(runs, arguments)
        if arguments.openmetrics:
            return _write_metrics(runs, arguments)
        ids = [run.id for run in runs]
        file: Path = arguments.output or Path(f"{short_id(ids[0])}.fitprint.zip")
        exported = export_runs(current(), ids, file)
        tell(
            f"{len(exported)} {'run' if len(exported) == 1 else 'runs'}, "
            f"{size(file.stat().st_size)}"
        )
        print(file)
        return 0


COMMAND = Exporting()


def _runs(arguments: argparse.Namespace) -> Sequence[Run] | None:
    if arguments.view is None or arguments.runs or arguments.all:
        return selected(arguments.runs, arguments.query, everything=arguments.all)
    apply_view(arguments)
    found, _ = listed(arguments, None)
    if not found:
        tell_none(reading.store(), arguments.query or "")
    return found


def _write_metrics(runs: Sequence[Run], arguments: argparse.Namespace) -> int:
    from fitprint.views.openmetrics import openmetrics

    file: Path = arguments.output or Path(f"{short_id(runs[0].id)}.txt")
    file.write_text(openmetrics([run.record for run in runs]), encoding="utf-8")
    print(file)
    return 0


def _write_page(runs: Sequence[Run], arguments: argparse.Namespace) -> int:
    from fitprint.views.curves import curves_of
    from fitprint.views.report import report

    file: Path = arguments.output or Path(f"{short_id(runs[0].id)}.html")
    title = arguments.title or (runs[0].name if len(runs) == 1 else counted_runs(len(runs)))
    compared = compare(runs[:_MOST_COMPARED]) if len(runs) > 1 else None
    records = [run.record for run in runs]
    tables = _tables(records, arguments) if len(runs) > 1 else ""
    text = report(title, records, curves_of(current().store), compared, tables)
    file.write_text(text, encoding="utf-8", errors="backslashreplace")
    tell(f"{counted_runs(len(runs))}, {size(file.stat().st_size)}")
    print(file)
    return 0


def _write_note(arguments: argparse.Namespace) -> int:
    from fitprint.views.report import note_report

    if arguments.runs or arguments.query is not None or arguments.view is not None or arguments.all:
        tell(
            "--note writes the note of an experiment; the views that it embeds say which runs are "
            "shown"
        )
        return 2
    experiment = find_experiment(reading.store(), arguments.note)
    if not experiment.note:
        raise FitprintError(
            f"the experiment {experiment.name!r} has no note; "
            "`fitprint experiments note NAME TEXT` writes one"
        )
    file: Path = arguments.output or Path(f"{short_id(experiment.id)}.html")
    text = note_report(
        arguments.title or experiment.name,
        experiment.note,
        lambda name: _table_of(name, experiment.name),
    )
    file.write_text(text, encoding="utf-8", errors="backslashreplace")
    tell(size(file.stat().st_size))
    print(file)
    return 0


def _table_of(view: str, experiment: str) -> str:
    """Return a saved view as HTML, of this experiment unless it says another one."""
    asked = argparse.Namespace(view=view, query="", experiment="", cols="", metric=[], by="")
    apply_view(asked)
    asked.experiment = asked.experiment or experiment
    runs = [run.record for run in listed(asked, _MOST_EMBEDDED)[0]]
    return _tables(runs, asked) or "<p>no run matches</p>"


def _tables(runs: Sequence[RunRecord], arguments: argparse.Namespace) -> str:
    """Return runs as HTML: a table, or one for each group where a view says so."""
    from fitprint.views.curves import curves_of
    from fitprint.views.markup import runs_table

    said = vars(arguments)
    cols, by, metric = said.get("cols"), said.get("by"), said.get("metric", ())
    store = current().store
    keys = columns.chosen(cols, runs, store.keys()) if cols else None
    group_of = columns.grouping(by, runs) if by and runs else None
    groups: dict[str, list[RunRecord]] = {}
    for run in runs:
        groups.setdefault("" if group_of is None else group_of(run), []).append(run)
    goals = reading.goals(metric)
    tables = {
        title: runs_table(found, curves_of(store), goals, keys) for title, found in groups.items()
    }
    return "".join(
        f"<h3>{escape(title)}</h3>{each}" if title else each for title, each in tables.items()
    )

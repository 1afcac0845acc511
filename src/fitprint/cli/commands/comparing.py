"""``fitprint compare``."""

from __future__ import annotations

import argparse
import csv
import json
from typing import Any

from fitprint.cli import reading
from fitprint.cli.command import whole_number
from fitprint.cli.grid import add_forms
from fitprint.cli.pages import page_of
from fitprint.cli.selecting import add_view, apply_view, listed
from fitprint.cli.terminal import Terminal, as_data, tell
from fitprint.comparing import compare
from fitprint.errors import FitprintError
from fitprint.recording.run import Run
from fitprint.views import comparison_markdown, comparison_table
from fitprint.views.fields import dumped, strict
from fitprint.views.finding import WORDS

__all__ = ["COMMAND", "Comparing"]

_MOST = 50  # runs of a filter, unless --top says otherwise


class Comparing:
    """Up to six runs are shown side by side if there is room; otherwise each run is a line. A star
    marks the best value of a metric, and the arrow after a metric's name says which direction is
    better. With a baseline (of two runs, the first), each metric also shows its difference from the
    baseline: green if better, red if worse. Metrics are compared by their last value. "-" means
    that a run does not have the value. Values that are equal, and defaults that only some of the
    runs have, are shown only with --all.

    fitprint compare @last @best:accuracy_score
    fitprint compare -q "params.C > 0.1" --sort -accuracy_score --top 10 --baseline my-best
    fitprint compare a b c --md >> report.md

    --json prints an object: schema (1), runs (id, name, status, experiment, start_time, duration),
    baseline (an id or null), sections, notes. Each section has name (metrics, params, tags, data,
    packages, environment, code), hidden (the number of rows left out) and rows: key, differs,
    values by run id, and for metrics goal, best (ids) and deltas by run id (delta, percent,
    better). NaN and infinities are the texts "NaN", "Infinity" and "-Infinity". --csv prints a line
    for each run, with full precision.
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("runs", metavar="RUN", nargs="*", help=WORDS)
        parser.add_argument(
            "-q",
            "--query",
            metavar="FILTER",
            help=f"also the runs that match (at most {_MOST} without --top)",
        )
        add_view(parser)
        parser.add_argument(
            "--sort",
            default="",
            metavar="KEYS",
            help="sort the runs of the filter or the view, as in `fitprint ls`",
        )
        parser.add_argument(
            "--top",
            type=whole_number(1),
            metavar="N",
            help="at most N runs of the filter or the view",
        )
        parser.add_argument(
            "--baseline", metavar="RUN", help="the run with which the others are compared"
        )
        parser.add_argument("--all", action="store_true", help="show what is equal, too")
        add_forms(parser)

    def run(self, arguments: argparse.Namespace) -> int:
        apply_view(arguments)
        if not arguments.runs and arguments.query is None:
            tell(
                "name two or more runs, such as `fitprint compare @last NAME`, or give a filter: "
                "`fitprint compare -q 'params.C > 1'`"
            )
            return 2
        if arguments.query is None and (arguments.sort or arguments.top):
            tell("--sort and --top are for the runs of a filter; -q '' means all runs")
            return 2
        runs = [*map(reading.run_named, arguments.runs), *_found(arguments)]
        baseline = None if arguments.baseline is None else reading.run_named(arguments.baseline)
        comparison = compare(runs, baseline, all=arguments.all)
        if arguments.form == "json":
            print(dumped(comparison.to_dict()))
        elif arguments.form == "csv":
            _write_csv(comparison.columns())
        elif arguments.form == "md":
            print(comparison_markdown.markdown(comparison, whole=arguments.all))
        else:
            text, hints = comparison_table.render(
                comparison, page_of(Terminal()), whole=arguments.all
            )
            print(text)
            if not any(section.rows for section in comparison.sections):
                tell("nothing differs among these runs")
            for hint in hints:
                tell(hint)
        return 0


COMMAND = Comparing()


def _found(arguments: argparse.Namespace) -> list[Run]:
    """Return the runs of the filter, or of the view."""
    if arguments.query is None:
        return []
    runs, more = listed(arguments, _MOST)
    if not runs and not arguments.runs:
        raise FitprintError(f"no run matches {arguments.query!r}; `fitprint ls` lists runs")
    if more and not arguments.top:
        tell(f"these are the first {_MOST} runs that match; --top N compares more")
    return runs


def _write_csv(columns: dict[str, list[Any]]) -> None:
    writer = csv.writer(as_data(), lineterminator="\n")
    writer.writerow(columns)
    for row in zip(*columns.values(), strict=True):
        writer.writerow(
            [
                json.dumps(strict(value), ensure_ascii=False)
                if isinstance(value, (list, dict))
                else value
                for value in row
            ]
        )

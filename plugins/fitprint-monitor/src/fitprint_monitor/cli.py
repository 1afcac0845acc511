"""``fitprint drift`` and ``fitprint monitor``."""

from __future__ import annotations

import argparse

from fitprint.cli import reading
from fitprint.cli.command import add_verb
from fitprint.cli.terminal import Terminal, tell
from fitprint.errors import AmbiguousRunError, FitprintError, StoreError
from fitprint.views.fields import dumped
from fitprint_monitor.drifting import compare_sides
from fitprint_monitor.sides import find_side

__all__ = ["DRIFT", "MONITOR", "Drifting", "Monitoring"]

_DRIFT, _USAGE, _MISSING = 1, 2, 3
_SIDE = (
    "a run, RUN:DATASET, models:/NAME@ALIAS for its training data, a file (.csv, .parquet, ...), "
    "or a stored profile"
)


class Drifting:
    """The exit status is 0 if nothing drifts, 1 if something does, 2 if the question makes no
    sense, and 3 if data or their profile are not there.

    A column drifts if less than 1 % of what is told is by chance (chi-square test of the PSI,
    corrected for the number of comparisons) and the change is large enough: PSI or distance of
    Kolmogorov and Smirnov (KS) 0.1, a shift (Wasserstein distance) of 0.1 standard deviations, 5
    points more or less missing, or 1 % of values that the reference did not have. Columns with
    fewer than 500 rows are not judged. JS is the Jensen-Shannon distance.

    Examples:
      fitprint drift models:/churn@champion today.parquet
      fitprint drift @last:churn new.csv --column age
      fitprint drift train-1:X train-2:X --json

    --json prints an object: schema (1), reference, current, drift, rule, columns, faults (column,
    reason) and extra (columns that the reference does not have).
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("reference", metavar="REFERENCE", help=_SIDE)
        parser.add_argument("current", metavar="CURRENT", help="what is compared with it, the same")
        parser.add_argument(
            "--column",
            metavar="NAME",
            action="append",
            default=[],
            help="only this column; may be given several times",
        )
        form = parser.add_mutually_exclusive_group()
        form.add_argument("--json", action="store_true", help="print JSON")
        form.add_argument("--md", action="store_true", help="print a Markdown table")

    def run(self, arguments: argparse.Namespace) -> int:
        try:
            found = compare_sides(
                find_side(arguments.reference),
                find_side(arguments.current),
                columns=arguments.column,
            )
        except FitprintError as error:
            return _status(error)
        if arguments.json:
            print(dumped(found.to_dict()))
        elif arguments.md:
            print(found.to_markdown())
        else:
            print(found.to_text(Terminal()))
        return _DRIFT if found else 0


class Monitoring:
    """MODEL is the name of a registered model (all versions that were watched), one version
    (models:/NAME@ALIAS, models:/NAME/3), or runs:/RUN/model. A server counts what it is asked and
    what it answers in an hour; each window, and all together, are compared with the training as
    `fitprint drift` does it. A column that drifts in two windows one after the other is an alarm,
    until it does not in two. The exit status is that of `fitprint drift`: 1 if an alarm stands, or
    if all together drifts.

    Examples:
      fitprint monitor report churn
      fitprint monitor report models:/churn@champion --since 7d

    --json prints a list of objects, one for each version: schema (1), model, version, drift,
    windows (start, hours, seen, counted, lost, verdict, columns), alarms (column, since, until,
    reason), whole (as `fitprint drift --json` has it), pending and killed.
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True, help="what to do")
        shown = add_verb(
            verbs,
            "report",
            "show what a model was given against its training",
            {"MODEL": "a registered model, one version of it, or runs:/RUN/model"},
        )
        shown.add_argument(
            "--since",
            metavar="TIME",
            default="24h",
            help="such as 24h (the default), 7d or 2026-11-28; more than two days are shown by day",
        )
        form = shown.add_mutually_exclusive_group()
        form.add_argument("--json", action="store_true", help="print JSON")
        form.add_argument("--md", action="store_true", help="print Markdown tables")

    def run(self, arguments: argparse.Namespace) -> int:
        from fitprint_monitor.reporting import report  # `fitprint drift` needs none of it

        try:
            reading.store()  # delivers what was written
            found = report(arguments.model, arguments.since)
        except FitprintError as error:
            return _status(error)
        if arguments.json:
            print(dumped([each.to_dict() for each in found]))
        elif arguments.md:
            print("\n\n".join(each.to_markdown() for each in found))
        else:
            print("\n\n".join(each.to_text(Terminal()) for each in found))
        return _DRIFT if any(found) else 0


def _status(error: FitprintError) -> int:
    tell(str(error))
    missing = isinstance(error, StoreError) and not isinstance(error, AmbiguousRunError)
    return _MISSING if missing else _USAGE


DRIFT = Drifting()
MONITOR = Monitoring()

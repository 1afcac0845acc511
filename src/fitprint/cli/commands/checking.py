"""``fitprint check``."""

from __future__ import annotations

import argparse
from pathlib import Path

from fitprint.cli import reading
from fitprint.cli.terminal import tell
from fitprint.errors import AmbiguousRunError, FitprintError, StoreError
from fitprint.views.fields import dumped
from fitprint.views.finding import WORDS

__all__ = ["COMMAND", "Checking"]

_FAILED, _USAGE, _MISSING = 1, 2, 3


class Checking:
    """The exit status is 0 if everything holds, 1 if something does not, 2 if the question makes no
    sense, and 3 if the run or the baseline is not there or not finished. What the run does not
    have, and NaN, fail. Metrics are compared by their last values.

    fitprint check @last --require 'metrics.val_auc >= 0.9'
    fitprint check @last --no-worse-than models:/churn@champion --metric val_auc --tolerance 0.005
    fitprint check @last --no-worse-than git:origin/main --junit check.xml

    --json prints an object: schema (1), passed, run (id, name, status, experiment), baseline (null,
    or asked, id, name), checks. Each check has kind (require, no-worse-than), name, passed and
    reason; one of kind no-worse-than also has goal, value, baseline, delta and tolerance. NaN and
    infinities are the texts "NaN", "Infinity" and "-Infinity".
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("run", metavar="RUN", help=WORDS)
        parser.add_argument(
            "--require",
            metavar="FILTER",
            action="append",
            default=[],
            help="what must hold, as in `fitprint ls -q`; may be given several times",
        )
        parser.add_argument(
            "--no-worse-than",
            metavar="BASELINE",
            help=(
                "a run, models:/NAME@ALIAS, a file of `fitprint export`, or git:REF: the newest "
                "finished run of the experiment at that commit, with nothing uncommitted"
            ),
        )
        parser.add_argument(
            "--metric",
            metavar="NAME",
            action="append",
            default=[],
            help=(
                "by which both are compared (several times for several); by default the metrics "
                "that --require names, else the one by which runs are judged"
            ),
        )
        parser.add_argument(
            "--tolerance",
            metavar="NUMBER",
            type=float,
            default=0.0,
            help="by how much a metric may be worse, in its own unit (0)",
        )
        parser.add_argument(
            "--goal",
            choices=("min", "max"),
            help="which direction is better, where a metric's name does not say so",
        )
        parser.add_argument(
            "--junit", metavar="FILE", type=Path, help="also write a report of JUnit's"
        )
        parser.add_argument("--json", action="store_true", help="print JSON")

    def run(self, arguments: argparse.Namespace) -> int:
        from fitprint.checking import check  # help needs none of it

        try:
            if nothing := reading.nothing_yet():
                tell(nothing)
                return _MISSING
            gate = check(
                reading.run_named(arguments.run),
                arguments.require,
                no_worse_than=arguments.no_worse_than,
                metric=arguments.metric,
                tolerance=arguments.tolerance,
                goal=arguments.goal,
            )
            if arguments.junit is not None:
                arguments.junit.write_text(gate.to_junit(), encoding="utf-8")
        except FitprintError as error:
            tell(str(error))
            missing = isinstance(error, StoreError) and not isinstance(error, AmbiguousRunError)
            return _MISSING if missing else _USAGE
        except OSError as error:  # status 1 would say that the run is not good enough
            tell(f"{error.strerror or error}{f' ({error.filename})' if error.filename else ''}")
            return _USAGE
        print(dumped(gate.to_dict()) if arguments.json else gate)
        return 0 if gate else _FAILED


COMMAND = Checking()

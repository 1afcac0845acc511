"""``fitprint reproduce``."""

from __future__ import annotations

import argparse
import math

from fitprint.cli import reading
from fitprint.cli.terminal import Terminal, tell
from fitprint.errors import FitprintError
from fitprint.ids import short_id
from fitprint.recording.run import Run
from fitprint.views.fields import dumped
from fitprint.views.finding import WORDS
from fitprint_projects.errors import ProjectError
from fitprint_projects.reproducing import Choices, fresh_folder, reproduce, run_again
from fitprint_projects.reproducing.pages import as_markdown, as_text
from fitprint_projects.reproducing.reports import Report
from fitprint_projects.running import ending_with_us
from fitprint_projects.trust import HELP

__all__ = ["COMMAND", "Reproducing"]


class Reproducing:
    """The recorded code (commit, uncommitted changes, small untracked files, submodules) comes to a
    fresh folder, and the recorded command runs there with the packages, seeds and variables of
    then. The working tree here, its HEAD, index and stash stay as they are. What the program prints
    goes to standard error.

    fitprint reproduce @last --check
    fitprint reproduce churn-v3 --check --tolerance 'val_*=1e-6'

    Without --check, it only runs, and the new run is printed. With --check, parameters, data
    digests, metrics (point by point) and models (bytes, else predictions) are compared. The exit
    status is 0 if they are EXACT or WITHIN the tolerance, 1 if they are DIFFERENT, 3 if it is
    IMPOSSIBLE to tell. The new run has the tag `reproduces`, and the artifact reproduction.json.
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("run", metavar="RUN", help=WORDS)
        parser.add_argument("--check", action="store_true", help="compare what comes out")
        parser.add_argument(
            "--tolerance",
            action="append",
            default=[],
            metavar="KEY=REL",
            type=_tolerance,
            help="let metrics of this name or pattern differ by this part of the larger value "
            "(else 1e-9, 1e-5 on another processor, 1e-3 with a GPU)",
        )
        parser.add_argument(
            "--env",
            choices=("recorded", "current"),
            default="recorded",
            help="packages of then, which uv builds if they are not those at hand, or those at "
            "hand (default: recorded)",
        )
        parser.add_argument(
            "--code",
            choices=("recorded", "current"),
            default="recorded",
            help="code of then, or that of the repository here as it is now (default: recorded)",
        )
        parser.add_argument(
            "--set",
            action="append",
            default=[],
            dest="given",
            metavar="NAME=VALUE",
            type=_given,
            help="give a secret of the command, which was not recorded",
        )
        parser.add_argument(
            "--bring",
            action="append",
            default=[],
            metavar="PATH",
            help="copy a file or folder from here into the fresh folder, such as data that git "
            "ignores",
        )
        parser.add_argument(
            "--offline",
            action="store_true",
            help="use no network, neither for packages nor for code",
        )
        parser.add_argument("--keep", action="store_true", help="keep the fresh folder")
        parser.add_argument("--trust", action="store_true", help=HELP)
        parser.add_argument("--all", action="store_true", help="show what is the same, too")
        form = parser.add_mutually_exclusive_group()
        form.add_argument(
            "--json", action="store_const", dest="form", const="json", help="print JSON"
        )
        form.add_argument(
            "--md", action="store_const", dest="form", const="md", help="print Markdown"
        )

    def run(self, arguments: argparse.Namespace) -> int:
        run = reading.run_named(arguments.run)
        choices = Choices(
            arguments.env,
            arguments.code,
            dict(arguments.given),
            arguments.bring,
            arguments.offline,
            arguments.keep,
            arguments.trust,
        )
        if not arguments.check and (arguments.form or arguments.tolerance):
            tell("--json, --md and --tolerance belong to --check")
            return 2
        try:
            with ending_with_us():
                if arguments.check:
                    report = reproduce(run, choices, dict(arguments.tolerance), tell)
                    text, status = _text(report, arguments), report.exit_status
                else:
                    text, status = _only_run(run, choices)
        except ProjectError as error:
            tell(str(error))
            return 2
        print(text)  # noqa: T201 - printing is what a command does
        return status


def _text(report: Report, arguments: argparse.Namespace) -> str:
    if arguments.form == "json":
        return dumped(report.to_dict())
    if arguments.form == "md":
        return as_markdown(report, whole=arguments.all)
    return as_text(report, Terminal(), whole=arguments.all)


def _only_run(run: Run, choices: Choices) -> tuple[str, int]:
    with fresh_folder(choices.keep, tell) as folder:
        done = run_again(run, choices, folder, tell)
    if done.run is None:
        raise FitprintError(
            f"the program ended with status {done.ended.status}, and recorded no run that stands "
            "for this one"
        )
    for note in done.notes:
        tell(note)
    return f"{done.run.name} ({short_id(done.run.id)})", int(done.ended.status != 0)


def _given(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not (name and sign) or "\0" in value:
        raise argparse.ArgumentTypeError(f"{name!r} must be followed by = and the secret")
    return name, value


def _tolerance(text: str) -> tuple[str, float]:
    name, sign, value = text.rpartition("=")
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not (name and sign) or not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(
            f"{text!r} must be a metric, = and a number from 0 on, such as val_loss=1e-6"
        )
    return name, number


COMMAND = Reproducing()

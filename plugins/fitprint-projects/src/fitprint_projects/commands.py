"""``fitprint run`` and ``fitprint clone``."""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Mapping
from typing import Any

from fitprint.cli.command import whole_number
from fitprint.cli.terminal import tell
from fitprint.context.secrecy import withheld
from fitprint.ids import short_id
from fitprint_projects.errors import ProjectError
from fitprint_projects.parameters import assigned
from fitprint_projects.trust import HELP

__all__ = ["CLONE", "RUN", "Cloning", "Running"]


class Running:
    """SOURCE is a folder, a script, a zip, or a repository: URL#FOLDER with --version, or
    git+URL@REVISION#subdirectory=FOLDER. A repository is fetched into a folder of its own: your
    working tree, its HEAD and its index stay as they are.

    The project says what it is in MLproject, as MLflow defines it, or in the table
    [tool.fitprint.project] of pyproject.toml; without either, scripts can be run.

    The exit status is that of the command; 2 if the project cannot be run as asked.

    Examples:
      fitprint run . -P alpha=0.5
      fitprint run https://HOST/NAME.git#examples --version v1.2 -e train -P alpha=0.5
      fitprint run train.py -P epochs=3
      fitprint run . --matrix lr=0.1,0.01 depth=2:6 -j 4
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "source", metavar="SOURCE", nargs="?", default=".", help="the project; . by default"
        )
        parser.add_argument(
            "-e", "--entry", default="", help="the entry point, or a script; main by default"
        )
        parser.add_argument("--version", default="", help="a branch, a tag or a commit")
        parser.add_argument("--experiment", default="", help="the experiment of the run")
        _add_common(parser)
        parser.add_argument(
            "--matrix",
            metavar="NAME=VALUES",
            nargs="+",
            default=[],
            help="run once for each combination: values with commas, or FIRST:LAST[:STEP]",
        )
        parser.add_argument(
            "-j",
            "--jobs",
            metavar="N",
            type=whole_number(1),
            default=1,
            help="how many of them at once",
        )
        parser.add_argument(
            "--resume",
            metavar="RUN",
            default="",
            help="go on with the matrix of this run: what has finished is not run again",
        )

    def run(self, arguments: argparse.Namespace) -> int:
        from fitprint_projects.running import Wish

        try:
            wish = Wish(
                arguments.source,
                arguments.entry,
                arguments.version,
                arguments.environment or "auto",
                arguments.runner or "local",
                assigned(arguments.option, "--option"),
                arguments.experiment,
                arguments.offline,
                arguments.json,
                build=not arguments.dry_run,
                trust=arguments.trust,
            )
            return _run(wish, assigned(arguments.parameter), arguments)
        except ProjectError as error:
            tell(str(error))
            return 2


class Cloning:
    """The code, the entry point, the environment and all parameters are those of RUN, but for what
    -P changes. RUN was made by `fitprint run` (or by this command).

    Example:
      fitprint clone @last -P alpha=0.1
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("run", metavar="RUN", help="the run")
        parser.add_argument(
            "--experiment", default="", help="the experiment of the new run; that of RUN by default"
        )
        _add_common(parser)

    def run(self, arguments: argparse.Namespace) -> int:
        from fitprint_projects.cloning import cloned

        try:
            wish, given, tags = cloned(arguments.run, assigned(arguments.parameter), arguments)
            return _run(wish, given, arguments, tags)
        except ProjectError as error:
            tell(str(error))
            return 2


RUN, CLONE = Running(), Cloning()


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-P",
        "--parameter",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="a parameter; one that an MLproject or a script does not declare is added as --NAME "
        "VALUE",
    )
    parser.add_argument(
        "--env",
        dest="environment",
        choices=("auto", "local", "uv", "conda", "container"),
        help="the environment: as the project says (auto), or that of fitprint itself (local)",
    )
    parser.add_argument(
        "--runner", metavar="NAME", help="where it runs: local, container, slurm, kubernetes"
    )
    parser.add_argument(
        "--option",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="an option of the runner, such as partition=gpu",
    )
    parser.add_argument("--name", default="", help="a name for the run")
    parser.add_argument("--offline", action="store_true", help="build environments without network")
    parser.add_argument("--trust", action="store_true", help=HELP)
    parser.add_argument(
        "-n", "--dry-run", action="store_true", help="only say what would be run; record nothing"
    )
    parser.add_argument(
        "--json", action="store_true", help="print JSON; the command prints to standard error"
    )


def _run(
    wish: Any,
    given: Mapping[str, str],
    arguments: argparse.Namespace,
    tags: Mapping[str, str] | None = None,
) -> int:
    from fitprint_projects.running import ending_with_us, planned, prepare_process

    matrix = getattr(arguments, "matrix", None) or getattr(arguments, "resume", "")
    with ending_with_us(), planned(wish, tell) as plan:
        if matrix:
            from fitprint_projects.matrix import run_matrix

            status: int = run_matrix(plan, given, arguments)
            return status
        values = plan.arguments(given)
        command = plan.template(values)
        if arguments.dry_run:
            return _show(plan, values, as_json=arguments.json)
        prepare_process(takes_over=plan.interpreter.takes_over(command))
        if not plan.interpreter.records and plan.interpreter.kind == "uv":
            tell(
                "the environment of the project has no fitprint: parameters and outcome are "
                "recorded, what is trained is not; add fitprint to its requirements"
            )
        outcome = plan.execute(given, name=arguments.name, tags=tags)
        if arguments.json:
            print(
                json.dumps(
                    {
                        **plan.facts(values),
                        "run": outcome.run,
                        "name": outcome.name,
                        "status": outcome.status,
                    },
                    ensure_ascii=False,
                )
            )
        else:
            tell(f"run {outcome.name} ({short_id(outcome.run)}) ended with status {outcome.status}")
        return outcome.status


def _show(plan: Any, values: Any, *, as_json: bool) -> int:
    """Say what would be run, without secrets."""
    command = plan.shown(values)
    prepared = plan.runner.prepare(plan.job(command, "0" * 32, "dry-run", {}))
    if as_json:
        shown = {
            **plan.facts(values),
            "prepared": {"command": list(prepared.command), "files": dict(prepared.files)},
        }
        print(json.dumps(shown, ensure_ascii=False))
        return 0
    print(f"project   {plan.source.shown}")
    if plan.source.revision:
        print(f"revision  {plan.source.revision}{' (changed)' if plan.source.dirty else ''}")
    print(f"entry     {plan.entry.name}")
    for name, each in values.items():
        print(f"parameter {name} = {withheld(name, each.value)!r} ({each.origin})")
    print(f"command   {shlex.join(command)}")
    print(f"run by    {shlex.join(prepared.command)}")
    for name, text in prepared.files.items():
        print(f"\n{name}:\n{text}")
    return 0

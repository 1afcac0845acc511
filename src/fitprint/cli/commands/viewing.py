"""``fitprint views``."""

from __future__ import annotations

import argparse
import json
from typing import Any

from fitprint.cli.command import add_verb, whole_number
from fitprint.cli.grid import Column, render
from fitprint.cli.terminal import Terminal, tell
from fitprint.recording.workspace import current
from fitprint.views.saved import SavedView, find_view, remove_view, save_view, saved_views
from fitprint.views.wording import clean

__all__ = ["COMMAND", "Viewing"]


class Viewing:
    """A view is a saved listing: use it with `fitprint ls --view NAME`, and also with compare, plot
    and export. Views are tables in the project's pyproject.toml, [tool.fitprint.views.NAME], so
    everybody who has the project has them.

    --json prints an object, or a list of them: name, filter, experiment, sort, columns, by (texts),
    metric (a list of names) and top (a number); "", [] and 0 mean that it is not set.

    Examples:
      fitprint views
      fitprint views save best -q "metrics.val_auc > 0.9" --sort -val_auc --cols 'val_*,lr'
      fitprint ls --view best
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print JSON")
        verbs = parser.add_subparsers(
            dest="verb", metavar="VERB", help="what to do with one; without it, they are listed"
        )
        save = add_verb(verbs, "save", "save a listing; replaces a view of this name")
        save.add_argument("name", metavar="NAME", help="letters, digits, - and _")
        save.add_argument(
            "experiment",
            metavar="EXPERIMENT",
            nargs="?",
            default="",
            help="only runs of this experiment",
        )
        save.add_argument(
            "-q", "--query", default="", metavar="FILTER", help="only runs that match"
        )
        save.add_argument(
            "--sort", default="", metavar="KEYS", help="in which order; -KEY for the greatest first"
        )
        save.add_argument("--cols", default="", metavar="NAMES", help="columns to show")
        save.add_argument(
            "-m",
            "--metric",
            metavar="METRIC",
            action="append",
            default=[],
            help="the metric by which to judge runs",
        )
        save.add_argument(
            "--by", default="", metavar="KEY", help="print a table for each value of this"
        )
        save.add_argument(
            "--top", type=whole_number(1), default=0, metavar="N", help="at most N runs"
        )
        for verb, words in (("show", "print a view"), ("rm", "remove a view")):
            one = add_verb(verbs, verb, words)
            one.add_argument("name", metavar="NAME", help="the view")
            if verb == "show":
                one.add_argument(
                    "--json", action="store_true", default=argparse.SUPPRESS, help="print JSON"
                )

    def run(self, arguments: argparse.Namespace) -> int:
        home = current().settings["home"]
        if arguments.verb == "save":
            tell(
                f"saved the view {arguments.name!r} in {save_view(_asked(arguments), home)}; "
                f"`fitprint ls --view {arguments.name}`"
            )
        elif arguments.verb == "rm":
            tell(f"removed the view {arguments.name!r} from {remove_view(arguments.name, home)}")
        elif arguments.verb == "show":
            view = find_view(arguments.name, home)
            print(
                json.dumps(view.fields(), ensure_ascii=False, indent=2)
                if arguments.json
                else _as_lines(view)
            )
        else:
            _list(list(saved_views(home).values()), as_json=arguments.json)
        return 0


COMMAND = Viewing()


def _asked(arguments: argparse.Namespace) -> SavedView:
    return SavedView(
        arguments.name,
        filter=arguments.query,
        experiment=arguments.experiment,
        sort=arguments.sort,
        columns=arguments.cols,
        metric=tuple(arguments.metric),
        by=arguments.by,
        top=arguments.top,
    )


def _as_lines(view: SavedView) -> str:
    return "\n".join(
        f"{key:10}  {clean(_words(value))}" for key, value in view.fields().items() if value
    )


def _list(views: list[SavedView], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([view.fields() for view in views], ensure_ascii=False, indent=2))
    elif not views:
        tell("there is no view yet; `fitprint views save NAME -q FILTER` saves one")
    else:
        columns = [
            Column("view", [clean(view.name) for view in views], styles=["bold"] * len(views))
        ]
        told = [view.fields() for view in views]
        for rank, key in enumerate(
            ("experiment", "filter", "sort", "columns", "metric", "by", "top")
        ):
            if any(each[key] for each in told):
                columns.append(Column(key, [clean(_words(each[key])) for each in told], rank + 1))
        print(render(columns, Terminal(), most=60)[0])


def _words(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value or "")

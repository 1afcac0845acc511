"""``fitprint experiments``."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from fitprint import clock
from fitprint.cli import reading
from fitprint.cli.command import add_verb
from fitprint.cli.grid import Column, render
from fitprint.cli.selecting import tags_of
from fitprint.cli.terminal import Terminal, tell
from fitprint.entities import Experiment
from fitprint.recording.experiments import (
    archive_experiment,
    create_experiment,
    rename_experiment,
    restore_experiment,
    set_experiment_note,
    set_experiment_tags,
)
from fitprint.views.fields import dumped, experiment_fields
from fitprint.views.ranking import Goals
from fitprint.views.wording import age, clean

__all__ = ["COMMAND", "Experimenting"]

_NAME = {"NAME": "the experiment"}
_VERBS: dict[str, tuple[str, dict[str, str]]] = {
    "create": ("create an experiment without a run", {"NAME": "what to call it"}),
    "rename": (
        "give it another name; runs that start under the old name still belong to it",
        {**_NAME, "NEW_NAME": "what to call it"},
    ),
    "archive": ("hide it and its runs in listings; nothing is deleted", _NAME),
    "restore": ("bring it back from the archive", _NAME),
    "note": ("write down what it is about", {**_NAME, "TEXT": "the note; '' removes it"}),
    "tag": (
        "set tags; the tag `metric` names the metric by which its runs are judged",
        {**_NAME, "KEY=VALUE": "a tag to set; several may follow"},
    ),
}


class Experimenting:
    """An experiment is created with its first run, or with `create`. --json prints a list of
    objects with id, name, number, created, last_activity, archived_time (ISO 8601, UTC), run_count,
    former_names, tags and note.

    Examples:
      fitprint experiments
      fitprint experiments rename Default iris
      fitprint experiments tag iris metric=val_auc
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print JSON")
        parser.add_argument("--all", action="store_true", help="list those in the archive, too")
        verbs = parser.add_subparsers(
            dest="verb", metavar="VERB", help="what to do with one; without it, they are listed"
        )
        for verb, (help_text, names) in _VERBS.items():
            one = add_verb(verbs, verb, help_text, names)
            if verb == "tag":
                one.add_argument(
                    "--remove",
                    metavar="KEY",
                    action="append",
                    default=[],
                    help="a tag to remove; may be given several times",
                )

    def run(self, arguments: argparse.Namespace) -> int:
        if arguments.verb is None:
            return _list(arguments)
        if arguments.verb == "tag" and not (arguments.key or arguments.remove):
            tell(f"name the tags: {clean(arguments.name)} KEY=VALUE ..., or --remove KEY")
            return 2
        if arguments.verb != "create":
            reading.store()
        acts: dict[str, Callable[[], Any]] = {
            "create": lambda: create_experiment(arguments.name),
            "rename": lambda: rename_experiment(arguments.name, arguments.new_name),
            "archive": lambda: archive_experiment(arguments.name),
            "restore": lambda: restore_experiment(arguments.name),
            "note": lambda: set_experiment_note(arguments.name, arguments.text),
            "tag": lambda: set_experiment_tags(
                arguments.name, tags_of(arguments.key, arguments.remove)
            ),
        }
        experiment: Experiment = acts[arguments.verb]()
        metric = (
            Goals.told((), [experiment]).of_experiments.get(experiment.name, ())
            if arguments.verb == "tag"
            else ()
        )
        if metric and not set(metric) & set(reading.store().keys().metrics):
            tell(f"no run has a metric {clean(metric[0])!r} yet")
        done = {
            "create": "created",
            "rename": "renamed to",
            "note": "wrote the note of",
            "tag": "tagged",
        }
        tell(f"{done.get(arguments.verb, f'{arguments.verb}d')} {clean(experiment.name)!r}")
        return 0


COMMAND = Experimenting()


def _list(arguments: argparse.Namespace) -> int:
    if nothing := reading.nothing_yet():
        tell(nothing)
        if arguments.json:
            print("[]")
        return 0
    found = [
        each
        for each in reading.store().experiments()
        if arguments.all or each.archived_time is None
    ]
    if arguments.json:
        print(dumped([experiment_fields(each) for each in found]))
        return 0
    if not found:
        tell("there is no experiment")
        return 0
    now = clock.now()
    ages = [
        "" if each.last_activity is None else age((now - each.last_activity) / 1e6)
        for each in found
    ]
    print(
        render(
            [
                Column(
                    "experiment", [clean(each.name) for each in found], styles=["bold"] * len(found)
                ),
                Column("runs", [str(each.run_count) for each in found], right=True),
                Column("last run", ages, 1, right=True),
                *(
                    [
                        Column(
                            "archived",
                            ["" if each.archived_time is None else "yes" for each in found],
                            2,
                        )
                    ]
                    if arguments.all
                    else []
                ),
                Column(
                    "tags",
                    [
                        clean(
                            ", ".join(f"{key}={value}" for key, value in sorted(each.tags.items()))
                        )
                        for each in found
                    ],
                    4,
                ),
                Column("note", [clean((each.note.splitlines() or [""])[0]) for each in found], 3),
            ],
            Terminal(),
            most=60,
        )[0]
    )
    return 0

"""``fitprint tag``."""

from __future__ import annotations

import argparse

from fitprint.cli import reading
from fitprint.cli.selecting import add_query, selected, tags_of
from fitprint.cli.terminal import tell
from fitprint.views.wording import clean, counted_runs

__all__ = ["COMMAND", "Tagging"]


class Tagging:
    """A tag without a value gets the value "true". `fitprint show '#baseline'` is the newest run
    with the tag `baseline`, and `fitprint ls -q "tags.team = 'a'"` lists the runs whose tag `team`
    is `a`.

    Examples:
      fitprint tag @last baseline
      fitprint tag 9b6559 team=a reviewed=yes
      fitprint tag 9b6559 --remove baseline
      fitprint tag -q "metrics.val_auc > 0.9" good
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "words",
            metavar="RUN KEY[=VALUE]",
            nargs="*",
            help="a run (none with -q), then the tags to set",
        )
        parser.add_argument(
            "--remove",
            metavar="KEY",
            action="append",
            default=[],
            help="a tag to remove; may be given several times",
        )
        add_query(parser)

    def run(self, arguments: argparse.Namespace) -> int:
        words = list(arguments.words)
        names = [] if arguments.query is not None else words[:1]
        tags = tags_of(words[len(names) :], arguments.remove)
        if not tags:
            tell("name the tags to set: RUN KEY=VALUE ..., or to remove: RUN --remove KEY")
            return 2
        store = reading.store()
        for word in words[len(names) :]:
            if "=" not in word and store.resolve(word):
                tell(
                    f"{clean(word)!r} is a run; tag several runs with -q FILTER, or write "
                    f"{clean(word)}=true for a tag of this name"
                )
                return 2
        runs = selected(names, arguments.query)
        if runs is None:
            return 2
        if not runs:
            return 1
        for key in arguments.remove:
            if not any(key in run.tags for run in runs):
                told = "the run has" if len(runs) == 1 else f"{counted_runs(len(runs))} have"
                tell(f"{told} no tag {clean(key)!r}; nothing is changed")
                return 1
        for run in runs:
            run.set_tags(tags)
        reading.store()  # delivers what was written
        tell(f"tagged {counted_runs(len(runs))}: {', '.join(_told(tags))}")
        return 0


COMMAND = Tagging()


def _told(tags: dict[str, str | None]) -> list[str]:
    return [
        clean(f"{key} removed" if value is None else f"{key}={value}")
        for key, value in tags.items()
    ]

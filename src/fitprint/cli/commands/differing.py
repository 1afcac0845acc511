"""``fitprint diff``."""

from __future__ import annotations

import argparse

from fitprint.cli import reading
from fitprint.cli.pages import page_of
from fitprint.cli.terminal import Terminal, tell
from fitprint.comparing import diff
from fitprint.views import difference_text
from fitprint.views.fields import dumped
from fitprint.views.finding import WORDS

__all__ = ["COMMAND", "Differing"]


class Differing:
    """The code of each run is its commit, if the git repository around the working directory or the
    home has it, with the recorded uncommitted changes and untracked files. Nothing is executed, and
    no file is changed.

    fitprint diff @best:accuracy_score @last
    fitprint diff main-run @last --md --exit-code

    --json prints the object of `fitprint compare --json` and differs, packages (added, removed,
    changed), columns (of each data set: data, added, removed, changed) and code (what, diff, cut).
    Durations do not count: two runs differ if anything else does.
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("a", metavar="A", help=f"the earlier run: {WORDS}")
        parser.add_argument("b", metavar="B", help="the run to compare with it")
        parser.add_argument(
            "--all", action="store_true", help="show what is equal, too, and all lines"
        )
        parser.add_argument(
            "--exit-code", action="store_true", help="exit with status 1 if the runs differ"
        )
        form = parser.add_mutually_exclusive_group()
        form.add_argument(
            "--json", action="store_const", dest="form", const="json", help="print JSON"
        )
        form.add_argument(
            "--md",
            action="store_const",
            dest="form",
            const="md",
            help="print Markdown, for a comment",
        )

    def run(self, arguments: argparse.Namespace) -> int:
        difference = diff(
            reading.run_named(arguments.a), reading.run_named(arguments.b), all=arguments.all
        )
        if arguments.form == "json":
            print(dumped(difference.to_dict()))
        elif arguments.form == "md":
            print(difference_text.markdown(difference))
        else:
            text, hints = difference_text.render(
                difference, page_of(Terminal(), "--json"), whole=arguments.all
            )
            print(text)
            if not difference.differs:
                tell("the runs do not differ, but for how long they took")
            for hint in hints:
                tell(hint)
        return int(arguments.exit_code and difference.differs)


COMMAND = Differing()

"""``fitprint get``."""

from __future__ import annotations

import argparse
import sys
from pathlib import PurePosixPath

from fitprint.cli import reading
from fitprint.ids import short_id
from fitprint.views.finding import WORDS

__all__ = ["COMMAND", "Getting"]


class Getting:
    """A file or folder is copied under its own name into the working directory; all artifacts are
    copied into a folder named after the run's id. Every byte is checked against the digest that was
    recorded. An autologged model has the path `model`. The path that was written is printed.

    With --link nothing is copied: a link to a file is printed, with which anybody can read it for
    an hour. This needs an artifact store in a bucket.
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("run", metavar="RUN", help=WORDS)
        parser.add_argument(
            "path",
            metavar="PATH",
            nargs="?",
            default="",
            help="file or folder inside the run; all if left out",
        )
        way = parser.add_mutually_exclusive_group()
        way.add_argument("--link", action="store_true", help="print a link to a file in a bucket")
        way.add_argument(
            "-o",
            "--output",
            metavar="DESTINATION",
            help="file or folder to write; - writes a file to standard output",
        )

    def run(self, arguments: argparse.Namespace) -> int:
        run = reading.run_named(arguments.run)
        if arguments.link:
            print(run.link(arguments.path))
        elif arguments.output == "-":
            sys.stdout.buffer.write(run.read(arguments.path))
        else:
            print(
                run.download(
                    arguments.path,
                    arguments.output
                    or PurePosixPath(arguments.path).name
                    or f"run-{short_id(run.id)}",
                )
            )
        return 0


COMMAND = Getting()

"""``fitprint note``."""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from fitprint.cli import reading
from fitprint.cli.terminal import tell
from fitprint.errors import FitprintError
from fitprint.ids import short_id
from fitprint.views.finding import WORDS
from fitprint.views.wording import clean

__all__ = ["COMMAND", "Noting"]


class Noting:
    """Without a text, the note is printed. A note is Markdown; a new one replaces the old one,
    unless you use --append.

    Examples:
      fitprint note @last "overfits from epoch 12 on"
      fitprint note 9b6559 --append "the same with dropout 0.3"
      fitprint note 9b6559 --edit
      git log -1 | fitprint note @last -
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("run", metavar="RUN", help=WORDS)
        parser.add_argument(
            "text", metavar="TEXT", nargs="?", help="the note; - reads it from standard input"
        )
        parser.add_argument("--append", metavar="TEXT", help="add a text below the existing note")
        parser.add_argument(
            "--edit", action="store_true", help="open the note in $VISUAL or $EDITOR"
        )

    def run(self, arguments: argparse.Namespace) -> int:
        if arguments.text is None and arguments.append is None and not arguments.edit:
            run = reading.run_named(arguments.run)
            if not run.note:
                tell(f"{clean(run.name)} has no note; `fitprint note RUN TEXT` writes one")
            print(*map(clean, run.note.splitlines()), sep="\n", end="\n" if run.note else "")
            return 0
        if (arguments.text is not None) + (arguments.append is not None) + arguments.edit > 1:
            tell("give the note as TEXT, with --append, or with --edit")
            return 2
        run = reading.only_run(arguments.run)
        if arguments.edit:
            text = _edited(run.note)
        elif arguments.append is not None:
            text = "\n\n".join(filter(None, [run.note, _given(arguments.append)]))
        else:
            text = _given(arguments.text)
        run.set_note(text)
        tell(f"wrote the note of {clean(run.name)} ({short_id(run.id)})")
        return 0


COMMAND = Noting()


def _given(text: str) -> str:
    return sys.stdin.read().rstrip("\n") if text == "-" else text


def _edited(text: str) -> str:
    """Return what somebody made of the text in an editor.

    Raises:
        FitprintError: there is no editor, or it ended with an error; nothing is changed.
    """
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "note.md"
        file.write_text(text, "utf-8")
        try:
            subprocess.run([*shlex.split(editor), str(file)], check=True)
        except (OSError, ValueError, subprocess.CalledProcessError) as error:
            raise FitprintError(
                f"the editor {editor!r} failed ({error}); the note is as it was"
            ) from error
        return file.read_text("utf-8").rstrip("\n")

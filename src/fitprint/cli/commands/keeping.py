"""``fitprint data``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from fitprint.cli import reading
from fitprint.cli.command import add_verb
from fitprint.cli.terminal import tell
from fitprint.views.fields import dumped
from fitprint.views.wording import clean, size

if TYPE_CHECKING:
    from fitprint.recording.kept_data import Data

__all__ = ["COMMAND", "Keeping"]

_MOST_NAMES = 1000  # of files that differ


class Keeping:
    """DATA is a digest or its beginning (sha256:...), the path that was added, or a run that has
    used the data. `fitprint data verify` reads all bytes, names what was added (+), removed (-) or
    changed (~), and ends with status 1 if anything was. `fitprint data get` writes over no file
    that has other bytes, unless --overwrite says so.

    fitprint data add data/ --keep
    fitprint data verify data/
    fitprint data get sha256:8f3a21 -o data/
    fitprint ls -q "datasets.digest = 'sha256:8f3a...'"

    --json prints an object: schema (1), name, digest, kept, run (an id), facts (type, path, files,
    bytes ...); of verify also same, added, removed and changed (paths).
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        verbs = parser.add_subparsers(
            dest="verb", metavar="VERB", required=True, help="add, get or verify"
        )
        data = {"DATA": "a digest or its beginning, a path that was added, or a run"}
        add = add_verb(
            verbs, "add", "record which bytes a file or folder has", {"PATH": "a file or folder"}
        )
        add.add_argument("--keep", action="store_true", help="keep the bytes, too")
        add.add_argument("--name", help="a short name; the last part of the path by default")
        get = add_verb(verbs, "get", "write the kept bytes of data", data)
        get.add_argument(
            "-o", "--output", metavar="DESTINATION", help="file or folder; the data's name here"
        )
        get.add_argument(
            "--overwrite", action="store_true", help="replace files that have other bytes"
        )
        verify = add_verb(
            verbs,
            "verify",
            "say what has changed",
            {**data, "[PATH]": "where the data are now; by default where they were added"},
        )
        for each in (add, verify):
            each.add_argument("--json", action="store_true", help="print JSON")

    def run(self, arguments: argparse.Namespace) -> int:
        from fitprint.recording.kept_data import add_data, get_data  # help needs none of it

        if arguments.verb == "add":
            data = add_data(arguments.path, keep=arguments.keep, name=arguments.name)
            reading.store()  # delivers what was written
            if arguments.json:
                print(dumped(_fields(data)))
            else:
                facts = data.dataset.facts
                count = f"{facts['files']} {'file' if facts['files'] == 1 else 'files'}"
                kept = "kept" if data.kept else "not kept (--keep does that)"
                tell(f"{clean(data.name)}: {count}, {size(facts['bytes'])}, {kept}")
                print(data.digest)
            return 0
        reading.store()
        data = get_data(arguments.data)
        if arguments.verb == "get":
            print(data.download(arguments.output, overwrite=arguments.overwrite))
            return 0
        changes = data.verify(arguments.path)
        if arguments.json:
            print(dumped({**_fields(data), "same": not changes, **changes._asdict()}))
            return int(bool(changes))
        lines = [
            f"{sign} {clean(path) or clean(data.name)}"
            for sign, paths in (
                ("+", changes.added),
                ("-", changes.removed),
                ("~", changes.changed),
            )
            for path in paths
        ]
        print("\n".join(lines[:_MOST_NAMES]) if lines else f"{clean(data.name)} is as it was")
        if len(lines) > _MOST_NAMES:
            tell(f"these are the first {_MOST_NAMES} of {len(lines)}; --json has all")
        return int(bool(changes))


COMMAND = Keeping()


def _fields(data: Data) -> dict[str, object]:
    return {
        "schema": 1,
        "name": data.name,
        "digest": data.digest,
        "kept": data.kept,
        "run": data.run.id,
        "facts": dict(data.dataset.facts),
    }

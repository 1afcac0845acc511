"""``fitprint env``."""

from __future__ import annotations

import argparse
from pathlib import Path

from fitprint.cli import reading
from fitprint.cli.command import add_verb
from fitprint.cli.terminal import agreed, tell
from fitprint.views.finding import WORDS
from fitprint.views.wording import size

__all__ = ["COMMAND", "Environments"]


class Environments:
    """Environments that uv or conda has built for projects and reproductions are kept in your
    cache, each once. `fitprint env gc` removes those that were not used for 30 days (--unused);
    they are built again when they are wanted. What a process builds or runs from stays.

    `fitprint env lock RUN` prints what the environment of a run held: requirements.txt has the
    digest of the file that each package was installed from, if fitprint built the environment.
    pylock.toml is made by uv, for the same versions, with the addresses of your registry.

    fitprint env gc --dry-run
    fitprint env lock @last -o requirements.txt
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True, help="gc or lock")
        gc = add_verb(verbs, "gc", "remove environments that are no longer used")
        gc.add_argument(
            "--unused",
            metavar="DAYS",
            type=_days,
            default=30.0,
            help="keep what was used in the last DAYS days (30)",
        )
        gc.add_argument(
            "-n", "--dry-run", action="store_true", help="only say what would be removed"
        )
        gc.add_argument("--yes", action="store_true", help="do not ask")
        lock = add_verb(verbs, "lock", "print what the environment of a run held", {"RUN": WORDS})
        lock.add_argument(
            "--format",
            choices=("requirements.txt", "pylock.toml"),
            default="requirements.txt",
            help="the form (default: requirements.txt)",
        )
        lock.add_argument("-o", "--output", metavar="FILE", type=Path, help="write it to a file")
        lock.add_argument("--offline", action="store_true", help="use no network for pylock.toml")

    def run(self, arguments: argparse.Namespace) -> int:
        return _collect(arguments) if arguments.verb == "gc" else _lock(arguments)


def _collect(arguments: argparse.Namespace) -> int:
    from fitprint_projects.environments.collecting import remove, unused

    found = list(unused(arguments.unused))
    for each in found:
        print(f"{each.folder}  unused for {each.days:.0f} days, {size(each.size)}")
    count = f"{len(found)} {'environment' if len(found) == 1 else 'environments'}"
    told = f"{count} ({size(sum(each.size for each in found))})"
    if arguments.dry_run or not found:
        tell(f"{told} would be removed" if found else "there is no environment to remove")
        return 0
    if not arguments.yes and not agreed(f"remove {told}? [y/N] "):
        tell(f"nothing was removed of {told}; add --yes to remove it without being asked")
        return 1
    left = [each for each in found if not remove(each)]
    for each in left:
        tell(f"{each.folder} stays: a process uses it, or it cannot be removed")
    tell(f"{len(found) - len(left)} of {count} removed")
    return 1 if left else 0


def _lock(arguments: argparse.Namespace) -> int:
    from fitprint_projects.environments.locks import packages_of, pylock, python_of, requirements

    run = reading.only_run(arguments.run)
    packages = packages_of(run)
    if arguments.format == "pylock.toml":
        text = pylock(packages, python_of(run), offline=arguments.offline)
    else:
        text = requirements(packages)
        unknown = [each["name"] for each in packages if "sha256" not in each]
        if unknown:
            more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
            tell(
                f"no digest is known of {', '.join(unknown[:5])}{more}: they were installed by "
                "something else, or from a folder"
            )
    if arguments.output is None:
        print(text, end="")
    else:
        arguments.output.write_text(text, encoding="utf-8")
    return 0


def _days(text: str) -> float:
    try:
        days = float(text)
    except ValueError:
        days = -1.0
    if not 0 <= days <= 1e7:
        raise argparse.ArgumentTypeError(f"{text!r} must be a number of days from 0 on")
    return days


COMMAND = Environments()

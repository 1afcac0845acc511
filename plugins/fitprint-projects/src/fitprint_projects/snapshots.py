"""The files of a commit, kept with a run: for repositories that no one else can fetch from.

What is kept is a pack of git's, of the commit and its files without its history. A repository that
gets it has the very commit, under its name.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from fitprint.cli import reading
from fitprint.context.git import GitError, Repository
from fitprint.context.revisions import missing_commits, repository_around
from fitprint.errors import ArtifactNotFoundError, FitprintError
from fitprint.recording.run import Run
from fitprint.recording.workspace import current
from fitprint.settings import working_folder
from fitprint.views.facts import part
from fitprint.views.finding import WORDS
from fitprint.views.wording import size

__all__ = ["COMMAND", "PACK", "Snapping", "empty_repository", "take", "unpack"]

PACK = "code/commit.pack"
_MOST = 256 << 20  # bytes of a pack
_SECONDS = 600.0


def empty_repository(folder: Path, commit: str) -> Repository:
    """Make a folder a repository without a commit, in the form that a commit's name has."""
    folder.mkdir(parents=True, exist_ok=True)
    own = Repository(folder, _SECONDS)
    form = "sha256" if len(commit) == 64 else "sha1"
    own.ask(1 << 12, "init", "--quiet", "--template=", f"--object-format={form}", ".")
    return own


def take(run: Run, places: Sequence[Path]) -> int:
    """Keep the files of a run's commit as the artifact :data:`PACK`, and return its size in bytes.

    Args:
        run: one that recorded a commit.
        places: folders that may lie in a repository which has it.

    Raises:
        FitprintError: no commit was recorded, no place has it, or it is larger than 256 MiB.
    """
    commit = part(run.environment, "git").get("commit")
    if not isinstance(commit, str):
        raise FitprintError(
            f"the run {run.name} recorded no commit; there is nothing that a repository could give"
        )
    try:
        found = (repository_around(place) for place in places)
        root = next(
            each.root for each in found if each is not None and not missing_commits(each, [commit])
        )
        repository = Repository(root, _SECONDS)
        objects, _ = repository.ask(_MOST, "rev-list", "--objects", "--no-walk", commit)
        with tempfile.NamedTemporaryFile(prefix="fitprint-") as file:
            file.write(objects)
            file.flush()
            pack, is_cut = repository.ask(
                *(_MOST, "pack-objects", "--stdout", "--quiet", "--threads=1"),
                given=Path(file.name),
            )
    except StopIteration:
        raise FitprintError(
            f"commit {commit[:12]} is in no repository around {' or '.join(map(str, places))}; "
            "run this where the code is"
        ) from None
    except GitError as error:
        raise FitprintError(f"commit {commit[:12]} cannot be packed: {error}") from error
    if is_cut:
        raise FitprintError(
            f"the files of commit {commit[:12]} are larger than {_MOST >> 20} MiB: push the commit "
            "to a repository that others can fetch from, instead"
        )
    run.log_bytes(pack, PACK)
    return len(pack)


def unpack(read: Callable[[str], bytes], commit: str, folder: Path) -> bool:
    """Make a folder a repository that has the commit, from the artifact of a run; tell whether the
    run has one.

    Raises:
        GitError: the pack is damaged, or of another commit.
    """
    try:
        pack = read(PACK)
    except (ArtifactNotFoundError, KeyError):
        return False
    own = empty_repository(folder, commit)
    file = folder / ".git" / "objects" / "pack" / "pack-snapshot.pack"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(pack)
    # its history is not there
    (folder / ".git" / "shallow").write_text(f"{commit}\n", encoding="ascii")
    own.ask(1 << 12, "index-pack", "--strict", str(file.resolve()))
    if missing_commits(own, [commit]):
        raise GitError(f"{PACK} is not of commit {commit[:12]}")
    return True


class Snapping:
    """The files of the commit are kept as they are, with secrets that may stand in them, as the
    artifact code/commit.pack of the run: `fitprint reproduce` then needs no repository. What was
    not committed is recorded with every run anyway. Runs of the same commit share the bytes.

    fitprint snapshot @last
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("run", metavar="RUN", help=WORDS)

    def run(self, arguments: argparse.Namespace) -> int:
        run = reading.only_run(arguments.run)
        folder = working_folder()
        places = [place for place in (folder, current().home.parent) if place is not None]
        kept = take(run, places)
        print(f"{PACK} ({size(kept)})")  # noqa: T201 - printing is what a command does
        return 0


COMMAND = Snapping()

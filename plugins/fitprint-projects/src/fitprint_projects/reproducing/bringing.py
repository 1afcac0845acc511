"""Files that no commit has, such as data, brought to the fresh folder: those that the user names,
and those that `fitprint data add --keep` has kept.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from fitprint.errors import FitprintError, RunNotFoundError
from fitprint.recording.data_files import told_place
from fitprint.recording.kept_data import get_data
from fitprint.recording.run import Run
from fitprint.settings import working_folder
from fitprint.views.wording import clean
from fitprint_projects.reproducing.commands import Folders

__all__ = ["bring_data", "bring_files"]


def bring_files(paths: Sequence[str], folders: Folders) -> list[str]:
    """Copy files that no record has from the working directory; the user's own stay untouched."""
    here = working_folder()
    for path in paths:
        if here is None or Path(path).is_absolute() or ".." in Path(path).parts:
            raise FitprintError(
                f"--bring takes a path below the working directory, not {path!r}; what lies "
                "elsewhere is found where it is"
            )
        source, target = here / path, folders.work / path
        if not source.exists():
            raise FitprintError(f"there is no {source} to bring")
        if os.path.lexists(target) or folders.root.resolve() not in target.resolve().parents:
            raise FitprintError(f"{path} is a part of the recorded code, and need not be brought")
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns(".git", ".fitprint"))
        else:
            shutil.copy2(source, target)
    return [f"brought from {here}: {', '.join(paths)}"] if paths else []


def bring_data(run: Run, folders: Folders) -> Iterator[str]:
    """Bring the data of a run and of those below it that lay in its project, by their digests, and
    yield what was brought and what is missing; what is there already stays.
    """
    for path, digest in dict(_used(run)).items():
        target = folders.project / path
        if os.path.lexists(target) or folders.root.resolve() not in target.resolve().parents:
            continue
        told = f"data {clean(path)} ({digest[:19]})"
        try:
            kept = get_data(digest)
            if kept.kept:
                target.parent.mkdir(parents=True, exist_ok=True)
                kept.download(target)
                yield f"{told} brought from what was kept"
                continue
        except RunNotFoundError:
            pass
        except (FitprintError, OSError) as error:
            yield f"{told} cannot be brought: {error}"
            continue
        yield (
            f"{told} is in neither the commit nor kept: `fitprint data add {clean(path)} --keep` "
            f"keeps it, where it is as it was, and --bring {clean(path)} takes what is there now"
        )


def _used(run: Run) -> Iterator[tuple[str, str]]:
    """Yield path and digest of data in files that lay in the project."""
    for dataset in run.record.datasets:
        facts = dataset.facts
        is_file = facts.get("type") in ("file", "folder")
        path = facts.get("path" if is_file else "file")
        digest = dataset.digest if is_file else facts.get("file_digest")
        if isinstance(path, str) and isinstance(digest, str) and path and "\0" not in path:
            place = told_place(run.workspace, Path(path))
            if digest and not Path(place).is_absolute():
                yield place, digest
    for each in run.children():
        yield from _used(each)

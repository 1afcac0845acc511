"""Folders with event files, as an origin of runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from fitprint import clock
from fitprint.access import open_regular
from fitprint.copying.files import Files
from fitprint.copying.origin import Listed, Origin
from fitprint.copying.values import id_of, micros
from fitprint.entities import Param, RunRecord
from fitprint.errors import FitprintError, StoreError
from fitprint.events import MetricPoints
from fitprint.stores.folding import LOST_AFTER

if TYPE_CHECKING:
    from fitprint_tensorboard.contents import Contents

__all__ = ["TensorBoardOrigin", "open_tensorboard"]

_HEAD = 32  # bytes in which is the time of a file's first event


def open_tensorboard(uri: str) -> TensorBoardOrigin:
    """Open a folder below which programs wrote event files.

    Raises:
        StoreError: TensorBoard is not installed, or there are no event files.
    """
    root = Path(uri.removeprefix("file://"))
    if not root.is_dir():
        raise StoreError(f"{root} is not a folder: give the one that `tensorboard --logdir` has")
    found = dict(_folders(root))
    if not found:
        raise StoreError(
            f"there are no event files in {root} or below it: their names have 'tfevents' in them"
        )
    try:
        from fitprint_tensorboard import contents  # noqa: F401 - whether it can be
    except ImportError as error:
        raise StoreError(
            f"TensorBoard cannot be imported ({error}): "
            "pip install 'fitprint-tensorboard[framework]'"
        ) from error
    return TensorBoardOrigin(root, found)


def _folders(root: Path) -> Iterator[tuple[Path, list[Path]]]:
    """Yield the folders with event files and these, in order, each folder once whatever links lead
    to it; links that lead out are passed over.
    """
    seen: set[str] = set()
    top = root.resolve()
    for name, folders, files in os.walk(root, followlinks=True):
        place = os.path.realpath(name)
        if place in seen or not Path(place).is_relative_to(top):
            folders.clear()
            continue
        seen.add(place)
        folders.sort()
        events = [Path(name, file) for file in sorted(files) if "tfevents" in file]
        if events:
            yield Path(name), events


class TensorBoardOrigin(Origin):
    """Each folder with event files is a run of the experiment that is named after the root, below
    the run of the next folder above that has some.

    Args:
        root: the folder that was given.
        found: the event files by folder, those above first.
    """

    def __init__(self, root: Path, found: dict[Path, list[Path]]) -> None:
        super().__init__(str(root))
        self._root, self._found = root, found
        self._files = Files()
        self._places: dict[str, Path] = {}
        self._parents: dict[str, str | None] = {}
        self._contents: Contents | None = None

    def runs(self) -> Iterator[Listed]:
        ids: dict[Path, str] = {}
        for folder, events in self._found.items():
            run = id_of("tensorboard", folder.resolve().name, events[0].name, _head(events[0]))
            if run in self._places:
                self.problems.append(
                    f"{self._name(folder)} has the same event file as "
                    f"{self._name(self._places[run])}, and is left out"
                )
                continue
            ids[folder] = run
            parent = next((ids[above] for above in folder.parents if above in ids), None)
            self._places[run], self._parents[run] = folder, parent
            yield Listed(run, parent, self._goes_on(events))

    def _goes_on(self, events: list[Path]) -> bool:
        """Tell whether somebody has written there lately of what happened lately; TensorBoard
        knows no end of a training.
        """
        from fitprint_tensorboard.contents import last_time

        recent = clock.now() - int(LOST_AFTER * 1e6)
        try:
            return any(
                micros(file.stat().st_mtime) >= recent and last_time(file) >= recent
                for file in events
            )
        except OSError:
            return False

    def run(self, run_id: str) -> RunRecord:
        from fitprint_tensorboard.contents import Contents

        self._files.forget()
        folder = self._places[run_id]
        name = self._name(folder)
        contents = Contents(self._files, lambda problem: self.problems.append(f"{name}: {problem}"))
        for file in self._found[folder]:
            try:
                contents.read(file)
            except (OSError, UnicodeError) as error:
                self.problems.append(f"{name}: {file.name} cannot be read: {error}")
        contents.finish()
        if not contents.end:
            raise FitprintError(f"the event files in {folder} hold no event that can be read")
        self._contents = contents
        return RunRecord(
            id=run_id,
            name=name,
            experiment=self._root.resolve().name or "tensorboard",
            status=contents.status,
            start_time=contents.start,
            end_time=contents.end,
            last_time=contents.end,
            parent_id=self._parents[run_id],
            params={key: Param(value) for key, value in contents.params.items()},
            tags=contents.tags,
            artifacts=tuple(contents.artifacts),
        )

    def points(self, run: RunRecord) -> Iterator[MetricPoints]:
        assert self._contents is not None
        for tag, history in sorted(self._contents.histories.items()):
            yield MetricPoints(run.id, history.timestamp[-1], tag, history)

    def open(self, digest: str) -> BinaryIO:
        return self._files.open(digest)

    def close(self) -> None:
        self._files.forget()

    def _name(self, folder: Path) -> str:
        name = folder.relative_to(self._root).as_posix()
        return name if name != "." else folder.resolve().name


def _head(file: Path) -> str:
    """Return what tells a file from others of its name; it stays the same while the file grows."""
    try:
        with open_regular(file) as opened:
            return opened.read(_HEAD).hex()
    except OSError:
        return ""

"""Files of what an origin gives: they lie somewhere, or are written for the time of the copy."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from fitprint.access import open_regular, temporary_folder
from fitprint.artifacts.paths import checked_path, file_name
from fitprint.entities import Artifact
from fitprint.errors import ArtifactNotFoundError, FitprintError

__all__ = ["Files", "path_for"]

_PIECE = 1 << 20


class Files:
    """The files of one run or version at a time."""

    def __init__(self) -> None:
        self._places: dict[str, Path] = {}
        self._paths: set[str] = set()
        self._folders: list[TemporaryDirectory[str]] = []
        self._written: Path | None = None

    def forget(self) -> None:
        """Forget the run or version before."""
        self._places.clear()
        self._paths.clear()
        self._written = None
        while self._folders:
            self._folders.pop().cleanup()

    def make_folder(self) -> Path:
        """Make a temporary folder, which is there until :meth:`forget`."""
        folder = temporary_folder("fitprint-import-")
        self._folders.append(folder)
        return Path(folder.name)

    def below(
        self, folder: Path, path: str = "", refused: Callable[[str], None] | None = None
    ) -> list[Artifact]:
        """Return all files below a folder, as files below ``path`` of a run; links that lead out of
        it are passed over.

        Args:
            folder: where they lie.
            path: of their folder in the run, "" for the run itself.
            refused: is told of a file that cannot be taken, which is passed over; by default such a
                file is an error.

        Raises:
            ArtifactNotFoundError: one of them cannot be read, or has a name that no file of a run
                can have.
        """
        root, found = folder.resolve(), []
        for file in sorted(each for each in folder.rglob("*") if each.is_file()):
            if not file.resolve().is_relative_to(root):
                continue
            name = file.relative_to(folder).as_posix()
            try:
                found.append(self.add(f"{path}/{name}" if path else name, file))
            except ArtifactNotFoundError as error:
                if refused is None:
                    raise
                refused(str(error))
        return found

    def add(self, path: str, file: Path) -> Artifact:
        """Return a file that lies somewhere as one of the run.

        Raises:
            ArtifactNotFoundError: it cannot be read, or the path is none that a file of a run can
                have.
        """
        try:
            found = Artifact(checked_path(path), *_digested(file))
        except (OSError, FitprintError) as error:
            raise ArtifactNotFoundError(f"the file {path} cannot be taken: {error}") from error
        self._places[found.digest] = file
        self._paths.add(found.path)
        return found

    def write(self, path: str, pieces: Iterable[bytes]) -> Artifact:
        """Write a file for the run, at a path that no other file of it has."""
        if self._written is None:
            self._written = self.make_folder()
        file = self._written / str(len(self._paths))
        stem, dot, suffix = path.rpartition(".")
        free, count = path, 1
        while free in self._paths:
            count += 1
            free = f"{stem}-{count}{dot}{suffix}"
        with file.open("wb") as target:
            target.writelines(pieces)
        return self.add(free, file)

    def place_of(self, digest: str) -> Path:
        """Return where a file of the present run or version lies."""
        return self._places[digest]

    def open(self, digest: str) -> BinaryIO:
        """Open a file of the present run or version.

        Raises:
            ArtifactNotFoundError: it is not there.
        """
        try:
            return open_regular(self._places[digest])
        except (KeyError, OSError) as error:
            raise ArtifactNotFoundError(f"the bytes of {digest} are not there any more") from error


def path_for(folder: str, name: str, suffix: str = "") -> str:
    """Return a path below a folder of the run for any name, whose ``/`` are kept."""
    parts = [file_name(part) for part in name.split("/") if part not in ("", ".", "..")]
    return "/".join([folder, *parts[:-1], f"{parts[-1] if parts else '_'}{suffix}"])


def _digested(path: Path) -> tuple[str, int]:
    total, size = hashlib.sha256(), 0
    with open_regular(path) as file:
        while piece := file.read(_PIECE):
            total.update(piece)
            size += len(piece)
    return f"sha256:{total.hexdigest()}", size

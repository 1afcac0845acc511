"""Files that MLflow keeps, on this machine or elsewhere."""

from __future__ import annotations

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from fitprint.access import open_regular, temporary_folder
from fitprint.artifacts.paths import checked_path
from fitprint.entities import Artifact
from fitprint.errors import ArtifactNotFoundError, FitprintError
from fitprint.stores.addresses import hidden, public

__all__ = ["Files"]

_PIECE = 1 << 20


class Files:
    """The files of one run or version at a time; what lies elsewhere is brought to a temporary
    folder, until the next one is asked for.

    Args:
        tracking_uri: whom to ask for files that only a server can give.
    """

    def __init__(self, tracking_uri: str) -> None:
        self._tracking_uri = tracking_uri
        self._places: dict[str, Path] = {}
        self._folders: list[TemporaryDirectory[str]] = []

    def forget(self) -> None:
        """Forget the run or version before."""
        self._places.clear()
        while self._folders:
            self._folders.pop().cleanup()

    def folder(self, uri: str) -> Path:
        """Return the folder of this machine with what lies at the URI.

        Raises:
            ArtifactNotFoundError: it cannot be had.
        """
        parts = urlsplit(uri)
        if parts.scheme in ("", "file"):
            return Path(unquote(parts.path) if parts.scheme else uri)
        import mlflow.artifacts

        folder = temporary_folder("fitprint-import-")
        self._folders.append(folder)
        try:
            return Path(
                mlflow.artifacts.download_artifacts(
                    artifact_uri=uri, dst_path=folder.name, tracking_uri=self._tracking_uri
                )
            )
        except Exception as error:  # noqa: BLE001 - what MLflow and its clouds raise
            told = hidden(" ".join(str(error).split()), uri)[:300]
            raise ArtifactNotFoundError(
                f"the files at {public(uri)} cannot be had: {told}"
            ) from None

    def below(self, folder: Path, path: str = "") -> list[Artifact]:
        """Return all files below a folder, as files below ``path`` of a run; links that lead out of
        it are passed over.

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
                digest, size = _digested(file)
                found.append(
                    Artifact(checked_path(f"{path}/{name}" if path else name), digest, size)
                )
            except (OSError, FitprintError) as error:
                raise ArtifactNotFoundError(f"the file {name} cannot be taken: {error}") from error
            self._places[digest] = file
        return found

    def place_of(self, digest: str) -> Path:
        """Return where a file of the present run or version lies."""
        return self._places[digest]

    def open(self, digest: str) -> BinaryIO:
        """Open a file of the present run or version."""
        try:
            return open_regular(self._places[digest])
        except (KeyError, OSError) as error:
            raise ArtifactNotFoundError(f"the bytes of {digest} are not there any more") from error


def _digested(path: Path) -> tuple[str, int]:
    total, size = hashlib.sha256(), 0
    with open_regular(path) as file:
        while piece := file.read(_PIECE):
            total.update(piece)
            size += len(piece)
    return f"sha256:{total.hexdigest()}", size

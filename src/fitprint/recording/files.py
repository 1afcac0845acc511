"""The artifacts of a run: bytes, texts, pictures, tables and copies of files,
each under its path.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fitprint import clock, events
from fitprint.arguments import checked_place, checked_text
from fitprint.artifacts.paths import Places, checked_path
from fitprint.entities import Artifact, RunRecord
from fitprint.errors import FitprintError, StoreError
from fitprint.hooks.manager import hooks
from fitprint.recording import media
from fitprint.recording.acts import RunActs

if TYPE_CHECKING:
    from fitprint.recording.workspace import Workspace

__all__ = ["RunFiles"]


class RunFiles(RunActs):
    """A run to which artifacts are logged.

    What the disk does not take is told, and the training goes on without it.
    """

    def __init__(self, workspace: Workspace, run_id: str, record: RunRecord | None = None) -> None:
        super().__init__(workspace, run_id, record)
        self._lock = threading.RLock()  # re-entrant: a signal handler may end the run
        self._places = Places()

    def log_bytes(self, data: bytes, path: str) -> None:
        """Record bytes as the artifact ``path``.

        Raises:
            StoreError: the disk does not take them. The verbs below tell that, and let the training
                go on.
        """
        digest = self.workspace.staging.put_bytes(data)
        self._artifacts([Artifact(path, digest, len(data))])

    def _put(self, path: str, data: bytes) -> bool:
        try:
            self.log_bytes(data, path)
        except StoreError as error:
            self.tell_lost(path, error)
            return False
        return True

    def tell_lost(self, path: str, error: StoreError) -> None:
        """Tell that an artifact could not be stored, for each reason once."""
        cause = error.__cause__
        reason = cause.strerror if isinstance(cause, OSError) and cause.strerror else str(error)
        if reason in self.workspace.refusals and not hooks().strict:
            return  # told already: a disk that is full refuses every artifact of a training
        self.workspace.refusals.add(reason)
        hooks().problem(
            f"the artifact {path!r} of run {self.id} could not be stored ({error}); training goes "
            "on without it, and without all that cannot be stored for this reason",
            "artifacts",
            error,
        )

    def _artifacts(self, artifacts: Iterable[Artifact], *more: events.Event) -> None:
        logged = tuple(map(_with_checked_path, artifacts))
        with self._lock:
            for artifact in logged:
                self._places.take(artifact.path)
        if logged:
            self._journal.append(events.ArtifactsLogged(self.id, clock.now(), logged), *more)

    def log_text(self, text: str, path: str) -> None:
        """Record a text as the artifact ``path`` (UTF-8)."""
        self._put(path, media.text_bytes(text))

    def log_dict(self, content: Any, path: str) -> None:
        """Record a dict or list as the JSON artifact ``path``."""
        self._put(path, media.json_bytes(content))

    def log_figure(self, figure: Any, path: str) -> None:
        """Record a Matplotlib or Plotly figure as the artifact ``path``, whose suffix decides the
        format.
        """
        self._put(path, media.figure_bytes(figure, checked_path(path)))

    def log_image(self, image: Any, path: str) -> None:
        """Record a picture (PIL, or an array of shape H×W, H×W×3 or H×W×4) as the artifact
        ``path``.
        """
        self._put(path, media.image_bytes(image, checked_path(path)))

    def log_table(self, table: Any, path: str) -> None:
        """Record a table (data frame, dict of columns or list of dicts) as the
        artifact ``path``.
        """
        self._put(path, media.table_bytes(table, checked_path(path)))

    def log_artifact(self, file: str | os.PathLike[str], path: str | None = None) -> None:
        """Record a copy of a file.

        Args:
            file: the file.
            path: its path inside the run; its own name by default.

        Raises:
            FitprintError: there is no such file.
        """
        source = checked_place(file, "the file to record")
        if not source.is_file():
            raise FitprintError(
                f"there is no file {source} to record; give the path of a file (log_artifacts "
                "takes a folder)"
            )
        self._artifacts(self._put_file(source, source.name if path is None or path == "" else path))

    def log_artifacts(self, folder: str | os.PathLike[str], path: str = "") -> None:
        """Record copies of all files below a folder, below ``path`` inside the run.

        Raises:
            FitprintError: there is no such folder.
        """
        source = checked_place(folder, "the folder to record")
        if not source.is_dir():
            raise FitprintError(
                f"there is no folder {source} to record; give the path of a folder (log_artifact "
                "takes a file)"
            )
        found = sorted(file for file in source.rglob("*") if file.is_file())
        prefix = (
            f"{checked_path(path)}/"
            if checked_text(path, "a path inside the run", empty=True).strip("/")
            else ""
        )
        self._artifacts(
            artifact
            for file in found
            for artifact in self._put_file(file, prefix + file.relative_to(source).as_posix())
        )

    def _put_file(self, file: Path, path: str) -> list[Artifact]:
        try:
            return [Artifact(path, *self.workspace.staging.put_file(file))]
        except StoreError as error:
            if not os.access(file, os.R_OK):
                raise
            self.tell_lost(path, error)
            return []


def _with_checked_path(artifact: Artifact) -> Artifact:
    path = checked_path(artifact.path)
    return artifact if path == artifact.path else Artifact(path, artifact.digest, artifact.size)

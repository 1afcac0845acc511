"""The files of a deployment in a folder."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from fitprint.artifacts.paths import checked_path
from fitprint.hooks.targets import Rendering
from fitprint.recording.reading import RunReader
from fitprint_deploy.errors import DeployError

__all__ = ["write"]

_FILE, _FOLDER = 0o644, 0o755  # whoever serves is another user
_MARK = ".fitprint-deploy"


def write(rendering: Rendering, source: RunReader, path: str, folder: Path) -> None:
    """Write the files of a deployment and of its model, all with the time of the release, so that
    the same release gives the same archive; in place of what was rendered there before.

    Args:
        rendering: the files.
        source: what has the model's files, below ``path``.
        path: see ``source``.
        folder: an empty or missing one, or one that was written by this function.

    Raises:
        DeployError: something else is in the folder, or it cannot be written.
    """
    try:
        _clear(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _MARK).write_text(f"{rendering.digest}\n", encoding="utf-8")
        for name, content in rendering.files.items():
            file = folder / checked_path(name)
            file.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, str):
                file.write_text(content, encoding="utf-8", newline="")
            else:
                shutil.copyfile(content, file)
        if rendering.model:
            source.download(path, folder / rendering.model)
        for each in [*sorted(folder.rglob("*"), reverse=True), folder]:
            each.chmod(_FOLDER if each.is_dir() else _FILE)
            os.utime(each, (rendering.release.created, rendering.release.created))
    except OSError as error:
        raise DeployError(f"{folder} cannot be written: {error.strerror or error}") from None


def _clear(folder: Path) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise DeployError(f"{folder} is a file; give a folder")
    inside = list(folder.iterdir())
    if inside and not (folder / _MARK).is_file():
        raise DeployError(
            f"{folder} has files that `fitprint deploy` has not written; give an empty folder"
        )
    for each in inside:
        if each.is_dir() and not each.is_symlink():
            shutil.rmtree(each)
        else:
            each.unlink()

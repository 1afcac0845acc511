"""Code that a model directory brings along (MLflow's ``code_paths``): imported only for who names
its files.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fitprint.errors import IntegrityError
from fitprint.models.trust import Trust

__all__ = ["ModelCode", "importable", "model_code"]


@dataclass(frozen=True, slots=True)
class ModelCode:
    """A folder of Python modules beside a model.

    Attributes:
        folder: the folder.
        names: the modules and packages in it as a caller names them, such as "code/features.py",
            sorted.
    """

    folder: Path
    names: tuple[str, ...]

    def explains(self, error: BaseException) -> bool:
        """Tell if the error is that one of these modules could not be found."""
        modules = {name.rpartition("/")[2].removesuffix(".py") for name in self.names}
        missing = getattr(error, "name", None) if isinstance(error, ImportError) else None
        return missing is not None and str(missing).partition(".")[0] in modules


def model_code(directory: Path, options: Mapping[str, Any]) -> ModelCode | None:
    """Return the code that a flavor's part of ``MLmodel`` speaks of; None if there is none.

    Raises:
        IntegrityError: it lies outside of the directory.
    """
    name = options.get("code")
    if not name:
        return None
    folder = directory / str(name)
    if not folder.resolve().is_relative_to(directory.resolve()):
        raise IntegrityError(
            f"the model names the code {name!r}, which lies outside of its directory"
        )
    if not folder.is_dir():
        return None
    found = sorted(
        path.name
        for path in folder.iterdir()
        if path.suffix == ".py" or (path.is_dir() and path.name != "__pycache__")
    )
    return ModelCode(folder, tuple(f"{str(name).strip('/')}/{entry}" for entry in found))


@contextmanager
def importable(code: ModelCode | None, trust: Trust) -> Iterator[None]:
    """Let the modules be imported while the model is loaded, and after, if the caller named all of
    them; else do nothing.

    They come last on ``sys.path``: they cannot take the place of what is installed. If loading
    fails they are gone again.
    """
    folder = (
        str(code.folder)
        if code is not None and code.names and all(name in trust for name in code.names)
        else None
    )
    if folder is None or folder in sys.path:
        yield
        return
    sys.path.append(folder)
    try:
        yield
    except BaseException:
        sys.path.remove(folder)
        raise

"""From a model's URI to the model."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Protocol

from fitprint.errors import ArtifactNotFoundError, ModelNotFoundError
from fitprint.models.flavor import Flavor
from fitprint.models.loading import load_directory

__all__ = ["fetch_model"]


class Source(Protocol):
    """What a run must be able to do for its models to be fetched."""

    def download(self, path: str, destination: Path) -> Path: ...


def fetch_model(uri: str, trust: Collection[str], flavors: Mapping[str, Flavor], find_run: Callable[[str], Source]) -> Any:
    """Load the model that a URI leads to; see :func:`fitprint.load_model`."""
    found = tuple(flavors.values())
    scheme, separator, rest = uri.partition(":/")
    if not separator or scheme == "file":
        directory = Path(rest if separator else uri)
        if not directory.is_dir():
            raise ModelNotFoundError(f"there is no model directory {uri!r}; give runs:/RUN/model, or a folder with an MLmodel file")
        return load_directory(directory, found, trust, uri=uri)
    if scheme != "runs":
        raise ModelNotFoundError(f"{uri!r} is no model URI: give runs:/RUN/model, or a folder with an MLmodel file")
    name, _, path = rest.strip("/").partition("/")
    run = find_run(name)
    with tempfile.TemporaryDirectory(prefix="fitprint-model-") as folder:
        try:
            directory = run.download(path or "model", Path(folder) / "model")
        except ArtifactNotFoundError as error:
            raise ModelNotFoundError(f"{uri!r} leads to no model: {error}") from error
        return load_directory(directory, found, trust, uri=uri)

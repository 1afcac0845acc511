"""From a model's URI to the model."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Protocol, cast

from fitprint.access import make_folder, temporary_folder
from fitprint.artifacts.paths import checked_path
from fitprint.errors import ArtifactNotFoundError, ModelNotFoundError, PendingBytesError
from fitprint.models.directory import directory_digest
from fitprint.models.flavor import Flavor
from fitprint.models.hashing import Checking
from fitprint.models.loading import Loaded, open_directory
from fitprint.models.predictor import Predictor
from fitprint.models.seals import is_own
from fitprint.models.trust import Trust

__all__ = ["fetch_model", "fetch_predictor", "own_files"]


class Source(Protocol):
    """What a run must be able to do for its models to be fetched."""

    @property
    def record(self) -> Any: ...

    @property
    def workspace(self) -> Any: ...

    def download(self, path: str, destination: Path) -> Path: ...


FindSource = Callable[[str], tuple[Source, str]]
"""Returns what a URI leads to, and the path of its model; raises ModelNotFoundError for one of
another scheme.
"""


def fetch_model(
    uri: str, trust: Collection[str] | None, flavors: Mapping[str, Flavor], find: FindSource
) -> Any:
    """Load the model that a URI leads to; see :func:`fitprint.load_model`."""
    uri = _text_of(uri)
    return _fetch(uri, Trust(trust, uri), flavors, find).model


def fetch_predictor(
    uri: str, trust: Collection[str] | None, flavors: Mapping[str, Flavor], find: FindSource
) -> Predictor:
    """Load the model that a URI leads to, and its signature;
    see :func:`fitprint.load_predictor`.
    """
    uri = _text_of(uri)
    found = _fetch(uri, Trust(trust, uri, "load_predictor"), flavors, find)
    return Predictor(found.model, found.flavor, found.manifest.signature, uri)


def _text_of(uri: object) -> str:
    if isinstance(uri, os.PathLike):
        uri = os.fspath(uri)
    if not isinstance(uri, str):
        raise ModelNotFoundError(
            f"{uri!r} is not a model URI: give runs:/RUN/model, models:/NAME@ALIAS, or a folder "
            "with an MLmodel file"
        )
    return uri


def _fetch(uri: str, trust: Trust, flavors: Mapping[str, Flavor], find: FindSource) -> Loaded:
    found = tuple(flavors.values())
    scheme, separator, rest = uri.partition(":/")
    if not separator or scheme == "file":
        directory = Path(rest if separator else uri)
        # Path.is_dir raises for a name that is too long
        if not os.path.isdir(directory):  # noqa: PTH112
            raise ModelNotFoundError(
                f"there is no model directory {uri!r}; give runs:/RUN/model, "
                "models:/NAME@ALIAS, or a folder with an MLmodel file"
            )
        return open_directory(directory, found, trust)
    run, path = find(uri)
    with _folder_beside(run.workspace.staging) as folder:
        try:
            directory, checking = _place(run, path, Path(folder) / "model")
        except PendingBytesError:
            raise
        except ArtifactNotFoundError as error:
            raise ModelNotFoundError(f"{uri!r} is not a model: {error}") from error
        trust.own = own_files(run.record, path)
        trust.foreign_seal = not trust.own and any(
            model.facts.get("seal") for model in run.record.models
        )
        return open_directory(directory, found, trust, checking)


def own_files(record: Any, path: str) -> dict[str, str]:
    """Return the digests of a model's files, by path in its directory, if a program of this user
    recorded it, to judge by its seal.

    Else nothing. The bytes are compared with the digests elsewhere.
    """
    prefix = path.strip("/")
    below = f"{prefix}/"
    seals = [model.facts.get("seal") for model in record.models if model.path == prefix]
    digests = {
        artifact.path.removeprefix(below): artifact.digest
        for artifact in record.artifacts
        if artifact.path.startswith(below)
    }
    return digests if any(is_own(directory_digest(digests), found) for found in seals) else {}


def _folder_beside(staging: Any) -> tempfile.TemporaryDirectory[str]:
    """Make a temporary folder where the blobs can be given second names, or else anywhere."""
    try:
        return cast("tempfile.TemporaryDirectory[str]", staging.temporary(".load-"))
    except OSError:
        return temporary_folder("fitprint-model-")


def _place(run: Source, path: str, directory: Path) -> tuple[Path, Checking | None]:
    """Lay out a recorded directory; return where it lies, and the check of its bytes if that is
    still to be finished.

    The files are the blobs under second names, which costs no copy; where that cannot be they are
    copies.
    """
    prefix = path.strip("/")
    digests = {
        checked_path(artifact.path[len(prefix) :].lstrip("/")): artifact.digest
        for artifact in run.record.artifacts
        if artifact.path.startswith(f"{prefix}/")
    }
    try:
        for name, digest in digests.items():
            file = directory / name
            make_folder(file.parent)
            run.workspace.staging.link(digest, file)
    except OSError:
        digests = {}
    if not digests:
        return run.download(path, directory.with_name("copy")), None
    return directory, Checking(directory, digests, prefix)

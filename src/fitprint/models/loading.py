"""Loading models: digests first, then only code that the framework brings or the caller trusts."""

from __future__ import annotations

import platform
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from fitprint.errors import FitprintError
from fitprint.models.directory import Manifest, read_manifest, verify
from fitprint.models.flavor import Flavor
from fitprint.models.requirements import installed_version
from fitprint.models.trust import Trust

__all__ = ["load_directory"]


def load_directory(directory: Path, flavors: Sequence[Flavor], trust: Collection[str] = (), *, uri: str | None = None) -> Any:
    """Load the model that fitprint or MLflow wrote to a directory.

    Args:
        flavors: the flavors at hand.
        trust: dotted names of the types and functions that the caller trusts beside the framework's own; nothing that the
            directory says adds to them.
        uri: what the caller asked for, for the text of errors.

    Raises:
        IntegrityError: a file is missing, changed or damaged.
        UntrustedModelError: the model refers to other code; nothing of it was run.
        FitprintError: no flavor at hand reads it, or the framework cannot.
    """
    named = Trust(trust, uri or directory.name)
    manifest = read_manifest(directory)
    if manifest.flavor is not None:
        verify(directory, manifest)
    flavor, options = _reader(manifest, flavors)
    try:
        return flavor.load(directory, options, named)
    except FitprintError:
        raise
    except Exception as error:
        raise FitprintError(f"{named.uri} could not be loaded: {type(error).__name__}: {error}{_differences(manifest)}") from error


def _reader(manifest: Manifest, flavors: Sequence[Flavor]) -> tuple[Flavor, Mapping[str, Any]]:
    for flavor in flavors:
        if flavor.name in manifest.flavors:
            return flavor, manifest.flavors[flavor.name] or {}
    written = ", ".join(sorted(name for name in manifest.flavors if name != "python_function")) or "no flavor but python_function"
    raise FitprintError(
        f"the model was written as {written}, which no installed plugin reads; there are: {', '.join(sorted(f.name for f in flavors))}",
    )


def _differences(manifest: Manifest) -> str:
    """Tell how the versions at hand differ from those that the model was made with."""
    told = []
    if manifest.python and manifest.python != platform.python_version():
        told.append(f"Python {manifest.python} (here {platform.python_version()})")
    for line in manifest.requirements:
        name, _, version = line.partition("==")
        here = installed_version(name)
        if here != version:
            told.append(f"{name} {version} (here {here or 'not installed'})")
    return f"\nIt was made with {', '.join(told)}." if told else ""

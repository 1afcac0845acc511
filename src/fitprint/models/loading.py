"""Loading models: digests first, then only code that the framework brings or the caller trusts."""

from __future__ import annotations

import platform
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fitprint.errors import FitprintError, IntegrityError
from fitprint.models.code_paths import importable, model_code
from fitprint.models.directory import Manifest, read_manifest, verify
from fitprint.models.flavor import Flavor
from fitprint.models.hashing import Checking
from fitprint.models.pyfunc import PyfuncFlavor
from fitprint.models.requirements import installed_version
from fitprint.models.trials import try_first
from fitprint.models.trust import Trust
from fitprint.versions import PLUGINS

__all__ = ["Loaded", "load_directory", "load_untried", "open_directory"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model in memory, what its directory said of it, and the flavor that read it."""

    model: Any
    manifest: Manifest
    flavor: Flavor


def load_directory(
    directory: Path,
    flavors: Sequence[Flavor],
    trust: Collection[str] = (),
    *,
    uri: str | None = None,
) -> Any:
    """Load the model that fitprint or MLflow wrote to a directory.

    Args:
        flavors: the flavors at hand.
        trust: dotted names of the types and functions that the caller trusts beside the framework's
            own; nothing that the directory says adds to them.
        uri: what the caller asked for, for the text of errors.

    Raises:
        IntegrityError: a file is missing, changed or damaged.
        UntrustedModelError: the model refers to other code; nothing of it was run.
        FitprintError: no flavor at hand reads it, or the framework cannot.
    """
    return open_directory(directory, flavors, Trust(trust, uri or directory.name)).model


def open_directory(
    directory: Path, flavors: Sequence[Flavor], trust: Trust, checking: Checking | None = None
) -> Loaded:
    """Load a model and tell how; see :func:`load_directory`.

    Args:
        checking: a check of the files against digests from elsewhere, which need not be finished
            yet.
    """
    try:
        manifest = read_manifest(directory)
        if manifest.flavor is not None:
            verify(directory, manifest, checking.expected if checking is not None else None)
        flavor, options = _reader(manifest, flavors)
        if checking is not None and not (trust.own and flavor.reads_unverified(options, trust)):
            checking.finish()
        try_first(directory, flavor, options, trust)
        model = load_untried(directory, manifest, flavor, options, trust)
    finally:
        if checking is not None:
            checking.finish()  # what it finds goes before any other error
    return Loaded(model, manifest, flavor)


def load_untried(
    directory: Path, manifest: Manifest, flavor: Flavor, options: Mapping[str, Any], trust: Trust
) -> object:
    """Load a model whose flavor has been found, with what its files name and nothing
    tried before.
    """
    code = model_code(directory, options)
    try:
        with importable(code, trust):
            return flavor.load(directory, options, trust)
    except IntegrityError as error:
        newer = _newer(manifest) if manifest.flavor is not None else ""
        if newer:  # the bytes are what was recorded
            raise FitprintError(
                f"{trust.uri} cannot be read by the versions that are installed: {error}\n{newer}"
            ) from error
        raise
    except FitprintError:
        raise
    except Exception as error:
        if code is not None and code.explains(error):
            trust.require(code.names, "the code beside it")
        told = (
            f"{trust.uri} could not be loaded: {type(error).__name__}: "
            f"{error}{_differences(manifest)}"
        )
        raise FitprintError(told) from error


def _reader(manifest: Manifest, flavors: Sequence[Flavor]) -> tuple[Flavor, Mapping[str, Any]]:
    for flavor in flavors:
        if flavor.name in manifest.flavors:
            return flavor, manifest.flavors[flavor.name] or {}
    last = PyfuncFlavor()
    options = manifest.flavors.get(last.name)
    if isinstance(options, Mapping) and options.get("loader_module"):
        return last, options
    written = (
        ", ".join(sorted(name for name in manifest.flavors if name != last.name))
        or "no flavor but python_function"
    )
    missing = sorted({PLUGINS[name] for name in manifest.flavors if name in PLUGINS})
    remedy = f"; `pip install {missing[0]}` brings it" if missing else ""
    there = ", ".join(sorted(flavor.name for flavor in flavors))
    raise FitprintError(
        f"the model was written as {written}, which no installed plugin reads; there are: "
        f"{there}{remedy}"
    )


def _changed(manifest: Manifest) -> list[tuple[str, str, str | None]]:
    """Return name, version then and version now of what the model was made with and what is
    otherwise now.
    """
    found = [tuple(line.split("==")) for line in manifest.requirements if line.count("==") == 1]
    return [(name, then, now) for name, then in found if (now := installed_version(name)) != then]


def _newer(manifest: Manifest) -> str:
    """Tell which distributions the model was made with in newer versions than those at hand, and
    how to get them; "" if none.
    """
    older = [
        (name, then, now)
        for name, then, now in _changed(manifest)
        if now is None or _release(then) > _release(now)
    ]
    if not older:
        return ""
    told = ", ".join(f"{name} {then} (here {now or 'not installed'})" for name, then, now in older)
    return (
        f"It was made with {told}: pip install "
        f"{' '.join(f'{name}=={then}' for name, then, _ in older)}"
    )


def _differences(manifest: Manifest) -> str:
    """Tell how the versions at hand differ from those that the model was made with."""
    changed = _changed(manifest)
    told = [f"{name} {then} (here {now or 'not installed'})" for name, then, now in changed]
    if manifest.python and manifest.python != platform.python_version():
        told.insert(0, f"Python {manifest.python} (here {platform.python_version()})")
    remedy = (
        f": pip install {' '.join(f'{name}=={then}' for name, then, _ in changed)}"
        if changed
        else ""
    )
    return f"\nIt was made with {', '.join(told)}{remedy}." if told else ""


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())

"""Model directories: what :func:`pack` writes for a model, and what is known of a directory without
loading it.
"""

from __future__ import annotations

import hashlib
import json
import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fitprint.access import make_folder, read_regular, settle_modes
from fitprint.entities import Artifact
from fitprint.errors import FitprintError, IntegrityError
from fitprint.models.flavor import Flavor, FlavorEntry, choose_flavor, class_name
from fitprint.models.hashing import digest_of
from fitprint.models.mlmodel import (
    Example,
    example_files,
    mlmodel_texts,
    read_mlmodel,
    signature_from_mlflow,
)
from fitprint.models.requirements import requirements
from fitprint.models.signature import Signature

__all__ = [
    "MANIFEST",
    "Manifest",
    "Packed",
    "describe",
    "directory_digest",
    "flavor_for",
    "pack",
    "read_manifest",
    "verify",
]

MANIFEST = "fitprint.json"
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Packed:
    """A model on disk.

    Attributes:
        files: every file below the directory, with its path there, digest and size.
        flavor: name of the flavor that wrote it.
        digest: over the paths and digests of all files.
        facts: JSON facts: class, serialization, safe, needs, requirements, signature, size,
            problems.
    """

    files: tuple[Artifact, ...]
    flavor: str
    digest: str
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a model directory says of itself. All of it is the file's word: none of it is trusted.

    Attributes:
        flavors: the flavors' parts by name, as in ``MLmodel``.
        flavor: name of the flavor that wrote the files; None for a directory that another tool
            wrote.
        class_name: dotted name of the model's class, "" if not told.
        files: files with digests; empty for a directory that another tool wrote.
        needs: names that a caller has to trust.
        requirements: ``distribution==version`` of what the model was made with.
    """

    flavors: Mapping[str, Mapping[str, Any]]
    flavor: str | None = None
    class_name: str = ""
    serialization: str = ""
    safe: bool = False
    needs: tuple[str, ...] = ()
    files: tuple[Artifact, ...] = ()
    requirements: tuple[str, ...] = ()
    python: str = ""
    signature: Signature | None = field(default=None)


def pack(
    model: object,
    directory: Path,
    *,
    flavors: Sequence[Flavor],
    flavor: str | None = None,
    signature: Signature | None = None,
    input_example: object = None,
    thorough: bool = True,
) -> Packed:
    """Write a model directory that fitprint and MLflow load: ``MLmodel``, the flavor's files,
    requirements and a manifest.

    Args:
        directory: an empty or missing directory. Nothing in it depends on where it lies.
        flavors: the flavors to choose from; ``flavor`` names one of them.
        input_example: kept in MLflow's form; one that cannot be is told in ``facts["problems"]``
            and the model is kept.
        thorough: look through all installed distributions for what the model requires, if need be.

    Raises:
        FitprintError: no flavor takes the model, or the flavor cannot write it.
    """
    make_folder(directory)
    chosen = flavor_for(model, flavors, flavor)
    entry = chosen.save(model, directory)
    packed, texts = describe(
        model,
        chosen.name,
        entry,
        _files(directory, entry.digests),
        signature,
        input_example,
        thorough=thorough,
    )
    for name, text in texts.items():
        (directory / name).write_bytes(text)
        settle_modes(directory / name, directory)
    return packed


def flavor_for(model: object, flavors: Sequence[Flavor], name: str | None = None) -> Flavor:
    """Return the flavor of this name, or else the one that knows the model best.

    Raises:
        FitprintError: there is none.
    """
    return _by_name(flavors, name) if name is not None else choose_flavor(model, flavors)


def describe(
    model: object,
    flavor: str,
    entry: FlavorEntry,
    files: Sequence[Artifact],
    signature: Signature | None = None,
    input_example: object = None,
    *,
    thorough: bool = False,
) -> tuple[Packed, dict[str, bytes]]:
    """Return what there is to say of a model whose files are written, and the texts, by name, that
    make a model directory of them.

    Args:
        files: the flavor's own.
        thorough: look through all installed distributions for what the model requires, if need be.
    """
    problems: list[str] = []
    example: Mapping[str, Any] | None = None
    texts: dict[str, str] = {}
    if input_example is not None:
        try:
            example, texts = (
                input_example
                if isinstance(input_example, Example)
                else example_files(input_example)
            )
        except Exception as error:  # noqa: BLE001
            # an example may be any object, and is not worth the model
            problems.append(f"the input example was not kept: {error}")
    required = requirements(entry.modules, thorough=thorough)
    texts = texts | mlmodel_texts(flavor, entry, signature, example)
    texts["requirements.txt"] = "".join(f"{line}\n" for line in required)
    written = {name: text.encode() for name, text in texts.items()}
    own = [file for file in files if file.path not in written]
    found = [*own, *(_artifact(name, text) for name, text in written.items())]
    content = _manifest(
        class_name(model),
        flavor,
        entry,
        signature,
        required,
        sorted(found, key=lambda file: file.path),
    )
    written[MANIFEST] = json.dumps(content, indent=1).encode()
    found.append(_artifact(MANIFEST, written[MANIFEST]))
    facts: dict[str, Any] = {
        key: content[key] for key in ("class", "serialization", "safe", "needs", "requirements")
    }
    facts["signature"] = signature.to_json(values=False) if signature is not None else None
    facts["size"] = sum(file.size for file in found)
    if problems:
        facts["problems"] = problems
    return Packed(
        tuple(found), flavor, directory_digest({file.path: file.digest for file in found}), facts
    ), written


def read_manifest(directory: Path) -> Manifest:
    """Return what a model directory says of itself, ours or MLflow's; no model code is imported or
    run.

    Raises:
        FitprintError: it is not a model directory.
        IntegrityError: what it says cannot be read.
    """
    try:
        text = read_regular(directory / MANIFEST).decode()
    except FileNotFoundError:
        content = read_mlmodel(directory)
        try:
            signature = signature_from_mlflow(content.get("signature"))
            return _sound(
                Manifest(
                    flavors=content["flavors"], requirements=_listed(directory), signature=signature
                )
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise IntegrityError(f"MLmodel cannot be read: {error!r}") from error
    except (UnicodeDecodeError, OSError) as error:
        raise IntegrityError(f"{MANIFEST} cannot be read: {error}") from error
    try:
        found = json.loads(text)
        if type(found["format"]) is not int or found["format"] < 1:
            raise ValueError("it has no format")
        if found["format"] > _FORMAT:
            raise FitprintError(
                f"the model directory was written by a newer fitprint (format {found['format']}): "
                "update fitprint"
            )
        described = found["signature"]
        manifest = Manifest(
            flavors={found["flavor"]: found["options"]},
            flavor=found["flavor"],
            class_name=found["class"],
            serialization=found["serialization"],
            safe=found["safe"],
            needs=tuple(found["needs"]),
            files=tuple(
                Artifact(path, digest, size) for path, (digest, size) in found["files"].items()
            ),
            requirements=tuple(found["requirements"]),
            python=found["python"],
            signature=Signature.from_json(described) if described is not None else None,
        )
        return _sound(manifest)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise IntegrityError(f"{MANIFEST} cannot be read: {error!r}") from error


def _sound(manifest: Manifest) -> Manifest:
    """Return the manifest if its parts are of their types.

    Raises:
        ValueError: one is not.
    """
    texts = [
        *manifest.flavors,
        *manifest.needs,
        *manifest.requirements,
        manifest.class_name,
        manifest.serialization,
        manifest.python,
    ]
    texts += [text for file in manifest.files for text in (file.path, file.digest)]
    parts = all(isinstance(part, (Mapping, type(None))) for part in manifest.flavors.values())
    if not parts or not all(isinstance(text, str) for text in texts):
        raise ValueError("a part of it has another type than it should have")
    return manifest


def verify(directory: Path, manifest: Manifest, known: Mapping[str, str] | None = None) -> None:
    """Compare every file with the manifest's digests.

    Args:
        known: digests that were just taken of the files, by path; these files are not read again.

    Raises:
        IntegrityError: it names the first file that is missing, changed, or not in the manifest.
    """
    expected = {file.path: file for file in manifest.files}
    for path, file in expected.items():
        try:
            digest = (
                known[path]
                if known is not None and path in known
                else digest_of(directory / path)[0]
            )
        except OSError:
            raise IntegrityError(f"{path} is missing from the model directory") from None
        if digest != file.digest:
            raise IntegrityError(
                f"{path} has changed since the model was recorded: it is {digest}, recorded was "
                f"{file.digest}"
            )
    for path in sorted(_paths(directory)):
        if path not in expected and path != MANIFEST:
            raise IntegrityError(
                f"{path} is in the model directory, but was not when the model was recorded"
            )


def _manifest(
    kind: str,
    flavor: str,
    entry: FlavorEntry,
    signature: Signature | None,
    required: list[str],
    files: Iterable[Artifact],
) -> dict[str, Any]:
    return {
        "format": _FORMAT,
        "class": kind,
        "flavor": flavor,
        "options": dict(entry.options),
        "serialization": entry.serialization,
        "safe": entry.safe,
        "needs": list(entry.needs),
        "python": platform.python_version(),
        "requirements": required,
        "signature": signature.to_json() if signature is not None else None,
        "files": {file.path: [file.digest, file.size] for file in files},
    }


def _listed(directory: Path) -> tuple[str, ...]:
    """Return the exact requirements that another tool listed beside a model."""
    try:
        lines = read_regular(directory / "requirements.txt").decode().splitlines()
    except (OSError, UnicodeDecodeError):
        return ()
    return tuple(
        line.strip() for line in lines if re.fullmatch(r"[\w.-]+==[\w.+!-]+", line.strip())
    )


def _by_name(flavors: Sequence[Flavor], name: str) -> Flavor:
    for flavor in flavors:
        if flavor.name == name:
            return flavor
    raise FitprintError(
        f"no installed plugin has a model flavor {name!r}; there are: "
        f"{', '.join(sorted(f.name for f in flavors))}"
    )


def _files(directory: Path, digests: Mapping[str, str]) -> list[Artifact]:
    known = {path: (digest, (directory / path).stat().st_size) for path, digest in digests.items()}
    paths = sorted(_paths(directory))
    for path in paths:
        # the umask of a program may keep even its owner from reading
        settle_modes(directory / path, directory)
    return [Artifact(path, *(known.get(path) or digest_of(directory / path))) for path in paths]


def _artifact(path: str, content: bytes) -> Artifact:
    return Artifact(path, f"sha256:{hashlib.sha256(content).hexdigest()}", len(content))


def _paths(directory: Path) -> list[str]:
    return [
        path.relative_to(directory).as_posix() for path in directory.rglob("*") if not path.is_dir()
    ]


def directory_digest(digests: Mapping[str, str]) -> str:
    """Return the digest of a model directory, from the digests of its files by path."""
    state = hashlib.sha256()
    for path, digest in sorted(digests.items()):
        state.update(f"{path}\0{digest}\n".encode())
    return f"sha256:{state.hexdigest()}"

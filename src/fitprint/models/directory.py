"""Model directories: what :func:`pack` writes for a model, and what is known of a directory without loading it."""

from __future__ import annotations

import hashlib
import json
import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fitprint.access import make_folder, settle_modes
from fitprint.entities import Artifact
from fitprint.errors import FitprintError, IntegrityError
from fitprint.models.flavor import Flavor, FlavorEntry, choose_flavor, class_name
from fitprint.models.hashing import digest_of
from fitprint.models.mlmodel import example_files, read_mlmodel, signature_from_mlflow, write_mlmodel
from fitprint.models.requirements import requirements
from fitprint.models.signature import Signature

__all__ = ["MANIFEST", "Manifest", "Packed", "directory_digest", "pack", "read_manifest", "verify"]

MANIFEST = "fitprint.json"
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Packed:
    """A model on disk.

    Attributes:
        files: every file below the directory, with its path there, digest and size.
        flavor: name of the flavor that wrote it.
        digest: over the paths and digests of all files.
        facts: JSON facts: class, serialization, safe, needs, requirements, signature, size, problems.
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
        flavor: name of the flavor that wrote the files; None for a directory that another tool wrote.
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
) -> Packed:
    """Write a model directory that fitprint and MLflow load: ``MLmodel``, the flavor's files, requirements and a manifest.

    Args:
        directory: an empty or missing directory. Nothing in it depends on where it lies.
        flavors: the flavors to choose from; ``flavor`` names one of them.
        input_example: kept in MLflow's form; one that cannot be is told in ``facts["problems"]`` and the model is kept.

    Raises:
        FitprintError: no flavor takes the model, or the flavor cannot write it.
    """
    make_folder(directory)
    chosen = _by_name(flavors, flavor) if flavor is not None else choose_flavor(model, flavors)
    entry = chosen.save(model, directory)
    problems: list[str] = []
    example = None
    if input_example is not None:
        try:
            example, texts = example_files(input_example)
            for name, text in texts.items():
                (directory / name).write_text(text, encoding="utf-8")
        except Exception as error:  # noqa: BLE001 - an example may be any object, and is not worth the model
            problems.append(f"the input example was not kept: {error}")
    write_mlmodel(directory, chosen.name, entry, signature, example)
    required = requirements(entry.modules)
    (directory / "requirements.txt").write_text("".join(f"{line}\n" for line in required), encoding="utf-8")
    files = _files(directory, entry.digests)
    content = _manifest(class_name(model), chosen.name, entry, signature, required, files)
    (directory / MANIFEST).write_text(json.dumps(content, indent=1), encoding="utf-8")
    settle_modes(directory / MANIFEST, directory)
    files.append(Artifact(MANIFEST, *digest_of(directory / MANIFEST)))
    facts: dict[str, Any] = {key: content[key] for key in ("class", "serialization", "safe", "needs", "requirements")}
    facts["signature"] = signature.to_json(values=False) if signature is not None else None
    facts["size"] = sum(file.size for file in files)
    if problems:
        facts["problems"] = problems
    digest = directory_digest({file.path: file.digest for file in files})
    return Packed(tuple(files), chosen.name, digest, facts)


def read_manifest(directory: Path) -> Manifest:
    """Return what a model directory says of itself, ours or MLflow's; no model code is imported or run.

    Raises:
        FitprintError: it is no model directory.
        IntegrityError: what it says cannot be read.
    """
    try:
        text = (directory / MANIFEST).read_text(encoding="utf-8")
    except FileNotFoundError:
        content = read_mlmodel(directory)
        return Manifest(
            flavors=content["flavors"], requirements=_listed(directory), signature=signature_from_mlflow(content.get("signature"))
        )
    except UnicodeDecodeError as error:
        raise IntegrityError(f"{MANIFEST} cannot be read: {error}") from error
    try:
        found = json.loads(text)
        if found["format"] > _FORMAT:
            raise FitprintError(f"the model directory was written by a newer fitprint (format {found['format']}): update fitprint")
        signature = found["signature"]
        return Manifest(
            flavors={found["flavor"]: found["options"]},
            flavor=found["flavor"],
            class_name=found["class"],
            serialization=found["serialization"],
            safe=found["safe"],
            needs=tuple(found["needs"]),
            files=tuple(Artifact(path, digest, size) for path, (digest, size) in found["files"].items()),
            requirements=tuple(found["requirements"]),
            python=found["python"],
            signature=Signature.from_json(signature) if signature is not None else None,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(f"{MANIFEST} cannot be read: {error!r}") from error


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
            digest = known[path] if known is not None and path in known else digest_of(directory / path)[0]
        except OSError:
            raise IntegrityError(f"{path} is missing from the model directory") from None
        if digest != file.digest:
            raise IntegrityError(f"{path} has changed since the model was recorded: it is {digest}, recorded was {file.digest}")
    for path in sorted(_paths(directory)):
        if path not in expected and path != MANIFEST:
            raise IntegrityError(f"{path} is in the model directory, but was not when the model was recorded")


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
        lines = (directory / "requirements.txt").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return ()
    return tuple(line.strip() for line in lines if re.fullmatch(r"[\w.-]+==[\w.+!-]+", line.strip()))


def _by_name(flavors: Sequence[Flavor], name: str) -> Flavor:
    for flavor in flavors:
        if flavor.name == name:
            return flavor
    raise FitprintError(f"no installed plugin has a model flavor {name!r}; there are: {', '.join(sorted(f.name for f in flavors))}")


def _files(directory: Path, digests: Mapping[str, str]) -> list[Artifact]:
    known = {path: (digest, (directory / path).stat().st_size) for path, digest in digests.items()}
    paths = sorted(_paths(directory))
    for path in paths:
        settle_modes(directory / path, directory)  # the umask of a program may keep even its owner from reading
    return [Artifact(path, *(known.get(path) or digest_of(directory / path))) for path in paths]


def _paths(directory: Path) -> list[str]:
    return [path.relative_to(directory).as_posix() for path in directory.rglob("*") if not path.is_dir()]


def directory_digest(digests: Mapping[str, str]) -> str:
    """Return the digest of a model directory, from the digests of its files by path."""
    state = hashlib.sha256()
    for path, digest in sorted(digests.items()):
        state.update(f"{path}\0{digest}\n".encode())
    return f"sha256:{state.hexdigest()}"

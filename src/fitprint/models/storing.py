"""From a model in memory to blobs and the facts that a run keeps of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fitprint.access import make_folder, temporary_folder
from fitprint.artifacts.local import BlobStore
from fitprint.entities import Artifact, LoggedModel
from fitprint.errors import FitprintError
from fitprint.models.directory import pack
from fitprint.models.flavor import Flavor
from fitprint.models.seals import seal
from fitprint.models.signature import Signature, infer_signature

__all__ = ["store_model"]


def store_model(
    model: Any,
    path: str,
    blobs: BlobStore,
    flavors: Mapping[str, Flavor],
    *,
    flavor: str | None = None,
    signature: Signature | None = None,
    inputs: Any = None,
    outputs: Any = None,
    input_example: Any = None,
    limit: float = float("inf"),
) -> tuple[list[Artifact], LoggedModel]:
    """Pack the model and keep its files.

    Args:
        path: directory inside the run.
        signature: of the model; by default inferred from ``inputs`` and ``outputs``, if they are given.
        limit: most bytes that are kept.

    Raises:
        FitprintError: no flavor can write the model, or it is larger than the limit.
    """
    problems: list[str] = []
    if signature is None and inputs is not None:
        try:
            signature = infer_signature(inputs, outputs)
        except Exception as error:  # noqa: BLE001 - a model without a signature is better than none
            problems.append(f"the signature could not be inferred: {error}")
    make_folder(blobs.root)
    with temporary_folder(".model-", blobs.root) as folder:  # beside the blobs: files move there by a rename
        packed = pack(model, Path(folder), flavors=tuple(flavors.values()), flavor=flavor, signature=signature, input_example=input_example)
        size = sum(file.size for file in packed.files)
        if size > limit:
            raise FitprintError(
                f"the model has {size / 2**20:.1f} MiB, more than the setting model_limit_mb allows ({limit / 2**20:.1f}); "
                "raise it to record the model"
            )
        prefix = path.strip("/")
        artifacts = []
        for file in packed.files:
            digest, size = blobs.put_file(Path(folder) / file.path, move=True, digest=file.digest)
            artifacts.append(Artifact(f"{prefix}/{file.path}", digest, size))
    facts = {**packed.facts, "seal": seal(packed.digest)}
    if problems:
        facts["problems"] = [*facts.get("problems", ()), *problems]
    return artifacts, LoggedModel(prefix, packed.flavor, packed.digest, facts)

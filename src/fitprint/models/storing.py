"""From a model in memory to bytes and the facts that a run keeps of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fitprint.artifacts.staging import Staging
from fitprint.entities import Artifact, LoggedModel
from fitprint.errors import FitprintError
from fitprint.models.directory import Packed, describe, flavor_for, pack
from fitprint.models.flavor import Flavor, Kept
from fitprint.models.seals import seal
from fitprint.models.signature import Signature, infer_signature

__all__ = ["store_model"]


def store_model(
    model: Any,
    path: str,
    staging: Staging,
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
        signature: of the model; by default inferred from ``inputs`` and ``outputs``, if they are
            given.
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
    chosen = flavor_for(model, tuple(flavors.values()), flavor)
    packed = (
        _packed(model, chosen, staging, limit, signature, input_example)
        if chosen.keep is None
        else _kept(model, chosen.name, chosen.keep(model), staging, limit, signature, input_example)
    )
    prefix = path.strip("/")
    artifacts = [Artifact(f"{prefix}/{file.path}", file.digest, file.size) for file in packed.files]
    facts = {**packed.facts, "seal": seal(packed.digest)}
    if problems:
        facts["problems"] = [*facts.get("problems", ()), *problems]
    return artifacts, LoggedModel(prefix, packed.flavor, packed.digest, facts)


def _kept(
    model: Any,
    flavor: str,
    kept: Kept,
    staging: Staging,
    limit: float,
    signature: Signature | None,
    input_example: Any,
) -> Packed:
    """Keep what the flavor gave in memory; texts that are there already, since models have them in
    common, are not written again.
    """
    entry, contents = kept
    sizes = {path: sum(map(len, pieces)) for path, pieces in contents.items()}
    _check_size(sum(sizes.values()), limit)
    files = [
        Artifact(path, staging.put_bytes(*pieces), sizes[path]) for path, pieces in contents.items()
    ]
    packed, texts = describe(model, flavor, entry, files, signature, input_example)
    for text in texts.values():
        staging.put_bytes(text)
    return packed


def _packed(
    model: Any,
    flavor: Flavor,
    staging: Staging,
    limit: float,
    signature: Signature | None,
    input_example: Any,
) -> Packed:
    """Let the flavor write into a folder beside the blobs, from which the files move to their
    places by a rename.
    """
    with staging.temporary(".model-") as folder:
        packed = pack(
            model,
            Path(folder),
            flavors=[flavor],
            signature=signature,
            input_example=input_example,
            thorough=False,
        )
        _check_size(packed.facts["size"], limit)
        for file in packed.files:
            staging.adopt(Path(folder) / file.path, file.digest)
    return packed


def _check_size(size: int, limit: float) -> None:
    if size > limit:
        raise FitprintError(
            f"the model has {size / 2**20:.1f} MiB, more than the setting model_limit_mb allows "
            f"({limit / 2**20:.1f}); raise it to record the model"
        )

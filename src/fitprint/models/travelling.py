"""Models that leave their home: what was kept under its owner's seal is written anew, in a form
that needs none.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from fitprint.access import create_file, make_folder, temporary_folder
from fitprint.artifacts.blobs import Blobs
from fitprint.artifacts.staging import Staging
from fitprint.entities import Artifact, LoggedModel, RunRecord
from fitprint.errors import IntegrityError, PendingBytesError
from fitprint.hooks.manager import hooks
from fitprint.models.directory import pack
from fitprint.models.fetching import own_files
from fitprint.models.flavor import Flavor
from fitprint.models.loading import open_directory
from fitprint.models.mlmodel import read_example
from fitprint.models.trust import Trust

__all__ = ["portable"]


def portable(
    record: RunRecord, home: Blobs, target: Staging, flavors: Mapping[str, Flavor]
) -> RunRecord:
    """Return a run's record with its models as they are to travel.

    The user's own models are loaded for this, here and now, which needs their frameworks and
    classes. A model that cannot be, or that somebody else recorded, leaves as it lies at home; who
    loads it is asked for trust. A model that was written anew keeps the digest of what was recorded
    as the fact ``recorded``.

    Args:
        home: what reads the run's artifacts.
        target: where the files that are written anew are put.
    """
    models, artifacts = list(record.models), list(record.artifacts)
    for place, model in enumerate(models):
        digests = own_files(record, model.path)
        flavor = flavors.get(model.flavor)
        if not digests or flavor is None or flavor.keep is None:
            continue
        try:
            converted, files = _written_anew(model, digests, home, target, flavors)
        except (IntegrityError, PendingBytesError):
            raise
        except Exception as error:  # noqa: BLE001
            # the user's own classes run here and may raise anything
            told = (
                f"the model at {model.path!r} of run {record.id} leaves as a "
                f"{model.facts.get('serialization')}: {error}"
            )
            hooks().problem(told, "export", error)
            continue
        models[place] = converted
        artifacts = [
            artifact for artifact in artifacts if not artifact.path.startswith(f"{model.path}/")
        ] + files
    return replace(record, models=tuple(models), artifacts=tuple(artifacts))


def _written_anew(
    model: LoggedModel,
    digests: Mapping[str, str],
    home: Blobs,
    target: Staging,
    flavors: Mapping[str, Flavor],
) -> tuple[LoggedModel, list[Artifact]]:
    found = tuple(flavors.values())
    trust = Trust(uri=model.path)
    trust.own = digests
    with _laid_out(digests, home) as kept, temporary_folder("fitprint-travel-") as folder:
        loaded = open_directory(kept, found, trust)
        directory = Path(folder)
        packed = pack(
            loaded.model,
            directory,
            flavors=found,
            flavor=model.flavor,
            signature=loaded.manifest.signature,
            input_example=read_example(kept),
        )
        for file in packed.files:
            target.put_file(directory / file.path)
    facts = {**packed.facts, "recorded": model.digest}
    files = [Artifact(f"{model.path}/{file.path}", file.digest, file.size) for file in packed.files]
    return LoggedModel(model.path, packed.flavor, packed.digest, facts), files


@contextmanager
def _laid_out(digests: Mapping[str, str], home: Blobs) -> Iterator[Path]:
    with temporary_folder("fitprint-travel-") as folder:
        for name, digest in digests.items():
            file = Path(folder) / name
            make_folder(file.parent)
            with os.fdopen(create_file(file), "wb") as copy:
                copy.write(home.read(digest))
        yield Path(folder)

"""The bytes of artifacts in the tables: which have arrived in the artifact store."""

# ruff: noqa: S608
# values are always arguments; what is put into statements is written in this package

from __future__ import annotations

import json
from collections.abc import Collection, Container, Iterable, Sequence
from typing import Any

from fitprint.entities import PendingBytes
from fitprint.events import (
    ArtifactsLogged,
    ArtifactStoreChosen,
    Batch,
    BytesArrived,
    BytesFreed,
    ModelVersionCreated,
)
from fitprint.stores.sql import damage
from fitprint.stores.sql.driver import Transaction
from fitprint.stores.sql.keys import marks, sliced
from fitprint.stores.sql.rows import storable

__all__ = ["artifact_uri", "digests", "digests_of", "forget", "pending", "write"]

_LOGGED = (
    "INSERT INTO fp_blobs (digest, size, journal) VALUES (?, ?, ?) ON CONFLICT (digest) DO UPDATE "
    "SET size = excluded.size,"
    " journal = excluded.journal WHERE fp_blobs.size IS NULL"
)
_LOGGED_BEFORE = (
    "INSERT INTO fp_blobs (digest, size, journal) SELECT a.digest, MAX(a.size), MIN(r.owner) FROM "
    "fp_artifacts a"
    " JOIN fp_runs r ON r.no = a.run"
    " WHERE true GROUP BY a.digest ON CONFLICT (digest) DO NOTHING"
)
_REGISTERED_BEFORE = (
    "INSERT INTO fp_blobs (digest, size, journal) SELECT digest, MAX(size), '' FROM "
    "fp_model_version_artifacts WHERE true"
    " GROUP BY digest ON CONFLICT (digest) DO NOTHING"
)
_ARRIVED = (
    "INSERT INTO fp_blobs (digest, arrived) VALUES (?, ?) ON CONFLICT (digest) DO UPDATE SET "
    "arrived = excluded.arrived"
    " WHERE fp_blobs.arrived IS NULL"
)
_WAITING = (
    "SELECT b.digest, b.size, j.writer FROM fp_blobs b LEFT JOIN fp_journals j ON "
    "j.journal = b.journal WHERE"
)
_FREED = "UPDATE fp_blobs SET arrived = NULL WHERE digest = ?"
_OF_BYTES = (ArtifactsLogged, ArtifactStoreChosen, BytesArrived, BytesFreed, ModelVersionCreated)
_IS_WAITING = "b.arrived IS NULL AND b.size IS NOT NULL"


def artifact_uri(transaction: Transaction) -> str | None:
    """Return where the bytes of artifacts go; None if nobody chose."""
    rows = transaction.rows("SELECT value FROM facts WHERE name = 'artifacts'")
    return damage.text(rows[0][0]) if rows else None


def write(
    transaction: Transaction, batch: Batch, purged: Container[str], refused: Collection[str]
) -> None:
    """Note what the events of a batch, which are written already, say of bytes; those of purged
    runs and refused acts say nothing.
    """
    said = [event for event in batch.events if isinstance(event, _OF_BYTES)]
    logged: dict[str, int] = {}
    arrived: list[tuple[str, int]] = []
    freed: set[str] = set()
    chosen: list[str] = []
    for event in said:
        if isinstance(event, BytesArrived):
            arrived += [(digest, event.time) for digest in event.digests]
        elif isinstance(event, BytesFreed):
            freed.update(map(storable, event.digests))
        elif isinstance(event, ArtifactStoreChosen):
            chosen.append(storable(event.uri))
        elif (
            event.run not in purged
            if isinstance(event, ArtifactsLogged)
            else event.id not in refused
        ):
            for artifact in event.artifacts:
                logged.setdefault(artifact.digest, artifact.size)
    if not (logged or arrived or freed or chosen):
        return
    if freed:
        transaction.many(_FREED, [(digest,) for digest in freed])
        forget(transaction, sorted(freed))
    known = artifact_uri(transaction)
    if known is None and chosen:
        transaction.many("INSERT INTO facts (name, value) VALUES ('artifacts', ?)", [(chosen[0],)])
        transaction.many(_LOGGED_BEFORE, [()])
        transaction.many(_REGISTERED_BEFORE, [()])
    if known is not None or chosen:
        transaction.many(
            _LOGGED, [(digest, size, storable(batch.journal)) for digest, size in logged.items()]
        )
        transaction.many(_ARRIVED, [(storable(digest), time) for digest, time in arrived])


def digests(transaction: Transaction, without: Collection[str]) -> set[str]:
    """Return the digests of all artifacts of runs, those named apart, and of versions of registered
    models.
    """
    numbers = {
        number
        for run in without
        for (number,) in transaction.rows("SELECT no FROM fp_runs WHERE id = ?", (storable(run),))
    }
    found = {
        damage.text(digest)
        for (digest,) in transaction.rows("SELECT DISTINCT digest FROM fp_model_version_artifacts")
    }
    if not numbers:
        return found | {
            damage.text(digest)
            for (digest,) in transaction.rows("SELECT DISTINCT digest FROM fp_artifacts")
        }
    return found | {
        damage.text(digest)
        for run, digest in transaction.rows("SELECT run, digest FROM fp_artifacts")
        if run not in numbers
    }


def digests_of(transaction: Transaction, runs: Iterable[str]) -> list[str]:
    """Return the digests of all artifacts of these runs."""
    statement = "SELECT a.digest FROM fp_artifacts a JOIN fp_runs r ON r.no = a.run WHERE r.id = ?"
    return [
        damage.text(digest) for run in runs for (digest,) in transaction.rows(statement, (run,))
    ]


def forget(transaction: Transaction, digests: Sequence[str]) -> None:
    """Wait no more for those of these bytes that no run and no version of a model has any more."""
    held = "SELECT digest FROM fp_artifacts UNION ALL SELECT digest FROM fp_model_version_artifacts"
    for part in sliced(digests):
        unwanted = f"arrived IS NULL AND digest IN ({marks(part)}) AND digest NOT IN ({held})"
        transaction.rows(f"DELETE FROM fp_blobs WHERE {unwanted}", part)


def pending(transaction: Transaction, digests: Iterable[str] | None) -> list[PendingBytes]:
    """Return the bytes that have not arrived, all or those of the digests."""
    if digests is None:
        return [_record(row) for row in transaction.rows(f"{_WAITING} {_IS_WAITING}")]
    asked = [storable(digest) for digest in digests]
    return [
        _record(row)
        for part in sliced(asked)
        for row in transaction.rows(
            f"{_WAITING} b.digest IN ({marks(part)}) AND {_IS_WAITING}", part
        )
    ]


def _record(row: tuple[Any, ...]) -> PendingBytes:
    digest, size, writer = row
    try:
        facts = json.loads(writer or "{}")
    except (ValueError, TypeError, RecursionError):
        facts = {}
    return PendingBytes(
        digest=damage.text(digest),
        size=damage.number(size),
        writer=facts if isinstance(facts, dict) else {},
    )

"""What the URI of a registered model's version means."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, NamedTuple

from fitprint.arguments import nearest, shown
from fitprint.errors import ModelNotFoundError, RegisteredModelNotFoundError, StoreError
from fitprint.query.expressions import And, Comparison, Field, Order, Query
from fitprint.query.times import microseconds
from fitprint.registered import STAGES, RegisteredModelRecord

if TYPE_CHECKING:
    from fitprint.stores.protocol import ModelRegistry, Store

__all__ = ["SCHEME", "ModelURI", "found_model", "number_of", "of_alias", "registry_of", "told_time"]

SCHEME = "models:/"
"""With which the URIs of versions begin."""

_MOST_DIGITS = 18  # of a number; no version has more
_FORMS = (
    "models:/NAME@ALIAS, models:/NAME/3, models:/NAME/latest, each with "
    "?at=2026-05-01T12:00:00Z if you like"
)


def registry_of(store: Store) -> ModelRegistry:
    """Return the store's registered models.

    Raises:
        StoreError: it keeps none; the message says which stores do.
    """
    registry = store.registry
    if registry is None:
        raise StoreError(
            f"the store {store.uri} keeps no registered models; a SQLite file does: set the "
            "setting `store` to sqlite:///PATH, or to what the page of another store's plugin says"
        )
    return registry


class ModelURI(NamedTuple):
    """What a ``models:/`` URI says: a name, and a version, alias, stage or "latest"; the time for
    which it is asked, if it is.
    """

    name: str
    alias: str | None = None
    version: str = "latest"
    at: int | None = None

    @classmethod
    def read(cls, uri: str) -> ModelURI:
        """Read ``models:/NAME@ALIAS`` and the like.

        Raises:
            ModelNotFoundError: it is none.
        """
        text, question, options = uri.removeprefix(SCHEME).strip("/").partition("?")
        at = None
        if question:
            key, _, moment = options.partition("=")
            at = microseconds(moment) if key == "at" else None
            if at is None:
                raise ModelNotFoundError(
                    f"{shown(options)} in {shown(uri)} is not a time: "
                    "write ?at=2026-05-01T12:00:00Z"
                )
        name, sign, alias = text.partition("@")
        if sign:
            return cls(name, alias, at=at)
        name, slash, version = text.partition("/")
        if not name or "/" in version or (slash and not version):
            raise ModelNotFoundError(f"{shown(uri)} is not a model URI: write {_FORMS}")
        return cls(name, version=version or "latest", at=at)


def found_model(registry: ModelRegistry, name: str) -> RegisteredModelRecord:
    """Return the registered model of this name, or say which there are."""
    try:
        return registry.model(name)
    except RegisteredModelNotFoundError:
        names = [model.name for model in registry.models() if model.deleted_time is None]
        have = (
            f"there are: {', '.join(map(shown, names[:20]))}"
            if names
            else "none is registered yet: fitprint.register_model(...)"
        )
        near = nearest(name, names) or f"; {have}"
        raise RegisteredModelNotFoundError(
            f"there is no registered model {shown(name)}{near}"
        ) from None


def number_of(registry: ModelRegistry, model: RegisteredModelRecord, asked: ModelURI) -> int:
    """Return the number of the version that is meant."""
    if asked.alias is not None:
        return of_alias(registry, model, asked.alias, asked.at)
    if asked.version.isdecimal() and asked.version.isascii():
        return int(asked.version[:_MOST_DIGITS])
    if asked.version == "latest":
        latest = model.latest if asked.at is None else _latest_at(registry, model, asked.at)
        if latest is None:
            when = "" if asked.at is None else f" at {told_time(asked.at)}"
            raise RegisteredModelNotFoundError(
                f"the registered model {model.name} had no version{when}"
            )
        return latest
    stage = next((each for each in STAGES if each.lower() == asked.version.lower()), None)
    if stage is None or asked.at is not None:
        raise RegisteredModelNotFoundError(
            f"{shown(asked.version)} is not a version of {model.name}: write {_FORMS}"
        )

    same = [
        Comparison(Field("attribute", key), "=", value)
        for key, value in (("name", model.name), ("stage", stage))
    ]
    query = Query(And(tuple(same)), (Order(Field("attribute", "created"), descending=True),))
    found = registry.search(query, limit=1).versions
    if not found:
        raise RegisteredModelNotFoundError(f"no version of {model.name} is in the stage {stage}")
    return found[0].version


def of_alias(
    registry: ModelRegistry, model: RegisteredModelRecord, alias: str, at: int | None
) -> int:
    if at is None:
        number = model.aliases.get(alias)
    else:
        moves = registry.decisions(model.id, act="AliasMoved", alias=alias, until=at)
        number = next((move.version for move in moves if move.refusal is None), None)
    if number:
        return number
    if at is not None:
        raise RegisteredModelNotFoundError(
            f"the alias {model.name}@{alias} led to no version at {told_time(at)}"
        )
    have = (
        ", ".join(f"@{each} (version {version})" for each, version in model.aliases.items())
        or "none"
    )
    raise RegisteredModelNotFoundError(
        f"the registered model {model.name} has no alias {shown(alias)}; its aliases: {have}"
    )


def _latest_at(registry: ModelRegistry, model: RegisteredModelRecord, at: int) -> int | None:
    made = registry.decisions(model.id, act="ModelVersionCreated", until=at)
    return max((each.version or 0 for each in made if each.refusal is None), default=None)


def told_time(time: int) -> str:
    return datetime.fromtimestamp(time // 1_000_000, tz=timezone.utc).strftime(
        "%Y-%m-%d %H:%M:%S UTC"
    )

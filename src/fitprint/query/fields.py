"""The names that a query may use, and what to suggest for those that it may not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from fitprint.query.expressions import Aggregate, Entity, Field

__all__ = [
    "AGGREGATES",
    "ATTRIBUTES",
    "DATASET_FIELDS",
    "ENTITIES",
    "RUNS",
    "VERSIONS",
    "VERSION_ATTRIBUTES",
    "Kind",
    "Vocabulary",
    "attribute",
    "kind",
    "suggestion",
]

Kind = Literal["number", "time", "text", "param"]

ENTITIES: dict[str, Entity] = {
    "metric": "metric",
    "metrics": "metric",
    "param": "param",
    "params": "param",
    "parameter": "param",
    "parameters": "param",
    "tag": "tag",
    "tags": "tag",
    "dataset": "dataset",
    "datasets": "dataset",
    "attribute": "attribute",
    "attributes": "attribute",
    "attr": "attribute",
    "run": "attribute",
}
AGGREGATES: dict[str, Aggregate] = {
    "last": "last",
    "min": "min",
    "max": "max",
    "best": "best",
    "first": "first",
    "count": "count",
}
DATASET_FIELDS = {"name": "name", "digest": "digest", "context": "role", "role": "role"}

ATTRIBUTES: dict[str, Kind] = {
    "id": "text",
    "name": "text",
    "status": "text",
    "experiment": "text",
    "parent_id": "text",
    "kind": "text",
    "error": "text",
    "start_time": "time",
    "end_time": "time",
    "last_time": "time",
    "duration": "number",
}
_ALIASES = {
    "run_id": "id",
    "run_name": "name",
    "run name": "name",
    "experiment_name": "experiment",
    "parent": "parent_id",
    "parent_run_id": "parent_id",
    "created": "start_time",
    "ended": "end_time",
}
_USER = ("user", "user_id")


VERSION_ATTRIBUTES: dict[str, Kind] = {
    "name": "text",
    "version": "number",
    "alias": "text",
    "run_id": "text",
    "flavor": "text",
    "digest": "text",
    "stage": "text",
    "actor": "text",
    "note": "text",
    "created": "time",
}
_VERSION_ALIASES = {
    "model": "name",
    "model_name": "name",
    "version_number": "version",
    "aliases": "alias",
    "current_stage": "stage",
    "user": "actor",
    "user_id": "actor",
    "description": "note",
    "creation_time": "created",
    "creation_timestamp": "created",
}
_KINDS: dict[str, Kind] = {**VERSION_ATTRIBUTES, **ATTRIBUTES}


class Vocabulary(NamedTuple):
    """The attributes of what is searched: their kinds, other words for them, and the one that says
    what is newest.
    """

    attributes: Mapping[str, Kind]
    aliases: Mapping[str, str]
    newest: str


RUNS = Vocabulary(ATTRIBUTES, _ALIASES, "start_time")
VERSIONS = Vocabulary(VERSION_ATTRIBUTES, _VERSION_ALIASES, "created")
"""Versions of registered models; params, metrics and datasets are those of their runs, tags are
their own.
"""


def attribute(name: str, vocabulary: Vocabulary = RUNS) -> Field | None:
    """Return the field that an attribute's name or alias stands for; None for an unknown name."""
    name = name.lower()
    name = vocabulary.aliases.get(name, name)
    return Field("attribute", name) if name in vocabulary.attributes else None


def kind(field: Field) -> Kind:
    """Return what the field holds, which says what it may be compared with."""
    if field.entity == "metric":
        return "number"
    if field.entity == "param":
        return "param"
    return _KINDS[field.key] if field.entity == "attribute" else "text"


def suggestion(name: str, vocabulary: Vocabulary = RUNS) -> str:
    """Return what an unknown name without a prefix may have been meant to be."""
    if name.lower() in _USER and vocabulary is RUNS:
        return "who started a run is not recorded; set a tag, and ask for tags.user"
    from difflib import get_close_matches

    prefix, dot, rest = name.partition(".")
    if dot and (close := get_close_matches(prefix.lower(), ENTITIES, 1, 0.7)):
        return f"did you mean {close[0]}.{rest}?"
    if close := get_close_matches(
        name.lower(), [*vocabulary.attributes, *vocabulary.aliases], 1, 0.75
    ):
        return f"did you mean attributes.{close[0]}?"
    return f"did you mean metrics.{name} or params.{name}?"

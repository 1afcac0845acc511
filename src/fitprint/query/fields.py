"""The names that a query may use, and what to suggest for those that it may not."""

from __future__ import annotations

from typing import Literal

from fitprint.query.expressions import Aggregate, Entity, Field

__all__ = ["AGGREGATES", "ATTRIBUTES", "DATASET_FIELDS", "ENTITIES", "Kind", "attribute", "kind", "suggestion"]

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
AGGREGATES: dict[str, Aggregate] = {"last": "last", "min": "min", "max": "max", "best": "best", "first": "first", "count": "count"}
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


def attribute(name: str) -> Field | None:
    """Return the field that an attribute's name or alias stands for; None for an unknown name."""
    name = name.lower()
    name = _ALIASES.get(name, name)
    return Field("attribute", name) if name in ATTRIBUTES else None


def kind(field: Field) -> Kind:
    """Return what the field holds, which says what it may be compared with."""
    if field.entity == "metric":
        return "number"
    if field.entity == "param":
        return "param"
    return ATTRIBUTES[field.key] if field.entity == "attribute" else "text"


def suggestion(name: str) -> str:
    """Return what an unknown name without a prefix may have been meant to be."""
    if name.lower() in _USER:
        return "who started a run is not recorded; set a tag, and ask for tags.user"
    from difflib import get_close_matches

    prefix, dot, rest = name.partition(".")
    if dot and (close := get_close_matches(prefix.lower(), ENTITIES, 1, 0.7)):
        return f"did you mean {close[0]}.{rest}?"
    if close := get_close_matches(name.lower(), [*ATTRIBUTES, *_ALIASES], 1, 0.75):
        return f"did you mean attributes.{close[0]}?"
    return f"did you mean metrics.{name} or params.{name}?"

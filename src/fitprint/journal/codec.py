"""Events as JSON text and back. Non-finite numbers are written as ``NaN``, ``Infinity`` and ``-Infinity``."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

from fitprint import events
from fitprint.entities import Artifact, Dataset, LoggedModel, Param
from fitprint.events import Event

__all__ = ["decode_event", "encode_event"]

_BY_NAME: dict[str, Any] = {
    cls.__name__: cls
    for cls in (
        events.RunStarted,
        events.RunEnded,
        events.RunDeleted,
        events.RunRestored,
        events.ParamsLogged,
        events.TagsSet,
        events.DatasetLogged,
        events.ArtifactsLogged,
        events.ModelLogged,
        events.DocumentLogged,
    )
}
_FIELDS = {name: tuple(field.name for field in fields(cls)) for name, cls in _BY_NAME.items()}


def _plain(value: object) -> object:
    """Return the JSON form of a record or container that ``json`` does not know."""
    if isinstance(value, Param):
        return [value.value, value.provenance, value.spilled]
    if isinstance(value, Artifact):
        return [value.path, value.digest, value.size]
    if isinstance(value, Dataset):
        return [value.name, value.role, value.digest, dict(value.facts)]
    if isinstance(value, LoggedModel):
        return [value.path, value.flavor, value.digest, dict(value.facts)]
    raise TypeError(f"{type(value).__name__} has no JSON form")


_encode = json.JSONEncoder(separators=(",", ":"), default=_plain, check_circular=False, ensure_ascii=False).encode


def encode_event(event: Event) -> bytes:
    """Return the event as UTF-8 JSON: a list of its name and its fields in order.

    Raises:
        TypeError, ValueError: something inside has no JSON form.
    """
    name = type(event).__name__
    # A lone surrogate, legal in str, cannot be UTF-8: it is kept as its escape.
    return _encode([name, *(getattr(event, field) for field in _FIELDS[name])]).encode("utf-8", "backslashreplace")


def decode_event(text: bytes) -> Event:
    """Return the event that :func:`encode_event` wrote; fields that a newer fitprint added are passed over.

    Raises:
        ValueError: the text is not an event that this version knows.
    """
    name, *values = json.loads(text)
    if name not in _BY_NAME:
        raise ValueError(f"unknown event {name!r}")
    content = dict(zip(_FIELDS[name], values, strict=False))
    if name == "ParamsLogged":
        content["params"] = {key: Param(*param) for key, param in content["params"].items()}
    elif name == "ArtifactsLogged":
        content["artifacts"] = tuple(Artifact(*artifact) for artifact in content["artifacts"])
    elif name == "DatasetLogged":
        content["dataset"] = Dataset(*content["dataset"])
    elif name == "ModelLogged":
        content["model"] = LoggedModel(*content["model"])
    event: Event = _BY_NAME[name](**content)
    return event

"""Events as JSON text and back.

Non-finite numbers are written as ``NaN``, ``Infinity`` and ``-Infinity``.

Every field of every event has a rule, and both directions keep it: what cannot be read is not
written, and nothing that breaks a rule reaches a store. A field may be added at the end where
versions that do not know it may do without; what they must not miss is an event of a new name, at
which they stop.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any

from fitprint import clock, events
from fitprint.entities import PROVENANCES, TERMINAL_STATUSES, Artifact, Dataset, LoggedModel, Param
from fitprint.errors import FitprintError
from fitprint.events import Event

__all__ = ["UnknownRecordError", "decode_event", "encode_event"]

_BY_NAME: dict[str, Any] = {
    cls.__name__: cls
    for cls in (
        events.RunStarted,
        events.RunEnded,
        events.ParamsLogged,
        events.TagsSet,
        events.DatasetLogged,
        events.ArtifactsLogged,
        events.ModelLogged,
        events.DocumentLogged,
        *events.RUN_ACTS,
        *events.EXPERIMENT_ACTS,
        *events.MODEL_ACTS,
        *events.STORE_EVENTS,
    )
}
_EVENT_NAME = re.compile(r"[A-Z][A-Za-z]{2,50}")  # of those to come, too
_EXPERIMENT_ID = re.compile(r"[0-9a-f]{32}")
_FIELDS = {name: tuple(field.name for field in fields(cls)) for name, cls in _BY_NAME.items()}
_VALUES: dict[str, Callable[[Event], tuple[Any, ...]]] = {
    name: attrgetter(*names) for name, names in _FIELDS.items()
}


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


_encode = json.JSONEncoder(
    separators=(",", ":"), default=_plain, check_circular=False, ensure_ascii=False
).encode


class UnknownRecordError(ValueError):
    """A record is of a kind that only a newer fitprint knows: it is intact, and must not be passed
    over.
    """


def encode_event(event: Event) -> bytes:
    """Return the event as UTF-8 JSON: a list of its name and its fields in order.

    Raises:
        FitprintError: something inside has no JSON form, or is none of the values that such an
            event may have.
    """
    name = type(event).__name__
    try:
        # A lone surrogate, legal in str, cannot be UTF-8: it is kept as its escape.
        values = _VALUES[name](event)
        text = _encode([name, *values]).encode("utf-8", "backslashreplace")
        _check(name, values, text)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise FitprintError(
            f"not recorded: a record of the kind {name} cannot be written, for {_reason(error)}"
        ) from error
    return text


def decode_event(text: bytes) -> Event:
    """Return the event that :func:`encode_event` wrote; fields that a newer fitprint added are
    passed over.

    Raises:
        UnknownRecordError: the event has a name that this version does not know.
        ValueError: the text is no event, or a field of it has a value that it cannot have.
    """
    try:
        name, *values = json.loads(text)
        if name not in _BY_NAME:
            if not (isinstance(name, str) and _EVENT_NAME.fullmatch(name)):
                raise ValueError("it has not the name of an event")
            raise UnknownRecordError(f"the unknown event {name!r}")
        content = dict(zip(_FIELDS[name], values, strict=False))
        if name == "ParamsLogged":
            content["params"] = {key: Param(*param[:3]) for key, param in content["params"].items()}
        elif name == "ArtifactsLogged":
            content["artifacts"] = tuple(
                Artifact(*artifact[:3]) for artifact in content["artifacts"]
            )
        elif name == "DatasetLogged":
            content["dataset"] = Dataset(*content["dataset"][:4])
        elif name in ("BytesArrived", "BytesFreed"):
            content["digests"] = tuple(content["digests"])
        elif name == "ModelLogged":
            content["model"] = LoggedModel(*content["model"][:4])
        elif name == "ModelVersionCreated":
            content["model"] = LoggedModel(*content["model"][:4])
            content["artifacts"] = tuple(
                Artifact(*artifact[:3]) for artifact in content["artifacts"]
            )
        event: Event = _BY_NAME[name](**content)
        kind = type(event).__name__
        _check(kind, _VALUES[kind](event), text)
    except (TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(_reason(error)) from error
    return event


def _reason(error: BaseException) -> str:
    return (
        f"it nests lists and dicts deeper than {_MOST_LEVELS} levels"
        if isinstance(error, RecursionError)
        else str(error)
    )


# -- what fields may hold --------------------------------------------------------------------------

_MOST_BYTES = 1 << 28  # of one event; databases take texts of a few times this size
_MOST_LEVELS = 100
_MOST_SIZE = (1 << 63) - 1
_MOST_SECONDS = 1_000_000_000
_Rule = Callable[[Any], bool]


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_text_or_none(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _is_experiment_id(value: Any) -> bool:
    return isinstance(value, str) and _EXPERIMENT_ID.fullmatch(value) is not None


def _is_param(value: Any) -> bool:
    return (
        isinstance(value, Param)
        and value.provenance in PROVENANCES
        and (value.spilled is None or isinstance(value.spilled, str))
    )


def _is_dataset(value: Any) -> bool:
    texts = (value.name, value.role, value.digest) if isinstance(value, Dataset) else (None,)
    return all(map(_is_text, texts)) and _is_mapping(value.facts)


def _is_artifact(value: Any) -> bool:
    sound = (
        isinstance(value, Artifact)
        and _is_name(value.path)
        and _is_name(value.digest)
        and value.digest.isprintable()
    )
    return sound and type(value.size) is int and 0 <= value.size <= _MOST_SIZE


def _is_model(value: Any) -> bool:
    sound = (
        isinstance(value, LoggedModel)
        and _is_name(value.path)
        and _is_text(value.flavor)
        and _is_text(value.digest)
    )
    return sound and value.digest.isprintable() and _is_mapping(value.facts)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= _MOST_SIZE


def _all_by_name(value: Any, rule: _Rule) -> bool:
    return _is_mapping(value) and all(map(_is_text, value)) and all(map(rule, value.values()))


def _is_mapping(value: Any) -> bool:
    return type(value) is dict or isinstance(value, Mapping)  # the usual one is told at once


_RULES: dict[str, _Rule] = {
    "run": _is_name,
    "time": clock.is_time,
    "experiment": _is_experiment_id,
    "name": _is_text,
    "parent": lambda value: value is None or _is_name(value),
    "kind": _is_text,
    "resumed": lambda value: isinstance(value, bool),
    "status": lambda value: value in TERMINAL_STATUSES,
    "error": _is_text_or_none,
    "params": lambda value: _all_by_name(value, _is_param),
    "tags": lambda value: _all_by_name(value, _is_text_or_none),
    "dataset": _is_dataset,
    "artifacts": lambda value: isinstance(value, tuple) and all(map(_is_artifact, value)),
    "model": _is_model,
    "uri": _is_name,
    "digests": lambda value: (
        isinstance(value, tuple)
        and all(isinstance(digest, str) and digest.isprintable() for digest in value)
    ),
    "consumer": _is_name,
    "holder": _is_name,
    "seconds": lambda value: isinstance(value, (int, float)) and 0 <= value <= _MOST_SECONDS,
    "cursor": _is_text_or_none,
    "content": lambda _: True,
    "id": _is_text,
    "actor": _is_text,
    "text": _is_text,
    "reason": _is_text,
    "alias": _is_text,
    "version": _is_count,
    "expected": lambda value: value is None or _is_count(value),
    "back": lambda value: isinstance(value, bool),
    # what each may be is judged where they are folded
    "changes": lambda value: _all_by_name(value, lambda _: True),
}


_ELSE = {
    # whoever starts a run knows the experiment's name, and no id
    ("RunStarted", "experiment"): _is_name,
    ("ModelVersionCreated", "run"): _is_text,  # none, where it came from elsewhere
}
_CHECKS = {
    name: [_ELSE.get((name, field), _RULES[field]) for field in _FIELDS[name]] for name in _BY_NAME
}


def _check(name: str, values: Sequence[Any], text: bytes) -> None:
    """Raise ValueError where the values of an event, whose JSON is ``text``, break a rule."""
    for position, (rule, value) in enumerate(zip(_CHECKS[name], values, strict=True)):
        if not rule(value):
            raise ValueError(f"its {_FIELDS[name][position]!r} cannot be {_shown(value)}")
    if len(text) > _MOST_BYTES:
        raise ValueError(
            f"it has {len(text) >> 20} MiB, more than the {_MOST_BYTES >> 20} that a record may "
            "have"
        )
    # counting is cheap, and few events have so many
    if len(text) > _MOST_LEVELS and text.count(b"[") + text.count(b"{") > _MOST_LEVELS:
        _check_levels(json.loads(text))


def _check_levels(value: Any) -> None:
    level = [value]
    for _ in range(_MOST_LEVELS):
        inside = (
            item for each in level for item in (each.values() if isinstance(each, dict) else each)
        )
        level = [item for item in inside if isinstance(item, (dict, list))]
        if not level:
            return
    raise RecursionError


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:100]}…"

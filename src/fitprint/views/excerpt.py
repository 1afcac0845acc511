"""A content of any size as strict JSON of a bounded length, with a note of what was left out."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fitprint.views.fields import strict

__all__ = ["MOST", "excerpt"]

MOST = 50_000
"""Characters of an excerpt."""

_NOTED = 4_000  # characters of the notes
_MOST_NOTES = 20
_LEAST = 20  # characters that a part must have to be worth showing
# characters: what is shorter stays whole, and others behind it are left out; half of everything
# says little
_FLOOR = 4_000
_CUT = "…"


def excerpt(content: Mapping[str, Any], most: int = MOST) -> str:
    """Return the content as JSON in ASCII, of at most ``most`` characters (5000 or more).

    Where it is longer, long texts are cut, and of long lists and mappings the last items are left
    out; ``left_out``, at the beginning, says of what there is more.
    """
    whole = strict(content)
    text = _text(whole)
    if len(text) <= most:
        return text
    cutting = _Cutting()
    part = cutting.part(whole, most - _NOTED - len('"left_out":,'), "")
    notes = cutting.notes[:_MOST_NOTES]
    if len(cutting.notes) > _MOST_NOTES:
        notes.append(f"more at {len(cutting.notes) - _MOST_NOTES} other places")
    return _text({"left_out": _Cutting().part(notes, _NOTED, ""), **part})


_text = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class _Entry:
    """An item of a list, or of a mapping: what stands before the value, and how long both are."""

    key: str | None
    value: Any
    before: int
    size: int


@dataclass(slots=True)
class _Cutting:
    """The cutting of one content; ``notes`` say what was left out, and where."""

    notes: list[str] = field(default_factory=list)

    def part(self, value: Any, most: int, place: str) -> Any:
        """Return the value, or as much of it as has ``most`` characters as JSON (20 or more)."""
        text = _text(value)
        if len(text) <= most:
            return value
        if isinstance(value, dict):
            kept = dict(self._kept(list(_entries(value)), most, place))
            self._note(place, len(kept), len(value), "entries")
            return kept
        if isinstance(value, list):
            items = [item for _, item in self._kept(list(_entries(value)), most, place)]
            self._note(place, len(items), len(value), "items")
            return items
        return self._shortened(value if isinstance(value, str) else text, most, place)

    def _kept(
        self, entries: Sequence[_Entry], most: int, place: str
    ) -> Iterator[tuple[str | None, Any]]:
        """Yield what is kept: short ones whole, and of long ones an equal part, from the first on
        as far as there is room.
        """
        room = most - 2
        share = max(_level([entry.size for entry in entries], room), min(_FLOOR, most // 4))
        for number, entry in enumerate(entries):
            size = min(entry.size, share)
            if size > room or (size < entry.size and size - entry.before < _LEAST):
                if entry.key is None:
                    # the first items of a list are a part of it; without one in the middle they are
                    # not
                    return
                continue
            room -= size
            yield (
                entry.key,
                self.part(entry.value, size - entry.before, _below(place, entry.key, number)),
            )

    def _shortened(self, text: str, most: int, place: str) -> str:
        kept = text[:most]
        count = (
            bisect_right(range(len(kept) + 1), most, key=lambda end: len(_text(kept[:end] + _CUT)))
            - 1
        )
        self._note(place, count, len(text), "characters")
        return kept[:count] + _CUT

    def _note(self, place: str, kept: int, count: int, what: str) -> None:
        if kept < count:
            self.notes.append(f"{place or 'the answer'}: {kept} of {count} {what}")


def _entries(value: dict[str, Any] | list[Any]) -> Iterator[_Entry]:
    items = value.items() if isinstance(value, dict) else ((None, item) for item in value)
    for key, item in items:
        before = 1 if key is None else len(_text(key)) + 2  # the comma, and a colon
        yield _Entry(key, item, before, before + len(_text(item)))


def _below(place: str, key: str | None, number: int) -> str:
    return f"{place}[{number}]" if key is None else f"{place}.{key}" if place else key


def _level(sizes: Sequence[int], room: int) -> int:
    """Return how long each may be at most so that all have room: what short ones do not need, long
    ones share.
    """
    ordered = sorted(sizes)
    for place, size in enumerate(ordered):
        share = room // (len(ordered) - place)
        if size > share:
            return share
        room -= size
    return max(sizes, default=0)

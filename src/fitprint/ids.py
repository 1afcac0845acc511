"""Identifiers: globally unique, ordered by time, drawn without touching any seeded generator."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Sequence

__all__ = [
    "FEWEST",
    "LENGTH",
    "SHORT",
    "is_short_for",
    "new_id",
    "new_name",
    "short_id",
    "short_ids",
]

LENGTH = 32  # digits of an id
SHORT = 6  # digits of an id that are shown
FEWEST = 4  # digits by which one may ask for an id

_ADJECTIVES = (
    "amber brave brisk calm clear coral crisp deft eager fair fleet fond frank gentle golden grand "
    "keen kind lively lucid mellow merry mild neat noble plain proud quick quiet rapid ready royal "
    "rustic sage sharp silver sleek smooth snug solid spry steady still stout sunny swift tidy "
    "true vivid warm wise witty young zesty"
).split()
_NOUNS = (
    "acorn aspen badger beacon birch brook canyon cedar comet crane delta dune ember falcon fern "
    "finch fjord forest fox glade grove harbor hawk heron island jay kestrel lagoon lark maple "
    "marten meadow mesa moss oak orchid osprey otter owl pebble pine plover prairie quartz rain "
    "raven reef ridge river robin sparrow spruce stone swan thrush tide trail willow wren"
).split()

_sequence = itertools.count()  # breaks ties inside one tick of the clock; next() is atomic


def new_id() -> str:
    """Return 32 lower-case hexadecimal digits: 16 of time (nanoseconds), 4 of a counter and 12 of
    operating-system entropy.

    Ids drawn later in one process sort later. No seeded random generator is used or advanced.
    """
    return f"{time.time_ns():016x}{next(_sequence) & 0xFFFF:04x}{os.urandom(6).hex()}"


def short_id(whole: str) -> str:
    """Return what is shown of an id: its last six digits, which are random, while the first ones
    are much the same all day.
    """
    return whole[-SHORT:]


def short_ids(wholes: Sequence[str]) -> list[str]:
    """Return what is shown of several ids: their ends, long enough to tell them apart."""
    for length in range(SHORT, 32, 2):
        ends = [whole[-length:] for whole in wholes]
        if len(set(ends)) == len(set(wholes)):
            return ends
    return list(wholes)


def is_short_for(text: str, whole: str) -> bool:
    """Tell whether a text is the end of an id, or the beginning of what is shown of it, and has at
    least four digits.
    """
    return len(text) >= FEWEST and (whole.endswith(text) or short_id(whole).startswith(text))


def new_name() -> str:
    """Return a readable run name such as ``swift-otter-417``."""
    draw = int.from_bytes(os.urandom(6), "little")
    draw, first = divmod(draw, len(_ADJECTIVES))
    draw, second = divmod(draw, len(_NOUNS))
    return f"{_ADJECTIVES[first]}-{_NOUNS[second]}-{draw % 1000}"

r"""The on-disk format, version 1.

A journal is a directory ``<id>/`` with ``writer.json`` (who writes), ``writer.lock`` (held while
the writer lives) and segments ``00000001.log``, ``00000002.log`` ... A segment is a sequence of
frames, all integers little-endian::

    4 bytes  magic, b"\xf1FPJ"
    4 bytes  length of the payload, unsigned
    4 bytes  CRC-32 of the payload (zlib)
    n bytes  payload; its first byte is the kind

=====  ============================================================================================
kind   rest of the payload
=====  ============================================================================================
1      one metric point: series u32, step i64, time i64 (microseconds), value f64, epoch f64 (NaN: none)
2      a series, JSON ``[number, run, key, goal]``; points of this segment refer to it by number
3      an event, JSON (see ``codec``)
4      many points: series u32, count u32, then count steps, times, values and epochs, as columns
5      first frame of a segment, JSON ``{"format": 1, "journal": id, "segment": number}``
6      last frame of a segment; JSON ``{"closed": true}`` if it is the journal's last
7      kept for series with a context, JSON ``[number, run, key, goal, context]``
8-31   kinds to come
=====  ============================================================================================

A file ``damaged`` in the directory says that a delivery met damage there: nothing of such a journal
is removed, and when its writer is gone it is renamed to ``.damaged-<id>``. Beside the journals,
``.delivery.lock`` is held by whoever delivers and says who that is (``{"pid", "host", "since"}``),
and ``.delivered-<id>`` is a journal that is being removed.

Who meets a kind of frame, an event or a format that is beyond its version stops before it, leaves
the rest to a newer fitprint, and removes nothing. ``format``, in the first frame and in
``writer.json``, is the lowest version of this format that can read what was written. It grows when
frames that exist change, not with a new kind or event.

A segment can be read by itself. After damage a reader goes on at the next magic whose checksum is
right.
"""  # noqa: E501

from __future__ import annotations

import struct
from zlib import crc32

__all__ = [
    "END",
    "EVENT",
    "FORMAT",
    "FUTURE",
    "HEADER",
    "MAGIC",
    "POINT",
    "POINTS",
    "POINTS_BODY",
    "POINT_BODY",
    "SERIES",
    "START",
    "frame",
    "position",
    "segment_name",
    "split_position",
]

FORMAT = 1
MAGIC = b"\xf1FPJ"
HEADER = struct.Struct("<4sII")
POINT_BODY = struct.Struct("<BIqqdd")
POINTS_BODY = struct.Struct("<BII")

POINT, SERIES, EVENT, POINTS, START, END = range(1, 7)
FUTURE = range(7, 32)

_OFFSET_BITS = 40


def frame(payload: bytes) -> bytes:
    """Return the payload with its header."""
    return HEADER.pack(MAGIC, len(payload), crc32(payload)) + payload


def position(segment: int, offset: int) -> int:
    """Return the place ``offset`` bytes into a segment as one growing integer."""
    return segment << _OFFSET_BITS | offset


def split_position(value: int) -> tuple[int, int]:
    """Return segment number and offset of a position; (1, 0) for 0, the beginning."""
    return (value >> _OFFSET_BITS or 1, value & ((1 << _OFFSET_BITS) - 1))


def segment_name(segment: int) -> str:
    """Return the file name of a segment."""
    return f"{segment:08d}.log"

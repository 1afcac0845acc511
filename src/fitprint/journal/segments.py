"""The files of a journal that is being written, and the frames in them that are not points."""

from __future__ import annotations

import json
import os
from pathlib import Path

from fitprint.access import create_file
from fitprint.events import Event
from fitprint.journal import frames
from fitprint.journal.codec import encode_event
from fitprint.platform.files import read_at

__all__ = ["content_of", "definition", "event_frame", "new_file", "remove_folder", "write_some"]

_PIECE = 1 << 20  # read or written at once
_to_json = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


def new_file(path: Path, content: bytes = b"") -> int:
    """Make a file for appending, with this content, and return its descriptor."""
    number = create_file(path, os.O_APPEND)
    try:
        while content:
            content = content[os.write(number, content) :]
    except OSError:
        os.close(number)
        raise
    return number


def write_some(number: int, held: bytearray) -> int:
    """Write the beginning of what is held, which goes from there; return how many bytes that was.

    It is gone before the write returns: the handler of a signal, which runs then, may raise or log.
    """
    piece = bytes(held[:_PIECE])
    del held[: len(piece)]
    try:
        written = os.write(number, piece)
    except OSError:
        held[:0] = piece
        raise
    held[:0] = piece[written:]
    return written


def content_of(number: int) -> bytes:
    """Return all that an open file holds."""
    parts = [b""]
    while part := read_at(number, _PIECE, sum(map(len, parts))):
        parts.append(part)
    return b"".join(parts)


def remove_folder(folder: Path) -> None:
    """Remove a folder and the files in it, as far as that can be."""
    try:
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
    except OSError:
        pass  # readers pass over it


def definition(number: int, run: str, key: str, goal: str | None) -> bytes:
    """Return the frame that gives a metric of a run the number by which its points name it."""
    return frames.frame(b"\2" + _to_json([number, run, key, goal]).encode())


def event_frame(event: Event) -> bytes:
    """Return the frame of an event."""
    return frames.frame(b"\3" + encode_event(event))

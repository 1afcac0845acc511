"""The frames of a ``.wandb`` file, which are those of LevelDB's logs.

Blocks of 32 KiB hold fragments: a checksum (CRC-32 of type and content), a length and a type in
seven bytes, then the content. A record is one fragment, or a first, middle ones and a last. A
fragment never crosses the end of a block, so reading goes on at the next block behind whatever is
damaged. The file begins with seven bytes of W&B's own.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO

from fitprint.errors import FitprintError

__all__ = ["records_of"]

_BLOCK = 1 << 15
_HEAD = struct.Struct("<IHB")
_IDENT = struct.Struct("<4sHB")
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4


def records_of(file: BinaryIO, told: Callable[[str], None]) -> Iterator[bytes]:
    """Yield the records of a file; damage is told, and what it hit is passed over.

    Raises:
        FitprintError: this is no such file, or one of a later format.
    """
    block = file.read(_BLOCK)
    if len(block) < _IDENT.size or _IDENT.unpack_from(block)[:2] != (b":W&B", 0xBEE1):
        raise FitprintError("it is not a file of Weights & Biases, or its beginning is missing")
    version = _IDENT.unpack_from(block)[2]
    if version:
        raise FitprintError(f"its format has the number {version}: a newer fitprint-wandb reads it")
    at, number = _IDENT.size, 0
    parts: list[bytes] | None = None  # of a record whose last fragment is to come
    while block:
        for kind, content in _fragments(block, at):
            if kind in (_FULL, _FIRST) and parts is not None:
                told(f"a record in block {number} is not whole; it is left out")
            if kind == 0:
                told(f"block {number} is damaged or cut off; the records after that are left out")
                parts = None
            elif kind == _FULL:
                parts = None
                yield content
            elif kind == _FIRST:
                parts = [content]
            elif parts is not None:
                parts.append(content)
                if kind == _LAST:
                    yield b"".join(parts)
                    parts = None
        block, at, number = file.read(_BLOCK), 0, number + 1
    if parts is not None:
        told("the last record is cut off; it is left out")


def _fragments(block: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    """Yield type and content of each fragment of a block; type 0 for what is damaged, where the
    block ends.
    """
    while at < len(block):
        if len(block) - at < _HEAD.size:
            # the end of a block that no fragment fits into is filled with zeros
            if len(block) < _BLOCK or any(block[at:]):
                yield 0, b""
            return
        checksum, length, kind = _HEAD.unpack_from(block, at)
        content = block[at + _HEAD.size : at + _HEAD.size + length]
        at += _HEAD.size + length
        if (
            len(content) < length
            or not _FULL <= kind <= _LAST
            or zlib.crc32(content, zlib.crc32(bytes([kind]))) != checksum
        ):
            yield 0, b""
            return
        yield kind, content

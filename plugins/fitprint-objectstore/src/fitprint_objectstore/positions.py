"""Files that are read from any position on."""

from __future__ import annotations

import io

__all__ = ["Positioned"]


class Positioned(io.RawIOBase):
    """A file of a known size; what derives from it reads from its position on (``readinto``).

    Args:
        size: in bytes.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        position = (
            offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        )
        if position < 0:
            raise ValueError(f"negative seek position {position}")
        self._position = position
        return position

"""Archives of skops in one form: the same model gives the same bytes, so that they are stored once.

skops names its files after the addresses of objects or at random, and notes the time. Here names
and addresses become numbers, in the order of the archive, and times the first day that the format
knows.
"""

from __future__ import annotations

import json
import struct
import zlib
from typing import Any, NamedTuple

__all__ = ["canonical"]

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_DATE = 0x21  # 1980-01-01
_SCHEMA = "schema.json"
_VERSION = 20  # of the format: stored files, nothing more


class _File(NamedTuple):
    name: str
    data: memoryview
    checksum: int


def canonical(data: memoryview) -> list[bytes | memoryview]:
    """Return the pieces of an archive of skops in the one form; as it is, where it is built
    otherwise than skops builds them.

    The files' contents are not copied.
    """
    files = _files(data)
    if files is None or files[-1].name != _SCHEMA:
        return [data]
    names = {
        file.name: f"{number}.{file.name.rpartition('.')[2]}"
        for number, file in enumerate(files[:-1])
    }
    text = json.dumps(_renamed(json.loads(bytes(files[-1].data)), names)).encode()
    renamed = [file._replace(name=names[file.name]) for file in files[:-1]]
    renamed.append(_File(_SCHEMA, memoryview(text), zlib.crc32(text)))
    pieces: list[bytes | memoryview] = []
    directory = bytearray()
    place = 0
    for file in renamed:
        name, size = file.name.encode(), file.data.nbytes
        facts = (0, 0, 0, _DATE, file.checksum, size, size, len(name), 0)
        head = _LOCAL.pack(b"PK\3\4", _VERSION, *facts) + name
        directory += _CENTRAL.pack(b"PK\1\2", _VERSION, _VERSION, *facts, 0, 0, 0, 0, place) + name
        pieces += [head, file.data]
        place += len(head) + size
    end = _END.pack(b"PK\5\6", 0, 0, len(renamed), len(renamed), len(directory), place, 0)
    return [*pieces, bytes(directory) + end]


def _files(data: memoryview) -> list[_File] | None:
    """Return the files in their order; None where the archive is no plain one: too large,
    compressed, or with more than files.
    """
    if len(data) < _END.size:
        return None
    mark, _, _, _, count, size, place, comment = _END.unpack_from(data, len(data) - _END.size)
    if (
        mark != b"PK\5\6"
        or comment
        or count in {0, 0xFFFF}
        or 0xFFFFFFFF in {size, place}
        or place + size + _END.size != len(data)
    ):
        return None
    found = []
    for _ in range(count):
        (
            mark,
            _,
            _,
            flags,
            method,
            _,
            _,
            checksum,
            stored,
            full,
            length,
            more,
            comment,
            _,
            _,
            _,
            start,
        ) = _CENTRAL.unpack_from(data, place)
        name = bytes(data[place + _CENTRAL.size : place + _CENTRAL.size + length])
        if mark != b"PK\1\2" or flags or method or stored != full or not name.isascii():
            return None
        _, *_, own, extra = _LOCAL.unpack_from(data, start)
        begin = start + _LOCAL.size + own + extra
        found.append(_File(name.decode(), data[begin : begin + full], checksum))
        place += _CENTRAL.size + length + more + comment
    return found


def _renamed(schema: Any, names: dict[str, str]) -> Any:
    """Put new names and numbers into the schema, in its place."""
    numbers: dict[Any, int] = {}
    stack = [schema]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            if "__id__" in node:
                node["__id__"] = numbers.setdefault(node["__id__"], len(numbers) + 1)
            file = node.get("file")
            if isinstance(file, str):
                node["file"] = names.get(file, file)
            stack.extend(value for value in node.values() if isinstance(value, dict | list))
        else:
            stack.extend(value for value in node if isinstance(value, dict | list))
    return schema

"""Files of rows, written in chunks; a file has its name when it is whole."""

from __future__ import annotations

import csv
import json
import os
import secrets
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, TextIO

from fitprint.cli.rowfiles import pyarrow_for
from fitprint.errors import FitprintError
from fitprint.views.fields import strict

__all__ = ["Writer", "writing"]

Columns = Mapping[str, Sequence[Any]]


class Writer(ABC):
    """Takes rows, chunk by chunk: lists of values by column, all of one length, always of the same
    columns.
    """

    @abstractmethod
    def write(self, columns: Columns) -> None:
        """Write a chunk."""

    def close(self) -> None:  # noqa: B027 - most have no end
        """Write what stands at the end."""


@contextmanager
def writing(name: str, form: str) -> Iterator[Writer]:
    """Write a file, or to standard output for ``-``.

    It is written beside its place and moved there at the end of the block; if the block raises,
    nothing is left, and a file that was there stays as it was.

    Raises:
        FitprintError: it cannot be written.
    """
    if form == "parquet":
        pyarrow_for(name)
    if name == "-":
        if form == "parquet":
            raise FitprintError("Parquet cannot be written to standard output: give a file")
        writer = _WRITERS[form](sys.stdout)
        yield writer
        writer.close()
        sys.stdout.flush()
        return
    target = Path(name).resolve()
    if target.exists() and not target.is_file():
        raise FitprintError(f"{name} is no file: give the name of one")
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        with _writer(part, form) as writer:
            yield writer
        part.replace(target)
    except OSError as error:
        raise FitprintError(f"{name} cannot be written: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _writer(part: Path, form: str) -> Iterator[Writer]:
    if form == "parquet":
        parquet = _Parquet(part)
        try:
            yield parquet
        finally:
            parquet.close()
        return
    with part.open("x", encoding="utf-8", newline="") as file:
        writer = _WRITERS[form](file)
        yield writer
        writer.close()
        file.flush()
        os.fsync(file.fileno())


class _Separated(Writer):
    def __init__(self, file: TextIO, separator: str = ",") -> None:
        self._rows = csv.writer(file, delimiter=separator, lineterminator="\n")
        self._has_head = False

    def write(self, columns: Columns) -> None:
        if not self._has_head:
            self._rows.writerow(columns)
            self._has_head = True
        found = [list(map(_cell, values)) for values in columns.values()]
        self._rows.writerows(zip(*found, strict=True))


class _Tabs(_Separated):
    def __init__(self, file: TextIO) -> None:
        super().__init__(file, "\t")


class _Lines(Writer):
    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, columns: Columns) -> None:
        for line in _objects(columns):
            self._file.write(f"{line}\n")


class _List(Writer):
    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._opening = "["

    def write(self, columns: Columns) -> None:
        for line in _objects(columns):
            self._file.write(f"{self._opening}{line}")
            self._opening = ",\n"

    def close(self) -> None:
        self._file.write("[]\n" if self._opening == "[" else "]\n")


class _Parquet(Writer):
    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: Any = None

    def write(self, columns: Columns) -> None:
        arrow = import_module("pyarrow")
        schema = self._file.schema if self._file is not None else None
        try:
            table = arrow.table(dict(columns), schema=schema)
            if self._file is None:
                self._file = pyarrow_for(self._path.name).ParquetWriter(self._path, table.schema)
            self._file.write_table(table)
        except arrow.ArrowException as error:
            raise FitprintError(
                "the columns do not have one type from the first row to the last, as Parquet needs "
                "it: write CSV or JSON"
            ) from error

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


_WRITERS: Mapping[str, Any] = {"csv": _Separated, "tsv": _Tabs, "json": _List, "jsonl": _Lines}


def _objects(columns: Columns) -> Iterator[str]:
    names = list(columns)
    for values in zip(*columns.values(), strict=True):
        row = dict(zip(names, map(_plain, values), strict=True))
        yield json.dumps(strict(row), allow_nan=False, ensure_ascii=False)


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: NaN is null."""
    if isinstance(value, float):
        return value if value == value else None
    return value.isoformat() if hasattr(value, "isoformat") else value


def _cell(value: Any) -> Any:
    value = _plain(value)
    if isinstance(value, list | tuple | dict):
        return json.dumps(strict(value), allow_nan=False, ensure_ascii=False)
    return value

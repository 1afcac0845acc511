"""Files of rows, read in chunks: CSV, JSON and Parquet."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from fitprint.data.values import error_text
from fitprint.errors import FitprintError

__all__ = ["Chunk", "format_of", "pyarrow_for", "read_chunks"]

CHUNK = 5000  # rows
FORMATS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of a file.

    Attributes:
        columns: labels of the values in ``rows``; None if they have none.
        rows: lists of values, where the file has rows.
        records: values by column, where the file has records.
        table: an Arrow table, where the file has one.
        lines: the line of the file in which each row begins; without them rows are counted, the
            first of the chunk as ``first``, from 0.
        is_text: values are texts, whatever they mean.
    """

    columns: Sequence[str] | None = None
    rows: Sequence[Sequence[Any]] = ()
    records: Sequence[Mapping[str, Any]] = ()
    table: Any = None
    lines: Sequence[int] = ()
    first: int = 0
    is_text: bool = False

    def __len__(self) -> int:
        return len(self.rows) or len(self.records) or (self.table.num_rows if self.table else 0)

    def place(self, row: int) -> str:
        """Return where a row stands in the file: its line, or its number, counted from 1."""
        if self.lines:
            return f"line {self.lines[row]}"
        return f"row {self.first + row + 1}"

    def values(self, column: str) -> list[Any] | None:
        """Return the values of a column as they are in the file; None if there is no such
        column.
        """
        if self.table is not None:
            found = self.table.column_names
            return self.table.column(column).to_pylist() if column in found else None
        if self.records:
            has = any(column in record for record in self.records)
            return [record.get(column) for record in self.records] if has else None
        if self.columns is None or column not in self.columns:
            return None
        place = list(self.columns).index(column)
        return [row[place] for row in self.rows]


def format_of(name: str, otherwise: str) -> str:
    """Return the format of a file by its suffix; ``otherwise`` for ``-``.

    Raises:
        FitprintError: the suffix is of no format that is known.
    """
    if name == "-":
        return otherwise
    found = FORMATS.get(Path(name).suffix.lower())
    if found is None:
        raise FitprintError(
            f"{name} is of no kind that is known; give a file that ends in {', '.join(FORMATS)}, "
            "or - with --format"
        )
    return found


def pyarrow_for(name: str) -> Any:
    """Return pyarrow's module for Parquet.

    Raises:
        FitprintError: it is not installed.
    """
    try:
        return import_module("pyarrow.parquet")
    except ImportError:
        raise FitprintError(
            f"{name}: Parquet files need pyarrow: pip install pyarrow, or give a CSV or JSON file"
        ) from None


def read_chunks(name: str, form: str) -> Iterator[Chunk]:
    """Yield the rows of a file, or of standard input for ``-``, at most some thousand at a time.

    Files of lines (CSV, ``.jsonl``) and of Parquet are never in memory as a whole; a JSON value
    is.

    Raises:
        FitprintError: there is no such file, or it is damaged; the message says in which line.
    """
    if form == "parquet":
        yield from _parquet(name)
        return
    with _opened(name) as file:
        if form == "json":
            yield from _json(name, file)
        elif form == "jsonl":
            yield from _lines(name, file)
        else:
            yield from _csv(name, file, "\t" if form == "tsv" else ",")


@contextmanager
def _opened(name: str) -> Iterator[TextIO]:
    if name == "-":
        file = io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8-sig", newline="")
        try:
            yield file
        finally:
            file.detach()  # it is not ours to close
        return
    try:
        with Path(name).open(encoding="utf-8-sig", newline="") as file:
            yield file
    except OSError as error:
        raise FitprintError(f"{name} cannot be read: {error.strerror or error}") from error


def _csv(name: str, file: TextIO, separator: str) -> Iterator[Chunk]:
    reader = csv.reader(file, delimiter=separator, strict=True)
    try:
        head = next(reader, None)
        if not head:
            raise FitprintError(f"{name} is empty: its first line must name the columns")
        if len(set(head)) < len(head):
            raise FitprintError(f"{name}: two columns have the same name")
        rows: list[list[str]] = []
        lines: list[int] = []
        before = reader.line_num
        for row in reader:
            line, before = before + 1, reader.line_num
            if not row:
                continue
            if len(row) != len(head):
                raise FitprintError(
                    f"{name}, line {line}: there are {len(row)} cells, where there are {len(head)} "
                    "columns"
                )
            rows.append(row)
            lines.append(line)
            if len(rows) == CHUNK:
                yield Chunk(head, rows, lines=lines, is_text=True)
                rows, lines = [], []
        yield Chunk(head, rows, lines=lines, is_text=True)
    except UnicodeDecodeError as error:
        raise FitprintError(f"{name} is not UTF-8 text") from error
    except csv.Error as error:
        raise FitprintError(f"{name}, line {reader.line_num}: {error}") from error


def _lines(name: str, file: TextIO) -> Iterator[Chunk]:
    number = 0
    try:
        while batch := list(islice(file, CHUNK)):
            found = []
            lines = []
            for line in batch:
                number += 1
                if not line.strip():
                    continue
                found.append(_loaded(f"{name}, line {number}", line))
                lines.append(number)
            yield _chunk(name, found, lines=lines)
    except UnicodeDecodeError as error:
        raise FitprintError(f"{name} is not UTF-8 text") from error


def _json(name: str, file: TextIO) -> Iterator[Chunk]:
    try:
        content = _loaded(name, file.read())
    except UnicodeDecodeError as error:
        raise FitprintError(f"{name} is not UTF-8 text") from error
    columns = None
    if isinstance(content, dict) and {"columns", "data"} <= content.keys():
        columns, content = content["columns"], content["data"]
        if not isinstance(columns, list) or not all(isinstance(each, str) for each in columns):
            raise FitprintError(f"{name}: `columns` must be a list of names")
    if not isinstance(content, list):
        raise FitprintError(
            f"{name}: give a list of records, a list of rows, or an object with `columns` and "
            "`data`"
        )
    for first in range(0, max(1, len(content)), CHUNK):
        yield _chunk(name, content[first : first + CHUNK], columns, first=first)


def _chunk(
    name: str,
    found: Sequence[Any],
    columns: Sequence[str] | None = None,
    lines: Sequence[int] = (),
    first: int = 0,
) -> Chunk:
    """Return rows or records as a chunk."""
    chunk = Chunk(columns, rows=found, lines=lines, first=first)
    kind: type[list[Any] | dict[str, Any]] = list
    if found and columns is None and isinstance(found[0], dict):
        kind = dict
        chunk = Chunk(records=found, lines=lines, first=first)
    if found and columns is None and not isinstance(found[0], list | dict):
        return chunk  # single values, which a model of one column takes
    width = len(columns) if columns is not None else None
    for row, each in enumerate(found):
        if not isinstance(each, kind):
            what = "a record" if kind is dict else "a list of values"
            raise FitprintError(f"{name}, {chunk.place(row)}: it is not {what}")
        if width is not None and len(each) != width:
            raise FitprintError(
                f"{name}, {chunk.place(row)}: there are {len(each)} values, where there are "
                f"{width} columns"
            )
    return chunk


def _loaded(place: str, text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, " if error.lineno > 1 else ""
        raise FitprintError(
            f"{place}: it is not JSON: {error.msg} at {where}column {error.colno}"
        ) from error
    except RecursionError:
        raise FitprintError(f"{place}: it is nested too deeply") from None


def _parquet(name: str) -> Iterator[Chunk]:
    if name == "-":
        raise FitprintError("Parquet cannot be read from standard input: give a file")
    if not Path(name).is_file():
        raise FitprintError(f"there is no file {name}")
    parquet = pyarrow_for(name)
    arrow = import_module("pyarrow")
    try:
        with parquet.ParquetFile(name) as file:
            first = 0
            for batch in file.iter_batches(CHUNK):
                yield Chunk(table=arrow.Table.from_batches([batch]), first=first)
                first += batch.num_rows
            if not first:
                yield Chunk(table=file.schema_arrow.empty_table())
    except (arrow.ArrowException, OSError) as error:
        raise FitprintError(f"{name} cannot be read: {error_text(error)}") from error

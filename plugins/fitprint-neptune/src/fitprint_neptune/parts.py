"""The Parquet files of one run, read by Apache Arrow: rows as they were exported.

Their columns are those that neptune-exporter's README describes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
from pyarrow import compute, parquet

from fitprint.access import open_regular
from fitprint.errors import FitprintError

__all__ = ["Identity", "Row", "identity_of", "rows_of"]

_TIME = pa.timestamp("us", tz="UTC")
_NUMBERS = {"step": pa.float64(), "timestamp": pa.int64(), "datetime_value": pa.int64()}
_COLUMNS: dict[str, Any] = {
    "attribute_path": pa.string(),
    "attribute_type": pa.string(),
    "step": pa.float64(),
    "timestamp": _TIME,
    "int_value": pa.int64(),
    "float_value": pa.float64(),
    "string_value": pa.string(),
    "bool_value": pa.bool_(),
    "datetime_value": _TIME,
    "string_set_value": pa.list_(pa.string()),
    "file_value": pa.struct([("path", pa.string())]),
    "histogram_value": pa.struct(
        [
            ("type", pa.string()),
            ("edges", pa.list_(pa.float64())),
            ("values", pa.list_(pa.float64())),
        ]
    ),
}
_PLACES = {"file": "file_value", "file_set": "file_value", "artifact": "file_value"}
_TEXTS = ("project_id", "run_id", "attribute_path", "attribute_type", "string_value")
_ROWS = 1 << 16
# A part may become so many bytes, or so many times its size, whichever is more: others repeat one
# long text, and a few kilobytes would fill the memory.
_MOST, _MOST_TIMES = 1 << 28, 100
_ROW_BYTES = 16


class Identity(NamedTuple):
    """Which run a file is of, and the id of the run that it was forked from or ""."""

    project: str
    run: str
    parent: str


class Row(NamedTuple):
    """One value; ``time`` is in microseconds since the epoch, None where there is none, and so is a
    ``datetime``.
    """

    path: str
    type: str
    step: float | None
    time: int | None
    value: Any


def identity_of(path: Path) -> Identity:
    """Return which run a part is of.

    Raises:
        FitprintError: the file is damaged, or none of neptune-exporter's.
    """
    project = run = parent = ""
    with _reading(path):
        wanted = {name: pa.string() for name in ("project_id", "run_id", "attribute_path")}
        for batch in _batches(path, {**wanted, "string_value": pa.string()}):
            if not run and batch.num_rows:
                project, run = (batch[name][0].as_py() or "" for name in ("project_id", "run_id"))
            found = compute.index(batch["attribute_path"], "sys/forking/parent").as_py()
            if found >= 0:
                parent = batch["string_value"][found].as_py() or ""
                break
    if not run:
        raise FitprintError(f"{path.name} has no run in it")
    return Identity(project, run, parent)


def rows_of(path: Path) -> Iterator[Row]:
    """Yield the values of a part.

    Raises:
        FitprintError: the file is damaged, or none of neptune-exporter's.
    """
    with _reading(path):
        for batch in _batches(path, _COLUMNS):
            columns = {
                name: batch[name].to_pylist() for name in ("attribute_path", "attribute_type")
            }
            for name in ("step", "timestamp"):
                columns[name] = batch[name].cast(_NUMBERS[name]).to_pylist()
            values: dict[str, list[Any]] = {}
            for place, kind in enumerate(columns["attribute_type"]):
                base = (kind or "").removesuffix("_series")
                name = _PLACES.get(base, f"{base}_value")
                if name not in _COLUMNS:
                    value = None
                else:
                    if name not in values:
                        column = batch[name]
                        values[name] = column.cast(_NUMBERS.get(name, column.type)).to_pylist()
                    value = values[name][place]
                yield Row(
                    columns["attribute_path"][place] or "",
                    kind or "",
                    columns["step"][place],
                    columns["timestamp"][place],
                    value,
                )


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Say in our words that a file cannot be read."""
    try:
        yield
    except FitprintError:
        raise
    except Exception as error:
        # where names or texts are damaged, Arrow raises what Python has, too
        told = " ".join(str(error).split())[:200]
        raise FitprintError(f"{path.name} cannot be read: {told}") from error


def _batches(path: Path, columns: dict[str, Any]) -> Iterator[Any]:
    """Yield a file's rows in pieces, with these columns of these types.

    Raises:
        FitprintError: it has other columns, or becomes much larger than it is.
    """
    with open_regular(path) as opened:
        about = parquet.read_metadata(opened)
        missing = sorted({*columns} - {*about.schema.to_arrow_schema().names})
        if missing:
            raise FitprintError(
                f"{path.name} is not a file of neptune-exporter: it has no column {missing[0]!r}"
            )
        most = max(_MOST, _MOST_TIMES * path.stat().st_size)
        groups = (about.row_group(number) for number in range(about.num_row_groups))
        _refuse(path, sum(group.total_byte_size for group in groups), most)
        _refuse(path, about.num_rows * _ROW_BYTES, most)
        texts = [name for name in _TEXTS if name in columns]
        schema, unpacked = pa.schema(list(columns.items())), 0
        with parquet.ParquetFile(opened, metadata=about, read_dictionary=texts) as file:
            for batch in file.iter_batches(batch_size=_ROWS, columns=list(columns)):
                unpacked += sum(_text_bytes(batch[name]) for name in texts)
                _refuse(path, unpacked, most)
                table = pa.Table.from_batches([batch.select(list(columns))])
                yield table.cast(schema).combine_chunks()


def _text_bytes(column: Any) -> int:
    """Return how many bytes the texts of a column are, without writing each of them out."""
    if not pa.types.is_dictionary(column.type):
        return int(column.nbytes)
    lengths = compute.binary_length(column.dictionary).cast(pa.int64())
    return compute.sum(lengths.take(column.indices)).as_py() or 0


def _refuse(path: Path, unpacked: int, most: int) -> None:
    """Refuse a file that becomes too large.

    Raises:
        FitprintError: it has more than ``most`` bytes.
    """
    if unpacked > most:
        raise FitprintError(
            f"{path.name} unpacks to more than {most >> 20} MiB, which no export of its size does"
        )

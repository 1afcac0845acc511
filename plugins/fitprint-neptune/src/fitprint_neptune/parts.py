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
_ROWS = 1 << 16


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
    """Yield a file's rows in pieces, with these columns of these types."""
    with open_regular(path) as opened, parquet.ParquetFile(opened) as file:
        missing = sorted({*columns} - {*file.schema_arrow.names})
        if missing:
            raise FitprintError(
                f"{path.name} is not a file of neptune-exporter: it has no column {missing[0]!r}"
            )
        schema = pa.schema(list(columns.items()))
        for batch in file.iter_batches(batch_size=_ROWS, columns=list(columns)):
            yield (
                pa.Table.from_batches([batch.select(list(columns))]).cast(schema).combine_chunks()
            )

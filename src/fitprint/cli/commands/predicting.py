"""``fitprint predict``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from fitprint.cli import reading
from fitprint.cli.command import add_trust
from fitprint.cli.terminal import Terminal, tell
from fitprint.errors import FitprintError, SignatureError

if TYPE_CHECKING:
    from fitprint.cli.rowfiles import Chunk
    from fitprint.models.compiled import Batch
    from fitprint.models.predictor import Predictor

__all__ = ["COMMAND", "Predicting"]


class Predicting:
    """MODEL is a run that has a model, RUN/path for one of several models, runs:/RUN/path,
    models:/NAME@ALIAS, or a folder with an MLmodel file. The files end in .csv, .tsv, .json,
    .jsonl, .parquet or .pq; a - stands for standard input or output.

    Columns are found by name, and those that the model does not know are left out; a model of an
    array takes all but those of --keep, in their order. Texts of CSV become what the signature
    says: an empty cell is a missing value, times are written as in 2026-05-01T12:00. JSON is a list
    of records, {"columns": [...], "data": [...]}, or a record in each line (.jsonl).

    The predictions are one column, `prediction`, or several if the model gives several. Rows are
    read and written some thousand at a time. The output gets its name when all rows are written; a
    row that does not fit ends the command and leaves no file.

    Examples:
      fitprint predict @last -i new.csv -o predictions.csv --keep id
      fitprint predict models:/churn@champion -i july.parquet -o churn.parquet --keep customer,month
      cat rows.jsonl | fitprint predict 9b6559 -i - -o - --format jsonl
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "model",
            metavar="MODEL",
            help="a run, RUN/path, runs:/RUN/path, models:/NAME@ALIAS, or a folder with an MLmodel "
            "file",
        )
        parser.add_argument(
            "-i", "--input", metavar="FILE", required=True, help="the rows; - is standard input"
        )
        parser.add_argument(
            "-o",
            "--output",
            metavar="FILE",
            required=True,
            help="the file to write; - is standard output",
        )
        parser.add_argument(
            "--keep",
            metavar="A,B",
            type=_names,
            default=[],
            help="columns of the input to write before the predictions, such as an id",
        )
        parser.add_argument(
            "--format",
            choices=["csv", "tsv", "json", "jsonl"],
            default="csv",
            help="of standard input and output (csv)",
        )
        add_trust(parser)

    def run(self, arguments: argparse.Namespace) -> int:
        import os

        from fitprint.cli.rowfiles import format_of, read_chunks  # help needs none of it
        from fitprint.cli.rowwriters import writing
        from fitprint.evaluating.subjects import subject_of

        given = format_of(arguments.input, arguments.format)
        wanted = format_of(arguments.output, arguments.format)
        if _is_same(arguments.input, arguments.output):
            raise FitprintError(
                f"{arguments.output} is the input, which the predictions would replace: give "
                "another file"
            )
        if not os.path.isdir(arguments.model):  # noqa: PTH112 - no error for a long name
            reading.store()
        predictor = subject_of(arguments.model, arguments.trust).predictor
        progress = _Progress()
        count = 0
        with writing(arguments.output, wanted) as writer:
            for chunk in read_chunks(arguments.input, given):
                if not len(chunk) and count:
                    continue
                try:
                    batch = _read(predictor, chunk, arguments.keep)
                except SignatureError as error:
                    raise _placed(error, arguments.input, chunk) from error
                columns = _kept(arguments.input, chunk, arguments.keep)
                found = _predicted(predictor, batch, arguments.input, chunk)
                columns.update(_columns_of(found, len(chunk), taken=columns))
                writer.write(columns)
                count += len(chunk)
                progress.show(count)
        progress.end()
        tell(f"{count:,} {'row' if count == 1 else 'rows'}".replace(",", " "))
        return 0


COMMAND = Predicting()


class _Progress:
    """Says on a terminal, in one line, how many rows are done."""

    def __init__(self) -> None:
        self._is_shown = Terminal(sys.stderr).is_interactive

    def show(self, count: int) -> None:
        if self._is_shown:
            print(f"\r{count} rows", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        if self._is_shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _is_same(given: str, wanted: str) -> bool:
    from pathlib import Path

    try:
        return "-" not in (given, wanted) and Path(given).samefile(wanted)
    except OSError:  # one of them is not there
        return False


def _predicted(predictor: Predictor, batch: Batch, name: str, chunk: Chunk) -> Any:
    from fitprint.data.values import error_text

    try:
        return predictor.predict_batch(batch)
    except FitprintError:
        raise
    except Exception as error:
        where = f"{chunk.place(0)} to {chunk.place(len(chunk) - 1)}" if len(chunk) else "no rows"
        raise FitprintError(
            f"{name}, {where}: the model cannot predict: {type(error).__name__}: "
            f"{error_text(error)}"
        ) from error


def _read(predictor: Predictor, chunk: Chunk, keep: Sequence[str]) -> Batch:
    """Return the rows of a chunk as the model takes them."""
    from fitprint.models.texts import from_texts, times_from_texts

    reader, schema = predictor.reader, predictor.reader.schema
    if chunk.table is not None:
        table = chunk.table
        if schema is None or schema.container not in _NAMED:
            table = table.select([name for name in table.column_names if name not in keep])
        return reader.read(table.to_pandas() if schema is None else table)
    if schema is None:
        return reader.read(_untyped(chunk))
    if schema.container not in {*_NAMED, *_NAMELESS}:
        raise FitprintError(f"the model takes {schema.container}, which a file of rows has none of")
    typed = from_texts if chunk.is_text else times_from_texts
    if schema.container in _NAMED:
        if any(len(field.shape) > 1 for field in schema.fields):
            raise FitprintError("the model takes arrays, which a file of rows has none of")
        found = {field.name: chunk.values(field.name) for field in schema.fields}
        if chunk.columns is None and not chunk.records:
            return reader.from_rows(chunk.rows)
        columns = {
            field.name: typed(field, values, field.name)
            for field in schema.fields
            if (values := found[field.name]) is not None
        }
        if len(columns) < len(schema.fields):
            _add_others(columns, chunk)
        if schema.container == "records":
            return reader.from_records(_records(columns))
        return reader.from_columns(columns)
    if chunk.columns is None and not chunk.records:
        return reader.from_rows(chunk.rows)
    names = [name for name in _names_of(chunk) if name not in keep]
    columns = {name: typed(schema.fields[0], chunk.values(name) or [], name) for name in names}
    if len(schema.fields[0].shape) == 1:
        if len(names) != 1:
            raise SignatureError(f"the model takes one column; the data has {len(names)}")
        return reader.read(list(columns[names[0]]))
    return reader.from_rows(list(zip(*columns.values(), strict=True)))


_NAMED = frozenset({"table", "arrays", "records"})
_NAMELESS = frozenset({"array", "sparse", "list", "series"})


def _names_of(chunk: Chunk) -> list[str]:
    if chunk.columns is not None:
        return list(chunk.columns)
    return list(dict.fromkeys(name for record in chunk.records for name in record))


def _add_others(columns: dict[Any, Any], chunk: Chunk) -> None:
    """Add the columns that the model does not know: the error for those that are missing names
    them.
    """
    for name in _names_of(chunk):
        columns.setdefault(name, chunk.values(name))


def _records(columns: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]


def _untyped(chunk: Chunk) -> Any:
    """Return rows for a model of which no signature is known: a data frame where pandas is
    installed, else columns.
    """
    from fitprint.cli.datafiles import typed_cells

    if chunk.columns is None and not chunk.records:
        return chunk.rows
    columns = {name: chunk.values(name) or [] for name in _names_of(chunk)}
    if chunk.is_text:
        columns = {name: typed_cells(cells) for name, cells in columns.items()}
    if find_spec("pandas") is None:
        return columns
    from fitprint.models.batches import framed

    return framed(dict(enumerate(columns.values())), list(columns))


def _kept(name: str, chunk: Chunk, keep: Sequence[str]) -> dict[str, Any]:
    columns = {}
    for column in keep:
        values = chunk.values(column)
        if values is None:
            there = ", ".join(_names_of(chunk)[:8]) if chunk.table is None else ""
            raise FitprintError(
                f"{name} has no column {column!r} to keep" + (f"; it has {there}" if there else "")
            )
        columns[column] = values
    return columns


def _columns_of(found: Any, count: int, taken: Iterable[str]) -> dict[str, list[Any]]:
    """Return predictions as columns of plain values."""
    if hasattr(found, "columns") and hasattr(found, "iloc"):
        columns = {
            str(name): found.iloc[:, place].tolist() for place, name in enumerate(found.columns)
        }
    elif isinstance(found, Mapping):
        columns = {str(name): _plain(values) for name, values in found.items()}
    else:
        values = _plain(found)
        if values and all(isinstance(each, list) for each in values):
            width = len(values[0])
            columns = {
                f"prediction_{place}": [each[place] for each in values] for place in range(width)
            }
            if width == 1:
                columns = {"prediction": columns["prediction_0"]}
        else:
            columns = {"prediction": values}
    if any(len(values) != count for values in columns.values()):
        raise FitprintError("the model has not given one prediction for each row")
    both = [name for name in columns if name in set(taken)]
    if both:
        raise FitprintError(
            f"the predictions have a column {both[0]!r}, too: leave it out of --keep"
        )
    return columns


def _plain(found: Any) -> list[Any]:
    for way in ("tolist", "to_list"):
        if hasattr(found, way):
            values = getattr(found, way)()
            return values if isinstance(values, list) else [values]
    return [each.tolist() if hasattr(each, "tolist") else each for each in found]


def _placed(error: SignatureError, name: str, chunk: Chunk) -> FitprintError:
    """Return the error with the place in the file instead of the row of the chunk."""
    if error.row is None:
        return FitprintError(f"{name}: {error}")
    told = str(error)
    column = f"column {error.column!r}, " if error.column is not None else ""
    told = told.removeprefix(f"{column}row {error.row}").lstrip(": ")
    place = f"{chunk.place(error.row)}, {column}".removesuffix(", ")
    return FitprintError(f"{name}, {place}: {told}")


def _names(text: str) -> list[str]:
    names = [part.strip() for part in text.split(",")]
    if not all(names):
        raise argparse.ArgumentTypeError(f"must be names with commas between them, not {text!r}")
    return names

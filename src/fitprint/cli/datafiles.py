"""Data in files, as a command takes them: CSV and Parquet, by pandas where it is installed; CSV
also without it.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from fitprint.data.values import error_text
from fitprint.errors import FitprintError

__all__ = ["read_data", "typed_cells"]

_READERS = {
    ".csv": "read_csv",
    ".tsv": "read_csv",
    ".parquet": "read_parquet",
    ".pq": "read_parquet",
}


def read_data(name: str) -> Any:
    """Return the data in a file: a pandas data frame, or a dict of columns where pandas is not
    installed.

    Raises:
        FitprintError: there is no such file, it is of another kind, or it cannot be read; the
            message says why.
    """
    path = Path(name)
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise FitprintError(
            f"{name} is not a data file that can be read; give a file that ends in "
            f"{', '.join(_READERS)}"
        )
    if not path.is_file():
        raise FitprintError(f"there is no file {name}")
    separator = "\t" if path.suffix.lower() == ".tsv" else ","
    try:
        pandas: Any = import_module("pandas")
    except ImportError:
        if reader == "read_parquet":
            raise FitprintError(
                f"{name} can only be read with pandas: pip install pandas pyarrow"
            ) from None
        return _columns(path, separator)
    options = {"sep": separator} if reader == "read_csv" else {}
    try:
        return getattr(pandas, reader)(path, **options)
    except Exception as error:
        raise FitprintError(
            f"{name} cannot be read: {type(error).__name__}: {error_text(error)}"
        ) from error


def _columns(path: Path, separator: str) -> dict[str, list[Any]]:
    """Return the columns of a CSV file; one of numbers alone has numbers, an empty cell is None."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            head, *rows = csv.reader(file, delimiter=separator, strict=True)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise FitprintError(f"{path} cannot be read: {type(error).__name__}: {error}") from error
    except ValueError:
        raise FitprintError(f"{path} is empty: its first line must name the columns") from None
    rows = [row for row in rows if row]
    for number, row in enumerate(rows, 1):
        if len(row) != len(head):
            raise FitprintError(
                f"{path} cannot be read: row {number} has {len(row)} cells, and there are "
                f"{len(head)} columns"
            )
    if len(set(head)) < len(head):
        raise FitprintError(f"{path} cannot be read: two columns have the same name")
    return {name: typed_cells([row[place] for row in rows]) for place, name in enumerate(head)}


def typed_cells(cells: Sequence[str]) -> list[Any]:
    """Return texts as numbers, if all are numbers; an empty one is None."""
    for kind in (int, float):
        try:
            return [kind(cell) if cell else None for cell in cells]
        except ValueError:
            pass
    return [cell or None for cell in cells]

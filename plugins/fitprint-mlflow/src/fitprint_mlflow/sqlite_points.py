"""Points of metrics from MLflow's SQLite file itself.

MLflow's client asks for one metric of one run at a time, by an index of metrics' names: SQLite
looks at the points of all runs for it.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from fitprint.entities import History

__all__ = ["SqlitePoints"]

_COLUMNS = {"run_uuid", "key", "step", "timestamp", "value", "is_nan"}
_NAN = float("nan")


class SqlitePoints:
    """The table of metrics, which is only read.

    Args:
        path: of MLflow's SQLite file.
    """

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)

    @property
    def is_known(self) -> bool:
        """Whether the table has the columns that are read."""
        return {
            row[1] for row in self._connection.execute("PRAGMA table_info(metrics)")
        } >= _COLUMNS

    def histories(self, run_id: str) -> Iterator[tuple[str, History]]:
        """Yield the metrics of a run by name, their points by step, then time, as MLflow's client
        gives them.
        """
        rows = self._connection.execute(
            "SELECT key, step, timestamp, value, is_nan FROM metrics WHERE run_uuid = ? ORDER BY "
            "+key, step, timestamp",
            (run_id,),
        )
        for key, points in groupby(rows, itemgetter(0)):
            found = list(points)
            yield (
                key,
                History(
                    array("q", [row[1] for row in found]),
                    array("q", [row[2] * 1000 for row in found]),
                    array("d", [_NAN if row[4] else row[3] for row in found]),
                    array("d", [_NAN]) * len(found),
                ),
            )

    def close(self) -> None:
        self._connection.close()

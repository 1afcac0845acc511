"""Runs that were found together."""

from __future__ import annotations

from typing import Any

from fitprint.recording.run import Run

__all__ = ["Runs"]


class Runs(list[Run]):
    """The runs that a search has found, in its order: a list, which a notebook shows as a table."""

    def to_pandas(self) -> Any:
        """Return a ``pandas.DataFrame`` with a row for each run (see
        :func:`fitprint.tables.to_pandas`).

        Raises:
            FitprintError: pandas is not installed.
        """
        from fitprint.tables import to_pandas

        return to_pandas([run.record for run in self])

    def to_polars(self) -> Any:
        """Return a ``polars.DataFrame`` with a row for each run (see
        :func:`fitprint.tables.to_polars`).

        Raises:
            FitprintError: polars is not installed.
        """
        from fitprint.tables import to_polars

        return to_polars([run.record for run in self])

    def _repr_html_(self) -> str:
        from fitprint.recording.workspace import current
        from fitprint.views.curves import curves_of
        from fitprint.views.markup import runs_table
        from fitprint.views.ranking import Goals

        store = (self[0].workspace if self else current()).store
        goals = Goals.told(current().settings["metric"], store.experiments())
        return runs_table([run.record for run in self], curves_of(store), goals)

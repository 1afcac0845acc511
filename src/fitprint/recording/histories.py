"""The history of a metric, as a run gives it."""

from __future__ import annotations

from typing import Any

from fitprint.entities import History

__all__ = ["MetricHistory"]


class MetricHistory(History):
    """The points of one metric in the order in which they were logged (see
    :class:`fitprint.entities.History`).
    """

    __slots__ = ()

    @classmethod
    def of(cls, history: History) -> MetricHistory:
        """Return the same points, without copying them."""
        return cls(history.step, history.timestamp, history.value, history.epoch)

    def to_pandas(self) -> Any:
        """Return a ``pandas.DataFrame`` with the columns step, timestamp (UTC), value and epoch.

        Raises:
            FitprintError: pandas is not installed.
        """
        from fitprint.tables import history_frame

        return history_frame(self, "pandas")

    def to_polars(self) -> Any:
        """Return a ``polars.DataFrame`` with the columns step, timestamp (UTC), value and epoch.

        Raises:
            FitprintError: polars is not installed.
        """
        from fitprint.tables import history_frame

        return history_frame(self, "polars")

    def _repr_html_(self) -> str:
        from fitprint.views.markup import history_page

        return history_page(self)

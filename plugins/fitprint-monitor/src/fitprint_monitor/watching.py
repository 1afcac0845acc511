"""Counting what a model is given and what it predicts, while it serves."""

from __future__ import annotations

import math
import sys
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from fitprint import clock
from fitprint.data.description import Description
from fitprint.data.sampling import SampledColumn, sample
from fitprint_monitor.cells import Counts, cells_of
from fitprint_monitor.counting import count_column
from fitprint_monitor.sides import single_columns
from fitprint_monitor.windows import HOUR, Window

__all__ = ["Watch"]

_WHOLE = 8192  # rows of an hour that are counted one by one; of those after them
_EVERY = 32  # one in so many is
_ROWS = 2048  # rows that wait to be counted, at most
_BYTES = 1 << 20  # that they take
_BATCHES = 256  # tables that wait
_WAIT = 0.05  # seconds that an answered request waits for another one's counting
_HOURS = 48  # windows that are kept until they are taken
_LARGEST = sys.float_info.max


class Watch:
    """Counters of one version of a model: inputs and predictions, by column and hour, in the cells
    that its training's profiles give.

    Any number of threads may observe. Rows are put aside and counted together; memory is bounded,
    and whoever observes waits 0.05 seconds at most for another thread. The first 8192 rows of an
    hour are all counted, of later ones one in 32. Rows that could not be counted are told by the
    window's ``lost``, and ``problem`` says why.

    Args:
        inputs: the profile of the training data.
        predictions: the profile of the predictions for them; {} where there is none.
    """

    def __init__(
        self, inputs: Mapping[str, Any], predictions: Mapping[str, Any] | None = None
    ) -> None:
        self._lock = threading.Lock()
        self._inputs = _Part(inputs.get("columns", ()))
        self._predictions = _Part((predictions or {}).get("columns", ()))
        self._hour = 0
        self._seen = self._lost = self._counted = 0
        self._missed: deque[int] = deque()  # rows, by threads that did not wait longer
        self._done: dict[int, Window] = {}
        self.problem = ""

    def observe(self, inputs: Any, predictions: Any = None) -> None:
        """Count a batch that was answered. It must not be changed afterwards. Nothing is raised.

        Args:
            inputs: what the model was given: an array with the columns in the order of the
                training, a data frame, a dict of columns (or of single values: one row), or a list
                of records or rows.
            predictions: what it answered.
        """
        try:
            if isinstance(inputs, dict):  # a Mapping would cost as much as all else
                first: Any = next(iter(inputs.values()), None)
                if not _is_column(first):
                    inputs = [inputs]  # one row
                    first = inputs
                rows = len(first)
            else:
                rows = len(inputs)
            if not self._lock.acquire(False) and not self._lock.acquire(timeout=_WAIT):
                self._missed.append(rows)
                self.problem = "another thread was counting"
                return
            try:
                self._observe(inputs, predictions, rows)
            finally:
                self._lock.release()
        except Exception as error:  # noqa: BLE001 - a server goes on, whatever it was given
            self.problem = f"{type(error).__name__}: {error}"

    def _observe(self, inputs: Any, predictions: Any, rows: int) -> None:
        hour = clock.now() // HOUR
        if hour != self._hour:
            self._close()
            self._hour, self._counted = hour, 0
        before, self._seen = self._seen, self._seen + rows
        if self._counted >= _WHOLE:
            first = -before % _EVERY
            if first >= rows:
                return
            step = slice(first, None, _EVERY)
            inputs = _cut(inputs, step)
            predictions = None if predictions is None else _cut(predictions, step)
            rows = len(range(first, rows, _EVERY))
        self._counted += rows
        for part, data in ((self._inputs, inputs), (self._predictions, predictions)):
            if part.cells and data is not None:
                self._add(part, data, rows)

    def _add(self, part: _Part, data: Any, rows: int) -> None:
        try:
            part.add(data, rows)
        except Exception as error:  # noqa: BLE001 - values of any kind may fail in any way
            self._lost += part.forget() or rows
            self.problem = f"{type(error).__name__}: {error}"

    def _close(self) -> None:
        """Move what was counted to the window of its hour."""
        while self._missed:
            rows = self._missed.popleft()
            self._seen, self._lost = self._seen + rows, self._lost + rows
        if not self._seen:
            return
        found = []
        for part in (self._inputs, self._predictions):
            try:
                found.append(part.take())
            except Exception as error:  # noqa: BLE001 - as above
                self._lost += part.forget()
                self.problem = f"{type(error).__name__}: {error}"
                found.append({})
        start = self._hour * HOUR
        window = Window(start, self._seen, self._lost, *found)
        self._done[start] = self._done[start] + window if start in self._done else window
        self._seen = self._lost = 0
        if len(self._done) > _HOURS:
            dropped, next_ = self._done.pop(min(self._done)).seen, min(self._done)
            self._done[next_] += Window(next_, dropped, dropped)

    def take(self) -> list[Window]:
        """Return what was counted since this was last asked for, a window for each hour."""
        with self._lock:
            self._close()
            found, self._done = list(self._done.values()), {}
        return found


class _Part:
    """The columns of inputs, or of predictions, and the rows of them that wait to be counted."""

    def __init__(self, columns: Sequence[Mapping[str, Any]]) -> None:
        self.cells = [cells_of(column) for column in columns]
        self.names = [each.name for each in self.cells]
        self.totals = [Counts() for _ in self.cells]
        width = max(1, len(self.cells))
        self._room = max(64, min(_ROWS, _BYTES // (8 * width)))
        self._block: Any = None
        self._filled = 0
        self._waiting: list[Any] = []
        self._rows = 0
        self._is_numeric = all(each.kind in ("number", "empty") for each in self.cells)

    def add(self, data: Any, rows: int) -> None:
        """Put rows aside, and count what waits if that is enough."""
        numpy: Any = sys.modules.get("numpy")
        if (
            self._is_numeric
            and numpy is not None
            and isinstance(data, numpy.ndarray)
            and data.dtype.kind in "fiub"
            and data.ndim in (1, 2)
        ):
            self._add_array(numpy, data)
            return
        if hasattr(data, "tolist"):  # arrays and series: lists of many answers are soon one
            data = data.tolist()
        self._waiting.append(data)
        self._rows += rows
        if len(self._waiting) >= _BATCHES or self._rows >= self._room:
            self._count_waiting()

    def _add_array(self, numpy: Any, array: Any) -> None:
        width = len(self.cells)
        if array.ndim == 1:
            array = array[:, None]
        if array.shape[1] < width:
            raise ValueError(f"the array has {array.shape[1]} columns, the profile {width}")
        if self._block is None:
            self._block = numpy.empty((width, self._room))
            self._points = [numpy.array([-math.inf, *each.points, _LARGEST]) for each in self.cells]
        start, rows = 0, len(array)
        while start < rows:
            end = min(rows, start + self._room - self._filled)
            count = end - start
            self._block[:, self._filled : self._filled + count] = array[start:end, :width].T
            self._filled += count
            start = end
            if self._filled == self._room:
                self._count_block(numpy)

    def _count_block(self, numpy: Any) -> None:
        filled, self._filled = self._filled, 0
        block = self._block[:, :filled]
        block.sort(axis=1)
        for place, (values, points) in enumerate(zip(block, self._points, strict=True)):
            below = values.searchsorted(points, "right")
            infinite, finite = int(below[0]), int(below[-1])
            count = finite - infinite
            total = self.totals[place]
            cells: tuple[float, ...] = ()
            if len(points) > 2:
                cells = tuple(numpy.diff(below).tolist())
            low, high = (
                (float(values[infinite]), float(values[finite - 1]))
                if count
                else (math.inf, -math.inf)
            )
            self.totals[place] = total + Counts(filled, filled - count, cells, low, high)

    def _count_waiting(self) -> None:
        waiting, self._waiting, self._rows = self._waiting, [], 0
        for data in _together(waiting):
            found = _columns(data)
            places = self._places(list(found))
            for name, column in found.items():
                place = places.get(name)
                if place is not None:
                    cells = self.cells[place]
                    self.totals[place] += count_column(cells, column)

    def _places(self, names: Sequence[str]) -> Mapping[str, int]:
        """Return which column has which name; by position, where no name is known."""
        known = {name: place for place, name in enumerate(self.names)}
        if not known.keys() & set(names):
            return {name: place for place, name in enumerate(names) if place < len(self.cells)}
        return known

    def take(self) -> dict[str, Counts]:
        """Return what was counted, and begin anew."""
        if self._filled:
            self._count_block(sys.modules["numpy"])
        if self._waiting:
            self._count_waiting()
        found = {
            name: total for name, total in zip(self.names, self.totals, strict=True) if total.rows
        }
        self.totals = [Counts() for _ in self.cells]
        return found

    def forget(self) -> int:
        """Drop what waits, and return how many rows that were."""
        lost = self._filled + self._rows
        self._filled = self._rows = 0
        self._waiting = []
        return lost


def _is_column(value: Any) -> bool:
    return hasattr(value, "__len__") and not isinstance(value, (str, bytes))


def _cut(data: Any, rows: slice) -> Any:
    if isinstance(data, dict):
        return {name: values[rows] for name, values in data.items()}
    return data.iloc[rows] if hasattr(data, "iloc") else data[rows]


def _together(waiting: Sequence[Any]) -> Sequence[Any]:
    """Return tables as one, and lists as one; others as they are."""
    pandas: Any = sys.modules.get("pandas")
    if pandas is not None and all(isinstance(each, pandas.DataFrame) for each in waiting):
        return [pandas.concat(waiting, ignore_index=True)]
    if all(isinstance(each, list) for each in waiting):
        return [[item for each in waiting for item in each]]
    if all(isinstance(each, Mapping) and each.keys() == waiting[0].keys() for each in waiting):
        return [{name: [item for each in waiting for item in each[name]] for name in waiting[0]}]
    return waiting


def _columns(data: Any) -> dict[str, SampledColumn]:
    """Return the values of each column."""
    found: dict[str, SampledColumn] = {}
    for part in _single_columns(data):
        taken = sample(Description(part))
        if taken is None:
            raise TypeError(f"values of a {type(data).__name__} cannot be counted")
        found.update((column.name, column) for column in taken.columns)
    return found


def _single_columns(data: Any) -> Sequence[Any]:
    """Return data column by column: of one column more rows are looked at than of many together."""
    if isinstance(data, list) and data and isinstance(data[0], (list, tuple)):
        data = dict(enumerate(map(list, zip(*data, strict=True))))
    elif isinstance(data, list) and data and isinstance(data[0], Mapping):
        names = dict.fromkeys(name for each in data for name in each)
        data = {name: [each.get(name) for each in data] for name in names}
    elif getattr(data, "ndim", 0) == 2 and not hasattr(data, "columns"):
        data = {place: data[:, place] for place in range(data.shape[1])}
    return single_columns(data)

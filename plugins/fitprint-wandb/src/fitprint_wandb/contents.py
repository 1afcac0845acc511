"""What the records of a run say; the messages are Weights & Biases' own."""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError
from wandb.proto import wandb_internal_pb2 as messages

from fitprint.access import open_regular
from fitprint.copying.values import add_point, micros, plain
from fitprint.entities import History, RunStatus
from fitprint.errors import FitprintError
from fitprint_wandb.frames import records_of

__all__ = ["Contents", "named"]

_OURS = ("_step", "_timestamp", "_runtime", "_wandb")  # of W&B itself, in each row
_GOALS: dict[int, Literal["min", "max"]] = {1: "min", 2: "max"}
_ABSENT = object()
_DEEPEST = 100  # parts of a name, and values inside one another
_TOO_DEEP = f"values that are more than {_DEEPEST} inside one another"


def _records(path: Path, told: Callable[[str], None]) -> Iterator[Any]:
    odd = 0
    with open_regular(path) as file:
        for content in records_of(file, told):
            try:
                yield messages.Record.FromString(content)
            except DecodeError:
                odd += 1
    if odd:
        told(f"{odd} records cannot be read, and are skipped")


def named(path: Path) -> tuple[str, str, str]:
    """Return the project of a run, "" if its file does not say it, its id, and the id of the run
    that it was forked from or "".

    Raises:
        FitprintError: this is no file of Weights & Biases.
        OSError: it cannot be read.
    """
    for record in _records(path, lambda _: None):
        if record.WhichOneof("record_type") == "run":
            return record.run.project, record.run.run_id, record.run.branch_point.run
    return "", path.stem.removeprefix("run-"), ""


class Contents:
    """What is found in the files of one run, which has several where it was resumed.

    Args:
        told: is told what cannot be taken, in words.

    Attributes:
        run: the last message that says what the run is.
        config: parameters, those of a group as ``GROUP.NAME``.
        histories: of all numbers, by key.
        goals: what is better, where the program said so.
        others: lines of JSON of all else that has steps, by key.
        summary: what the program said in the end.
        artifacts: those that were logged, and ``used`` the names and types of those that were used.
        saved: paths of the files that the program wanted to be kept.
        output: what it printed.
        environment: what W&B noticed of it.
        status: FINISHED or FAILED as the exit says, None where there is none.
        error: why it failed.
        start, end: the first and the last time, 0 where there is none.
    """

    def __init__(self, told: Callable[[str], None]) -> None:
        self.run: Any = messages.RunRecord()
        self.config: dict[str, Any] = {}
        self.histories: defaultdict[str, History] = defaultdict(History)
        self.goals: dict[str, Literal["min", "max"]] = {}
        self.others: defaultdict[str, list[bytes]] = defaultdict(list)
        self.summary: dict[str, Any] = {}
        self.artifacts: list[Any] = []
        self.used: list[tuple[str, str]] = []
        self.saved: set[str] = set()
        self.output: list[str] = []
        self.environment: dict[str, Any] = {}
        self.status: RunStatus | None = None
        self.error: str | None = None
        self.start = self.end = 0
        self._left: Counter[str] = Counter()
        self._told = told

    def read(self, path: Path) -> None:
        """Take in one file.

        Raises:
            FitprintError: this is no file of Weights & Biases.
            OSError: it cannot be read.
        """
        self.status = self.error = None
        found = False
        for record in _records(path, self._told):
            found = True
            what = record.WhichOneof("record_type") or ""
            take = getattr(self, f"_take_{what}", None)
            if take is not None:
                take(getattr(record, what))
        if not found:
            raise FitprintError(f"{path.name} holds no record that can be read")

    def finish(self) -> None:
        """Say what stays behind, and give what stands in the summary alone its place."""
        for what, count in sorted(self._left.items()):
            self._told(f"{what} ({count}) stay behind")
        for key, value in _leaves(self.summary):
            # a summary may hold a number of a history, such as its least, below its key
            is_known = key in self.histories or key.rpartition(".")[0] in self.histories
            if not is_known and key.partition(".")[0] not in _OURS and _is_number(value):
                add_point(self.histories[key], 0, self.end, float(value))

    # -- records, by the name of their field ----------------------------------------------------

    def _take_run(self, run: Any) -> None:
        self.run = run
        self._see(micros(_seconds(run.start_time)))
        self._take_config(run.config)
        self._take_summary(run.summary)

    def _take_config(self, config: Any) -> None:
        for path, value in self._items(config.update):
            if path[0] not in _OURS:
                for key, leaf in _leaves({".".join(path): value}):
                    self.config[key] = plain(leaf)
        for item in config.remove:
            self.config.pop(".".join(item.nested_key) or item.key, None)

    def _take_summary(self, summary: Any) -> None:
        for path, value in self._items(summary.update):
            _put(self.summary, path, value)
        for item in summary.remove:
            self.summary.pop(item.key or next(iter(item.nested_key), ""), None)

    def _take_history(self, history: Any) -> None:
        row: dict[str, Any] = {}
        for path, value in self._items(history.item):
            _put(row, path, value)
        step = history.step.num
        if not history.HasField("step") and _is_number(row.get("_step")):
            step = int(row["_step"]) if math.isfinite(row["_step"]) else step
        time = micros(row["_timestamp"], self.end) if _is_number(row.get("_timestamp")) else 0
        time = time or self.end
        self._see(time)
        epoch = float(row["epoch"]) if _is_number(row.get("epoch")) else float("nan")
        for key, value in _leaves({key: value for key, value in row.items() if key not in _OURS}):
            if _is_number(value):
                add_point(self.histories[key], step, time, float(value), epoch)
            elif value is not None:
                line = {"step": step, "time": time, "value": plain(value)}
                self.others[key].append(f"{json.dumps(line)}\n".encode())

    def _take_stats(self, stats: Any) -> None:
        time = micros(_seconds(stats.timestamp), self.end)
        self._see(time)
        for item in stats.item:
            value = self._parsed(item.value_json)
            if _is_number(value):
                history = self.histories[f"system/{item.key}"]
                add_point(history, len(history), time, float(value))

    def _take_metric(self, metric: Any) -> None:
        if metric.name and metric.goal in _GOALS:
            self.goals[metric.name.replace("\\.", ".")] = _GOALS[metric.goal]

    def _take_artifact(self, artifact: Any) -> None:
        self.artifacts.append(artifact)

    def _take_use_artifact(self, used: Any) -> None:
        self.used.append((used.name, used.type))

    def _take_files(self, files: Any) -> None:
        self.saved.update(file.path for file in files.files)

    def _take_output_raw(self, output: Any) -> None:
        self.output.append(output.line)

    _take_output = _take_output_raw

    def _take_environment(self, environment: Any) -> None:
        said = MessageToDict(environment, preserving_proto_field_name=True)
        said.pop("_info", None)
        self.environment |= said

    def _take_alert(self, _: Any) -> None:
        self._left["alerts"] += 1

    def _take_tbrecord(self, _: Any) -> None:
        self._left["event files of TensorBoard (import them --from tensorboard)"] += 1

    def _take_exit(self, exit_: Any) -> None:
        self.status = "FAILED" if exit_.exit_code else "FINISHED"
        self.error = f"exit code {exit_.exit_code}" if exit_.exit_code else None
        self._see(self.start + micros(float(exit_.runtime)))

    # -------------------------------------------------------------------------------------------

    def _see(self, time: int) -> None:
        if time:
            self.start = min(self.start or time, time)
            self.end = max(self.end, time)

    def _items(self, items: Iterable[Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
        for item in items:
            path = tuple(item.nested_key) or (item.key,)
            if len(path) > _DEEPEST:
                self._left[_TOO_DEEP] += 1
                continue
            what = item.WhichOneof("value") if "value" in item.DESCRIPTOR.oneofs_by_name else None
            if what == "none":
                yield path, None
            elif what in ("boolean", "integer", "number", "text"):
                yield path, getattr(item, what)
            else:
                value = self._parsed(item.json if what == "json" else item.value_json)
                if value is not _ABSENT:
                    yield path, value

    def _parsed(self, text: str) -> Any:
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            self._left["values that are no JSON"] += 1
            return _ABSENT
        if _is_deeper(value, _DEEPEST):
            self._left[_TOO_DEEP] += 1
            return _ABSENT
        return value


def _seconds(timestamp: Any) -> float:
    return float(timestamp.seconds) + float(timestamp.nanos) / 1e9


def _is_number(value: Any) -> bool:
    """Tell whether this is a number that a metric can have; truth values are 0 and 1."""
    return isinstance(value, float) or (isinstance(value, int) and abs(value) < 1 << 1023)


def _is_deeper(value: Any, most: int) -> bool:
    """Tell whether there are more lists and dictionaries inside one another than so many."""
    inner = [value]
    for _ in range(most):
        inner = [
            each
            for outer in inner
            if isinstance(outer, (dict, list))
            for each in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not inner:
            return False
    return True


def _put(row: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        inner = row.get(name)
        if not isinstance(inner, dict):
            inner = row[name] = {}
        row = inner
    row[path[-1]] = value


def _leaves(row: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield what is in a row by names with dots, as W&B shows them; what W&B has a type for, such
    as an image, is one value.
    """
    for key, value in row.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and value and "_type" not in value:
            yield from _leaves(value, f"{name}.")
        else:
            yield name, value

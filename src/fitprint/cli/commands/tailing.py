"""``fitprint tail``."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence

from fitprint.cli import reading
from fitprint.cli.command import whole_number
from fitprint.cli.selecting import add_metrics
from fitprint.cli.terminal import Terminal, tell
from fitprint.cli.watching import rest
from fitprint.entities import TERMINAL_STATUSES, RunRecord
from fitprint.errors import FitprintError
from fitprint.recording.console import FOLDER, ConsoleLine, read_lines
from fitprint.recording.workspace import current
from fitprint.views.fields import strict, timestamp
from fitprint.views.finding import WORDS
from fitprint.views.progress import Progress, Step
from fitprint.views.wording import clean, duration, moment, number

__all__ = ["COMMAND", "Tailing"]

_PAUSE = 0.5  # seconds between two looks at least
_LINES = 10
_MOST = 10_000  # points of a metric at a look
_WIDTH = 9  # of what stands before the values: "step 1234"


class Tailing:
    """Each line has the time, the step, and the metrics that were logged together. If the run keeps
    what the program prints (the setting `console`), these lines are printed, too. `tail` ends when
    the run has ended, and says how; if its program was killed, the run ends as KILLED. Ctrl-C ends
    `tail` earlier (exit status 130), and does nothing to the run.

    --json prints one object a line: for points time, step and metrics; for printed lines time,
    stream and text; and for the end time and status.

    Examples:
      fitprint tail @last
      fitprint tail @last -m loss -m 'val_*'
      fitprint tail 9b6559 --no-follow -n 100
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("run", metavar="RUN", help=WORDS)
        add_metrics(parser, "by default all but system/*")
        parser.add_argument(
            "-n",
            "--lines",
            metavar="LINES",
            type=whole_number(0),
            default=_LINES,
            help=f"begin with this many of the existing lines ({_LINES} by default)",
        )
        parser.add_argument(
            "--no-follow", action="store_true", help="print what is there, and do not wait for more"
        )
        parser.add_argument("--json", action="store_true", help="print JSON, one object a line")

    def run(self, arguments: argparse.Namespace) -> int:
        run_id = reading.run_named(arguments.run).id
        terminal = Terminal()
        progress = Progress(arguments.metric)
        printed = _Printed()
        first, has_ended = True, False
        while True:
            began = time.monotonic()
            store = reading.store()
            record = store.run(run_id)
            news = _in_order(
                progress.new(store, record, arguments.lines if first else _MOST),
                printed.new(record),
            )
            if first:
                if not news and arguments.metric and record.status in TERMINAL_STATUSES:
                    raise FitprintError(_nothing(record, arguments.metric))
                news = news[len(news) - min(arguments.lines, len(news)) :]
            elif progress.left_out:
                tell(
                    f"{progress.left_out} points came too fast, and are left out here; "
                    "`fitprint show RUN --history METRIC` prints all"
                )
            for item in news:
                print(_as_json(item) if arguments.json else _as_line(item, terminal), flush=True)
            # What the program printed last may come a moment after the end of its run
            if arguments.no_follow or (record.status in TERMINAL_STATUSES and (first or has_ended)):
                break
            first, has_ended = False, record.status in TERMINAL_STATUSES
            rest(began, _PAUSE)
        _tell_end(record, as_json=arguments.json)
        return 0


COMMAND = Tailing()


class _Printed:
    """The lines that the program printed, as far as the run has them."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def new(self, record: RunRecord) -> Iterator[ConsoleLine]:
        fresh = sorted(
            (artifact.path, artifact.digest)
            for artifact in record.artifacts
            if artifact.path.startswith(f"{FOLDER}/") and artifact.path not in self._seen
        )
        for path, digest in fresh:
            self._seen.add(path)
            try:
                yield from read_lines([current().blobs.read(digest)])
            except FitprintError as error:
                tell(f"what the program printed is missing here: {error}")


def _in_order(steps: Sequence[Step], lines: Iterator[ConsoleLine]) -> list[Step | ConsoleLine]:
    return sorted([*steps, *lines], key=lambda item: item.time)


def _as_line(item: Step | ConsoleLine, terminal: Terminal) -> str:
    at = terminal.style(moment(item.time)[11:19], "dim")
    if isinstance(item, ConsoleLine):
        return f"{at}  {item.stream:{_WIDTH}}  {clean(item.text)}"
    values = "  ".join(
        f"{clean(key)} {terminal.style(number(value), 'yellow')}"
        for key, value in item.values.items()
    )
    place = f"step {item.step}"
    return f"{at}  {place:{_WIDTH}}  {values}"


def _as_json(item: Step | ConsoleLine) -> str:
    told = item._asdict() | {"time": timestamp(item.time)}
    if isinstance(item, Step):
        told["metrics"] = told.pop("values")
    return json.dumps(strict(told), ensure_ascii=False)


def _tell_end(record: RunRecord, *, as_json: bool) -> None:
    if record.end_time is None:
        tell(f"{clean(record.name)} is still going on")
        return
    if as_json:
        print(json.dumps({"time": timestamp(record.end_time), "status": record.status}))
        return
    why = (record.error or "").strip().rpartition("\n")[2]
    took = duration((record.end_time - record.start_time) / 1e6)
    tell(
        f"{clean(record.name)} {record.status} at {moment(record.end_time)}, after {took}"
        + (f": {clean(why)}" if why else "")
    )


def _nothing(record: RunRecord, patterns: Sequence[str]) -> str:
    have = ", ".join(clean(key) for key in sorted(record.metrics)[:20])
    return f"the run has no metric {', '.join(map(repr, patterns))}; its metrics: {have or 'none'}"

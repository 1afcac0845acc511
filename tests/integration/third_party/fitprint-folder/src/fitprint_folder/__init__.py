"""A fitprint store in a folder, ``folder:///path``: one numbered file of JSON lines for each batch,
and no lock.
"""

import json
import os
import threading
from array import array
from pathlib import Path

from fitprint.entities import History
from fitprint.errors import CorruptStoreError, StoreError
from fitprint.events import Batch, MetricPoints
from fitprint.hooks.markers import hookimpl
from fitprint.hooks.openers import Opener
from fitprint.ids import new_id
from fitprint.journal.codec import decode_event, encode_event
from fitprint.stores.folded import FoldedStore
from fitprint.stores.folding import is_new
from fitprint.stores.memory import MemoryStore
from fitprint.stores.protocol import Health


@hookimpl
def register_stores():
    return {"folder": Opener(FolderStore)}


class FolderStore(FoldedStore):
    def __init__(self, uri):
        self.uri = uri
        self._folder = Path(uri.partition("://")[2])
        self._lock = threading.RLock()
        self._start_over(None)
        self._catch_up()

    def folded(self):
        self._catch_up()
        return self._memory

    @property
    def id(self):
        self._catch_up()
        new = self._folder / f".{new_id()}"
        new.write_text(new_id(), encoding="utf-8")
        try:
            os.link(new, self._folder / "id")
        except FileExistsError:
            pass  # it had one
        finally:
            new.unlink()
        return (self._folder / "id").read_text(encoding="utf-8")

    def append(self, batch):
        self._catch_up()
        new = self._folder / f".{new_id()}"
        try:
            new.write_text("\n".join(lines(batch)), encoding="utf-8")
            with self._lock:
                while is_new(batch, self.position(batch.journal)):
                    try:
                        # the file is there, whole, unless somebody else took the number
                        os.link(new, self._file(self._read + 1))
                    except FileExistsError:
                        continue
        except OSError as error:
            raise StoreError(f"{self._folder} cannot be written: {error}") from error
        finally:
            new.unlink(missing_ok=True)

    def check(self):
        files = sorted(self._folder.glob("*.jsonl"))
        problems = []
        for file in files:
            try:
                self._batch(file)
            except CorruptStoreError as error:
                problems.append(str(error))
        return Health(
            sum(file.stat().st_size for file in files), f"{len(files)} batches", tuple(problems)
        )

    def close(self):
        pass  # no file stays open

    def _batch(self, file):
        try:
            return batch_of(file.read_text(encoding="utf-8").splitlines())
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise CorruptStoreError(
                f"{file} is damaged ({error}): move it and all with a higher number away"
            ) from error

    def _file(self, number):
        return self._folder / f"{number:012}.jsonl"

    def _start_over(self, first):
        self._first, self._memory, self._read = first, MemoryStore(self.uri), 0

    def _catch_up(self):
        with self._lock:
            self._folder.mkdir(parents=True, exist_ok=True)
            first = self._file(1).stat() if self._file(1).exists() else None
            first = first and (first.st_ino, first.st_mtime_ns)
            if first != self._first:  # it has just come, or all was deleted or replaced
                self._start_over(first)
            while (file := self._file(self._read + 1)).exists():
                written = file.stat().st_mtime_ns // 1000
                self._memory.now = lambda time=written: time  # what people do is decided once
                self._memory.append(self._batch(file))
                self._read += 1


def lines(batch):
    yield json.dumps([batch.journal, batch.start, batch.end, dict(batch.writer)])
    for event in batch.events:
        if isinstance(event, MetricPoints):
            columns = [list(column) for column in event.points.columns]
            yield json.dumps(
                {"head": [event.run, event.time, event.key], "columns": columns, "goal": event.goal}
            )
        else:
            yield json.dumps(json.loads(encode_event(event)))  # no line ends inside


def batch_of(text):
    head, *rest = map(json.loads, text)
    return Batch(*head[:3], [event_of(line) for line in rest], head[3])


def event_of(line):
    if isinstance(line, dict):
        columns = [
            array(kind, column) for kind, column in zip("qqdd", line["columns"], strict=True)
        ]
        return MetricPoints(*line["head"], History(*columns), line["goal"])
    return decode_event(json.dumps(line).encode())

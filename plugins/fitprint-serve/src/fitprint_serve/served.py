"""Models that are served: each is asked by a thread of its own, several small requests at once."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

from fitprint.errors import FitprintError, SignatureError
from fitprint.models.compiled import Batch, split
from fitprint.models.predictor import Predictor
from fitprint.models.signature import Signature
from fitprint_serve.asked import Answer, Asked
from fitprint_serve.logs import note, trace_of
from fitprint_serve.refusals import RefusalError
from fitprint_serve.texts import read_texts
from fitprint_serve.watches import Watches

__all__ = ["Contract", "Job", "Served"]

_SMALL = 16 << 10  # bytes of a body that may be answered together with others
_FEW = 32  # rows of such a request
_TRACE = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-")
_MOST = 256  # rows, and requests, that are answered together


@dataclass(frozen=True, slots=True)
class Contract:
    """How a protocol reads what is asked, and writes predictions and refusals."""

    name: str
    read: Callable[[bytes, Mapping[str, str], Signature | None], Asked]
    write: Callable[[Any, Asked, str], Answer]
    refuse: Callable[[RefusalError, str], bytes]


@dataclass(eq=False, slots=True)
class Job:
    """A request on its way through the model's thread."""

    contract: Contract
    body: bytes
    headers: Mapping[str, str]
    request: str
    future: asyncio.Future[Answer | RefusalError]


_Read = tuple[Job, Asked, Batch]


class Served:
    """A model under a name. One thread asks it, so it need not be safe for several. Small requests
    that came while it was busy are answered together; none waits for others to come.

    Args:
        most_rows: of one request.
        most_waiting: requests that may wait.
        together: whether small requests are answered together.
        watches: look at what was predicted, once it is answered.

    Attributes:
        predictor: the model; another may take its place at any time, and answers what is read from
            then on.
        waiting: requests that were taken and are not answered.
        busy_since: when it was asked what it has not answered yet, in seconds of
            ``time.monotonic``; None if it answered.
        counts: of what was done, by name.
    """

    def __init__(
        self,
        name: str,
        predictor: Predictor,
        *,
        most_rows: int = 100_000,
        most_waiting: int = 256,
        together: bool = True,
        watches: Watches | None = None,
    ) -> None:
        self.name = name
        self.predictor = predictor
        self.waiting = 0
        self.busy_since: float | None = None
        self.counts = dict.fromkeys(("rows", "batches", "model_seconds", "model_errors"), 0.0)
        self._most_rows = most_rows
        self._most_waiting = most_waiting
        self._together = together
        self._watches = watches
        self._seen: list[tuple[str, Any, Any]] = []  # what watches have not looked at yet
        self._queue: SimpleQueue[Job] = SimpleQueue()

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to take requests, which a loop brings and waits for."""
        threading.Thread(
            target=self._work, args=(loop,), name=f"model {self.name}", daemon=True
        ).start()

    def submit(self, job: Job) -> None:
        """Let a request wait for its turn.

        Raises:
            RefusalError: too many wait.
        """
        self.check_queue()
        self.waiting += 1
        self._queue.put(job)

    def check_queue(self) -> None:
        """Raise RefusalError if too many requests wait."""
        if self.waiting >= self._most_waiting:
            raise RefusalError(
                429,
                "RESOURCE_EXHAUSTED",
                "too many requests wait for the model; try again in a second",
                headers={"retry-after": "1"},
            )

    # -- in the model's thread ---------------------------------------------------------------------

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        held: Job | None = None
        while True:
            job, held = held or self._queue.get(), None
            jobs = [job]
            if self._together and len(job.body) <= _SMALL:
                while len(jobs) < _MOST and held is None:
                    try:
                        other = self._queue.get_nowait()
                    except Empty:
                        break
                    if len(other.body) <= _SMALL:
                        jobs.append(other)
                    else:
                        held = other
            try:
                outcomes = self._outcomes(jobs)
            except BaseException as error:  # noqa: BLE001 - the thread goes on, whatever happens
                outcomes = {job: self._refusal(job, error) for job in jobs}
            try:
                loop.call_soon_threadsafe(self._deliver, jobs, outcomes)
            except RuntimeError:
                return  # the loop has ended
            seen, self._seen = self._seen, []
            if self._watches is not None:
                for each in seen:
                    self._watches.observe(*each)

    def _deliver(self, jobs: Sequence[Job], outcomes: Mapping[Job, Answer | RefusalError]) -> None:
        self.waiting -= len(jobs)
        for job in jobs:
            if job in outcomes and not job.future.done():
                job.future.set_result(outcomes[job])

    def _outcomes(self, jobs: Sequence[Job]) -> dict[Job, Answer | RefusalError]:
        predictor = self.predictor
        outcomes: dict[Job, Answer | RefusalError] = {}
        groups: dict[object, list[_Read]] = {}
        rows = 0
        for job in jobs:
            if job.future.cancelled():
                continue
            try:
                asked = job.contract.read(job.body, job.headers, predictor.signature)
                batch = self._batch(predictor, asked)
            except Exception as error:  # noqa: BLE001 - the server goes on
                outcomes[job] = self._refusal(job, error)
                continue
            few = batch.in_place and batch.rows is not None and batch.rows <= _FEW
            if few and rows <= _MOST:
                rows += batch.rows or 0
                groups.setdefault(batch.data.dtype, []).append((job, asked, batch))
            else:
                groups[job] = [(job, asked, batch)]
        for group in groups.values():
            found = self._jointly(predictor, group) if len(group) > 1 else None
            for place, (job, asked, batch) in enumerate(group):
                try:
                    if found is not None:
                        predictions = found[place]
                    else:
                        predictions = self._predicted(predictor, batch)
                        self._seen.append((predictor.uri, batch.data, predictions))
                    outcomes[job] = job.contract.write(predictions, asked, self.name)
                except BaseException as error:  # noqa: BLE001 - a model may raise anything
                    outcomes[job] = self._refusal(job, error)
        return outcomes

    def _batch(self, predictor: Predictor, asked: Asked) -> Batch:
        most, data, reader = self._most_rows, asked.data, predictor.reader
        parts = data.values() if asked.form == "columns" else (data,)
        if any(hasattr(part, "__len__") and len(part) > most for part in parts):
            raise RefusalError(413, "BAD_REQUEST", f"a request may have {most} rows; send several")
        asked = read_texts(asked, reader.schema)
        data = asked.data
        if asked.form == "rows":
            return reader.from_rows(data, asked.names)
        if asked.form == "records":
            return reader.from_records(data)
        if asked.form == "columns":
            return reader.from_columns(data)
        return reader.from_rows(data) if isinstance(data, list) else reader.from_array(data)

    def _jointly(self, predictor: Predictor, group: Sequence[_Read]) -> list[Any] | None:
        """Return the predictions of each request; None if they cannot be told apart, or if one
        request would spoil those of the others.
        """
        batches = [batch for _, _, batch in group]
        try:
            joined = predictor.reader.join(batches)
            found = self._predicted(predictor, joined)
            parts = split(found, [batch.rows or 0 for batch in batches])
        except Exception:  # noqa: BLE001 - each is asked alone, and has its own error
            return None
        self._seen.append((predictor.uri, joined.data, found))
        return parts

    def _predicted(self, predictor: Predictor, batch: Batch) -> Any:
        began = self.busy_since = time.monotonic()
        try:
            return predictor.predict_batch(batch)
        except SignatureError:
            raise
        except FitprintError:
            self.counts["model_errors"] += 1
            raise
        except BaseException as error:
            self.counts["model_errors"] += 1
            raise _ModelError from error
        finally:
            self.busy_since = None
            self.counts["model_seconds"] += time.monotonic() - began
            self.counts["rows"] += batch.rows or 0
            self.counts["batches"] += 1

    def _refusal(self, job: Job, error: BaseException) -> RefusalError:
        if isinstance(error, RefusalError):
            return error
        if isinstance(error, SignatureError):
            place = {"column": error.column, "row": error.row}
            known = {key: value for key, value in place.items() if value is not None}
            return RefusalError(400, "INVALID_PARAMETER_VALUE", str(error)[:2000], known)
        if isinstance(error, FitprintError):
            return RefusalError(400, "BAD_REQUEST", str(error)[:2000])
        if isinstance(error, RecursionError):
            return RefusalError(400, "BAD_REQUEST", "the data are nested too deeply")
        failed = isinstance(error, _ModelError)
        note(
            "model error" if failed else "error",
            request=job.request,
            trace_id=trace_id(job.headers),
            model=self.name,
            trace=trace_of(error.__cause__ or error),
        )
        if failed:
            return RefusalError(
                400,
                "BAD_REQUEST",
                "the model could not predict with these data; the server's log has the reason "
                f"under the request {job.request}",
            )
        return RefusalError(500, "INTERNAL_ERROR", "the answer could not be made")


class _ModelError(Exception):
    """The model raised the cause of this."""


def trace_id(headers: Mapping[str, str]) -> str | None:
    """Return the id of the trace to which a request belongs, as W3C's header names it."""
    found = _TRACE.match(headers.get("traceparent", ""))
    return found[1] if found is not None else None

"""Models that are served: loaded, asked, and each in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

import fitprint
from fitprint.errors import FitprintError, SignatureError
from fitprint.models.predictor import Predictor
from fitprint.models.signature import Signature
from fitprint_serve.asked import Answer, Asked
from fitprint_serve.logs import note, trace_of
from fitprint_serve.refusals import RefusalError

__all__ = ["Contract", "Job", "Served"]

_NAMELESS = {"array", "sparse", "list"}


@dataclass(frozen=True, slots=True)
class Contract:
    """How a protocol reads what is asked, and writes predictions and refusals."""

    name: str
    read: Callable[[bytes, Mapping[str, str], Signature | None], Asked]
    write: Callable[..., Answer]
    refuse: Callable[[RefusalError, str], bytes]


@dataclass(slots=True)
class Job:
    """A request on its way through the model's thread."""

    contract: Contract
    body: bytes
    headers: Mapping[str, str]
    request: str
    future: asyncio.Future[Answer | RefusalError]


class Served:
    """A model under a name. One thread asks it, so it need not be safe for several.

    Args:
        most_rows: of one request.
        most_waiting: requests that may wait.
    """

    def __init__(
        self, name: str, predictor: Predictor, *, most_rows: int, most_waiting: int
    ) -> None:
        self.name = name
        self.predictor = predictor
        self.waiting = 0
        self._most_rows = most_rows
        self._most_waiting = most_waiting
        self._queue: SimpleQueue[Job | None] = SimpleQueue()

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
        if self.waiting >= self._most_waiting:
            raise RefusalError(
                429,
                "RESOURCE_EXHAUSTED",
                "too many requests wait for the model; try again in a second",
                headers={"retry-after": "1"},
            )
        self.waiting += 1
        self._queue.put(job)

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        while (job := self._queue.get()) is not None:
            outcome = self._outcome(job) if not job.future.cancelled() else None
            try:
                loop.call_soon_threadsafe(self._deliver, job, outcome)
            except RuntimeError:
                return  # the loop has ended

    def _deliver(self, job: Job, outcome: Answer | RefusalError | None) -> None:
        self.waiting -= 1
        if outcome is not None and not job.future.done():
            job.future.set_result(outcome)

    def _outcome(self, job: Job) -> Answer | RefusalError:
        predictor = self.predictor
        try:
            asked = job.contract.read(job.body, job.headers, predictor.signature)
            predictions = self._predicted(predictor, asked, job.request)
            return job.contract.write(predictions, asked, self.name)
        except RefusalError as refusal:
            return refusal
        except RecursionError:
            return RefusalError(400, "BAD_REQUEST", "the data are nested too deeply")
        except Exception as error:  # noqa: BLE001 - the server goes on
            note("error", request=job.request, model=self.name, trace=trace_of(error))
            return RefusalError(500, "INTERNAL_ERROR", "the answer could not be made")

    def _predicted(self, predictor: Predictor, asked: Asked, request: str) -> Any:
        schema = predictor.signature.inputs if predictor.signature is not None else None
        data = asked.data
        most = self._most_rows
        parts = data.values() if asked.form == "columns" else (data,)
        if any(hasattr(part, "__len__") and len(part) > most for part in parts):
            raise RefusalError(413, "BAD_REQUEST", f"a request may have {most} rows; send several")
        if asked.names is not None and (schema is None or schema.container not in _NAMELESS):
            turned = zip(*data, strict=True) if data else ([] for _ in asked.names)
            data = dict(zip(asked.names, map(list, turned), strict=True))
        try:
            return predictor.predict(data)
        except SignatureError as error:
            raise RefusalError(400, "INVALID_PARAMETER_VALUE", str(error)) from None
        except BaseException as error:  # noqa: BLE001 - a model may raise anything
            note("model error", request=request, model=self.name, trace=trace_of(error))
            told = (
                str(error)
                if isinstance(error, FitprintError)
                else (
                    "the model could not predict with these data; the server's log has the reason "
                    f"under the request {request}"
                )
            )
            raise RefusalError(400, "BAD_REQUEST", told) from None


def load(uri: str, trust: list[str]) -> Predictor:
    """Load a model as :func:`fitprint.load_predictor` does."""
    return fitprint.load_predictor(uri, trust or None)

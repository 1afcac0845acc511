"""The application: an ASGI callable that finds a route in a dict, reads the body, and waits for the
model's thread.
"""

from __future__ import annotations

import asyncio
import hmac
import itertools
import os
import re
import time
import zlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

from fitprint import __version__
from fitprint_serve.asked import Answer
from fitprint_serve.jsons import write_json
from fitprint_serve.logs import note, trace_of
from fitprint_serve.metrics import Metrics, text_of
from fitprint_serve.openapi import PAGE, document
from fitprint_serve.protocols import kserve, mlflow, oip
from fitprint_serve.refusals import RefusalError
from fitprint_serve.served import Contract, Job, Served, trace_id
from fitprint_serve.workers import Board

__all__ = ["Application", "Limits"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MLFLOW = Contract("mlflow", mlflow.read, mlflow.write, mlflow.refuse)
KSERVE = Contract("kserve", kserve.read, kserve.write, kserve.refuse)
VERTEX = Contract("vertex", kserve.read, kserve.write, kserve.refuse)
OIP = Contract("oip", oip.read, oip.write, oip.refuse)

_MOST_HELD = 16  # largest bodies that may be in memory at once, or as much in smaller ones
_NEWLINE = Answer(b"\n")
_REQUEST_ID = re.compile(r"[\w.:/+=-]{1,128}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a client may ask for.

    Attributes:
        body: bytes, after they are unpacked.
        seconds: for one request, from its headers to the last byte of its answer.
    """

    body: int = 16 << 20
    seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Route:
    """What is done at a path.

    Attributes:
        answer: returns the answer at once, where no model is asked.
        served: the model that is asked.
        is_open: clients need no token, because those who look after servers have none.
    """

    method: str
    contract: Contract
    answer: Callable[[], Answer] = lambda: _NEWLINE
    served: Served | None = None
    is_open: bool = False


@dataclass(slots=True)
class _Request:
    """What is known of a request, in the order in which it comes to be known."""

    id: str
    headers: Mapping[str, str]
    contract: Contract = MLFLOW
    stage: str = "reading"
    is_late: bool = False
    model: str = ""
    held: int = 0  # bytes of its body


class Application:
    """Answers by HTTP with models.

    Args:
        models: by name; the first answers where a protocol names none.
        token: that clients must show; None if they need none.
        hosts: names by which clients may call this server; None for any. A page of another site
            that makes its name lead to this machine is refused thereby.
        more: paths that a platform wants, and what they are like: "ping", "mlflow" or "kserve".
        log_requests: whether each answer is a line in the log.
        board: of the samples of all workers, of which this is one.

    Attributes:
        is_draining: no new work is wanted, and what asks for readiness is told so.
    """

    def __init__(
        self,
        models: Sequence[Served],
        limits: Limits,
        *,
        token: str | None = None,
        hosts: frozenset[str] | None = None,
        more: Mapping[str, str] = MappingProxyType({}),
        log_requests: bool = False,
        board: Board | None = None,
        worker: int = 0,
    ) -> None:
        self.models = {served.name: served for served in models}
        self.limits = limits
        self.is_draining = False
        self._token = None if token is None else f"Bearer {token}".encode()
        self._hosts = hosts
        self._routes = self._all_routes(more)
        self.metrics = Metrics()
        self._log_requests = log_requests
        self._board = board
        self._worker = worker
        self._prefix = os.urandom(6).hex()
        self._numbers = itertools.count(1)
        self._is_started = False
        self._held = 0  # bytes of the bodies that are read, wait or are answered

    def _all_routes(self, more: Mapping[str, str]) -> dict[str, Route]:
        first = next(iter(self.models.values()))
        ping = partial(Route, "GET", MLFLOW, is_open=True)
        routes = {
            "/ping": ping(lambda: _NEWLINE),
            "/health": ping(lambda: _NEWLINE),
            "/metrics": Route("GET", MLFLOW, self._measured),
            "/version": ping(lambda: Answer(__version__.encode(), b"text/plain")),
            "/invocations": Route("POST", MLFLOW, served=first),
            "/models": Route("GET", MLFLOW, self._listed),
            "/openapi.json": Route(
                "GET", MLFLOW, lambda: _json(document(self._all(), token=self._token is not None))
            ),
            "/docs": Route(
                "GET", MLFLOW, lambda: Answer(PAGE, b"text/html; charset=utf-8"), is_open=True
            ),
            "/v1/models": Route("GET", KSERVE, lambda: _json({"models": list(self.models)})),
            "/v2": Route(
                "GET",
                OIP,
                lambda: _json(
                    {
                        "name": "fitprint",
                        "version": __version__,
                        "extensions": ["binary_tensor_data"],
                    }
                ),
            ),
            "/v2/health/live": Route("GET", OIP, lambda: _json({"live": True}), is_open=True),
            "/v2/health/ready": Route("GET", OIP, self._ready, is_open=True),
        }
        for name, served in self.models.items():
            routes |= {
                f"/models/{name}": Route("GET", MLFLOW, partial(_about, served)),
                f"/models/{name}/invoke": Route("POST", MLFLOW, served=served),
                f"/models/{name}/invocations": Route("POST", MLFLOW, served=served),
                f"/v1/models/{name}": Route(
                    "GET", KSERVE, partial(_json, {"name": name, "ready": True})
                ),
                f"/v1/models/{name}:predict": Route("POST", KSERVE, served=served),
                f"/v2/models/{name}": Route("GET", OIP, partial(_metadata, served)),
                f"/v2/models/{name}/ready": Route("GET", OIP, self._ready, is_open=True),
                f"/v2/models/{name}/infer": Route("POST", OIP, served=served),
            }
        kinds = {
            "ping": ping(lambda: _NEWLINE),
            "mlflow": Route("POST", MLFLOW, served=first),
            "kserve": Route("POST", VERTEX, served=first),
        }
        return routes | {path: kinds[kind] for path, kind in more.items()}

    def _all(self) -> list[Served]:
        return list(self.models.values())

    def _listed(self) -> Answer:
        return _json({"models": [_told(served) for served in self.models.values()]})

    def _measured(self) -> Answer:
        samples = self.metrics.samples(self.models.values())
        if self._board is not None:
            samples = self._board.total(self._worker, samples)
        return Answer(text_of(samples), b"text/plain; version=0.0.4")

    def _post(self, loop: asyncio.AbstractEventLoop) -> None:
        assert self._board is not None
        self._board.post(self._worker, self.metrics.samples(self.models.values()))
        loop.call_later(1.0, self._post, loop)

    def _ready(self) -> Answer:
        """Tell whether work is wanted: not at the end, and not while a model hangs."""
        latest = time.monotonic() - self.limits.seconds
        hangs = any((served.busy_since or latest) < latest for served in self._all())
        ready = not self.is_draining and not hangs
        return Answer(write_json({"ready": ready}), status=200 if ready else 503)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI 3 has it."""
        if scope["type"] != "http":
            return
        loop = asyncio.get_running_loop()
        if not self._is_started:
            self._is_started = True
            for served in self.models.values():
                served.start(loop)
            if self._board is not None:
                self._post(loop)
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        request = _Request(self._id(headers), headers)
        task = asyncio.current_task()
        assert task is not None  # a server runs each request in one

        def expire() -> None:
            request.is_late = True
            task.cancel()

        began = loop.time()
        timer = loop.call_later(self._seconds(headers), expire)
        try:
            try:
                answer = await self._answer(scope, receive, request)
            except RefusalError as refusal:
                answer = _refused(refusal, request)
            except asyncio.CancelledError:
                if not request.is_late:
                    raise
                answer = _refused(_late(request), request)
            except Exception as error:  # noqa: BLE001 - a client gets an answer, whatever happens
                note("error", request=request.id, path=scope["path"], trace=trace_of(error))
                unforeseen = RefusalError(500, "INTERNAL_ERROR", "the server could not answer")
                answer = _refused(unforeseen, request)
            request.stage = "sending"
            self._note(request, scope["path"], answer.status, loop.time() - began)
            await _send(send, answer, request.id)
        finally:
            timer.cancel()
            self._held -= request.held

    def _note(self, request: _Request, path: str, status: int, seconds: float) -> None:
        self.metrics.count(request.model, request.contract.name, status, seconds)
        if self._log_requests:
            note(
                "request",
                request=request.id,
                trace_id=trace_id(request.headers),
                model=request.model or None,
                path=path[:200],
                status=status,
                seconds=round(seconds, 6),
            )

    def _id(self, headers: Mapping[str, str]) -> str:
        given = headers.get("x-request-id")
        if given is not None and _REQUEST_ID.fullmatch(given):
            return given
        return f"{self._prefix}-{next(self._numbers)}"

    def _seconds(self, headers: Mapping[str, str]) -> float:
        given = headers.get("x-request-timeout")
        most = self.limits.seconds
        try:
            wanted = float(given) if given is not None else most
        except ValueError:
            return most
        return min(wanted, most) if wanted > 0 else most

    async def _answer(self, scope: Scope, receive: Receive, request: _Request) -> Answer:
        headers = request.headers
        path = scope["path"]
        route = self._routes.get(path)
        if route is None:
            request.contract = (
                OIP if path.startswith("/v2") else KSERVE if path.startswith("/v1") else MLFLOW
            )
            self._admit(headers, is_open=False)
            raise RefusalError(
                404, "RESOURCE_DOES_NOT_EXIST", "there is nothing at this path; see /docs"
            )
        request.contract = route.contract
        self._admit(headers, is_open=route.is_open)
        method = scope["method"]
        if method != route.method and not (method == "HEAD" and route.method == "GET"):
            raise RefusalError(
                405,
                "BAD_REQUEST",
                f"this path takes {route.method}",
                headers={"allow": route.method},
            )
        if route.served is None:
            return route.answer()
        request.model = route.served.name
        route.served.check_queue()
        body = await self._body(request, receive)
        request.stage = "predicting"
        future: asyncio.Future[Answer | RefusalError] = asyncio.get_running_loop().create_future()
        job = Job(route.contract, body, headers, request.id, future)
        route.served.submit(job)
        try:
            outcome = await future
        finally:
            job.body = b""  # the queue may keep what nobody waits for any more
        if isinstance(outcome, RefusalError):
            raise outcome
        return outcome

    def _admit(self, headers: Mapping[str, str], *, is_open: bool) -> None:
        if self._hosts is not None:
            if _host_name(headers.get("host", "")) not in self._hosts:
                raise RefusalError(
                    421,
                    "PERMISSION_DENIED",
                    "this server answers to localhost only; start it with --host for others",
                )
            origin = headers.get("origin")  # browsers tell it with whatever a page sends elsewhere
            if origin is not None and _host_name(origin.partition("://")[2]) not in self._hosts:
                raise RefusalError(
                    403, "PERMISSION_DENIED", "pages of other sites may not ask this server"
                )
        if self._token is not None and not is_open:
            given = headers.get("authorization", "").encode("latin-1")
            if not hmac.compare_digest(given, self._token):
                raise RefusalError(
                    401,
                    "UNAUTHENTICATED",
                    "the header Authorization must be Bearer and the server's token",
                    headers={"www-authenticate": "Bearer"},
                )

    def _hold(self, request: _Request, size: int) -> None:
        """Count bytes of a body; refuse it if there is no room."""
        if self._held + size > _MOST_HELD * self.limits.body:
            raise RefusalError(
                429,
                "RESOURCE_EXHAUSTED",
                "the bodies of the requests that wait are too large; try again in a second",
                headers={"retry-after": "1", "connection": "close"},
            )
        self._held += size
        request.held += size

    async def _body(self, request: _Request, receive: Receive) -> bytes:
        most, headers = self.limits.body, request.headers
        told = headers.get("content-length", "")
        if told.isdecimal() and (len(told) > 18 or int(told) > most):
            raise _too_large(most)
        message = await receive()
        body: bytes = message.get("body", b"")
        self._hold(request, len(body))
        if message.get("more_body"):
            parts, size = [body], len(body)
            while message.get("more_body"):
                message = await receive()
                parts.append(message.get("body", b""))
                self._hold(request, len(parts[-1]))
                size += len(parts[-1])
                if size > most:
                    raise _too_large(most)
            body = b"".join(parts)
        if message["type"] == "http.disconnect":
            raise RefusalError(400, "BAD_REQUEST", "the client has gone")
        if len(body) > most:
            raise _too_large(most)
        packing = headers.get("content-encoding", "identity").strip().lower()
        if packing in ("identity", ""):
            return body
        if packing not in ("gzip", "deflate"):
            raise RefusalError(
                415, "BAD_REQUEST", "the content encodings that are taken are gzip and deflate"
            )
        unpacking = zlib.decompressobj(zlib.MAX_WBITS | 32)
        try:
            body = unpacking.decompress(body, most + 1)
        except zlib.error:
            raise RefusalError(
                400, "BAD_REQUEST", f"the body is not what {packing} makes"
            ) from None
        if len(body) > most:
            raise _too_large(most)
        self._hold(request, len(body) - request.held)
        if not unpacking.eof:
            raise RefusalError(400, "BAD_REQUEST", "the packed body is cut short")
        if unpacking.unused_data:
            raise RefusalError(
                400, "BAD_REQUEST", "the packed body has more than one part; pack it as a whole"
            )
        return body


def _host_name(host: str) -> str:
    """Return the name in a host and port, in lower case."""
    found = re.fullmatch(r"(\[[^]]*\]|[^:]*)(:[0-9]*)?", host)
    return found[1].lower() if found is not None else ""


def _too_large(most: int) -> RefusalError:
    return RefusalError(
        413,
        "BAD_REQUEST",
        f"the body is larger than {most} bytes; send several requests",
        headers={"connection": "close"},
    )


def _late(request: _Request) -> RefusalError:
    if request.stage == "reading":
        return RefusalError(
            408, "BAD_REQUEST", "the body did not come in time", headers={"connection": "close"}
        )
    return RefusalError(504, "DEADLINE_EXCEEDED", "the model did not answer in time")


def _refused(refusal: RefusalError, request: _Request) -> Answer:
    headers = tuple(
        (name.encode("latin-1"), value.encode("latin-1")) for name, value in refusal.headers.items()
    )
    return Answer(
        request.contract.refuse(refusal, request.id), status=refusal.status, headers=headers
    )


def _json(value: Any) -> Answer:
    return Answer(write_json(value))


def _told(served: Served) -> dict[str, str]:
    return {"modelName": served.name, "modelUrl": served.predictor.uri}


def _about(served: Served) -> Answer:
    return _json(_told(served))


def _metadata(served: Served) -> Answer:
    predictor = served.predictor
    return _json(oip.metadata(served.name, [], predictor.flavor, predictor.signature))


async def _send(send: Send, answer: Answer, request: str) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": answer.status,
            "headers": [
                (b"content-type", answer.kind),
                (b"content-length", str(len(answer.body)).encode()),
                (b"x-request-id", request.encode("latin-1")),
                *answer.headers,
            ],
        }
    )
    await send({"type": "http.response.body", "body": answer.body})

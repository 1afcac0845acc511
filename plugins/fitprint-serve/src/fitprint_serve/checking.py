"""``fitprint serve check``: whether a server keeps a contract."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fitprint.errors import FitprintError

__all__ = ["check"]

_JSON = "application/json"
_SECONDS = 60


class _FaultError(Exception):
    """What a server does that it should not, or the other way round."""


class _Client:
    def __init__(self, url: str, token: str | None) -> None:
        parts = urlsplit(url if "//" in url else f"//{url}")
        if parts.scheme not in ("http", "https", "") or not parts.hostname:
            raise FitprintError(f"{url!r} is no address such as http://127.0.0.1:5000")
        kind = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        self._connect = partial(kind, parts.hostname, parts.port, timeout=_SECONDS)
        self._prefix = parts.path.rstrip("/")
        self._headers = {"authorization": f"Bearer {token}"} if token else {}

    def meet(self) -> None:
        """Raise FitprintError if nobody answers at the address."""
        connection = self._connect()
        try:
            connection.connect()
        except OSError as error:
            raise FitprintError(
                f"nobody answers at {connection.host}, port {connection.port}: "
                f"{error.strerror or error}"
            ) from None
        finally:
            connection.close()

    def ask(
        self, path: str, body: bytes | None = None, kind: str | None = _JSON
    ) -> tuple[int, bytes]:
        """Return status and body of an answer."""
        headers = dict(self._headers)
        if body is not None and kind is not None:
            headers["content-type"] = kind
        connection = self._connect()
        try:
            method = "GET" if body is None else "POST"
            connection.request(method, self._prefix + path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise _FaultError(f"no answer: {error!r}") from None
        finally:
            connection.close()


def check(
    url: str, contract: str, data: str | None, token: str | None
) -> Iterator[tuple[str, str | None]]:
    """Ask a server what a contract demands; yield what was asked, and the fault if there is one.

    Args:
        data: a file with a body that the model takes; without one only what is the same for all
            models is asked.

    Raises:
        FitprintError: the address or the file is none, or nobody answers there.
    """
    client = _Client(url, token)
    try:
        body = Path(data).read_bytes() if data is not None else None
    except OSError as error:
        raise FitprintError(f"{data} cannot be read: {error.strerror}") from None
    client.meet()
    for told, action in _CHECKS[contract](client, body):
        try:
            action()
        except _FaultError as fault:
            yield told, str(fault)
        else:
            yield told, None


_Checks = Iterator[tuple[str, Callable[[], object]]]


def _status(
    client: _Client, path: str, *wanted: int, body: bytes | None = None, kind: str | None = _JSON
) -> bytes:
    status, found = client.ask(path, body, kind)
    if status not in wanted:
        raise _FaultError(f"the status is {status}, not {' or '.join(map(str, wanted))}")
    return found


def _object(text: bytes, *keys: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        raise _FaultError("the answer is not JSON") from None
    missing = [key for key in keys if not isinstance(found, dict) or key not in found]
    if missing:
        raise _FaultError(f"the answer has no {' and no '.join(missing)}")
    return dict(found)


def _refused(client: _Client, path: str, body: bytes, *keys: str) -> None:
    text = _status(client, path, 400, 415, 422, body=body)
    _object(text, *keys)
    if b"Traceback" in text:
        raise _FaultError("the answer has a stack trace")


def _invocations(client: _Client, body: bytes | None) -> _Checks:
    path, keys = "/invocations", ("error_code", "message")
    yield "GET /ping is 200", lambda: _status(client, "/ping", 200)
    if body is not None:
        yield (
            "POST /invocations gives predictions",
            lambda: _object(_status(client, path, 200, body=body), "predictions"),
        )
    yield "what is no JSON is refused", lambda: _refused(client, path, b"{", *keys)
    yield "a list is refused", lambda: _refused(client, path, b"[]", *keys)
    yield "an object without a known key is refused", lambda: _refused(client, path, b"{}", *keys)
    yield (
        "two of the keys are refused",
        lambda: _refused(client, path, b'{"inputs": [], "instances": []}', *keys),
    )
    yield (
        "an unknown content type is 415",
        lambda: _status(client, path, 415, body=b"", kind="image/png"),
    )


def _mlflow(client: _Client, body: bytes | None) -> _Checks:
    yield from _invocations(client, body)
    yield "GET /health is 200", lambda: _status(client, "/health", 200)
    yield "GET /version is 200", lambda: _status(client, "/version", 200)


def _models(client: _Client) -> list[str]:
    found = _object(_status(client, "/v1/models", 200), "models")["models"]
    if not isinstance(found, list) or not found:
        raise _FaultError("there are no models")
    return [str(each) for each in found]


def _kserve(client: _Client, body: bytes | None) -> _Checks:
    def each(action: Callable[[str], object]) -> Callable[[], object]:
        return lambda: [action(f"/v1/models/{name}") for name in _models(client)]

    yield "GET /v1/models has names", lambda: _models(client)
    yield "each model is 200", each(lambda path: _status(client, path, 200))
    yield (
        "an object without instances is refused",
        each(lambda path: _refused(client, f"{path}:predict", b"{}", "error")),
    )
    if body is not None:
        yield (
            "POST …:predict gives predictions",
            each(
                lambda path: _object(
                    _status(client, f"{path}:predict", 200, body=body), "predictions"
                )
            ),
        )
    yield "an unknown model is 404", lambda: _status(client, "/v1/models/no-such-model", 404)


def _oip(client: _Client, body: bytes | None) -> _Checks:
    def each(action: Callable[[str], object]) -> Callable[[], object]:
        return lambda: [action(f"/v2/models/{name}") for name in _models(client)]

    yield (
        "GET /v2 has a name and a version",
        lambda: _object(_status(client, "/v2", 200), "name", "version"),
    )
    yield "GET /v2/health/live is 200", lambda: _status(client, "/v2/health/live", 200)
    yield "GET /v2/health/ready is 200", lambda: _status(client, "/v2/health/ready", 200)
    yield (
        "each model tells its inputs and outputs",
        each(lambda path: _object(_status(client, path, 200), "name", "inputs", "outputs")),
    )
    yield "each model is ready", each(lambda path: _status(client, f"{path}/ready", 200))
    yield (
        "a request without inputs is refused",
        each(lambda path: _refused(client, f"{path}/infer", b"{}", "error")),
    )
    if body is not None:
        yield (
            "POST …/infer gives outputs",
            each(lambda path: _object(_status(client, f"{path}/infer", 200, body=body), "outputs")),
        )
    yield "an unknown model is 404", lambda: _status(client, "/v2/models/no-such-model", 404)


_CHECKS: dict[str, Callable[[_Client, bytes | None], _Checks]] = {
    "kserve": _kserve,
    "mlflow": _mlflow,
    "oip": _oip,
    "sagemaker": _invocations,
}

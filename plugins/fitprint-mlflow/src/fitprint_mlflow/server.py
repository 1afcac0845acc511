"""An MLflow server, asked over its REST API by the standard library alone."""

from __future__ import annotations

import base64
import encodings.idna  # noqa: F401 - what looks hosts up imports it otherwise, when a fork may come
import http.client
import io
import json
import math
import os
import socket
import ssl
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import quote, unquote, urlencode, urlsplit

from fitprint.errors import FitprintError, StoreError
from fitprint.stores.addresses import hidden, public
from fitprint_mlflow.wire import encoded

__all__ = ["RefusedRequestError", "Server"]

_API = "/api/2.0/mlflow/"
_FILES = "/api/2.0/mlflow-artifacts/artifacts/"
_CONNECT_SECONDS, _SILENT_SECONDS, _IDLE_SECONDS = 5.0, 30.0, 2.0
_WHOLE_SECONDS = 120.0  # that an answer may take from its first byte to its last
_SLOWEST_BYTES = 50_000  # a second, of a file on its way to the server
_BUSY = (425, 429, 503)  # it has not done what it was asked: try again
_UNKNOWN = (408, 502, 504)  # whether it has, nobody knows: look before asking again
_ATTEMPTS = 4
_LONGEST_PAUSE = 10.0
_MOST_BYTES = 64 << 20  # of an answer
_TRUE = ("true", "1", "yes")


class RefusedRequestError(FitprintError):
    """The server answered, and does not do what it was asked.

    Attributes:
        status: of HTTP.
        code: MLflow's word, such as ``RESOURCE_DOES_NOT_EXIST``; "" where there is none.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code

    @property
    def is_about_the_request(self) -> bool:
        """Whether the same request would be refused again."""
        return 400 <= self.status < 500 and self.status not in (401, 403)


class Server:
    """One server, over one connection that is kept while it is in use; one thread at a time.

    Nothing is asked twice unless the server says that it has not done it: who goes on after a
    :class:`fitprint.errors.StoreError` looks at what is there.

    Who asks is said by the URI, or else by MLflow's own variables, which are looked at for each
    connection: ``MLFLOW_TRACKING_USERNAME`` and ``MLFLOW_TRACKING_PASSWORD``, or
    ``MLFLOW_TRACKING_TOKEN``; ``MLFLOW_TRACKING_SERVER_CERT_PATH``,
    ``MLFLOW_TRACKING_CLIENT_CERT_PATH`` and ``MLFLOW_TRACKING_INSECURE_TLS`` for TLS. Redirections
    are not followed.

    Args:
        uri: ``mlflow+http://user:password@host:port/path``, or ``mlflow+https://token@host``.

    Raises:
        StoreError: the URI names no host.

    Attributes:
        uri: as it may be shown.
    """

    def __init__(self, uri: str) -> None:
        self._whole = uri
        self.uri = public(uri).partition("+")[2]
        try:
            parts = urlsplit(uri.partition("+")[2])
            self._host, self._port = parts.hostname or "", parts.port
        except ValueError:
            self._host = ""
        if not self._host:
            raise StoreError(
                f"{public(uri)!r} names no server: write mlflow+http://host:port, or mlflow+https:"
            )
        self._given = (
            None
            if parts.username is None
            else (unquote(parts.username), unquote(parts.password or ""))
        )
        self._is_safe = parts.scheme == "https"
        self._root = parts.path.rstrip("/")
        self._connection: http.client.HTTPConnection | None = None
        self._used_at = 0.0

    # -- questions ---------------------------------------------------------------------------------

    def get(self, path: str, **query: str | int) -> dict[str, Any]:
        """Return the answer to a question.

        Raises:
            RefusedRequestError: the server says no.
            StoreError: it cannot be reached, or does not let us in.
        """
        return self._json("GET", f"{_API}{path}?{urlencode(query)}", None)

    def post(self, path: str, body: Mapping[str, Any], method: str = "POST") -> dict[str, Any]:
        """Return the answer to a request with a body, whose numbers may be NaN and infinities.

        Raises:
            RefusedRequestError, StoreError: as :meth:`get`.
        """
        return self._json(method, f"{_API}{path}", encoded(body))

    def put(self, path: str, source: BinaryIO, size: int) -> None:
        """Put a file at a path of the server's artifacts, ``size`` bytes from a source.

        Raises:
            RefusedRequestError, StoreError: as :meth:`get`.
        """
        self._ask("PUT", f"{_FILES}{quote(path)}", source, size)

    def version(self) -> str:
        """Return the version of MLflow that the server has.

        Raises:
            RefusedRequestError, StoreError: as :meth:`get`.
        """
        return self._ask("GET", "/version", None, 0).decode(errors="replace").strip()[:50]

    def close(self) -> None:
        """Close the connection; the next question opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    # -- how they are asked ------------------------------------------------------------------------

    def _json(self, method: str, target: str, body: bytes | None) -> dict[str, Any]:
        answer = self._ask(method, target, body, len(body or b""))
        try:
            content = json.loads(answer or b"{}")
        except ValueError:
            content = None
        if not isinstance(content, dict):
            raise StoreError(f"{self.uri} answers what no MLflow server does: is it one?")
        return content

    def _ask(self, method: str, target: str, body: bytes | BinaryIO | None, size: int) -> bytes:
        """Ask until the server is not too busy to answer, a few times."""
        for attempt in range(1, _ATTEMPTS + 1):
            if attempt > 1 and body is not None and not isinstance(body, bytes):
                body.seek(0)
            status, reason, pause, answer = self._once(method, target, body, size)
            if status not in _BUSY or attempt == _ATTEMPTS:
                break
            time.sleep(min(pause or 0.25 * 2**attempt, _LONGEST_PAUSE))
        if 200 <= status < 300:
            return answer
        raise self._refusal(status, reason, answer)

    def _refusal(self, status: int, reason: str, answer: bytes) -> FitprintError:
        try:
            content = json.loads(answer)
            code, told = str(content["error_code"]), str(content.get("message", ""))
        except (ValueError, TypeError, LookupError):
            code, told = "", reason
        told = " ".join(self._hide(told).split())[:300]
        if status == 401:
            return StoreError(
                f"{self.uri} does not let us in ({told}): set MLFLOW_TRACKING_USERNAME and "
                "MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
            )
        if status in _BUSY + _UNKNOWN:
            return StoreError(f"{self.uri} is too busy ({status} {told})")
        if 300 <= status < 400:
            return StoreError(f"{self.uri} sends us elsewhere ({status}): name the place itself")
        return RefusedRequestError(status, code, f"{told} ({status})")

    def _once(
        self, method: str, target: str, body: bytes | BinaryIO | None, size: int
    ) -> tuple[int, str, float, bytes]:
        """Return the status, its reason, the seconds to wait if it is too busy, and the answer."""
        headers = {"Content-Length": str(size)} if body is not None else {}
        if body is not None:
            is_json = isinstance(body, bytes)
            headers["Content-Type"] = "application/json" if is_json else "application/octet-stream"
        try:
            connection = self._connected()
            self._limit(connection, size)
            connection.request(method, self._root + target, body, {**self._who(), **headers})
            response = connection.getresponse()
            answer = response.read(_MOST_BYTES)
            if response.will_close or not response.isclosed():
                self.close()
            self._used_at = time.monotonic()
            return response.status, response.reason, _seconds(response), answer
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            told = self._hide(str(error) or type(error).__name__)
            raise StoreError(f"{self.uri}: {told}") from None
        except BaseException:
            self.close()
            raise

    def _connected(self) -> http.client.HTTPConnection:
        # a server closes what is idle, and then nobody can tell whether it was asked
        if time.monotonic() - self._used_at > _IDLE_SECONDS:
            self.close()
        if self._connection is None:
            made: http.client.HTTPConnection
            if self._is_safe:
                made = http.client.HTTPSConnection(
                    self._host, self._port, timeout=_CONNECT_SECONDS, context=_trust()
                )
            else:
                made = http.client.HTTPConnection(self._host, self._port, timeout=_CONNECT_SECONDS)
            made.connect()
            made.sock = cast("socket.socket", _Bounded(made.sock))
            self._connection = made
        return self._connection

    @staticmethod
    def _limit(connection: http.client.HTTPConnection, size: int) -> None:
        """Say until when the answer must be there, however slowly it comes."""
        bounded = cast("_Bounded", connection.sock)
        bounded.until = time.monotonic() + _WHOLE_SECONDS + size / _SLOWEST_BYTES

    def _login(self) -> tuple[str, str, str]:
        """Return user and password, or else a token, as the URI or MLflow's variables say."""
        user, password = self._given or (
            os.environ.get("MLFLOW_TRACKING_USERNAME", ""),
            os.environ.get("MLFLOW_TRACKING_PASSWORD", ""),
        )
        if password:
            return user, password, ""
        return "", "", user if self._given else os.environ.get("MLFLOW_TRACKING_TOKEN", "")

    def _who(self) -> dict[str, str]:
        user, password, token = self._login()
        if password:
            basic = base64.b64encode(f"{user}:{password}".encode()).decode()
            return {"Authorization": f"Basic {basic}"}
        return {"Authorization": f"Bearer {token}"} if token else {}

    def _hide(self, text: str) -> str:
        """Return what somebody says without what nobody is to see."""
        for secret in (self._who().get("Authorization", " ").partition(" ")[2], *self._login()[1:]):
            if len(secret) > 2:
                text = text.replace(secret, "[redacted]")
        return hidden(text, self._whole)


class _Bounded:
    """A socket whose answer must be there in time: a limit for each byte alone would let a server
    take for ever.
    """

    def __init__(self, whole: socket.socket) -> None:
        self._whole = whole
        self.until = math.inf

    def sendall(self, data: Any) -> None:
        self.hurry()
        self._whole.sendall(data)

    def makefile(self, _: str) -> io.BufferedReader:
        return io.BufferedReader(_Reading(self._whole.makefile("rb", buffering=0), self))

    def hurry(self) -> None:
        """Let what comes next take no longer than is left."""
        left = min(self.until - time.monotonic(), _SILENT_SECONDS)
        if left <= 0:
            raise TimeoutError("the answer takes too long")
        self._whole.settimeout(left)

    def close(self) -> None:
        self._whole.close()


class _Reading(io.RawIOBase):
    def __init__(self, whole: socket.SocketIO, bounds: _Bounded) -> None:
        self._whole = whole
        self._bounds = bounds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._bounds.hurry()
        return self._whole.readinto(buffer)

    def close(self) -> None:
        self._whole.close()  # the socket is closed when nobody reads from it any more
        super().close()


def _seconds(response: http.client.HTTPResponse) -> float:
    try:
        return max(float(response.headers.get("Retry-After", "0")), 0.0)
    except ValueError:
        return 0.0


def _trust() -> ssl.SSLContext:
    """Return whose certificates are good, as MLflow's variables say."""
    chosen = os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH") or None
    own = os.environ.get("MLFLOW_TRACKING_CLIENT_CERT_PATH")
    is_folder = bool(chosen) and Path(str(chosen)).is_dir()
    context = ssl.create_default_context(
        cafile=None if is_folder else chosen, capath=chosen if is_folder else None
    )
    if os.environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() in _TRUE:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if own:
        context.load_cert_chain(own)
    return context

"""A server for tests that knows the few requests which obstore sends to Google Cloud Storage and to
Azure. It checks no signatures.
"""

from __future__ import annotations

import hashlib
import re
import sys
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

__all__ = ["main"]

_BUCKET = "/conformance/"
_BEGUN = "<InitiateMultipartUploadResult><UploadId>{}</UploadId></InitiateMultipartUploadResult>"
_COMPLETE = "<CompleteMultipartUploadResult><ETag>{}</ETag></CompleteMultipartUploadResult>"
_objects: dict[str, bytes] = {}
_parts: dict[
    tuple[str, str], dict[str, bytes]
] = {}  # of uploads that have begun, by path and upload, then by their own names
_lock = threading.Lock()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except ConnectionError:
            self.close_connection = True

    def do_PUT(self) -> None:
        path, query = self._asked()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        upload = (path, query.get("uploadId", ""))
        with _lock:
            if not path.startswith(_BUCKET):
                return self._answer(404, b"<Error><Code>NoSuchBucket</Code></Error>")
            if name := query.get("partNumber") or query.get("blockid"):
                _parts.setdefault(upload, {})[name] = body
            elif query.get("comp") == "blocklist":
                _complete(upload, re.findall(r"<(?:Latest|Uncommitted)>([^<]+)<", body.decode()))
            else:
                _objects[path] = body
        return self._answer(201 if self.headers.get("x-ms-version") else 200, tagged=body)

    def do_POST(self) -> None:
        path, query = self._asked()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with _lock:
            if "uploads" in query:
                number = f"upload{len(_parts)}"
                _parts[path, number] = {}
                return self._answer(200, _BEGUN.format(number).encode())
            _complete((path, query["uploadId"]), re.findall(r"<PartNumber>(\d+)<", body.decode()))
        return self._answer(200, _COMPLETE.format("whole").encode())

    def do_DELETE(self) -> None:
        path, query = self._asked()
        with _lock:
            _parts.pop((path, query.get("uploadId", "")), None)
        self._answer(204)

    def do_GET(self) -> None:
        path, _ = self._asked()
        data = _objects.get(path)
        if data is None:
            return self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
        asked = re.fullmatch(
            r"bytes=(\d+)-(\d+)", self.headers.get("Range") or self.headers.get("x-ms-range") or ""
        )
        if not asked:
            return self._answer(200, data, tagged=data)
        start, end = int(asked[1]), min(int(asked[2]) + 1, len(data))
        return self._answer(
            206, data[start:end], tagged=data, range=f"bytes {start}-{end - 1}/{len(data)}"
        )

    def do_HEAD(self) -> None:
        self.do_GET()

    def _asked(self) -> tuple[str, Mapping[str, str]]:
        parts = urlsplit(self.path)
        return parts.path, {
            name: values[0]
            for name, values in parse_qs(parts.query, keep_blank_values=True).items()
        }

    def _answer(self, status: int, body: bytes = b"", tagged: bytes = b"", range: str = "") -> None:  # noqa: A002 - the header's name
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", f'"{hashlib.sha256(tagged).hexdigest()}"')
        self.send_header("Last-Modified", "Fri, 27 Nov 2026 12:00:00 GMT")
        if range:
            self.send_header("Content-Range", range)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _complete(upload: tuple[str, str], names: list[str]) -> None:
    parts = _parts.pop(upload)
    _objects[upload[0]] = b"".join(parts[name] for name in names)


def main() -> None:
    """Serve until standard input ends; the port is the first line that is printed."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)  # noqa: T201 - who has started this reads it
    sys.stdin.read()

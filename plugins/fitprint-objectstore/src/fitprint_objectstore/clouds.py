"""A server for tests that knows the few requests which obstore sends to Google Cloud Storage and to
Azure. It checks no signatures.
"""

from __future__ import annotations

import hashlib
import re
import sys
import threading
import time
from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

__all__ = ["main"]

_BUCKET = "/conformance/"
_BEGUN = "<InitiateMultipartUploadResult><UploadId>{}</UploadId></InitiateMultipartUploadResult>"
_COMPLETE = "<CompleteMultipartUploadResult><ETag>{}</ETag></CompleteMultipartUploadResult>"
_objects: dict[str, bytes] = {}
_written: dict[str, float] = {}  # in seconds since the epoch, by path
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
                _keep(path, body)
        return self._answer(201 if self.headers.get("x-ms-version") else 200, tagged=body)

    def do_POST(self) -> None:
        path, query = self._asked()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with _lock:
            if query.get("comp") == "batch":
                return self._answer_batch(body)
            if "uploads" in query:
                number = f"upload{len(_parts)}"
                _parts[path, number] = {}
                return self._answer(200, _BEGUN.format(number).encode())
            _complete((path, query["uploadId"]), re.findall(r"<PartNumber>(\d+)<", body.decode()))
        return self._answer(200, _COMPLETE.format("whole").encode())

    def do_DELETE(self) -> None:
        path, query = self._asked()
        with _lock:
            if upload := query.get("uploadId"):
                _parts.pop((path, upload), None)
            else:
                _objects.pop(path, None)
        self._answer(204)

    def _answer_batch(self, body: bytes) -> None:
        """Delete what the parts of a batch of Azure's name."""
        answer = ""
        for number, name in re.findall(r"Content-ID: (\d+)\r\n\r\nDELETE (\S+)", body.decode()):
            path = unquote(name)
            status = "404 Not Found" if _objects.pop(path, None) is None else "202 Accepted"
            head = f"Content-Type: application/http\r\nContent-ID: {number}\r\n\r\n"
            answer += f"--batch\r\n{head}HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n\r\n"
        self._answer(202, f"{answer}--batch--\r\n".encode(), kind="multipart/mixed; boundary=batch")

    def _answer_list(self, prefix: str, is_azure: bool) -> None:
        found = ""
        for path in sorted(_objects):
            name = path.removeprefix(_BUCKET)
            if not name.startswith(prefix):
                continue
            size, written = len(_objects[path]), _written[path]
            if is_azure:
                facts = f"<Last-Modified>{formatdate(written, usegmt=True)}</Last-Modified>"
                facts += f"<Content-Length>{size}</Content-Length><Content-Type>x</Content-Type>"
                facts += "<Etag>x</Etag>"
                found += f"<Blob><Name>{name}</Name><Properties>{facts}</Properties></Blob>"
            else:
                when = datetime.fromtimestamp(written, timezone.utc).isoformat()
                facts = f"<Key>{name}</Key><Size>{size}</Size><LastModified>{when}</LastModified>"
                found += f"<Contents>{facts}</Contents>"
        whole = (
            f"<EnumerationResults><Blobs>{found}</Blobs><NextMarker/></EnumerationResults>"
            if is_azure
            else f"<ListBucketResult>{found}</ListBucketResult>"
        )
        self._answer(200, whole.encode())

    def do_GET(self) -> None:
        path, query = self._asked()
        if "prefix" in query:
            with _lock:
                return self._answer_list(query["prefix"], query.get("comp") == "list")
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
        return unquote(parts.path), {
            name: values[0]
            for name, values in parse_qs(parts.query, keep_blank_values=True).items()
        }

    def _answer(
        self,
        status: int,
        body: bytes = b"",
        tagged: bytes = b"",
        range: str = "",  # noqa: A002 - the header's name
        kind: str = "text/plain",
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", f'"{hashlib.sha256(tagged).hexdigest()}"')
        self.send_header("Content-Type", kind)
        written = _written.get(self._asked()[0], 0.0)
        self.send_header("Last-Modified", formatdate(written, usegmt=True))
        if range:
            self.send_header("Content-Range", range)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _complete(upload: tuple[str, str], names: list[str]) -> None:
    parts = _parts.pop(upload)
    _keep(upload[0], b"".join(parts[name] for name in names))


def _keep(path: str, data: bytes) -> None:
    _objects[path], _written[path] = data, time.time()


def main() -> None:
    """Serve until standard input ends; the port is the first line that is printed."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)  # noqa: T201 - who has started this reads it
    sys.stdin.read()

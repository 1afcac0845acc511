"""Uploads to a server on loopback that forgets them: our CPU above that of obstore alone.

Ours are sent as they are over TLS, where the signature leaves the bytes out, but without TLS, whose
cost both would have.
"""

from __future__ import annotations

import hashlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

FILES, SIZE = 200, 1 << 20
ROUNDS = 9

SINK = """
import sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Sink(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_PUT(self):
        left = int(self.headers["Content-Length"])
        while left:
            left -= len(self.rfile.read(min(left, 1 << 20)))
        self.answer(200)

    def do_GET(self):
        self.answer(404)

    do_HEAD = do_GET

    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.send_header("ETag", '"forgotten"')
        self.end_headers()

    def log_message(self, *_):
        pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_port, flush=True)
sys.stdin.read()
"""


def _cpu(action: Callable[[], object]) -> float:
    began = time.process_time()
    action()
    return time.process_time() - began


def uploads() -> dict[str, float]:
    """Milliseconds of CPU for all files, ours and bare in turn, and how much more ours take in
    percent.
    """
    import obstore
    from obstore.store import S3Store

    from fitprint_objectstore.artifacts import ObjectArtifacts

    sink = subprocess.Popen(
        [sys.executable, "-c", SINK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert sink.stdout is not None
    os.environ.update(
        AWS_ENDPOINT_URL=f"http://127.0.0.1:{sink.stdout.readline().strip()}",
        AWS_REGION="us-east-1",
    )
    os.environ.update(AWS_ACCESS_KEY_ID="bench", AWS_SECRET_ACCESS_KEY="bench")
    with TemporaryDirectory() as folder:
        files: dict[str, Path] = {}
        for number in range(FILES):
            data = os.urandom(SIZE)
            path = Path(folder) / str(number)
            path.write_bytes(data)
            files[f"sha256:{hashlib.sha256(data).hexdigest()}"] = path
        ours = ObjectArtifacts("s3://bench/ours?unsigned_payload=true")
        bare = S3Store("bench", client_options={"allow_http": True})

        def put(digest: str) -> None:
            with files[digest].open("rb") as source:
                ours.put(digest, source, SIZE)

        def put_bare(digest: str) -> None:
            with files[digest].open("rb") as source:
                obstore.put(bare, digest, source)

        def at_once() -> None:
            with ThreadPoolExecutor(4) as threads:
                list(threads.map(put_bare, files))

        pairs = [(_cpu(lambda: list(map(put, files))), _cpu(at_once)) for _ in range(ROUNDS)][1:]
    sink.kill()
    sink.communicate()
    mine, theirs = (statistics.median(each) * 1000 for each in zip(*pairs, strict=True))
    return {"ours_ms": mine, "bare_ms": theirs, "more": (mine / theirs - 1) * 100}


if __name__ == "__main__":
    print(json.dumps({"uploads": uploads}[sys.argv[1]]()))

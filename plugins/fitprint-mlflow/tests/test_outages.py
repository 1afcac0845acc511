"""A server that is down, says nothing, refuses or cannot end costs a line; no password is shown."""

from __future__ import annotations

import base64
import json
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

import fitprint
from fitprint.errors import StoreError
from fitprint.recording import background
from fitprint.recording.workspace import current
from fitprint.testing import isolated
from fitprint_mlflow import server as asking
from fitprint_mlflow.server import Server

PROGRAM = """
import fitprint

with fitprint.start_run("offline") as run:
    for step in range(1000):
        run.log_metric("loss", 1 / (step + 1))
print("trained")
"""


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(60)
        yield listening


def port_of(listening: socket.socket) -> int:
    """Return the port at which it listens."""
    return int(listening.getsockname()[1])


@pytest.fixture
def answering(serving: Callable[..., Any]) -> Callable[..., Any]:
    """What serves and answers each request by a function, and gives the URI."""

    def start(answer: Callable[[Any], None]) -> Any:
        class Answering(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                answer(self)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer

        return serving(Answering)

    return start


def refuse(handler: Any) -> None:
    """Let nobody in, and repeat what was said, also in clear."""
    said = handler.headers.get("Authorization", "")
    kind, _, secret = said.partition(" ")
    clear = base64.b64decode(secret).decode() if kind == "Basic" else secret
    told = {"error_code": "UNAUTHENTICATED", "message": f"no: {said} {clear}"}
    handler.send_response(401)
    handler.end_headers()
    handler.wfile.write(json.dumps(told).encode())


def run_program(tmp_path: Path, store: str, exit_wait: str) -> subprocess.CompletedProcess[str]:
    """Run the program with this store, and so many seconds to deliver in at its end."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        env={
            "PATH": str(Path(sys.executable).parent),
            "HOME": str(tmp_path),
            "FITPRINT_HOME": str(tmp_path / "home"),
            "FITPRINT_STORE": store,
            "FITPRINT_EXIT_WAIT": exit_wait,
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_a_server_that_is_down_costs_a_line(silent, tmp_path):
    """The program ends well; what it recorded is here, and the line says how it gets there."""
    port = port_of(silent)
    silent.close()
    done = run_program(tmp_path, f"mlflow+http://ada:hunter2secret@127.0.0.1:{port}", "60")
    assert (0, "trained\n") == (done.returncode, done.stdout)
    told = [line for line in done.stderr.splitlines() if "recorded in" not in line]
    assert 1 == len(told), done.stderr
    assert "Connection refused" in told[0]
    assert "`fitprint sync`" in told[0]
    assert "hunter2secret" not in done.stderr
    with isolated(tmp_path / "home", context=False):
        fitprint.configure(store=f"mlflow+http://127.0.0.1:{port}")
        (run,) = fitprint.search_runs()
        assert (1000, "FINISHED") == (len(run.history("loss")), run.status)


def test_a_server_that_says_nothing_costs_a_line(silent, tmp_path):
    """Of the end of the program it costs no more than was allowed."""
    done = run_program(tmp_path, f"mlflow+http://127.0.0.1:{port_of(silent)}", "1")
    assert (0, "trained\n") == (done.returncode, done.stdout)
    told = [line for line in done.stderr.splitlines() if "recorded in" not in line]
    assert ["delivery did not end within 1 s; `fitprint sync` delivers the rest"] == [
        line.removeprefix("fitprint: ") for line in told
    ]


def test_nothing_waits_for_a_server_that_says_nothing(silent, tmp_path, monkeypatch):
    """Neither recording nor reading nor a fork does, while a request hangs."""
    monkeypatch.setattr(background, "_forks", background._Forks())
    with isolated(tmp_path / "home", context=False):
        fitprint.configure(store=f"mlflow+http://127.0.0.1:{port_of(silent)}", exit_wait=0.0)
        with fitprint.start_run() as run:
            run.log_metric("loss", 1.0)
            asking_one, _ = silent.accept()  # from here on a request hangs
            with asking_one:
                assert asking_one.recv(65536).startswith(b"GET /api/2.0/mlflow/")
                for step in range(1000):
                    run.log_metric("loss", 1.0, step=step)
                background._before_fork()
                assert not background._forks.is_slow
                background._after_fork_in_parent()
                run.end()
                assert 1001 == len(fitprint.get_run(run.id).history("loss"))
                # nobody has given it up meanwhile: it is the same request
                assert ([], [], []) == select.select([asking_one], [], [], 0)


def test_a_request_ends_in_time_however_slowly_it_is_answered(monkeypatch, answering):
    """A byte now and then does not keep it alive."""
    monkeypatch.setattr(asking, "_WHOLE_SECONDS", 0.2)
    ended = threading.Event()

    def trickle(handler: Any) -> None:
        try:
            while not ended.wait(0.01):
                handler.wfile.write(b"H")
        except OSError:
            ended.set()

    with answering(trickle) as uri:
        server = Server(uri)
        with pytest.raises(StoreError, match="takes too long|timed out"):
            server.get("experiments/get")
        assert ended.wait(60)


@pytest.mark.parametrize(
    ("login", "variables", "sent"),
    [
        ("ada:s3cret/word@", {}, "Basic " + base64.b64encode(b"ada:s3cret/word").decode()),
        ("a-long-token-of-somebody@", {}, "Bearer a-long-token-of-somebody"),
        (
            "",
            {"MLFLOW_TRACKING_USERNAME": "ada", "MLFLOW_TRACKING_PASSWORD": "hunter2secret"},
            "Basic " + base64.b64encode(b"ada:hunter2secret").decode(),
        ),
        ("", {"MLFLOW_TRACKING_TOKEN": "hunter2secret"}, "Bearer hunter2secret"),
        ("", {}, None),
    ],
)
def test_who_asks_is_told_to_the_server_alone(login, variables, sent, monkeypatch, answering):
    """By the URI, or by MLflow's variables; an error names neither password nor token."""
    for name in ("USERNAME", "PASSWORD", "TOKEN"):
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    seen: list[str | None] = []

    def note(handler: Any) -> None:
        seen.append(handler.headers.get("Authorization"))
        refuse(handler)

    with answering(note) as uri:
        server = Server(uri.replace("://", f"://{login.replace('/', '%2F')}"))
        with pytest.raises(StoreError, match="MLFLOW_TRACKING_USERNAME") as error:
            server.get("experiments/get")
    assert [sent] == seen
    told = f"{error.value} {server.uri}"
    secrets = ["s3cret", "a-long-token", "hunter2secret", *(sent or "").split()[1:]]
    assert [] == [secret for secret in secrets if secret in told]


def test_what_is_no_mlflow_server_is_told(tmp_path, answering):
    """With what answers there."""

    def greet(handler: Any) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(b"<html>hello</html>")

    with answering(greet) as uri, isolated(tmp_path / "home", context=False):
        fitprint.configure(store=uri, exit_wait=60.0)
        with fitprint.start_run():
            pass
        current().sync()
        with pytest.raises(StoreError, match="answers what no MLflow server does"):
            current().forward()


@pytest.mark.parametrize("uri", ["mlflow+http://", "mlflow+http://:5000", "mlflow+http://host:x"])
def test_a_uri_that_names_no_server_is_told(uri, tmp_path):
    """When it is first used."""
    with isolated(tmp_path / "home", context=False):
        fitprint.configure(store=uri)
        with pytest.raises(StoreError, match="names no server: write mlflow\\+http://host:port"):
            fitprint.search_runs()


def test_what_a_server_refuses_holds_up_nothing_else(tmp_path, answering):
    """Each refusal is told, with the server's reason, and tried again later; the rest goes on."""
    asked: list[str] = []

    def answer(handler: Any) -> None:
        asked.append(handler.path)
        handler.send_response(500)
        handler.end_headers()
        handler.wfile.write(b'{"error_code": "INTERNAL_ERROR", "message": "no disk"}')

    with answering(answer) as uri, isolated(tmp_path / "home", context=False):
        fitprint.configure(store=uri, exit_wait=60.0)
        for number in range(7):
            with fitprint.start_run(f"run-{number}"):
                pass
        current().sync()
        current().forward()
        store = current().known_store()
        told = [problem for problem in store.check().problems if "tried again" in problem]
        assert 8 == len(told)  # the experiment, too
        assert all("no disk (500); it is tried again" in problem for problem in told)
        before = len(asked)
        assert 0 == current().forward().done
        assert before == len(asked)  # nothing new, and not yet time to try again

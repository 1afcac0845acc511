import json
import os
import shutil
import signal
import socket
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from clients import Client, frame, slow_request
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LogisticRegression

import fitprint
from fitprint.cli import main


def test_answers_and_ends(command, folder):
    started = command(folder, "--port", "0")
    client = started.client()
    X = frame(3)
    expected = fitprint.load_model(folder).predict(X).tolist()
    asked = client.ask("/invocations", {"dataframe_records": X.to_dict("records")})
    assert asked == (200, {"predictions": expected})
    client.close()
    started.process.send_signal(signal.SIGTERM)
    assert started.end() == (0, "", "")


def test_a_log_that_nobody_reads_holds_up_no_request(command, folder):
    """A pipe takes some hundred lines. What is lost is counted once somebody reads on."""
    started = command(folder, "--port", "0", "--log-requests")
    client = started.client()
    asked = {"inputs": [[1, 2, 3, 4]]}
    answers = {client.ask("/invocations", asked)[0] for _ in range(1500)}
    assert {200} == answers
    os.set_blocking(started.process.stderr.fileno(), False)
    read = started.process.stderr.read()
    assert client.ask("/invocations", asked)[0] == 200
    os.set_blocking(started.process.stderr.fileno(), True)
    client.close()
    started.process.send_signal(signal.SIGTERM)
    status, _, rest = started.end()
    lines = [line for line in (read + rest).splitlines() if line.endswith("}")]
    (lost,) = [told["lines"] for told in map(json.loads, lines) if told["event"] == "lines lost"]
    assert (0, 1501) == (status, len(lines) - 1 + lost)


def test_finishes_what_was_begun(command, folder):
    started = command(folder, "--port", "0")
    client = started.client()
    begun = slow_request(
        client.port,
        b"POST /invocations HTTP/1.1\r\nhost: localhost\r\ncontent-length: 25\r\n\r\n",
    )
    client.ask("/ping")  # behind it: the other request has begun
    started.process.send_signal(signal.SIGTERM)
    while True:  # until no more connections are taken
        try:
            socket.create_connection(("127.0.0.1", client.port), timeout=10).close()
        except OSError:
            break
    begun.sendall(b'{"inputs": [[1, 2, 3, 4]]}'[:25])
    answer = b""
    while part := begun.recv(1000):
        answer += part
    assert b" 400 " in answer or b" 200 " in answer
    client.close()
    begun.close()
    assert started.end()[0] == 0


def test_a_registered_model(command, place):
    X = frame()
    with fitprint.start_run() as run:
        run.log_model(LogisticRegression().fit(X, X["f0"] > 0), inputs=X)
    fitprint.register_model(f"runs:/{run.id}/model", "signs", alias="champion")
    fitprint.recording.workspace.current().close()
    client = command("models:/signs@champion", "--port", "0").client()
    assert client.ask("/v1/models") == (200, {"models": ["signs"]})
    assert client.ask("/invocations", {"inputs": X.to_numpy().tolist()})[1] == {
        "predictions": fitprint.load_model(f"runs:/{run.id}/model").predict(X).tolist()
    }
    client.close()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nowhere"], "there is no model directory"),
        (["{folder}", "--host", "0.0.0.0"], "FITPRINT_SERVE_TOKEN"),
        (["{folder}", "--port", "{taken}"], "choose another with --port"),
        (["{folder}", "--host", "192.0.2.1", "--insecure"], "nothing can be served at 192.0.2.1"),
    ],
)
def test_what_cannot_be_served(folder, capsys, arguments, told):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        given = [each.format(folder=folder, taken=port) for each in arguments]
        assert main(["serve", "--port", "0", *given]) == 1
    output, error = capsys.readouterr()
    assert output == ""
    assert told in error


def test_token_of_the_environment(command, folder):
    started = command(folder, "--port", "0", FITPRINT_SERVE_TOKEN="secret")
    client = started.client()
    assert client.ask("/invocations", {"inputs": []})[0] == 401
    assert client.ask("/invocations", {"inputs": []}, authorization="Bearer secret")[0] == 200
    client.close()
    started.process.send_signal(signal.SIGINT)
    assert started.end() == (0, "", "")


def test_workers(command, folder):
    started = command(folder, "--port", "0", "--workers", "2")
    client = started.client()
    body = {"inputs": [[1, 2, 3, 4]]}
    assert client.ask("/invocations", body) == (200, {"predictions": [True]})
    children = f"/proc/{started.process.pid}/task/{started.process.pid}/children"
    if not os.path.exists(children):
        pytest.skip("this system does not tell the children of a process")
    workers = set(Path(children).read_text().split())
    assert len(workers) == 2
    client.close()
    os.kill(int(min(workers)), signal.SIGKILL)
    line = json.loads(started.process.stderr.readline())
    assert (line["event"], line["status"]) == ("worker ended", -signal.SIGKILL)
    while len(Path(children).read_text().split()) < 2:
        pass
    for _ in range(20):
        another = Client(client.port)
        assert another.ask("/invocations", body) == (200, {"predictions": [True]})
        another.close()
    started.process.send_signal(signal.SIGTERM)
    assert started.end()[0] == 0


def test_a_worker_that_begins_again_looks_at_what_an_alias_names_by_then(command, place):
    """Its sisters do not serve a version that takes other inputs, and neither does it."""
    for width in (2, 3):
        X = np.arange(4.0 * width).reshape(4, width)
        with fitprint.start_run() as run:
            fitted = DummyRegressor(strategy="constant", constant=width).fit(X, X[:, 0])
            run.log_model(fitted, inputs=X)
        fitprint.register_model(run, "widths")
    model = fitprint.get_registered_model("widths")
    model.set_alias("champion", 1)
    started = command("models:/widths@champion", "--port", "0", "--workers", "2")
    client = started.client()
    children = Path(f"/proc/{started.process.pid}/task/{started.process.pid}/children")
    if not children.exists():
        pytest.skip("this system does not tell the children of a process")
    model.set_alias("champion", 2)
    fitprint.search_runs()  # delivers the move
    for worker in children.read_text().split():
        os.kill(int(worker), signal.SIGKILL)
    client.close()
    late = threading.Timer(60, started.process.kill)
    late.start()
    told = []
    while told.count("alias not followed") < 2:
        line = started.process.stderr.readline()
        assert line, told
        told.append(json.loads(line)["event"])
    late.cancel()
    assert told.count("worker ended") == 2
    another = Client(client.port)
    assert another.ask("/invocations", {"inputs": [[1, 2]]}) == (200, {"predictions": [2.0]})
    another.close()
    started.process.terminate()
    assert started.end()[0] == 0


def test_workers_end_with_the_process_that_watches_them(command, folder):
    started = command(folder, "--port", "0", "--workers", "2")
    client = started.client()
    client.close()
    started.process.kill()
    started.end()  # behind the end of the last that could write
    with pytest.raises(OSError):
        Client(client.port).ask("/ping")


def test_a_worker_that_cannot_begin_again(command, folder, place):
    """The others answer, and it begins when it can: a model may be gone for a while."""
    shutil.copytree(folder, place / "model")
    started = command("model", "--port", "0", "--workers", "2")
    client = started.client()
    children = Path(f"/proc/{started.process.pid}/task/{started.process.pid}/children")
    if not children.exists():
        pytest.skip("this system does not tell the children of a process")
    workers = children.read_text().split()
    (place / "model").rename(place / "gone")
    os.kill(int(workers[0]), signal.SIGKILL)
    ended = 0
    while ended < 3:
        line = started.process.stderr.readline()
        assert line, "the server has ended"
        ended += '"worker ended"' in line
    other = Client(client.port)
    assert other.ask("/models")[0] == 200
    other.close()
    (place / "gone").rename(place / "model")
    deadline = time.monotonic() + 60
    while len(children.read_text().split()) < 2 and time.monotonic() < deadline:
        pass
    assert workers[1] in children.read_text().split()
    assert len(children.read_text().split()) == 2
    client.close()
    started.process.terminate()
    assert started.end()[0] == 0


def test_the_log_is_lines_of_json(command, folder):
    started = command(folder, "--port", "0")
    client = started.client()
    strange = slow_request(client.port, b"no HTTP at all\r\n\r\n")
    assert b" 400 " in strange.recv(1000)
    strange.close()
    client.close()
    started.process.terminate()
    status, _, error = started.end()
    lines = list(map(json.loads, error.splitlines()))
    assert (status, lines[0]["event"]) == (0, "server")


def test_workers_that_cannot_begin(command):
    status, output, error = command("nowhere", "--port", "0", "--workers", "2").end()
    assert (status, output) == (1, "")
    assert "there is no model directory" in error
    assert "workers end before they have begun" in error


@pytest.mark.parametrize("contract", ["mlflow", "oip", "kserve", "sagemaker"])
def test_check(client, capsys, tmp_path, contract):
    bodies = {
        "oip": {
            "inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP64", "data": [1, 2, 3, 4]}]
        }
    }
    file = tmp_path / "body.json"
    file.write_text(json.dumps(bodies.get(contract, {"instances": [[1, 2, 3, 4]]})))
    url = f"http://127.0.0.1:{client.port}"
    assert main(["serve", "check", url, "--contract", contract, "--data", str(file)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 4
    assert {line.split()[0] for line in lines} == {"ok"}


def test_check_of_what_keeps_nothing(capsys, tmp_path):
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            assert main(["serve", "check", f"http://127.0.0.1:{server.server_port}"]) == 1
        finally:
            server.shutdown()
    assert "failed  GET /ping is 200: the status is 404, not 200" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["check"], "takes one URL"),
        (["check", "ftp://x"], "is no address"),
        (["check", "http://127.0.0.1:1", "--data", "nowhere"], "nowhere cannot be read"),
        (["a/model", "b/model"], "two models would be served as 'model'"),
    ],
)
def test_what_makes_no_sense(capsys, arguments, told):
    assert main(["serve", *arguments]) == 1
    assert told in capsys.readouterr().err


def test_a_port_that_is_none(folder, capsys):
    assert main(["serve", folder, "--port", "99999"]) == 1
    assert "there is no port 99999" in capsys.readouterr().err


def test_check_where_nobody_answers(capsys):
    with socket.socket() as taken:  # and never listens
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        assert main(["serve", "check", f"http://127.0.0.1:{port}"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert f"nobody answers at 127.0.0.1, port {port}" in told.err

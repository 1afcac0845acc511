import signal
import socket

import pytest
from clients import frame, slow_request
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

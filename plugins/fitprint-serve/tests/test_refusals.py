import gzip
import json
import threading
import time

import numpy as np
import pytest
from clients import NAMES, Client, frame, record, served, serving, slow_request
from sklearn.linear_model import LogisticRegression

from fitprint_serve import jsons
from fitprint_serve.application import Limits
from fitprint_serve.metrics import text_of
from fitprint_serve.served import trace_id

ROW = frame(1).to_dict("records")[0]
SECRET = "wombat-4711"
BODIES = {
    b"": 400,
    b"{": 400,
    b"[]": 400,
    b"3": 400,
    b"\xff\xfe": 400,
    b'{"inputs": ' + b"[" * 100_000 + b"]" * 100_000 + b"}": 400,
    b'{"inputs": ' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"}": 400,
}
VALUES = [
    {},
    {"messages": [{"role": "user", "content": SECRET}]},
    {"inputs": [[1, 2, 3, 4]], "instances": [[1, 2, 3, 4]]},
    {"inputs": 3},
    {"inputs": SECRET},
    {"inputs": None},
    {"inputs": {"f9": [1]}},
    {"inputs": [[1, 2, 3, SECRET]]},
    {"inputs": [[1, 2, 3]]},
    {"inputs": [[1, 2, 3, 4], [1, 2]]},
    {"inputs": [[[[1]]]]},
    {"inputs": [[1, 2, 3, [SECRET]]]},
    {"inputs": [[1, 2, 3, {"a": SECRET}]]},
    {"inputs": [[1, 2, 3, None]]},
    {"inputs": [[1, 2, 3, 10**400]]},
    {"inputs": {**{name: [1.0] for name in NAMES[1:]}, NAMES[0]: [1.0, 2.0]}},
    {"dataframe_records": [{**ROW, "f0": SECRET}]},
    {"dataframe_records": [{name: ROW[name] for name in NAMES[1:]}]},
    {"dataframe_records": [ROW, 3]},
    {"dataframe_records": ROW},
    {"dataframe_split": {"columns": NAMES, "data": [[1, 2, 3]]}},
    {"dataframe_split": {"columns": [*NAMES[1:], NAMES[1]], "data": [[1, 2, 3, 4]]}},
    {"dataframe_split": {"columns": NAMES}},
    {"dataframe_split": {"columns": NAMES, "data": {SECRET: 1}}},
    {"dataframe_split": {"columns": NAMES, "data": [], "other": 1}},
    {"dataframe_split": [SECRET]},
    {"inputs": [[1, 2, 3, 4]], "params": {"check_input": False}},
]


@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
def test_what_makes_no_sense(client, capfd, value):
    status, told = client.ask("/invocations", value)
    assert status == 400
    assert {"error_code", "message", "request_id"} <= set(told)
    assert SECRET not in told["message"]
    assert "Traceback" not in json.dumps(told)
    assert client.ask("/ping")[0] == 200


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_what_is_no_json(client, body):
    assert client.ask("/invocations", body)[0] == BODIES[body]


def infer(**changes):
    return {
        "inputs": [
            {"name": "x", "shape": [1, 4], "datatype": "FP64", "data": [1, 2, 3, 4]} | changes
        ]
    }


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"inputs": []},
        {"inputs": [3]},
        infer(name=3),
        infer(shape=[4, 4]),
        infer(shape="4"),
        infer(shape=[-1, 4]),
        infer(shape=[1 << 70]),
        infer(datatype="FP128"),
        infer(datatype=["FP64"]),
        infer(data=3),
        infer(data=[1, 2, 3, SECRET]),
        infer(data=[1, 2, [3], 4]),
        infer(datatype="INT8", data=[1, 2, 3, 1000]),
        infer(datatype="INT8", data=[1, 2, 3, 0.5]),
        infer(datatype="BOOL"),
        infer(datatype="BYTES"),
        infer(shape=[0, 1 << 62], data=[]),
        infer(shape=[1] * 40 + [4]),
        infer(shape=[1 << 62] * 1000),
        infer(datatype="FP16", data=[1e30, 2, 3, 4]),
        infer(datatype="FP32", data=[1e300, 2, 3, 4]),
        infer(name="f0", shape=[], datatype="BYTES", data=["x"]),
        infer(name="\ud800", datatype="ZZ"),
        infer() | {"id": {"a": 1}},
        {"inputs": infer()["inputs"] * 2},
        infer() | {"outputs": [{"name": SECRET}]},
        infer() | {"outputs": SECRET},
    ],
)
def test_tensors_that_make_no_sense(client, value):
    status, told = client.ask("/v2/models/model/infer", value)
    assert status == 400
    assert SECRET not in told["error"]


def test_place_in_csv(client):
    body = b"f0,f1,f2,f3\n1,2,3,4\n1,2,%s,4\n" % SECRET.encode()
    status, told = client.ask("/invocations", body, content_type="text/csv")
    del told["request_id"]
    assert (status, told) == (
        400,
        {
            "error_code": "INVALID_PARAMETER_VALUE",
            "message": "column 'f2', row 1: text where a float is expected",
            "column": "f2",
            "row": 1,
        },
    )


@pytest.mark.parametrize("body", [b"", b'f0,f1\n1,"2', b"f0,f0\n1,2\n", b"f0,f1\n1\n", b"\xff"])
def test_what_is_no_csv(client, body):
    assert client.ask("/invocations", body, content_type="text/csv")[0] == 400


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/json; charset=latin-1", "application/json; a=b", "x"]
)
def test_content_types(client, kind):
    assert client.ask("/invocations", b"{}", content_type=kind)[0] == 415


def test_a_model_that_raises(client, capfd):
    status, told = client.ask(
        "/invocations", {"inputs": [[1, 2, 3, None]]}, x_request_id="my-request"
    )
    assert (status, told["request_id"]) == (400, "my-request")
    line = json.loads(capfd.readouterr().err)
    assert (line["event"], line["request"]) == ("model error", "my-request")
    assert "ValueError" in line["trace"]


def test_paths_and_methods(client):
    assert client.ask("/nothing")[0] == 404
    assert client.ask("/v2/models/other")[1].keys() == {"error", "request_id"}
    status, _, headers = client.whole("/invocations")
    assert (status, headers["allow"]) == (405, "POST")
    assert client.ask("/ping", {})[0] == 405


def test_packed_bodies(client):
    body = json.dumps({"inputs": [[1, 2, 3, 4]]}).encode()
    asked = client.ask("/invocations", gzip.compress(body), content_encoding="gzip")
    assert asked == (200, {"predictions": [True]})
    two = gzip.compress(b"f0,f1,f2,f3\n") + gzip.compress(b"1,2,3,4\n")  # rows would be lost
    status, told = client.ask("/invocations", two, content_encoding="gzip", content_type="text/csv")
    assert (status, told["message"]) == (
        400,
        "the packed body has more than one part; pack it as a whole",
    )
    for packed, told in ((b"no", "gzip"), (gzip.compress(body)[:-9], "gzip"), (body, "br")):
        assert client.ask("/invocations", packed, content_encoding=told)[0] in (400, 415)


def test_large_bodies(folder):
    limits = Limits(body=1000)
    with serving(served(folder), limits=limits) as client:
        bomb = gzip.compress(b" " * 10_000_000)
        asked = client.ask(
            "/invocations", bomb[:900] and gzip.compress(b" " * 2000), content_encoding="gzip"
        )
        assert asked[0] == 413
    with serving(served(folder), limits=limits) as client:
        assert client.ask("/invocations", b" " * 1001)[0] == 413
    with serving(served(folder), limits=limits) as client:
        chunks = slow_request(
            client.port,
            b"POST /invocations HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n"
            b"3e9\r\n" + b" " * 1001 + b"\r\n0\r\n\r\n",
        )
        assert b" 413 " in chunks.recv(1000)
        chunks.close()


def test_many_rows(folder):
    with serving(served(folder, most_rows=2)) as client:
        row = [1, 2, 3, 4]
        assert client.ask("/invocations", {"inputs": [row, row]})[0] == 200
        for body in ({"inputs": [row] * 3}, {"inputs": {name: [1] * 3 for name in NAMES}}):
            assert client.ask("/invocations", body)[0] == 413


def test_slow_body(folder):
    with serving(served(folder), limits=Limits(seconds=0.3)) as client:
        slow = slow_request(
            client.port,
            b"POST /invocations HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n{",
        )
        assert b" 408 " in slow.recv(1000)
        assert client.ask("/ping")[0] == 200
        slow.close()


class Waiting:
    """A model that predicts when it is let."""

    def __init__(self):
        self.is_asked, self.may = threading.Event(), threading.Event()

    def predict(self, data):
        self.is_asked.set()
        assert self.may.wait(60)
        return [0]


@pytest.fixture
def waiting(folder):
    """A model that waits, and a client of it; a second request finds the queue full."""
    model = served(folder, most_waiting=1)
    model.predictor = type(model.predictor)(Waiting(), model.predictor._flavor)
    with serving(model) as client:
        yield model.predictor.model, client
        model.predictor.model.may.set()


def test_a_model_that_hangs(waiting):
    model, client = waiting
    began = time.monotonic()
    status, told = client.ask("/invocations", {"inputs": [[1]]}, x_request_timeout="0.2")
    assert (status, told["error_code"]) == (504, "DEADLINE_EXCEEDED")
    assert time.monotonic() - began < 30
    assert client.ask("/ping")[0] == 200
    assert client.ask("/v2/health/ready")[0] == 200
    client.application.limits = Limits(seconds=0.01)
    assert client.ask("/v2/health/ready") == (503, {"ready": False})
    model.may.set()


def test_a_full_queue(waiting):
    model, client = waiting
    first = slow_request(
        client.port,
        b"POST /invocations HTTP/1.1\r\nhost: localhost\r\ncontent-length: 17\r\n\r\n"
        b'{"inputs": [[1]]}',
    )
    assert model.is_asked.wait(30)
    status, told, headers = client.whole("/invocations", {"inputs": [[1]]})
    assert (status, told["error_code"]) == (429, "RESOURCE_EXHAUSTED")
    assert headers["retry-after"] == "1"
    model.may.set()
    assert b" 200 " in first.recv(1000)
    first.close()


def test_token(folder):
    with serving(served(folder), token="right") as client:
        assert client.ask("/ping")[0] == client.ask("/v2/health/ready")[0] == 200
        for given in ({}, {"authorization": "Bearer wrong"}, {"authorization": "Bearer rightt"}):
            assert client.ask("/invocations", {"inputs": []}, **given)[0] == 401
            assert client.ask("/v2/models/model", **given)[0] == 401
        asked = client.ask("/invocations", {"inputs": []}, authorization="Bearer right")
        assert asked == (200, {"predictions": []})


def test_names_that_lead_to_this_machine(folder):
    with serving(served(folder), hosts=frozenset({"localhost", "[::1]"})) as client:
        for host, status in {
            "localhost": 200,
            "localhost:5000": 200,
            "LOCALHOST": 200,
            "[::1]:5000": 200,
            "evil.example": 421,
            "[::1]evil.example": 421,
            "localhost:evil.example": 421,
            "": 421,
        }.items():
            assert client.ask("/ping", host=host)[0] == status


def test_pages_of_other_sites(folder):
    with serving(served(folder), hosts=frozenset({"localhost"})) as client:
        for origin, status in {
            "http://localhost:5000": 200,
            "http://evil.example": 403,
            "http://localhost.evil.example": 403,
            "null": 403,
        }.items():
            asked = {"instances": [[1, 2, 3, 4]]}
            given = {"host": "localhost", "origin": origin, "content_type": "text/plain"}
            assert client.ask("/v1/models/model:predict", asked, **given)[0] == status


@pytest.mark.parametrize("fast", [True, False])
def test_texts_and_numbers_that_others_cannot_read(client, monkeypatch, fast):
    """Half of a surrogate pair and large numbers are written as JSON has them."""
    if not fast:
        monkeypatch.setattr(jsons, "_read", json.loads)
        monkeypatch.setattr(jsons, "_write", lambda value: json.dumps(value).encode())
    body = b'{"inputs": [{"name": "\\ud800", "shape": [NaN]}]}'
    assert client.ask("/v2/models/model/infer", body)[1]["column"] == "\ud800"
    assert json.loads(jsons.write_json([1 << 80, "\ud800"])) == [1 << 80, "\ud800"]


def test_a_single_value_is_a_row(client):
    tensor = {"shape": [], "datatype": "FP64", "data": [1]}
    asked = {"inputs": [{"name": name, **tensor} for name in NAMES]}
    assert client.ask("/v2/models/model/infer", asked)[1]["outputs"][0]["data"] == [True]


def test_names_that_are_numbers(place):
    X = frame().set_axis(range(4), axis=1)
    folder = record(place, LogisticRegression().fit(X.to_numpy(), X.sum(axis=1) > 0), X)
    with serving(served(folder)) as client:
        told = client.ask("/openapi.json")[1]["paths"]["/invocations"]["post"]["requestBody"]
        example = told["content"]["application/json"]["example"]
        assert example == {"dataframe_records": [dict.fromkeys("0123", 0.5)]}


class Answers:
    """A model that answers what it is told."""

    def __init__(self, answer):
        self.answer = answer

    def predict(self, data):
        return self.answer(data)


def test_answers_that_say_nothing(folder, capfd):
    """An address in memory is no prediction."""
    model = served(folder)
    shown = type("Shown", (), {"dtype": "float64", "shape": None})
    with serving(model) as client:
        for answer in (lambda _: iter([1]), lambda _: print, lambda _: object(), lambda _: shown()):
            model.predictor = type(model.predictor)(Answers(answer), model.predictor._flavor)
            for path, body in (
                ("/invocations", {"inputs": [[1, 2, 3, 4]]}),
                ("/v2/models/model/infer", infer()),
            ):
                status, told = client.ask(path, body)
                assert (status, "0x" in json.dumps(told)) == (500, False)
        answer = lambda data: np.longdouble([0.5])  # noqa: E731
        model.predictor = type(model.predictor)(Answers(answer), model.predictor._flavor)
        assert client.ask("/invocations", {"inputs": [[1]]}) == (200, {"predictions": [0.5]})


def test_requests_together_that_fail_in_the_server(folder, capfd, monkeypatch):
    """The model's thread goes on, and every client gets an answer."""

    def fails(jobs):
        monkeypatch.undo()
        raise SystemExit

    model = served(folder)
    with serving(model) as client:
        monkeypatch.setattr(model, "_outcomes", fails)
        assert client.ask("/invocations", {"inputs": [[1, 2, 3, 4]]})[0] == 500
        assert client.ask("/invocations", {"inputs": [[1, 2, 3, 4]]})[0] == 200


def test_bodies_that_take_too_much_memory(folder):
    start = b"POST /invocations HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\n"
    with serving(served(folder), limits=Limits(body=1000)) as client:
        slow = [slow_request(client.port, start + b" " * 999) for _ in range(16)]
        deadline = time.monotonic() + 30
        while client.application._held < 16 * 999 and time.monotonic() < deadline:
            assert client.ask("/ping")[0] == 200
        status, told, headers = client.whole("/invocations", {"inputs": [[1, 2, 3, 4]]})
        assert (status, told["error_code"], headers["retry-after"]) == (
            429,
            "RESOURCE_EXHAUSTED",
            "1",
        )
        for each in slow:
            each.close()
        while client.application._held and time.monotonic() < deadline:
            assert client.ask("/ping")[0] == 200
        assert client.ask("/invocations", {"inputs": [[1, 2, 3, 4]]})[0] == 200


def test_connections_without_a_request(folder):
    with serving(served(folder)) as client:
        assert client.ask("/ping")[0] == 200
        silent = [slow_request(client.port, start) for start in (b"", b"GET /ping HTTP/1.1\r\nx: ")]
        client.server.kept = 0
        for each in silent:
            assert each.recv(1000) == b""
            each.close()
        client.server.kept = 75
        other = Client(client.port)
        assert other.ask("/ping")[0] == 200
        other.close()


def test_ids_of_traces():
    trace = "0af7651916cd43dd8448eb211c80319c"
    assert trace_id({"traceparent": f"00-{trace}-b7ad6b7169203331-01"}) == trace
    for given in ("", "00-" + "\xe9" * 32 + "-0-0", f"00-{trace}", "-" * 55):
        assert trace_id({"traceparent": given}) is None


def test_metrics_of_a_path_that_is_no_text():
    """Such paths are folders whose names are not UTF-8."""
    assert b'{uri="?"} 1' in text_of({'fitprint_model_info{uri="\udcff"}': 1})

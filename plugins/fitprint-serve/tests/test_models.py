"""Several requests at once, several models, and aliases that move."""

import json
import threading

import numpy as np
import pytest
from clients import NAMES, Client, frame, record, served, serving
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LinearRegression

import fitprint
from fitprint_serve.following import Follower, load
from fitprint_serve.served import Served

X = frame(40)


class Counting:
    """A model that waits for the first request's end, and counts how often it is asked."""

    def __init__(self, predictor):
        self.predictor = predictor
        self.rows, self.is_asked, self.may = [], threading.Event(), threading.Event()
        self.uri, self.flavor = predictor.uri, predictor.flavor
        self.signature, self.reader = predictor.signature, predictor.reader

    def predict_batch(self, batch):
        self.rows.append(batch.rows)
        self.is_asked.set()
        assert self.may.wait(60)
        if (np.asarray(batch.data)[:, 0] == 999).any():
            raise ValueError("not this row")
        return self.predictor.predict_batch(batch)


def at_once(client, counting, bodies):
    """Return the answers of requests that come while a first one is answered."""
    answers = [None] * len(bodies)

    def ask(place):
        another = Client(client.port)
        answers[place] = another.ask("/invocations", bodies[place])
        another.close()

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(len(bodies))]
    threads[0].start()
    assert counting.is_asked.wait(30)
    for thread in threads[1:]:
        thread.start()
    model = next(iter(client.application.models.values()))
    while model.waiting < len(bodies):
        client.ask("/ping")
    counting.may.set()
    for thread in threads:
        thread.join(60)
    return answers


def test_small_requests_are_answered_together(folder):
    model = served(folder)
    counting = model.predictor = Counting(model.predictor)
    bodies = [{"inputs": X[start : start + 3].to_numpy().tolist()} for start in range(0, 30, 3)]
    expected = fitprint.load_model(folder).predict(X).tolist()
    with serving(model) as client:
        answers = at_once(client, counting, bodies)
    assert [
        (200, {"predictions": expected[start : start + 3]}) for start in range(0, 30, 3)
    ] == answers
    assert counting.rows == [3, 27]


def test_a_bad_request_does_not_spoil_the_others(folder):
    model = served(folder)
    counting = model.predictor = Counting(model.predictor)
    good = {"inputs": [[1, 2, 3, 4]]}
    bodies = [good, {"inputs": [[999, 2, 3, 4]]}, {"inputs": [[1, 2, 3, "x"]]}, good]
    with serving(model) as client:
        answers = at_once(client, counting, bodies)
    assert [status for status, _ in answers] == [200, 400, 400, 200]


def test_large_requests_are_answered_alone(folder):
    model = served(folder)
    counting = model.predictor = Counting(model.predictor)
    bodies = [{"inputs": X.to_numpy().tolist()}] * 3
    with serving(model) as client:
        at_once(client, counting, bodies)
    assert counting.rows == [40, 40, 40]


def test_no_batching(folder):
    model = served(folder, together=False)
    counting = model.predictor = Counting(model.predictor)
    with serving(model) as client:
        at_once(client, counting, [{"inputs": [[1, 2, 3, 4]]}] * 4)
    assert counting.rows == [1, 1, 1, 1]


def test_several_models(folder, place):
    data = np.arange(8.0).reshape(4, 2)
    other = record(place, LinearRegression().fit(data, data[:, 0]), data)
    with serving(served(folder, "signs"), served(other, "line")) as client:
        assert client.ask("/v1/models") == (200, {"models": ["signs", "line"]})
        told = [
            {"modelName": "signs", "modelUrl": folder},
            {"modelName": "line", "modelUrl": other},
        ]
        assert client.ask("/models") == (200, {"models": told})
        assert client.ask("/models/line") == (200, told[1])
        body = {"instances": [[1.0, 2.0]]}
        for path in ("/models/line/invoke", "/models/line/invocations", "/v1/models/line:predict"):
            status, answer = client.ask(path, body)
            assert (status, answer["predictions"]) == (200, [pytest.approx(1.0)])
        assert client.ask("/invocations", {"inputs": [[1, 2, 3, 4]]}) == (
            200,
            {"predictions": [True]},
        )


@pytest.fixture
def registered(place):
    """Register versions of a model, whose predictions are their numbers."""

    def register(number, data=X):
        model = DummyClassifier(strategy="constant", constant=number).fit(
            data, [number] * len(data)
        )
        with fitprint.start_run() as run:
            run.log_model(model, inputs=data)
        return fitprint.register_model(f"runs:/{run.id}/model", "numbers", alias="champion")

    return register


def follow(model):
    return Follower([(model, "models:/numbers@champion")], (), 3600)


def test_an_alias_is_followed(registered, capfd):
    registered(1)
    model = Served("numbers", load("models:/numbers@champion", ()))
    follower = follow(model)
    asked = {"inputs": [[1, 2, 3, 4]]}
    with serving(model) as client:
        assert client.ask("/invocations", asked)[1] == {"predictions": [1]}
        registered(2)
        first = model.predictor
        follower.look()
        assert client.ask("/invocations", asked)[1] == {"predictions": [2]}
        assert client.ask("/models/numbers")[1]["modelUrl"] == "models:/numbers/2"
        fitprint.get_registered_model("numbers").rollback("champion")
        follower.look()
        assert client.ask("/invocations", asked)[1] == {"predictions": [1]}
        assert model.predictor is first  # it was kept
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line[0] == "{"]
    assert [(line["before"], line["now"]) for line in lines] == [
        ("models:/numbers/1", "models:/numbers/2"),
        ("models:/numbers/2", "models:/numbers/1"),
    ]


def test_no_request_fails_while_an_alias_moves(registered):
    registered(1)
    model = Served("numbers", load("models:/numbers@champion", ()))
    follower = follow(model)
    statuses, predictions, ends = set(), set(), threading.Event()

    def ask(port):
        client = Client(port)
        while not ends.is_set():
            status, found = client.ask("/invocations", {"inputs": [[1, 2, 3, 4]]})
            statuses.add(status)
            predictions.add(tuple(found.get("predictions", ())))
        client.close()

    with serving(model) as client:
        threads = [threading.Thread(target=ask, args=(client.port,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number in (2, 3):
            registered(number)
            follower.look()
            while (number,) not in predictions:
                client.ask("/ping")
        ends.set()
        for thread in threads:
            thread.join(60)
    assert (statuses, predictions) == ({200}, {(1,), (2,), (3,)})


def test_what_takes_other_inputs_is_not_served(registered, capfd):
    registered(1)
    model = Served("numbers", load("models:/numbers@champion", ()))
    registered(2, X.rename(columns={"f0": "other"}))
    follower = follow(model)
    follower.look()
    follower.look()
    assert model.predictor.uri == "models:/numbers/1"
    (line,) = [line for line in capfd.readouterr().err.splitlines() if line[0] == "{"]
    assert "takes other inputs (other)" in json.loads(line)["reason"]


def test_an_alias_that_vanishes(registered, capfd):
    registered(1)
    model = Served("numbers", load("models:/numbers@champion", ()))
    follower = follow(model)
    fitprint.get_registered_model("numbers").delete_alias("champion")
    follower.look()
    assert model.predictor.uri == "models:/numbers/1"
    assert "alias not followed" in capfd.readouterr().err


def test_columns_of_the_model(folder):
    status, told = 0, {}
    with serving(served(folder)) as client:
        status, told = client.ask("/openapi.json")
        html = client.ask("/docs")
    assert status == 200
    content = told["paths"]["/invocations"]["post"]["requestBody"]["content"]["application/json"]
    rows = content["schema"]["properties"]["dataframe_records"]
    assert list(rows["items"]["properties"]) == rows["items"]["required"] == NAMES
    assert rows["items"]["properties"]["f0"] == {"type": ["number", "null"]}
    assert content["example"] == {"dataframe_records": [dict.fromkeys(NAMES, 0.5)]}
    assert html[0] == 200
    assert "f0" not in html[1]  # which the token protects
    assert "//" not in html[1].replace("</", "")  # nothing is loaded from elsewhere


def test_the_example_is_taken(folder):
    with serving(served(folder)) as client:
        paths = client.ask("/openapi.json")[1]["paths"]
        posts = {path: told["post"] for path, told in paths.items() if "post" in told}
        assert len(posts) == 3
        for path, told in posts.items():
            example = told["requestBody"]["content"]["application/json"]["example"]
            assert client.ask(path, example)[0] == 200


def test_metrics(folder):
    with serving(served(folder)) as client:
        for body in ({"inputs": [[1, 2, 3, 4]] * 3}, {"inputs": [[1, 2, 3, 4]]}, {}):
            client.ask("/invocations", body)
        client.ask("/ping")
        status, text, headers = client.whole("/metrics")
    assert (status, headers["content-type"]) == (200, "text/plain; version=0.0.4")
    samples = dict(line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#")
    requests = 'fitprint_requests_total{model="%s",protocol="mlflow",code="%d"}'
    assert samples[requests % ("model", 200)] == "2"
    assert samples[requests % ("model", 400)] == "1"
    assert samples[requests % ("", 200)] == "1"
    assert samples['fitprint_rows_total{model="model"}'] == "4"
    assert samples['fitprint_request_seconds_count{model="model"}'] == "3"
    assert samples['fitprint_request_seconds_bucket{model="model",le="+Inf"}'] == "3"
    parser = pytest.importorskip("prometheus_client.parser")
    families = {each.name: each.type for each in parser.text_string_to_metric_families(text)}
    assert families["fitprint_request_seconds"] == "histogram"


def test_log_of_requests(folder, capfd):
    trace = "0af7651916cd43dd8448eb211c80319c"
    with serving(served(folder), log_requests=True) as client:
        client.ask(
            "/invocations",
            {"inputs": [[1, 2, 3, 4]]},
            x_request_id="mine",
            traceparent=f"00-{trace}-b7ad6b7169203331-01",
        )
    line = json.loads(capfd.readouterr().err)
    assert line.keys() == {
        "time", "event", "request", "trace_id", "model", "path", "status", "seconds"
    }  # fmt: skip
    assert (line["request"], line["trace_id"], line["status"]) == ("mine", trace, 200)


def test_paths_of_platforms(folder):
    more = {"/score": "mlflow", "/healthz": "ping", "/ask": "kserve"}
    with serving(served(folder), more=more) as client:
        assert client.ask("/healthz") == (200, "\n")
        for path in ("/score", "/ask"):
            asked = client.ask(path, {"instances": [[1, 2, 3, 4]]})
            assert asked == (200, {"predictions": [True]})
        asked = client.ask("/ask", {"instances": [[1, 2, 3, 4]], "parameters": {}})
        assert asked == (200, {"predictions": [True]})

"""MLflow's own application and ours are asked the same, for the same folder of a model."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from clients import NAMES, frame, record, served, serving
from sklearn.linear_model import LinearRegression

import fitprint

pytestmark = pytest.mark.mlflow

# MLflow warns of much, and keeps its database where it runs.
_ASK = """
import json, sys, warnings
warnings.simplefilter("ignore")
import mlflow.pyfunc
from mlflow.pyfunc.scoring_server import init
from starlette.testclient import TestClient
with open("asked.json") as file:
    asked = json.load(file)
client = TestClient(init(mlflow.pyfunc.load_model(sys.argv[1])))
answers = []
for method, path, kind, body in asked:
    answer = client.request(method, path, content=body, headers={"content-type": kind})
    answers.append([answer.status_code, answer.headers["content-type"], answer.text])
with open("answers.json", "w") as file:
    json.dump(answers, file)
"""
JSON = "application/json"
X = frame(5)
ROWS = X.to_numpy().tolist()


def post(body, kind=JSON):
    return ["POST", "/invocations", kind, body if isinstance(body, str) else json.dumps(body)]


ANSWERED = [
    ["GET", "/ping", JSON, ""],
    ["GET", "/health", JSON, ""],
    post({"dataframe_split": X.to_dict("split")}),
    post({"dataframe_split": X[NAMES[::-1]].to_dict("split")}),
    post({"dataframe_split": X.assign(other="x").to_dict("split")}),
    post({"dataframe_split": X.round().astype(int).to_dict("split")}),
    post({"dataframe_records": X.to_dict("records")}),
    post({"instances": X.to_dict("records")}),
    post({"inputs": X.to_dict("list")}),
    post({"inputs": X.to_dict("list"), "params": {}}),
    post(X.to_csv(index=False), "text/csv"),
    post(X.to_csv(index=False), "text/csv; charset=utf-8"),
]
REFUSED = [
    post({"dataframe_split": X[NAMES[1:]].to_dict("split")}),
    post({"dataframe_records": X.assign(f1="high").to_dict("records")}),
    post({"inputs": ROWS, "instances": ROWS}),
    post({"other": ROWS}),
    post([1, 2]),
    post("{"),
    post("3"),
    post("f0\n1\n", "text/csv"),
    post("a", "text/plain"),
    post("a", "text/csv; charset=latin-1"),
    post({"dataframe_split": X.assign(f0=None).to_dict("split")}),
]


def ask_mlflow(folder, asked, place):
    """Return status, content type and text of each answer."""
    (place / "asked.json").write_text(json.dumps(asked), encoding="utf-8")
    subprocess.run(
        [sys.executable, "-c", _ASK, folder],
        cwd=place,
        env={**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{place}/mlflow.db"},
        check=True,
        capture_output=True,
        timeout=300,
    )
    return json.loads((place / "answers.json").read_text(encoding="utf-8"))


def ask_ours(folder, asked):
    """Return status, content type and content of each answer."""
    found = []
    with serving(served(folder)) as client:
        for method, path, kind, body in asked:
            status, content, headers = client.whole(
                path, body.encode() if method == "POST" else None, method, content_type=kind
            )
            found.append([status, headers["content-type"], content])
    return found


def test_the_same_answers(folder, tmp_path):
    theirs = ask_mlflow(folder, ANSWERED + REFUSED, tmp_path)
    ours = ask_ours(folder, ANSWERED + REFUSED)
    for asked, (status, kind, text), answer in zip(ANSWERED + REFUSED, theirs, ours, strict=True):
        assert (asked, status) == (asked, answer[0])
        if status == 200:
            content = json.loads(text) if text.strip() else text
            assert (asked, kind, content) == (asked, *answer[1:])
        elif kind == JSON:
            assert set(json.loads(text)) & set(answer[2]) >= {"error_code", "message"}
    assert {200, 400, 415} == {status for status, _, _ in theirs}


def test_a_model_of_an_array(place, tmp_path):
    data = np.arange(12.0).reshape(6, 2)
    model = LinearRegression().fit(data, data @ [1.0, 0.25])
    folder = record(place, model, data)
    asked = [post({"inputs": data.tolist()}), post({"instances": data.tolist()})]
    theirs = [json.loads(text) for _, _, text in ask_mlflow(folder, asked, tmp_path)]
    assert theirs == [content for _, _, content in ask_ours(folder, asked)]
    assert theirs == [{"predictions": fitprint.load_model(folder).predict(data).tolist()}] * 2


def test_mlflows_client(folder):
    """A client that MLflow brings, in a process of its own."""
    program = """
import sys, warnings
warnings.simplefilter("ignore")
import pandas
from mlflow.pyfunc.scoring_server.client import ScoringServerClient
host, port = sys.argv[1:]
client = ScoringServerClient(host, int(port))
client.ping()
print(client.get_version())
print(client.invoke(pandas.read_json(sys.stdin, orient="split")).get_predictions()[0].tolist())
"""
    with serving(served(folder)) as client:
        done = subprocess.run(
            [sys.executable, "-c", program, "127.0.0.1", str(client.port)],
            input=X.to_json(orient="split", double_precision=15),
            capture_output=True,
            check=True,
            text=True,
            timeout=300,
        )
    expected = fitprint.load_model(folder).predict(pd.DataFrame(X)).tolist()
    assert done.stdout.splitlines() == [fitprint.__version__, str(expected)]

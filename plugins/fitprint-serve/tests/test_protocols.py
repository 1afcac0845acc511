import json

import numpy as np
import pandas as pd
import pytest
from clients import NAMES, frame, record, served, serving
from sklearn.base import BaseEstimator
from sklearn.linear_model import LinearRegression

import fitprint
from fitprint import __version__

X = frame(5)
ROWS = X.to_numpy().tolist()


@pytest.fixture(scope="module")
def expected(folder):
    return fitprint.load_model(folder).predict(X).tolist()


BODIES = {
    "dataframe_split": {"columns": NAMES, "data": ROWS},
    "dataframe_records": X.to_dict("records"),
    "instances": X.to_dict("records"),
    "inputs": X.to_dict("list"),
}


@pytest.mark.parametrize("key", BODIES)
def test_invocations(client, expected, key):
    assert client.ask("/invocations", {key: BODIES[key]}) == (200, {"predictions": expected})


@pytest.mark.parametrize("key", ["instances", "inputs"])
def test_rows_without_names(client, expected, key):
    assert client.ask("/invocations", {key: ROWS}) == (200, {"predictions": expected})


def test_index_and_other_order(client, expected):
    turned = X[NAMES[::-1]].to_dict("split")
    assert client.ask("/invocations", {"dataframe_split": turned}) == (
        200,
        {"predictions": expected},
    )


def test_csv(client, expected):
    body = X.to_csv(index=False).encode()
    asked = client.ask("/invocations", body, content_type="text/csv; charset=utf-8")
    assert asked == (200, {"predictions": expected})


def test_json_without_a_content_type(client, expected):
    body = b'{"inputs": %s}' % str(ROWS).encode()
    assert client.ask("/invocations", body) == (200, {"predictions": expected})


def test_no_rows(client):
    empty = {"columns": NAMES, "data": []}
    assert client.ask("/invocations", {"dataframe_split": empty}) == (200, {"predictions": []})


def test_health(client):
    assert client.ask("/ping") == client.ask("/health") == (200, "\n")
    assert client.ask("/version") == (200, __version__)
    assert client.ask("/ping", method="HEAD") == (200, "")


def test_kserve(client, expected):
    assert client.ask("/v1/models") == (200, {"models": ["model"]})
    assert client.ask("/v1/models/model") == (200, {"name": "model", "ready": True})
    assert client.ask("/v1/models/model:predict", {"instances": ROWS}) == (
        200,
        {"predictions": expected},
    )


def tensor(name, shape, data, word="FP64"):
    return {"name": name, "shape": shape, "datatype": word, "data": data}


WHOLE = tensor("input", [5, 4], ROWS)
TENSORS = {
    "one": [WHOLE],
    "flat": [{**WHOLE, "data": X.to_numpy().ravel().tolist()}],
    "columns": [tensor(name, [5], X[name].tolist()) for name in NAMES],
    "narrow": [tensor(name, [5, 1], X[[name]].to_numpy().tolist()) for name in NAMES[::-1]],
}


@pytest.mark.parametrize("kind", TENSORS)
def test_tensors(client, expected, kind):
    asked = client.ask("/v2/models/model/infer", {"id": "7", "inputs": TENSORS[kind]})
    output = {"name": "predict", "datatype": "BOOL", "shape": [5], "data": expected}
    assert asked == (200, {"model_name": "model", "id": "7", "outputs": [output]})


def test_about_a_model(client):
    status, told = client.ask("/v2/models/model")
    assert status == 200
    assert told["name"] == "model"
    assert told["platform"] == "sklearn"
    assert told["inputs"] == [{"name": name, "datatype": "FP64", "shape": [-1]} for name in NAMES]
    assert told["outputs"] == [{"name": "predict", "datatype": "BOOL", "shape": [-1]}]
    assert client.ask("/v2/health/live") == (200, {"live": True})
    assert client.ask("/v2/models/model/ready") == (200, {"ready": True})
    assert client.ask("/v2")[1]["name"] == "fitprint"


class Given(BaseEstimator):
    """A model that predicts what it was made with."""

    def __init__(self, value=None):
        self.value = value

    def predict(self, X):
        return self.value


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (np.array([1.5, np.nan, np.inf]), [1.5, None, None]),
        (np.array([[1, 2], [3, 4]], dtype="int8"), [[1, 2], [3, 4]]),
        (np.array(["a", "b"]), ["a", "b"]),
        (np.array([b"a"]), ["YQ=="]),
        (np.array([1, "a", None], dtype=object), [1, "a", None]),
        (np.array(["2024-01-02", "NaT"], "datetime64[s]"), ["2024-01-02T00:00:00.000000000", None]),
        (pd.DataFrame({"a": [1, 2], 3: [0.5, np.nan]}), [{"a": 1, "3": 0.5}, {"a": 2, "3": None}]),
        (pd.Series([1, 2], name="y"), [{"y": 1}, {"y": 2}]),
        ([1, (2.5, float("nan"))], [1, [2.5, None]]),
        ({"scores": np.array([0.5])}, {"scores": [0.5]}),
    ],
)
def test_predictions_of_any_kind(place, folder, value, plain):
    model = served(folder)
    model.predictor = type(model.predictor)(Given(value), model.predictor._flavor)
    with serving(model) as client:
        assert client.ask("/invocations", {"inputs": [[1.0]]}) == (200, {"predictions": plain})


def test_several_outputs(folder):
    model = served(folder)
    found = pd.DataFrame({"low": [0.5, 1.5], "word": ["a", None]})
    model.predictor = type(model.predictor)(Given(found), model.predictor._flavor)
    asked = {"inputs": [tensor("x", [2, 1], [1, 2])]}
    with serving(model) as client:
        outputs = client.ask("/v2/models/model/infer", asked)[1]["outputs"]
        wanted = client.ask("/v2/models/model/infer", {**asked, "outputs": [{"name": "low"}]})
        refused = client.ask("/v2/models/model/infer", {**asked, "outputs": [{"name": "no"}]})
    low = {"name": "low", "datatype": "FP64", "shape": [2], "data": [0.5, 1.5]}
    assert outputs == [
        low,
        {"name": "word", "datatype": "BYTES", "shape": [2], "data": ["a", ""]},
    ]
    assert wanted[1]["outputs"] == [low]
    assert refused[0] == 400


def test_a_model_of_an_array(place):
    X = np.arange(12.0).reshape(6, 2)
    model = LinearRegression().fit(X, X[:, 0])
    expected = model.predict(X).tolist()
    columns = {"columns": ["a", "b"], "data": X.tolist()}
    with serving(served(record(place, model, X))) as client:
        for body in ({"instances": X.tolist()}, {"dataframe_split": columns}):
            assert client.ask("/invocations", body) == (200, {"predictions": expected})
        whole = client.ask("/v2/models/model/infer", {"inputs": [tensor("x", [6, 2], X.tolist())]})
        assert whole[1]["outputs"][0]["data"] == expected
        lines = b"a,b\n" + b"".join(b"%d,%d\n" % (a, b) for a, b in X.tolist())
        assert client.ask("/invocations", lines, content_type="text/csv")[1] == {
            "predictions": expected
        }


def test_texts_and_categories(place):
    class Same(BaseEstimator):
        def predict(self, X):
            return X

    data = pd.DataFrame(
        {
            "city": ["Rome", "Oslo", "Bonn"],
            "kind": pd.Categorical(["a", "b", "a"]),
            "visits": [1, 2, 3],
            "member": [True, False, True],
        }
    )
    expected = data.assign(kind=data["kind"].astype(str)).to_dict("records")
    model = served(record(place, LinearRegression().fit([[1]], [1]), data, outputs=[1]))
    model.predictor = type(model.predictor)(
        Same(), model.predictor._flavor, model.predictor.signature
    )
    with serving(model) as client:
        for body in (
            {"dataframe_records": expected},
            {"inputs": data.astype(object).to_dict("list")},
        ):
            assert client.ask("/invocations", body) == (200, {"predictions": expected})
        lines = data.to_csv(index=False).encode()
        assert client.ask("/invocations", lines, content_type="text/csv") == (
            200,
            {"predictions": expected},
        )
        words = {"city": "BYTES", "kind": "BYTES", "visits": "INT32", "member": "BOOL"}
        inputs = [tensor(name, [3], data[name].tolist(), word) for name, word in words.items()]
        status, found = client.ask("/v2/models/model/infer", {"inputs": inputs})
        assert status == 200
        assert [each["data"] for each in found["outputs"]] == [data[name].tolist() for name in data]


def packed(value, binary, *parts):
    """Return a body of JSON and bytes, and the length of the JSON."""
    text = json.dumps(value).encode()
    return b"".join((text, *parts)), {
        "inference_header_content_length": str(len(text))
    } if binary else {}


def unpacked(client, body, headers):
    """Return status, JSON and bytes of an answer."""
    status, text, told = client.raw("/v2/models/model/infer", body, **headers)
    length = int(told.get("inference-header-content-length", len(text)))
    return status, json.loads(text[:length]), text[length:]


def test_binary_tensors(client, expected):
    data = X.to_numpy("<f8").tobytes()
    size = {"parameters": {"binary_data_size": len(data)}}
    asked = {"inputs": [{"name": "x", "shape": [5, 4], "datatype": "FP64", **size}]}
    body, headers = packed(asked, True, data)
    status, told, rest = unpacked(client, body, headers)
    assert (status, told["outputs"][0]["data"], rest) == (200, expected, b"")

    body, headers = packed({**asked, "parameters": {"binary_data_output": True}}, True, data)
    status, told, rest = unpacked(client, body, headers)
    assert told["outputs"] == [
        {
            "name": "predict",
            "datatype": "BOOL",
            "shape": [5],
            "parameters": {"binary_data_size": 5},
        }
    ]
    assert (status, np.frombuffer(rest, bool).tolist()) == (200, expected)


@pytest.mark.parametrize(
    ("changes", "data", "length"),
    [
        ({}, b"1234", None),
        ({"binary_data_size": 8}, b"1234", None),
        ({"binary_data_size": -1}, b"1234", None),
        ({"binary_data_size": "4"}, b"1234", None),
        ({"binary_data_size": 4}, b"1234", "9999"),
        ({"binary_data_size": 4}, b"1234", "x"),
        ({"binary_data_size": 32}, b"1" * 40, None),
    ],
)
def test_bytes_that_are_no_tensor(client, changes, data, length):
    tensor = {"name": "x", "shape": [1, 4], "datatype": "FP64", "parameters": changes}
    body, headers = packed({"inputs": [tensor]}, True, data)
    if length is not None:
        headers = {"inference_header_content_length": length}
    assert unpacked(client, body, headers)[0] == 400


def test_texts_as_bytes(folder):
    model = served(folder)
    model.predictor = type(model.predictor)(Given(np.array(["ä", ""])), model.predictor._flavor)
    text = "wörd".encode()
    data = len(text).to_bytes(4, "little") + text + bytes(4)
    tensor = {"name": "x", "shape": [2], "datatype": "BYTES"}
    asked = {
        "inputs": [{**tensor, "parameters": {"binary_data_size": len(data)}}],
        "outputs": [{"name": "predict", "parameters": {"binary_data": True}}],
    }
    with serving(model) as client:
        status, told, rest = unpacked(client, *packed(asked, True, data))
        assert (status, told["outputs"][0]["datatype"]) == (200, "BYTES")
        assert rest == b"\x02\0\0\0" + "ä".encode() + bytes(4)
        for wrong in (data[:-1], data[:-5] + b"\xff\0\0\0\0"):
            asked["inputs"][0]["parameters"]["binary_data_size"] = len(wrong)
            assert unpacked(client, *packed(asked, True, wrong))[0] == 400


def test_times_and_bytes(place):
    class Same(BaseEstimator):
        def predict(self, X):
            return X

    data = pd.DataFrame(
        {
            "since": pd.to_datetime(["2024-01-31T12:00:00", None]),
            "seen": pd.to_datetime(["2024-01-31T12:00:00Z", "2024-02-01T00:30:00+01:00"], utc=True),
            "raw": [b"\x00\xff", b""],
        }
    )
    model = served(record(place, LinearRegression().fit([[1]], [1]), data, outputs=[1]))
    model.predictor = type(model.predictor)(
        Same(), model.predictor._flavor, model.predictor.signature
    )
    rows = [["2024-01-31 12:00", "2024-01-31T12:00Z", "AP8="], [None, "2024-01-31T23:30Z", ""]]
    asked = {"columns": list(data), "data": rows}
    records = [dict(zip(data, row, strict=True)) for row in rows]
    expected = [
        {
            "since": "2024-01-31T12:00:00.000000000",
            "seen": "2024-01-31T12:00:00+00:00",
            "raw": "AP8=",
        },
        {"since": None, "seen": "2024-01-31T23:30:00+00:00", "raw": ""},
    ]
    bad = [
        ("since", 0, "2024-13-01"),
        ("since", 1, "2024-01-01T00:00Z"),
        ("seen", 0, "2024-01-01"),
        ("raw", 1, "%"),
    ]
    with serving(model) as client:
        for body in (
            {"dataframe_split": asked},
            {"instances": records},
            {"inputs": rows},
            {"inputs": {name: [row[name] for row in records] for name in data}},
        ):
            assert client.ask("/invocations", body) == (200, {"predictions": expected})
        for column, row, text in bad:
            wrong = [dict(each) for each in records]
            wrong[row][column] = text
            status, told = client.ask("/invocations", {"instances": wrong})
            assert (status, told["column"], told["row"]) == (400, column, row)
            assert text not in told["message"]

"""Bodies of all kinds, most of them wrong: none ends in a 500, and the server goes on."""

import gzip
import json
import os
import random

import pytest
from clients import NAMES, served, serving

from fitprint_serve.application import Limits

pytestmark = pytest.mark.thorough

VALUES = [1, 0.5, -1e308, None, True, "x", "", 1 << 70, float("nan"), float("inf"), "1.5", [1],
          {"a": 1}, [], "é\0"]  # fmt: skip
PATHS = ["/invocations", "/v2/models/model/infer", "/v1/models/model:predict", "/nothing"]
KINDS = ["application/json", "application/json; charset=utf-8", "text/csv", "", "a/b;c"]
SHAPES = [[1, 4], [4], [0], [], "x", [1, -1], [1 << 40, 1 << 40]]
WORDS = ["FP64", "INT8", "BYTES", "BOOL", "FP16", "zz", None, ["FP64"]]


class Bodies:
    """Makes requests, the same for the same seed."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def row(self):
        draw = self.random
        width = 4 if draw.random() < 0.9 else draw.randrange(6)
        return [draw.choice([1, 0.5]) if draw.random() < 0.9 else draw.choice(VALUES)
                for _ in range(width)]  # fmt: skip

    def rows(self):
        return [self.row() for _ in range(self.random.randrange(4))]

    def records(self):
        return [
            dict(zip(self.random.sample([*NAMES, "other"], len(row[:4])), row, strict=False))
            for row in self.rows()
        ]

    def tensor(self):
        draw = self.random
        sizes = [{}, {"binary_data_size": draw.choice([4, 32, -1, "x"])}, None, 3]
        return {
            "name": draw.choice(["x", "f0", 3]),
            "shape": draw.choice(SHAPES),
            "datatype": draw.choice(WORDS),
            "data": self.row(),
            "parameters": draw.choice(sizes),
        }

    def deep(self):
        found = 1
        for _ in range(self.random.randrange(500)):
            found = [found] if self.random.random() < 0.5 else {"a": found}
        return found

    def value(self):
        draw = self.random
        makers = [
            lambda: {"dataframe_split": {"columns": draw.sample(NAMES, 4), "data": self.rows()}},
            lambda: {"dataframe_split": draw.choice(VALUES)},
            lambda: {"dataframe_records": self.records()},
            lambda: {"instances": draw.choice([self.rows(), self.records(), self.deep()])},
            lambda: {"inputs": {name: self.row() for name in NAMES}},
            lambda: {"inputs": {name: draw.choice(VALUES) for name in NAMES}},
            lambda: {"inputs": draw.choice([self.rows(), self.deep(), draw.choice(VALUES)])},
            lambda: {"inputs": [self.tensor() for _ in range(draw.randrange(3))],
                     "outputs": draw.choice([None, [], [{"name": "predict"}], [{"name": 3}], 7]),
                     "parameters": draw.choice([None, {"binary_data_output": True}, 4])},
            lambda: draw.choice(VALUES),
        ]  # fmt: skip
        return draw.choice(makers)()

    def request(self):
        """Return path, body and headers."""
        draw = self.random
        body = json.dumps(self.value()).encode()
        kind = draw.random()
        if kind < 0.05:
            body = body[: draw.randrange(len(body) + 1)]
        elif kind < 0.1:
            body = draw.randbytes(draw.randrange(200))
        elif kind < 0.15:
            body = "\n".join(",".join(map(str, row)) for row in [NAMES, *self.rows()]).encode()
        headers = {"content-type": draw.choice(KINDS)} if draw.random() < 0.3 else {}
        kind = draw.random()
        if kind < 0.05:
            headers["content-encoding"] = draw.choice(["gzip", "br"])
            body = gzip.compress(draw.choice([body, bytes(1 << 17)]))
        elif kind < 0.1:
            headers["inference-header-content-length"] = str(draw.randrange(len(body) + 20))
        elif kind < 0.15:
            headers["traceparent"] = "x" * draw.randrange(99)
            headers["x-request-timeout"] = draw.choice(["nan", "-1", "x", "inf", "1e9"])
        return draw.choice(PATHS), body, headers


@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")
def test_bodies_of_all_kinds(folder, capfd):
    bodies = Bodies(int(os.environ.get("FUZZ_SEED", "0")))
    statuses = set()
    with serving(served(folder), limits=Limits(body=1 << 16)) as client:
        for _ in range(3000):
            path, body, headers = bodies.request()
            status, text, _ = client.raw(path, body, "POST", **headers)
            assert status < 500, (path, body, headers, text)
            assert b"Traceback" not in text
            statuses.add(status)
        assert client.ask("/invocations", {"inputs": [[1, 2, 3, 4]]})[0] == 200
    assert statuses == {200, 400, 404, 413, 415}

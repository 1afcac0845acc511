"""What is sent fits what an MLflow server takes, and nothing is cut without a word."""

from __future__ import annotations

import json
import math
import posixpath
import re
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fitprint.entities import Dataset, History, Param, RunRecord
from fitprint_mlflow import wire

RUN = RunRecord("a" * 32, "swift-otter", "iris", "FINISHED", 1_000_000)


@given(st.text(min_size=1, max_size=400))
def test_every_key_becomes_one_that_mlflow_takes(key):
    """A name of a file that means no other one, with letters that MLflow knows."""
    name = wire.key_of(key)
    assert re.fullmatch(r"[/\w.\- :]{1,250}", name)
    assert posixpath.normpath(name) == name
    assert not name.startswith(("/", ".."))
    assert name != "."


@given(st.lists(st.text("ab/.@_ ", min_size=1, max_size=8), unique=True, max_size=20))
def test_two_keys_never_meet(keys):
    """Also where all that tells them apart is what MLflow does not take."""
    assert len(keys) == len({wire.key_of(key) for key in keys})


@pytest.mark.parametrize("key", ["loss", "val/loss", "lr:0", "größe", "a b", "..a/b"[2:]])
def test_a_key_that_mlflow_takes_stays(key):
    """Nearly all do."""
    assert key == wire.key_of(key)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("notes/a.txt", "notes/a.txt"),
        ("plots/übersicht (1).png", "plots/übersicht (1).png"),
        ("a%20b.txt", "a_20b-9ffc7ce2.txt"),
        ("a#b/c.txt", "a_b/c-38119561.txt"),
        ("a.b/c?", "a.b/c_-d00e615e"),
    ],
)
def test_a_path_that_clients_would_mistake_gets_a_mark(path, name):
    """Before its suffix, by which programs know what it is."""
    assert name == wire.path_of(path)


def items(kind: str, count: int, size: int = 1) -> list[wire.Item]:
    """Return items of one kind."""
    return [
        wire.Item(kind, str(number), {"key": str(number), "value": "x" * size}, number)
        for number in range(count)
    ]


def test_a_request_has_no_more_than_it_may():
    """Of each kind, of all together, and of bytes; the order stays."""
    given = items("params", 250) + items("tags", 90) + items("metrics", 2500)
    found = [*wire.batches(given)]
    assert given == [item for batch in found for item in batch]
    for batch in found:
        assert len(batch) <= 1000
        for kind, most in (("params", 100), ("tags", 100), ("metrics", 1000)):
            assert most >= sum(item.kind == kind for item in batch)
    large = items("params", 100, 6000) + items("tags", 100, 8000)
    assert all(
        len(wire.encoded({"items": [dict(item.body) for item in batch]})) < 1_000_000
        for batch in wire.batches(large)
    )
    assert [] == [*wire.batches([])]


def test_points_say_where_they_end():
    """So that what was taken is known, wherever the next request begins."""
    history = History(
        array("q", [0, 1]),
        array("q", [1_999, 2_000]),
        array("d", [1.0, math.nan]),
        array("d", [0, 0]),
    )
    (first, second) = wire.points("loss", history, 0)
    assert ({"key": "loss", "value": 1.0, "timestamp": 1, "step": 0}, 1) == (first.body, first.mark)
    assert (2, 2) == (second.body["timestamp"], second.mark)
    assert [second.mark] == [item.mark for item in wire.points("loss", history, 1)]


def test_numbers_that_json_has_not_are_texts():
    """As MLflow spells them; texts that UTF-8 has not are escaped."""
    body = {"a": [math.nan, math.inf, -math.inf, 1.0], "b": "\ud800 \0 ü"}
    assert {"a": ["NaN", "Infinity", "-Infinity", 1.0], "b": "\\ud800 \\x00 ü"} == json.loads(
        wire.encoded(body)
    )


def test_a_param_that_changed_is_a_tag():
    """MLflow keeps the first value of a param."""
    run = RunRecord(**{**fields(RUN), "params": {"lr": Param(0.2), "depth": Param(3)}})
    sent = {"lr": wire.digest_of("0.1"), "depth": wire.digest_of("3")}
    assert {"fitprint.kind": "user", "fitprint.param.lr": "0.2"} == wire.tags_of(run, sent)
    assert {"fitprint.kind": "user"} == wire.tags_of(run, {})


def fields(run: RunRecord) -> dict[str, object]:
    """Return the fields of a record."""
    return {name: getattr(run, name) for name in run.__slots__}


def test_data_have_columns_and_a_digest_that_fits():
    """The same data in another role have another name, for MLflow keeps one of each."""
    data = Dataset(
        "X",
        "train",
        "sha256:" + "ab" * 32,
        {"schema": [{"name": "a", "dtype": "float64", "nullable": True}], "shape": [3, 1]},
    )
    found = wire.dataset_input(data, RUN.id, ())
    assert [{"key": "mlflow.data.context", "value": "training"}] == found["tags"]
    assert ("X", "ab" * 16, "code") == tuple(
        found["dataset"][name] for name in ("name", "digest", "source_type")
    )
    assert {"mlflow_colspec": [{"type": "double", "name": "a", "required": False}]} == json.loads(
        found["dataset"]["schema"]
    )
    again = Dataset("X", "eval", data.digest)
    taken = [f"X\0{'ab' * 16}"]
    assert "X (eval)" == wire.dataset_input(again, RUN.id, taken)["dataset"]["name"]


def test_data_that_came_from_mlflow_go_back_as_they_were():
    """With digest, source, schema, profile and tags."""
    facts = {
        "source": '{"uri": "s3://b/x"}',
        "source_type": "s3",
        "schema": {"mlflow_colspec": []},
        "profile": {"num_rows": 3},
        "tags": {"a": "b"},
    }
    found = wire.dataset_input(Dataset("x", "test", "mlflow:12ab", facts), RUN.id, ())
    assert {
        "name": "x",
        "digest": "12ab",
        "source_type": "s3",
        "source": '{"uri": "s3://b/x"}',
        "schema": '{"mlflow_colspec": []}',
        "profile": '{"num_rows": 3}',
    } == found["dataset"]
    assert {"mlflow.data.context": "testing", "a": "b"} == {
        tag["key"]: tag["value"] for tag in found["tags"]
    }

"""Contents of any size as JSON of a bounded length."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fitprint.views.excerpt import MOST, excerpt

LONG = st.text(max_size=100).map(lambda text: text * 30) | st.integers(0, 500).map(
    lambda count: [{"key": count}] * count
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | LONG,
    lambda inner: (
        st.lists(inner, max_size=9) | st.dictionaries(st.text(max_size=60), inner, max_size=9)
    ),
    max_leaves=20,
)


@pytest.mark.thorough
@given(st.dictionaries(st.text(max_size=20), VALUES, max_size=9))
def test_is_json_in_ascii_of_the_length(content):
    """Whatever the content is."""
    text = excerpt(content, 5000)
    assert len(text) <= 5000
    assert text.isascii()
    assert text.isprintable()
    assert isinstance(json.loads(text), dict)


@given(st.dictionaries(st.text(max_size=20), st.integers() | st.text(max_size=20), max_size=20))
def test_what_fits_is_whole(content):
    """And nothing is said about it."""
    assert content == json.loads(excerpt(content))


def test_numbers_that_json_lacks_are_texts():
    """As everywhere."""
    assert '{"a":["NaN","Infinity","-Infinity"]}' == excerpt(
        {"a": [float("nan"), float("inf"), float("-inf")]}
    )


def test_a_long_text_is_cut_beside_short_values():
    """Which stay as they are, wherever they are."""
    part = json.loads(excerpt({"id": "x", "error": "é" * 100_000, "status": "FAILED"}))
    assert ("x", "FAILED") == (part["id"], part["status"])
    count = len(part["error"]) - 1
    assert "é" * count + "…" == part["error"]
    assert [f"error: {count} of 100000 characters"] == part["left_out"]
    assert MOST - 5000 < 6 * count < MOST


def test_the_first_items_of_a_long_list_are_kept():
    """As many as there is room for."""
    part = json.loads(
        excerpt({"rows": [[number, "text"] for number in range(10_000)], "more": True})
    )
    count = len(part["rows"])
    assert [[number, "text"] for number in range(count)] == part["rows"]
    assert count > 2000
    assert part["more"] is True
    assert [f"rows: {count} of 10000 items"] == part["left_out"]


def test_many_keys_do_not_push_out_the_others():
    """A mapping with 12000 keys gives what a small one beside it does not need."""
    part = json.loads(
        excerpt(
            {"metrics": {f"metric {number}": 0.5 for number in range(12_000)}, "params": {"C": 1.0}}
        )
    )
    assert {"C": 1.0} == part["params"]
    assert len(part["metrics"]) > 1500
    assert [f"metrics: {len(part['metrics'])} of 12000 entries"] == part["left_out"]


def test_items_of_a_usual_length_are_whole_or_left_out():
    """Half of each of them would say little."""
    runs = [
        {"name": f"run {number}", "params": {f"parameter {key}": key for key in range(100)}}
        for number in range(100)
    ]
    part = json.loads(excerpt({"runs": runs}))
    assert runs[: len(part["runs"])] == part["runs"]
    assert [f"runs: {len(part['runs'])} of 100 items"] == part["left_out"]


def test_a_long_item_leaves_room_for_those_behind_it():
    """A run with very many metrics is cut, and the next ones are there."""
    large = {"name": "large", "metrics": {f"metric {number}": 0.5 for number in range(12_000)}}
    part = json.loads(excerpt({"runs": [large, {"name": "small", "metrics": {"loss": 1.0}}]}))
    assert ["large", "small"] == [run["name"] for run in part["runs"]]
    assert {"loss": 1.0} == part["runs"][1]["metrics"]


def test_a_long_cell_keeps_its_row():
    """The other cells are whole."""
    part = json.loads(excerpt({"rows": [["x" * 60_000, 1, "end"], ["short", 2, "end"]]}))
    assert [[1, "end"], [2, "end"]] == [row[1:] for row in part["rows"]]


def test_notes_are_bounded_too():
    """However many places there are, and however they are called."""
    content = {"😀" * 50 + str(number): "y" * 10_000 for number in range(60)}
    text = excerpt(content)
    assert len(text) <= MOST
    assert 1 <= len(json.loads(text)["left_out"]) <= 21

"""What MLflow wrote as texts gets its type back, and nothing is lost."""

from __future__ import annotations

import math

import pytest

from fitprint import clock
from fitprint_mlflow.values import micros, typed

TYPED = {
    "0.1": 0.1,
    "3": 3,
    "-2": -2,
    "1e-05": 1e-05,
    "True": True,
    "False": False,
    "None": None,
    "[1, 2.5, 'a']": [1, 2.5, "a"],
    "{'a': 1}": {"a": 1},
}


@pytest.mark.parametrize("text", TYPED)
def test_a_text_that_mlflow_writes_for_a_value_is_the_value(text):
    """Of the same type."""
    assert (TYPED[text], type(TYPED[text])) == (typed(text), type(typed(text)))


@pytest.mark.parametrize("text", ["nan", "inf", "-inf"])
def test_numbers_that_are_none_are_numbers(text):
    """As Python writes them."""
    value = typed(text)
    assert isinstance(value, float)
    assert not math.isfinite(value)
    assert text == str(value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "007",
        "1e-5",
        "+3",
        "0.10",
        "1_000",
        "0x1f",
        "(1, 2)",
        "{1: 2}",
        "{1, 2}",
        "true",
        "adam",
        "[1,2]",
        "-",
        "[" * 9000,
        "9" * 9000,
    ],
)
def test_other_texts_stay_texts(text):
    """Those that would be written another way, and those that no JSON has."""
    assert text == typed(text)


def test_times_that_no_record_can_have_are_the_nearest():
    """Nanoseconds, which some programs tell MLflow."""
    assert 1_700_000_000_123_000 == micros(1_700_000_000_123)
    assert clock.LATEST == micros(1_700_000_000_123_000_000_000)
    assert clock.EARLIEST == micros(-(2**63))

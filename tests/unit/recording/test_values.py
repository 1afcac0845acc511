"""What parameters and metrics become."""

from __future__ import annotations

import array
import functools
import json
import math
import subprocess
import sys
import timeit
from collections import OrderedDict, deque
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import pytest

from fitprint.data.values import (
    PREVIEW_LIMIT,
    number_or_text,
    param_value,
    preview,
    strip_addresses,
)
from fitprint.errors import InvalidMetricError, InvalidParamError
from fitprint.recording.values import metric_value


class Color(Enum):
    RED = 1


class Level(IntEnum):
    HIGH = 3


class Word(str, Enum):
    YES = "yes"


class Plain:
    pass


class Broken:
    def __repr__(self):
        raise RuntimeError("no repr today")


class Vector:
    """Stands for an array of a library: shape, dtype, item and tolist."""

    def __init__(self, values, shape=None):
        self.values, self.shape, self.dtype = (
            list(values),
            shape if shape is not None else (len(values),),
            "float64",
        )

    def tolist(self):
        return self.values[0] if self.shape == () else self.values

    def item(self):
        if len(self.values) != 1:
            raise ValueError("can only convert an array of size 1 to a Python scalar")
        return self.values[0]


class Point(NamedTuple):
    x: int
    y: int


def outer():
    def inner():
        return None

    return inner


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        False,
        0,
        -7,
        10**30,
        1.5,
        "text",
        "",
        [1, "a", None],
        {"a": [1.0, {"b": True}]},
        [],
        {},
    ],
)
def test_json_values_keep_value_and_type(value):
    """What JSON knows is recorded as it is."""
    recorded = param_value(value)
    assert recorded == value
    assert type(recorded) is type(value)


def test_nan_and_infinities_are_exact():
    """Non-finite floats stay floats."""
    assert math.isnan(param_value(math.nan))
    assert param_value([math.inf, -math.inf]) == [math.inf, -math.inf]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ((1, (2, 3)), [1, [2, 3]]),
        (Point(1, 2), [1, 2]),
        (deque([1, 2]), [1, 2]),
        ({3, 1, 2}, [1, 2, 3]),
        (frozenset({"b", "a"}), ["a", "b"]),
        ({1, "a", None}, [None, 1, "a"]),
        (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        (
            {1: "x", 2.5: "y", None: "z", False: "f"},
            {"1": "x", "2.5": "y", "null": "z", "false": "f"},
        ),
        ({1: "number", "1": "text"}, {"1": "number", "1 (str)": "text"}),
        ({(1, 2): 3}, {"[1, 2]": 3}),
        (Color.RED, "Color.RED"),
        (Level.HIGH, 3),
        (Word.YES, "yes"),
        (Path("models") / "a.bin", "models/a.bin"),
        (date(2024, 2, 29), "2024-02-29"),
        (datetime(2024, 2, 29, 12, tzinfo=timezone.utc), "2024-02-29T12:00:00+00:00"),
        (timedelta(hours=1), "1:00:00"),
        (b"abc", "b'abc'"),
        (range(3), "range(0, 3)"),
        (1 + 2j, "(1+2j)"),
        (Decimal("1.50"), "Decimal('1.50')"),
        (len, "builtins.len"),
        (math.sqrt, "math.sqrt"),
        (dict, "builtins.dict"),
        (Fraction, "fractions.Fraction"),
        ([].append, "list.append"),
        (functools.partial(math.pow, 2, base=3), "functools.partial(math.pow, 2, base=3)"),
        (array.array("d", [1.0, 2.0]), [1.0, 2.0]),
        (Vector([1.0, 2.0]), [1.0, 2.0]),
        (Vector([1.0], shape=()), 1.0),
    ],
)
def test_other_values_have_a_stated_form(value, expected):
    """Each kind that JSON does not know becomes what the documentation says."""
    assert param_value(value) == expected


def test_functions_and_objects_have_no_address():
    """Closures, lambdas, bound methods and plain objects are told without the place
    where they lie.
    """
    module = __name__
    assert param_value(outer()) == f"{module}.outer.<locals>.inner"
    assert param_value(Plain) == f"{module}.Plain"
    assert param_value(Plain()) == f"<{module}.Plain object>"
    assert param_value(iter([1])) == "<list_iterator object>"


def test_subclasses_become_the_plain_type():
    """A str or float of a class of its own, as numpy's scalars are, becomes a plain one."""
    text = type("Text", (str,), {"__str__": lambda self: "other"})("abc")
    number = type("Number", (float,), {})(1.5)
    assert [type(param_value(text)), param_value(text)] == [str, "abc"]
    assert [type(param_value(number)), param_value(number)] == [float, 1.5]


def test_large_arrays_are_summarized():
    """An array of more than a thousand elements is told by type and shape, not by its values."""
    assert param_value(Vector(range(2000))) == {
        "type": f"{__name__}.Vector",
        "shape": [2000],
        "dtype": "float64",
    }


def test_large_bytes_are_summarized():
    """A long byte string is told by size and digest."""
    recorded = param_value(b"x" * 5000)
    assert (recorded["type"], recorded["size"], recorded["digest"][:7]) == (
        "bytes",
        5000,
        "sha256:",
    )


def test_a_container_inside_itself_ends():
    """A cycle is named where it closes, and the same object twice is no cycle."""
    loop = {"a": 1}
    loop["self"] = loop
    shared = [1]
    assert param_value(loop) == {"a": 1, "self": "<dict inside itself>"}
    assert param_value([shared, shared]) == [[1], [1]]


def test_depth_is_bounded():
    """Nesting of any depth is recorded down to a stated level."""
    value = []
    for _ in range(5000):
        value = [value]
    text = json.dumps(param_value(value))
    assert "<list below 24 levels>" in text


def test_size_is_bounded():
    """Of more than a million values the rest is counted."""
    recorded = param_value([[0]] * 600_000)
    assert recorded[-1] == "<100000 more>"


def test_huge_integers_are_hexadecimal_text():
    """An integer of thousands of digits is written in linear time."""
    assert param_value(1 << 20_000) == f"{1 << 20_000:#x}"


def test_arguments_are_not_changed():
    """The user's list stays the user's."""
    given = [1, [2]]
    recorded = param_value(given)
    recorded.append(3)
    recorded[1].append(3)
    assert given == [1, [2]]


def test_an_iterator_is_not_consumed():
    """A generator is told by name and yields all it had."""
    numbers = (number for number in range(3))
    assert "generator object" in param_value(numbers)
    assert list(numbers) == [0, 1, 2]


def test_a_failing_repr_is_named():
    """An object whose repr raises gives an error that says which parameter and why."""
    with pytest.raises(InvalidParamError, match=r"'model' .*Broken.*RuntimeError: no repr today"):
        param_value(Broken(), "model")


def test_values_are_the_same_in_every_process():
    """Sets of texts and reprs do not depend on the hash seed or on addresses."""
    code = (
        "import sys, json; from fitprint.data.values import param_value as p;"
        "print(json.dumps([p({'b', 'a', 'c', 'd'}), p(object()), p(lambda: 0), p({'x', 1, (2, "
        "3)})]))"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(seen) == 1


def test_forty_scalars_cost_less_than_fifty_microseconds():
    """The parameters of an ordinary estimator are nearly free."""
    params = [None, 1.0, "l2", 100, False] * 8
    seconds = (
        min(timeit.repeat(lambda: [param_value(value) for value in params], number=200, repeat=5))
        / 200
    )
    assert seconds < 50e-6


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<function f at 0x7f3c5a>", "<function f>"),
        ("<a.B object at 0x7F3C> and <c at 0x1>", "<a.B object> and <c>"),
        ("Model @ 0x00ff", "Model"),
        ("look at 0 or 0x10", "look at 0 or 0x10"),
        ("plain", "plain"),
    ],
)
def test_addresses_are_stripped(text, expected):
    """Only addresses go."""
    assert strip_addresses(text) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.25, 0.25),
        (3, 3.0),
        (True, 1.0),
        (Decimal("0.5"), 0.5),
        (Fraction(1, 4), 0.25),
        (Vector([0.5]), 0.5),
        (Vector([2], shape=()), 2.0),
        (Level.HIGH, 3.0),
    ],
)
def test_real_numbers_are_metrics(value, expected):
    """Whatever is one real number is taken as a float."""
    recorded = metric_value("loss", value)
    assert (type(recorded), recorded) == (float, expected)


def test_nan_is_a_metric():
    """NaN and infinities are data."""
    assert math.isnan(metric_value("loss", math.nan))
    assert metric_value("loss", -math.inf) == -math.inf


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        ("0.5", r"not str '0.5'; convert it with float\(\)"),
        (None, "not NoneType; leave it out"),
        (1j, "not complex; log its real and imaginary parts"),
        (Vector([1.0, 2.0]), "log its mean or each element"),
        ([1.0], "not list; log its mean"),
        (object(), r"not object; convert it"),
        (b"1", "not bytes"),
        (10**400, "too large for a float"),
        (timedelta(1), "not datetime.timedelta"),
    ],
)
def test_anything_else_is_no_metric(value, advice):
    """The error names the metric and says what to do."""
    with pytest.raises(InvalidMetricError, match=f"'loss'.*{advice}"):
        metric_value("loss", value)


def test_short_values_need_no_preview():
    """What fits is returned itself."""
    for value in (1, None, 2.5, "x" * PREVIEW_LIMIT, [1, 2], {"a": 1}):
        assert preview(value) is value


def test_long_values_are_previewed():
    """Of what is too long the beginning is shown, and how long it is."""
    assert preview("x" * 9000) == "x" * 1000 + "… (9000 characters)"
    assert preview(list(range(5000))).startswith("[0,1,2,3,")
    assert preview([1] * 10, limit=5) == "[1,1,… (21 characters)"


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("3", 3),
        ("-0.5", -0.5),
        ("1e3", 1000.0),
        ("a", "a"),
        ("", ""),
        (0.5, 0.5),
        (None, None),
        ([1], [1]),
    ],
)
def test_a_text_that_writes_a_number_is_one(value, number):
    """What is no text stays what it is: no fraction is cut."""
    assert (number, type(number)) == (number_or_text(value), type(number_or_text(value)))

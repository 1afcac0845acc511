"""Values as people read them."""

from __future__ import annotations

import math

import pytest

from fitprint.views import wording


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.123456, "0.1235"),
        (1.0, "1"),
        (12345.6, "12346"),
        (1e9, "1e+09"),
        (-0.00001234, "-1.234e-05"),
        (math.nan, "NaN"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        (7, "7"),
    ],
)
def test_numbers_have_four_digits(value, expected):
    """Four significant digits, more only before the point."""
    assert expected == wording.number(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1.0, "1.0"),
        (1, "1"),
        (0.1 + 0.2, "0.3"),
        (1e-5, "1e-05"),
        (True, "True"),
        (None, "None"),
        ("lbfgs", "lbfgs"),
        ([1, "a"], '[1, "a"]'),
        ({"a": None}, '{"a": null}'),
        ("two\nlines", "two\\nlines"),
    ],
)
def test_parameters_show_their_type(value, expected):
    """A float is never taken for a whole number."""
    assert expected == wording.value_text(value)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-1, "0ms"),
        (0.00021, "0.21ms"),
        (0.1389, "139ms"),
        (0.9999, "1s"),
        (1.53, "1.5s"),
        (59.9, "1m00s"),
        (192, "3m12s"),
        (7500, "2h05m"),
        (273600, "3d04h"),
    ],
)
def test_durations_have_two_units(seconds, expected):
    """Long ones in larger units."""
    assert expected == wording.duration(seconds)


@pytest.mark.parametrize(
    ("seconds", "expected"), [(-5, "0s"), (59, "59s"), (60, "1m"), (7199, "1h"), (90000, "1d")]
)
def test_ages_have_one_unit(seconds, expected):
    """How long ago, roughly."""
    assert expected == wording.age(seconds)


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (123_456, "123 kB"), (5 * 10**12, "5.0 TB")],
)
def test_sizes_have_one_unit(count, expected):
    """Bytes in the largest unit that they fill."""
    assert expected == wording.size(count)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain ü 漢", "plain ü 漢"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\rb\x07", "a\\rb\\x07"),
        ("\u202egnp", "\\u202egnp"),
        ("\udc80", "\\udc80"),
    ],
)
def test_control_characters_cannot_steer_the_terminal(text, expected):
    """They appear as escapes."""
    assert expected == wording.clean(text)

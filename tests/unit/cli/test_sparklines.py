"""Curves in one line."""

from __future__ import annotations

import math

import pytest

from fitprint.cli.sparklines import sparkline


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], ""),
        ([1.0], "▄"),
        ([0.0, 1.0], "▁█"),
        ([3.0, 3.0, 3.0], "▄▄▄"),
        (list(range(8)), "▁▂▃▄▅▆▇█"),
        ([0.0, math.nan, 1.0], "▁ █"),
        ([0.0, math.inf, -math.inf, 1.0], "▁  █"),
        ([math.nan, math.nan], "  "),
        ([-1.7e308, 1.7e308], "▁█"),
        ([-5.0, -1.0], "▁█"),
    ],
)
def test_values_become_heights(values, expected):
    """The least value is the lowest block, the greatest the highest; what is not finite leaves a
    gap.
    """
    assert expected == sparkline(values, 20)


def test_many_values_become_few():
    """Each character stands for an even stretch, by its last value."""
    assert "▁▃▆█" == sparkline(range(1000), 4)


def test_without_unicode():
    """Where the encoding has no blocks, signs of ASCII rise."""
    assert "_.-~=+*#" == sparkline(range(8), 8, unicode=False)

"""Down-sampling, as a property."""

from __future__ import annotations

import math
from array import array

from hypothesis import given
from hypothesis import strategies as st

from fitprint.entities import History
from fitprint.stores.sampling import sampled


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=200), st.integers(4, 50))
def test_samples_are_few_ordered_and_extreme(values: list[float], limit: int) -> None:
    """At most ``limit`` points in their order, both ends, and the extremes of everything that is not NaN."""
    count = len(values)
    history = History(array("q", range(count)), array("d", [0.0] * count), array("q", range(count)), array("d", values))
    sample = sampled(history, limit)
    assert len(sample) <= limit
    assert list(sample.step) == sorted(set(sample.step))
    assert (sample.step[0], sample.step[-1]) == (0, count - 1)
    real = [value for value in values if not math.isnan(value)]
    kept = [value for value in sample.value if not math.isnan(value)]
    if real:
        assert (min(kept), max(kept)) == (min(real), max(real))

"""Down-sampling, as a property."""

from __future__ import annotations

import math
from array import array

from hypothesis import given
from hypothesis import strategies as st

from fitprint.entities import History
from fitprint.stores.sampling import Part, outline, sampled, sampled_parts


@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=200),
    st.integers(4, 50),
)
def test_samples_are_few_ordered_and_extreme(values: list[float], limit: int) -> None:
    """At most ``limit`` points in their order, both ends, and the extremes of everything that is
    not NaN.
    """
    count = len(values)
    history = History(
        array("q", range(count)),
        array("q", range(count)),
        array("d", values),
        array("d", [0.0] * count),
    )
    sample = sampled(history, limit)
    assert len(sample) <= limit
    assert list(sample.step) == sorted(set(sample.step))
    assert (sample.step[0], sample.step[-1]) == (0, count - 1)
    real = [value for value in values if not math.isnan(value)]
    kept = [value for value in sample.value if not math.isnan(value)]
    if real:
        assert (min(kept), max(kept)) == (min(real), max(real))


VALUES = st.sampled_from([0.0, -0.0, 1.0, 1.0, -1.0, 0.5, math.nan, math.inf, -math.inf])


@given(
    st.lists(
        st.tuples(st.lists(VALUES, min_size=1, max_size=30), st.booleans()), min_size=1, max_size=30
    ),
    st.integers(4, 40),
)
def test_a_history_in_parts_gives_the_same_samples(
    pieces: list[tuple[list[float], bool]], limit: int
) -> None:
    """Whether a part has an outline or not; of equal values the first counts."""
    values = array("d", [value for piece, _ in pieces for value in piece])
    places = array("q", range(len(values)))
    history = History(places, places[:], values, values[:])
    parts, start = [], 0
    for piece, outlined in pieces:
        points = history.part(start, start + len(piece))
        parts.append(
            Part(
                start,
                len(piece),
                lambda points=points: points,
                outline(points) if outlined else None,
            )
        )  # type: ignore[misc]
        start += len(piece)
    found = [column.tobytes() for column in sampled_parts(parts, limit).columns]
    assert found == [column.tobytes() for column in sampled(history, limit).columns]

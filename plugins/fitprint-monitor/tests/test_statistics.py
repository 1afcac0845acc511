"""Statistics, against values worked out by hand and against SciPy."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fitprint_monitor import statistics

COUNTS = st.lists(
    st.tuples(st.integers(0, 10_000), st.integers(0, 10_000)), min_size=2, max_size=33
).filter(lambda pairs: all(map(sum, zip(*pairs, strict=True))))


@pytest.fixture(scope="module")
def scipy():
    """SciPy with all of its packages that are compared here."""
    pytest.importorskip("scipy.stats")
    pytest.importorskip("scipy.spatial.distance")
    return pytest.importorskip("scipy")


def test_psi_by_hand():
    """Half a cell's worth is added to each count: 39.5 and 59.5 of 99 with 1 more of two cells."""
    p, q = (40 / 100, 60 / 100), (60 / 100, 40 / 100)
    expected = sum((b - a) * math.log(b / a) for a, b in zip(p, q, strict=True))
    assert expected == pytest.approx(statistics.psi([39.5, 59.5], [59.5, 39.5]))
    assert statistics.psi([10, 20], [10, 20]) == 0


def test_jensen_shannon_by_hand():
    """Nothing in common is 1; halves against all of one is a known number."""
    assert statistics.jensen_shannon([5, 0], [0, 9]) == 1
    assert statistics.jensen_shannon([5, 5], [50, 50]) == 0
    divergence = 0.5 * (0.5 * math.log2(0.5 / 0.75) + 0.5 * math.log2(2)) + 0.5 * math.log2(
        1 / 0.75
    )
    assert math.sqrt(divergence) == pytest.approx(statistics.jensen_shannon([1, 1], [1, 0]))


def test_wasserstein_by_hand():
    """All from 0 to 1, moved by 1; and two functions that cross in the middle."""
    assert 1 == pytest.approx(statistics.wasserstein([0, 1, 2], [0, 1, 1], [0, 0, 1]))
    assert 0.25 == pytest.approx(statistics.wasserstein([0, 1], [0, 0.5], [0.5, 0]))


def test_benjamini_and_hochberg_by_hand():
    """Each chance times the number of all over its rank, and never more than the next one's."""
    assert pytest.approx([0.03, 0.04, 0.04]) == statistics.adjusted([0.01, 0.04, 0.03])
    assert [] == statistics.adjusted([])


def test_chances_at_the_ends():
    """No difference is no finding; an extreme one is, without overflow."""
    assert (1, 1, 1) == (
        statistics.chi_square_tail(0, 7),
        statistics.kolmogorov_tail(0, 100, 100),
        statistics.two_shares_tail((0, 10), (0, 10)),
    )
    assert 0 <= statistics.chi_square_tail(1e6, 31) < 1e-300
    assert 0 <= statistics.kolmogorov_tail(1, 10**9, 10**9) < 1e-300


@given(COUNTS)
def test_measures_do_not_prefer_a_side(pairs):
    """PSI and Jensen-Shannon are the same from either side, and not negative."""
    one, two = zip(*pairs, strict=True)
    assert statistics.psi(one, two) >= 0
    assert statistics.psi(one, two) == pytest.approx(statistics.psi(two, one))
    found = statistics.jensen_shannon(one, two)
    assert 0 <= found <= 1 + 1e-12
    assert found == pytest.approx(statistics.jensen_shannon(two, one), abs=1e-7)


@given(st.floats(1e-9, 500), st.integers(1, 64))
def test_chi_square_is_scipys(scipy, value, freedom):
    """Of whole degrees of freedom a finite sum is exact."""
    assert float(scipy.stats.chi2.sf(value, freedom)) == pytest.approx(
        statistics.chi_square_tail(value, freedom), rel=1e-9, abs=1e-300
    )


@given(st.floats(0, 1), st.integers(1, 100_000), st.integers(1, 100_000))
def test_kolmogorov_is_scipys(scipy, distance, m, n):
    """The limit for many rows."""
    scaled = distance * math.sqrt(m * n / (m + n))
    assert float(scipy.special.kolmogorov(scaled)) == pytest.approx(
        statistics.kolmogorov_tail(distance, m, n), rel=1e-9, abs=1e-12
    )


@given(COUNTS)
def test_jensen_shannon_is_scipys(scipy, pairs):
    """The distance, not the divergence, to the base 2."""
    one, two = zip(*pairs, strict=True)
    assert float(scipy.spatial.distance.jensenshannon(one, two, base=2)) == pytest.approx(
        statistics.jensen_shannon(one, two), abs=1e-7
    )


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=20), st.data())
def test_wasserstein_is_scipys(scipy, values, data):
    """Of steps, which narrow spaces between points are nearly."""
    others = data.draw(st.lists(st.floats(-100, 100), min_size=2, max_size=20))
    points = [
        point for value in sorted({*values, *others}) for point in (value - 1e-9, value + 1e-9)
    ]
    points.sort()
    below = [
        [sum(value <= point for value in side) / len(side) for point in points]
        for side in (values, others)
    ]
    assert float(scipy.stats.wasserstein_distance(values, others)) == pytest.approx(
        statistics.wasserstein(points, *below), abs=1e-5
    )


@given(st.integers(1, 1000), st.integers(1, 1000), st.data())
def test_two_shares_are_scipys(scipy, m, n, data):
    """Pearson's test of a table of two by two, without a correction."""
    a, b = data.draw(st.integers(0, m)), data.draw(st.integers(0, n))
    if 0 < a + b < m + n:
        expected = scipy.stats.chi2_contingency([[a, m - a], [b, n - b]], correction=False).pvalue
        assert float(expected) == pytest.approx(
            statistics.two_shares_tail((a, m), (b, n)), rel=1e-6, abs=1e-300
        )

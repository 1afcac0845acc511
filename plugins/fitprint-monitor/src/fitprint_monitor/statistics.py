"""How far two sets of counts over the same cells lie apart, and how likely that is by chance."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = [
    "adjusted",
    "chi_square_tail",
    "jensen_shannon",
    "kolmogorov_tail",
    "psi",
    "shares",
    "two_shares_tail",
    "wasserstein",
]

Counted = Sequence[float]


def shares(counts: Counted) -> list[float]:
    """Return each count as a share of their sum, after half a cell's worth was added to each: a
    share of nothing has no logarithm.
    """
    whole = math.fsum(counts) + 0.5 * len(counts)
    return [(count + 0.5) / whole for count in counts]


def psi(reference: Counted, current: Counted) -> float:
    """Return the population stability index of two counts over the same cells: the sum of
    ``(q - p) * ln(q / p)``; 0 where they are alike, and without an upper end.
    """
    pairs = zip(shares(reference), shares(current), strict=True)
    return math.fsum((q - p) * math.log(q / p) for p, q in pairs)


def jensen_shannon(reference: Counted, current: Counted) -> float:
    """Return the Jensen-Shannon distance, to the base 2: from 0 (alike) to 1 (nothing in common).
    Both have at least one count.
    """
    m, n = math.fsum(reference), math.fsum(current)
    total = 0.0
    for r, c in zip(reference, current, strict=True):
        p, q = r / m, c / n
        middle = (p + q) / 2
        if p:
            total += p * math.log2(p / middle)
        if q:
            total += q * math.log2(q / middle)
    return math.sqrt(max(0.0, total / 2))


def wasserstein(points: Sequence[float], reference: Counted, current: Counted) -> float:
    """Return the area between two distribution functions, in the unit of the points.

    Args:
        points: ascending.
        reference: the one function at each point, from 0 to 1; between points it is straight.
        current: the other one.
    """
    total = 0.0
    gaps = [q - p for p, q in zip(reference, current, strict=True)]
    for place in range(len(points) - 1):
        width, one, two = points[place + 1] - points[place], gaps[place], gaps[place + 1]
        if one * two >= 0:
            total += width * abs(one + two) / 2
        else:  # they cross
            total += width * (one * one + two * two) / (2 * abs(one - two))
    return total


def chi_square_tail(value: float, freedom: int) -> float:
    """Return how likely a chi-square variable is at least ``value``.

    Args:
        value: 0 or more.
        freedom: degrees of freedom, 1 or more.
    """
    half = value / 2
    if half <= 0:
        return 1.0
    # a finite sum for whole degrees of freedom; terms by logarithms, since powers are beyond floats
    start = 0.0 if freedom % 2 == 0 else 0.5
    total = 0.0 if freedom % 2 == 0 else math.erfc(math.sqrt(half))
    terms = [
        math.exp(power * math.log(half) - half - math.lgamma(power + 1))
        for power in (start + step for step in range(freedom // 2))
    ]
    return min(1.0, total + math.fsum(terms))


def kolmogorov_tail(distance: float, reference: float, current: float) -> float:
    """Return how likely two samples of one distribution are at least so far apart, in the sense of
    Kolmogorov and Smirnov, by the limit for many rows.

    Args:
        distance: the greatest distance of the distribution functions, 0 to 1.
        reference: number of rows of the one sample.
        current: number of rows of the other.
    """
    scaled = distance * math.sqrt(reference * current / (reference + current))
    if scaled < 0.2:  # the sum below converges slowly, and this is 1 to twelve digits
        return 1.0
    total, sign = 0.0, 1.0
    for number in range(1, 101):
        term = math.exp(-2 * number * number * scaled * scaled)
        total += sign * term
        sign = -sign
        if term < 1e-18:
            break
    return min(1.0, max(0.0, 2 * total))


def two_shares_tail(reference: tuple[float, float], current: tuple[float, float]) -> float:
    """Return how likely two shares of one truth differ as much, each as (how many, of how many)."""
    pooled = (reference[0] + current[0]) / (reference[1] + current[1])
    spread = pooled * (1 - pooled) * (1 / reference[1] + 1 / current[1])
    if spread <= 0:
        return 1.0
    gap = current[0] / current[1] - reference[0] / reference[1]
    return chi_square_tail(gap * gap / spread, 1)


def adjusted(chances: Sequence[float]) -> list[float]:
    """Return chances corrected for their number, in the way of Benjamini and Hochberg: of what is
    below a limit, so great a share at most is by chance.
    """
    count = len(chances)
    order = sorted(range(count), key=lambda place: chances[place], reverse=True)
    found, least = [1.0] * count, 1.0
    for rank, place in zip(range(count, 0, -1), order, strict=True):
        least = min(least, chances[place] * count / rank)
        found[place] = least
    return found

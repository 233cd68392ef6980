"""How fast something changes, from a value a day: the Theil-Sen slope with its confidence interval. Pure.

    slope_of([Point(0, 61.0), Point(1, 61.4), ...]) -> Slope(per_day=0.41, low=0.37, high=0.46, level=74.2, ...)

The slope is the median of the slopes between every two days; a third of the days may be anything at all without moving
it far. Its interval comes from Kendall's S, which needs no law of errors (P. K. Sen, Estimates of the regression
coefficient based on Kendall's tau, J. Am. Stat. Assoc. 63, 1968; ties as in R. O. Gilbert, Statistical Methods for
Environmental Pollution Monitoring, 1987, ch. 16.5):

    N = number of pairs    Var(S) = [n(n-1)(2n+5) - Σ t(t-1)(2t+5)] / 18       t: how many days share a value
    C = 1.96 √Var(S)       interval: the slopes of rank (N-C)/2 and (N+C)/2 + 1, from 1, in order; rounded outwards

Days that follow one another are alike, which makes that interval too narrow: Var(S) is stretched by (1+r)/(1-r), where
r is how alike neighbouring days' residuals are (K. H. Hamed, A. R. Rao, J. Hydrology 204, 1998, by their first lag).

A step is no slope: `jump_at` finds the last day on which what is measured was set anew: a disk was exchanged, a log
deleted. It compares the medians of the days before and after, so that a single odd day is none.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from math import ceil, floor, sqrt
from statistics import median
from typing import NamedTuple

Z = 1.959964
"""Two-sided 95 %."""
RECENT = 5
"""The level of today is that of so many last days, each moved along the slope."""
SIDE = 3
"""A jump is one between the medians of so many days before and after."""
LEVEL_ERROR = Z * 1.4826 * 1.2533
"""From the median of absolute residuals to the 95 % error of a median of them: as if they were normal."""
ALIKE_MOST = 0.9
"""Days are never taken for more alike than this: the interval would know no end."""
MOST = 180
"""More days than these are thinned: the work grows with their square."""


class Point(NamedTuple):
    """A day and what was measured on it."""

    day: int
    value: float


class Slope(NamedTuple):
    """Change per day, with its 95 % interval; `level` on the day `last`, give or take `level_error`; from so many
    `days` that had a value."""

    per_day: float
    low: float
    high: float
    level: float
    level_error: float
    last: int
    days: int


def slope_of(points: Sequence[Point]) -> Slope:
    """The slope of days in ascending order; ValueError for fewer than two, which have none."""
    if len(points) < 2:
        raise ValueError(f"a slope of {len(points)} days: expected two at least")
    used = _thinned(points)
    slopes = sorted(
        (after.value - before.value) / (after.day - before.day)
        for place, before in enumerate(used)
        for after in used[place + 1 :]
    )
    per_day = median(slopes)
    half = Z * sqrt(_variance(used) * _stretch(used, per_day))
    count = len(slopes)
    low = slopes[max(0, floor((count - half) / 2) - 1)]
    high = slopes[min(count - 1, ceil((count + half) / 2))]
    last = points[-1].day
    level = median(point.value + per_day * (last - point.day) for point in points[-RECENT:])
    spread = median(abs(value) for value in _rest(used, per_day))
    error = LEVEL_ERROR * spread / sqrt(min(RECENT, len(points)))
    return Slope(per_day, min(low, per_day), max(high, per_day), level, error, last, len(points))


def _thinned(points: Sequence[Point]) -> Sequence[Point]:
    """At most MOST of the days, evenly, the last one among them."""
    step = -(-len(points) // MOST)
    return points if step == 1 else points[(len(points) - 1) % step :: step]


def _variance(points: Sequence[Point]) -> float:
    """Var(S) of Kendall's S, with ties."""

    def of(n: int) -> int:
        return n * (n - 1) * (2 * n + 5)

    ties = Counter(point.value for point in points)
    return (of(len(points)) - sum(of(times) for times in ties.values() if times > 1)) / 18


def _stretch(points: Sequence[Point], per_day: float) -> float:
    """By how much the variance is more because neighbouring days are alike; never less than 1."""
    rest = _rest(points, per_day)
    whole = sum(value * value for value in rest)
    if not whole:
        return 1.0
    alike = max(0.0, min(ALIKE_MOST, sum(a * b for a, b in pairwise(rest)) / whole))
    return (1 + alike) / (1 - alike)


def _rest(points: Sequence[Point], per_day: float) -> list[float]:
    """By how much each day is off the line."""
    raw = [point.value - per_day * point.day for point in points]
    middle = median(raw)
    return [value - middle for value in raw]


def jump_at(points: Sequence[Point], least: float) -> int | None:
    """The day with which the last stretch without a jump of at least `least` begins; None: there was no jump.

    A jump towards the very end is not seen before SIDE days are behind it.
    """
    for place in range(len(points) - SIDE, SIDE - 1, -1):
        step = abs(points[place].value - points[place - 1].value)
        if step < least / 2:
            continue
        before = median(point.value for point in points[place - SIDE : place])
        after = median(point.value for point in points[place : place + SIDE])
        if abs(after - before) >= least:
            return points[place].day
    return None

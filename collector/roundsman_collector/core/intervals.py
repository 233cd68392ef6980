"""Sets of time: half-open spans ``[from, to)`` of integer milliseconds.

An :data:`Intervals` value is *normal*: ascending, without empty spans, spans that touch are one. :func:`normal` makes
any pairs normal; the other functions take normal sets, give normal sets and walk each of them once.

    normal([(5, 9), (1, 3), (3, 4)])        ((1, 4), (5, 9))
    intersect(((1, 4), (5, 9)), ((2, 6),))  ((2, 4), (5, 6))
    subtract(((1, 9),), ((2, 4),))          ((1, 2), (4, 9))

A span that ends before it begins is a mistake of whoever wrote it and raises; one that ends where it begins is empty.
"""

from collections.abc import Iterable

Pair = tuple[int, int]
Intervals = tuple[Pair, ...]

NOTHING: Intervals = ()


def normal(pairs: Iterable[Pair]) -> Intervals:
    """The same instants as `pairs` (any order, overlapping or not), ascending and merged."""
    merged: list[Pair] = []
    for begin, end in sorted(pairs):
        if end < begin:
            raise ValueError(f"interval [{begin}, {end}) ends before it begins; write the earlier time first")
        if end == begin:
            continue
        if merged and begin <= merged[-1][1]:
            if end > merged[-1][1]:
                merged[-1] = (merged[-1][0], end)
        else:
            merged.append((begin, end))
    return tuple(merged)


def union(*sets: Intervals) -> Intervals:
    """The instants that lie in at least one of the sets."""
    return normal(pair for pairs in sets for pair in pairs)


def intersect(left: Intervals, right: Intervals) -> Intervals:
    """The instants that lie in both sets."""
    shared: list[Pair] = []
    at_left = at_right = 0
    while at_left < len(left) and at_right < len(right):
        begin = max(left[at_left][0], right[at_right][0])
        end = min(left[at_left][1], right[at_right][1])
        if begin < end:
            shared.append((begin, end))
        if left[at_left][1] <= right[at_right][1]:
            at_left += 1
        else:
            at_right += 1
    return tuple(shared)


def subtract(whole: Intervals, hole: Intervals) -> Intervals:
    """The instants of `whole` that do not lie in `hole`."""
    if not hole or not whole:
        return whole
    kept: list[Pair] = []
    at_hole = 0
    for begin, end in whole:
        rest = begin
        while at_hole < len(hole) and hole[at_hole][1] <= rest:
            at_hole += 1
        look = at_hole
        while look < len(hole) and hole[look][0] < end:
            if rest < hole[look][0]:
                kept.append((rest, hole[look][0]))
            rest = max(rest, hole[look][1])
            look += 1
        if rest < end:
            kept.append((rest, end))
    return tuple(kept)


def total(pairs: Intervals) -> int:
    """How long the set is, in milliseconds."""
    return sum(end - begin for begin, end in pairs)

"""Sets of time against the plainest model there is: a Python set of milliseconds."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_collector.core.intervals import Intervals, Pair, intersect, normal, subtract, total, union

pairs = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 12)).map(lambda it: (it[0], it[0] + it[1])), max_size=8)


def instants(spans: list[Pair] | Intervals) -> set[int]:
    return {at for begin, end in spans for at in range(begin, end)}


def is_normal(spans: Intervals) -> bool:
    return all(begin < end for begin, end in spans) and all(left[1] < right[0] for left, right in pairwise(spans))


def test_spans_that_touch_or_overlap_become_one_and_empty_ones_vanish() -> None:
    assert normal([(5, 9), (1, 3), (3, 4), (6, 7), (20, 20)]) == ((1, 4), (5, 9))


def test_a_span_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\[9, 5\) ends before it begins"):
        normal([(1, 2), (9, 5)])


def test_one_hole_may_cut_several_spans_and_one_span_may_have_several_holes() -> None:
    assert subtract(((0, 10), (12, 20)), ((2, 3), (5, 14), (19, 30))) == ((0, 2), (3, 5), (14, 19))


def test_touching_spans_share_nothing() -> None:
    assert intersect(((0, 5),), ((5, 9),)) == ()


def test_the_empty_set_has_no_length() -> None:
    assert total(()) == 0


@given(pairs)
def test_normal_keeps_the_instants_and_is_normal(left: list[Pair]) -> None:
    merged = normal(left)

    assert is_normal(merged)
    assert instants(merged) == instants(left)
    assert total(merged) == len(instants(left))


@given(pairs, pairs)
def test_the_set_operations_are_those_of_sets(left: list[Pair], right: list[Pair]) -> None:
    a, b = normal(left), normal(right)

    for made, meant in (
        (union(a, b), instants(a) | instants(b)),
        (intersect(a, b), instants(a) & instants(b)),
        (subtract(a, b), instants(a) - instants(b)),
    ):
        assert is_normal(made)
        assert instants(made) == meant

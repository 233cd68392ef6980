"""A set of record numbers as ranges, held against Python's own set."""

from itertools import count, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from roundsman_wire.ranges import Range, RangeSet

numbers = st.integers(1, 40)
spans = st.tuples(numbers, numbers).map(lambda pair: (min(pair), max(pair)))


class AgainstASet(RuleBasedStateMachine):
    """Whatever is added and removed, in whatever order, the ranges hold what a set would."""

    def __init__(self) -> None:
        super().__init__()
        self.ranges = RangeSet()
        self.model: set[int] = set()

    @initialize(given=st.lists(spans, max_size=4))
    def begin(self, given: list[Range]) -> None:
        self.ranges = RangeSet(given)
        self.model = {n for a, b in given for n in range(a, b + 1)}

    @rule(span=spans)
    def add(self, span: Range) -> None:
        self.ranges.add(*span)
        self.model |= set(range(span[0], span[1] + 1))

    @rule()
    def add_the_next_one(self) -> None:
        following = self.ranges.last() + 1
        self.ranges.add(following, following)
        self.model.add(following)

    @rule(span=spans)
    def remove(self, span: Range) -> None:
        self.ranges.remove(*span)
        self.model -= set(range(span[0], span[1] + 1))

    @rule(span=spans)
    def missing(self, span: Range) -> None:
        holes = self.ranges.missing(*span)

        expected = set(range(span[0], span[1] + 1)) - self.model
        assert {n for a, b in holes for n in range(a, b + 1)} == expected
        assert all(b + 1 < c for (_, b), (c, _) in pairwise(holes))

    @rule(number=numbers)
    def first_missing(self, number: int) -> None:
        assert self.ranges.first_missing(number) == next(n for n in count(number) if n not in self.model)

    @rule(span=spans)
    def add_to_a_copy(self, span: Range) -> None:
        twin = self.ranges.copy()
        assert twin == self.ranges
        twin.add(*span)
        assert set(range(span[0], span[1] + 1)) <= {n for a, b in twin for n in range(a, b + 1)}

    @invariant()
    def they_hold_the_same_numbers(self) -> None:
        assert {n for a, b in self.ranges for n in range(a, b + 1)} == self.model
        assert all((n in self.ranges) == (n in self.model) for n in range(0, 45))
        assert self.ranges.count() == len(self.model)
        assert self.ranges.last() == max(self.model, default=0)
        assert self.ranges.upto() == next(n for n in range(100) if n + 1 not in self.model)

    @invariant()
    def the_ranges_are_as_few_as_can_be(self) -> None:
        assert all(a <= b for a, b in self.ranges)
        assert all(b + 1 < c for (_, b), (c, _) in pairwise(self.ranges))
        assert self.ranges == RangeSet((n, n) for n in sorted(self.model, reverse=True))


TestAgainstASet = AgainstASet.TestCase


@given(st.lists(spans), st.randoms())
def test_the_order_of_adding_does_not_matter(given: list[Range], random: object) -> None:
    shuffled = list(given)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    assert RangeSet(shuffled) == RangeSet(given)


@pytest.mark.parametrize("change", [RangeSet.add, RangeSet.remove])
def test_a_range_that_runs_downwards_is_refused_and_changes_nothing(change: object) -> None:
    ranges = RangeSet([(1, 10)])

    with pytest.raises(ValueError, match=r"runs upwards: got 5\.\.3"):
        change(ranges, 5, 3)  # type: ignore[operator]

    assert list(ranges) == [(1, 10)]


def test_an_empty_set_has_nothing_and_misses_everything() -> None:
    ranges = RangeSet()

    assert (ranges.upto(), ranges.last(), ranges.count(), len(ranges), list(ranges)) == (0, 0, 0, 0, [])
    assert ranges.missing(3, 7) == [(3, 7)]


def test_nothing_is_missing_from_a_stretch_without_numbers() -> None:
    assert RangeSet([(1, 3)]).missing(9, 4) == []


def test_a_stream_of_a_billion_numbers_costs_one_range() -> None:
    ranges = RangeSet([(1, 10**9)])
    ranges.add(10**9 + 1, 10**9 + 1)

    assert list(ranges) == [(1, 10**9 + 1)]
    assert ranges.count() == 10**9 + 1


def test_it_shows_its_ranges() -> None:
    assert repr(RangeSet([(1, 3), (7, 7)])) == "RangeSet([(1, 3), (7, 7)])"


def test_it_is_equal_to_no_list() -> None:
    assert RangeSet([(1, 3)]) != [(1, 3)]


def test_all_numbers_up_to_one_are_a_set_like_any_other() -> None:
    assert [list(RangeSet.just(last)) for last in (0, 1, 7)] == [[], [(1, 1)], [(1, 7)]]
    assert [RangeSet.just(7).is_just(last) for last in (0, 6, 7)] == [False, False, True]
    assert RangeSet().is_just(0)

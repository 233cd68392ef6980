"""Sets of record numbers, kept as ranges: what both ends know of a stream.

    RangeSet([(1, 40), (43, 43)])      numbers 1..40 and 43; both ends of a pair belong to it

A high-water mark is not enough: live records overtake the backlog, and some brokers deliver the unacknowledged after
the new. Cost is per range, not per number; a stream without holes is one range.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator

Range = tuple[int, int]


class RangeSet:
    """A set of integers as sorted, disjoint, non-touching closed ranges."""

    __slots__ = ("_ends", "_starts")

    def __init__(self, ranges: Iterable[Range] = ()) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for first, last in ranges:
            self.add(first, last)

    @staticmethod
    def just(last: int) -> "RangeSet":
        """The numbers 1..last, all of a stream without holes; none for 0."""
        ranges = RangeSet.__new__(RangeSet)
        ranges._starts, ranges._ends = ([1], [last]) if last > 0 else ([], [])
        return ranges

    def is_just(self, last: int) -> bool:
        """Whether these are the numbers 1..last."""
        return self._ends == [last] and self._starts == [1] if last > 0 else not self._ends

    def copy(self) -> "RangeSet":
        """The same set, to be changed without changing this one."""
        twin = RangeSet.__new__(RangeSet)
        twin._starts, twin._ends = self._starts.copy(), self._ends.copy()
        return twin

    def add(self, first: int, last: int) -> None:
        """Add first..last, both included."""
        if last < first:
            raise ValueError(f"a range runs upwards: got {first}..{last}")
        starts, ends = self._starts, self._ends
        if ends and first == ends[-1] + 1:  # the common case: the stream goes on
            ends[-1] = last
            return
        low = bisect_left(ends, first - 1)
        high = bisect_right(starts, last + 1)
        if low < high:
            first, last = min(first, starts[low]), max(last, ends[high - 1])
        starts[low:high] = [first]
        ends[low:high] = [last]

    def remove(self, first: int, last: int) -> None:
        """Take first..last out, both included, where they are in."""
        if last < first:
            raise ValueError(f"a range runs upwards: got {first}..{last}")
        starts, ends = self._starts, self._ends
        low = bisect_left(ends, first)
        high = bisect_right(starts, last)
        if low >= high:
            return
        below, above = (starts[low], first - 1), (last + 1, ends[high - 1])
        kept = [(a, b) for a, b in (below, above) if a <= b]
        starts[low:high] = [a for a, _ in kept]
        ends[low:high] = [b for _, b in kept]

    def missing(self, first: int, last: int) -> list[Range]:
        """The parts of first..last that are not in the set."""
        holes = []
        position = bisect_left(self._ends, first)
        at = first
        while position < len(self._starts) and self._starts[position] <= last:
            if at < self._starts[position]:
                holes.append((at, self._starts[position] - 1))
            at = max(at, self._ends[position] + 1)
            position += 1
        if at <= last:
            holes.append((at, last))
        return holes

    def first_missing(self, number: int) -> int:
        """The smallest number from this one on that is not in the set."""
        position = bisect_left(self._ends, number)
        is_in = position < len(self._starts) and self._starts[position] <= number
        return self._ends[position] + 1 if is_in else number

    def upto(self) -> int:
        """The largest n so that 1..n are all in; 0 when 1 is not."""
        return self._ends[0] if self._starts and self._starts[0] <= 1 else 0

    def last(self) -> int:
        """The largest number in the set; 0 when it is empty."""
        return self._ends[-1] if self._ends else 0

    def count(self) -> int:
        """How many numbers are in the set."""
        return sum(self._ends) - sum(self._starts) + len(self._starts)

    def __contains__(self, number: int) -> bool:
        position = bisect_left(self._ends, number)
        return position < len(self._starts) and self._starts[position] <= number

    def __iter__(self) -> Iterator[Range]:
        return iter(list(zip(self._starts, self._ends, strict=True)))

    def __len__(self) -> int:
        """How many ranges there are (not numbers: see `count`)."""
        return len(self._starts)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RangeSet):
            return NotImplemented
        return self._starts == other._starts and self._ends == other._ends

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"RangeSet({list(self)})"

"""What the spool holds in memory while the disk takes nothing: records, losses, and what is settled meanwhile. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from roundsman_agent.kept import Kept
from roundsman_agent.loss import FULL, Loss, belong_together, merged
from roundsman_wire.ranges import Range, RangeSet

HELD_BYTES: Final = 512 * 1024
"""What memory holds while the disk takes nothing."""


@dataclass(slots=True)
class Memory:
    """Records by number, the losses nobody has written down, the numbers that are settled and still on disk."""

    records: dict[int, Kept] = field(default_factory=dict)
    losses: list[Loss] = field(default_factory=list)
    owed: RangeSet = field(default_factory=RangeSet)
    size: int = 0

    def hold(self, n: int, kept: Kept, *, is_numbered: bool) -> None:
        """Keep a record; the oldest give way. `is_numbered`: their numbers are those of the stream on disk."""
        self.records[n] = kept
        self.size += len(kept.body)
        while self.size > HELD_BYTES and len(self.records) > 1:
            first = next(iter(self.records))
            out = self.drop(first)
            number = first if is_numbered else None
            self.lose(Loss(first=number, last=number, from_t=out.t, to_t=out.until, count=1, reason=FULL))

    def drop(self, n: int) -> Kept:
        """Take a record out."""
        kept = self.records.pop(n)
        self.size -= len(kept.body)
        return kept

    def lose(self, loss: Loss) -> None:
        """Remember a loss until the disk takes it; a kill before makes it part of the hole of an unclean stop."""
        for i, other in enumerate(self.losses):
            if belong_together(other, loss):
                self.losses[i] = merged(other, loss)
                return
        self.losses.append(loss)

    def settle(self, ranges: Iterable[Range]) -> None:
        """The collector has these."""
        for a, b in ranges:
            for n in [n for n in self.records if a <= n <= b]:
                self.drop(n)

    def owe(self, ranges: Iterable[Range]) -> None:
        """These are settled and still on disk."""
        for a, b in ranges:
            self.owed.add(a, b)

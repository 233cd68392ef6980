"""Which old samples may go before anything is lost: pure.

    sieve = Sieve(every_ms)
    sieve.see(row) -> Left | None       rows of the spool in the order of their numbers; now and then one is to go

    kept      .          .          .    x      .      every_ms at most between two that are kept
    left out    . . . .    . . . .            .          x a change: it is kept, and the sample before it

A sample that says nothing new (`keep` is false) may go if the samples of its device around it follow each other without
a break, and the one before it that is kept and the next one are no further apart than `every_ms`. So what is kept
speaks, widened to `every_ms`, for exactly the time for which all spoke: never over a stop, and never over a change.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS


class Step(NamedTuple):
    """Of samples older than `beyond_ms` one in `every_ms` is enough."""

    beyond_ms: int
    every_ms: int


LADDER: Final = (
    Step(7 * DAY_MS, HOUR_MS),
    Step(DAY_MS, 300_000),
    # Only where the cap does not hold a day at full rate: to know little of a month is better than nothing of it.
    Step(DAY_MS, HOUR_MS),
    Step(HOUR_MS, 300_000),
)
"""One after the other, each only while there is no room. What is younger than an hour is never thinned."""
SLACK_MS: Final = 5_000
"""Rounds are not on time to the millisecond."""


class Row(NamedTuple):
    """A record of the spool; `until` is when it ceases to speak, `place` how many bytes lie before it in the scan."""

    n: int
    t: int
    until: int
    device: str | None
    keep: int
    place: int


class Left(NamedTuple):
    """A sample to be left out, and the time between those around it that are kept."""

    n: int
    from_t: int
    to_t: int
    place: int
    kept_place: int


@dataclass(slots=True)
class _Line:
    """What is known of a device: the last sample kept, and the one after it that is not decided."""

    kept: Row
    waiting: Row | None = None
    thinned_to: int | None = None
    """To when the run of samples that follow each other was thinned."""


class Sieve:
    """One step of the ladder."""

    def __init__(self, every_ms: int) -> None:
        self.limit_ms = every_ms + SLACK_MS
        self.after = 0
        """The last number seen."""
        self.place = 0
        """How many bytes of rows were seen."""
        self.widened: dict[int, int] = {}
        """Until when samples that are kept speak now, by number; the caller writes it down and clears it."""
        self._lines: dict[str, _Line] = {}

    def see(self, row: Row) -> Left | None:
        """Look at the next record; returns the sample that is to go now that this one is known."""
        self.after = row.n
        if row.device is None:
            return None
        line = self._lines.get(row.device)
        if line is None:
            self._lines[row.device] = _Line(row)
            return None
        before = line.waiting or line.kept
        follows = before.t < row.t <= before.until
        left = None
        if line.waiting is not None:
            if follows and not row.keep and row.t - line.kept.t <= self.limit_ms:
                since = line.kept.t if line.thinned_to is None else min(line.kept.t, line.thinned_to)
                left = Left(before.n, since, row.t, before.place, line.kept.place)
                line.thinned_to = row.t
                line.kept = line.kept._replace(until=max(line.kept.until, row.t))
                self.widened[line.kept.n] = line.kept.until
            else:
                line.kept = before
            line.waiting = None
        if not follows:
            line.thinned_to = None
        if row.keep or not follows:
            line.kept = row
        else:
            line.waiting = row
        return left

    def speaks_since(self, t: int) -> int:
        """When the oldest of the samples that are kept and speak at `t` was taken; `t` if there is none."""
        return min((line.kept.t for line in self._lines.values() if line.kept.t <= t <= line.kept.until), default=t)

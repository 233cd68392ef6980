"""Availability: what share of the time that counts a thing was up, and how much of that time anybody knows.

    base(window=(a, b), now_ms=now, ...) -> Intervals        the time that counts
    Figure(up_ms=..., down_ms=..., ...)                      what became of it; core/reckoning.py makes figures
    pool(figures) -> Figure                                  many as one

Every instant of the base is exactly one of four things (law 4), so that always up + down + unknown + excluded = base:

    base      = window ∩ before now ∩ in service ∩ service hours
    excluded  = what a person took out of the reckoning (maintenance, force majeure), inside the base
    otherwise   the last correction that covers the instant; else the ledger: down, up; unknown where it says no more

*Outages* are the down time that is left in the base: what touches is one outage; whatever cuts it (an excluded stretch,
closed hours, a correction, unknown time) makes two of it, and each is inside the base as counted. A reader who asks
"which outages, and how long" can so add them up to `down_ms`. Outages that run over a window's edge are counted in both
windows, which is why a month is the sum of its days in time but not in outages.

*Unknown* is never counted as up or down here. What a contract wants it taken for comes afterwards, in fields of its own
(core/reckoning.py: Owed); the figure stays as it is.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from roundsman_collector.core.intervals import Intervals, Pair, intersect, normal

State = Literal["up", "down", "unknown"]
UnknownAs = Literal["exclude", "down", "up"]

STATES: tuple[State, ...] = ("up", "down", "unknown")
UNKNOWN_AS: tuple[UnknownAs, ...] = ("exclude", "down", "up")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """Up, down, unknown and excluded milliseconds over a base, with the outages (law 4)."""

    up_ms: int
    down_ms: int
    unknown_ms: int
    excluded_ms: int
    base_ms: int
    outages: int
    longest_ms: int

    def __post_init__(self) -> None:
        if self.up_ms + self.down_ms + self.unknown_ms + self.excluded_ms != self.base_ms:
            raise ValueError(f"up + down + unknown + excluded must be the base, to the millisecond: {self}")

    @property
    def measured_ms(self) -> int:
        """The time that was to be measured: the base without what is excluded."""
        return self.base_ms - self.excluded_ms

    @property
    def availability(self) -> Fraction | None:
        """up / (up + down), from 0 to 1; None when nothing is known: never seen is not 100 %, and not 0 %."""
        return _share(self.up_ms, self.up_ms + self.down_ms)

    @property
    def coverage(self) -> Fraction | None:
        """The share of the measured time that is not unknown; None when there was nothing to measure."""
        return _share(self.up_ms + self.down_ms, self.measured_ms)

    @property
    def bounds(self) -> tuple[Fraction, Fraction] | None:
        """The lowest and the highest availability that the unknown time allows: all of it down, all of it up."""
        if not self.measured_ms:
            return None
        return Fraction(self.up_ms, self.measured_ms), Fraction(self.up_ms + self.unknown_ms, self.measured_ms)


def base(
    *, window: Pair, now_ms: int, in_service: Intervals | None = None, service_hours: Intervals | None = None
) -> Intervals:
    """The time that counts: the window's past, in service, in service hours (None: always). Sets must be normal."""
    begin, end = window
    if end < begin:
        raise ValueError(f"window [{begin}, {end}) ends before it begins; write the earlier time first")
    counted: Intervals = normal([(begin, max(begin, min(end, now_ms)))])
    for limit in (in_service, service_hours):
        if limit is not None:
            counted = intersect(counted, limit)
    return counted


def pool(figures: Iterable[Figure]) -> Figure:
    """Many figures as one: times and outages added, the longest outage of all.

    The availability of the pool is the sum of up over the sum of up and down: a device that was measured for an hour
    weighs an hour. It is not the mean of the devices' percentages.
    """
    listed = list(figures)
    return Figure(
        up_ms=sum(each.up_ms for each in listed),
        down_ms=sum(each.down_ms for each in listed),
        unknown_ms=sum(each.unknown_ms for each in listed),
        excluded_ms=sum(each.excluded_ms for each in listed),
        base_ms=sum(each.base_ms for each in listed),
        outages=sum(each.outages for each in listed),
        longest_ms=max((each.longest_ms for each in listed), default=0),
    )


def percent(share: Fraction, decimals: int = 4) -> Decimal:
    """A share as percent, rounded half up: 1/3 -> 33.3333."""
    return half_up(100 * share, decimals)


def half_up(value: Fraction, decimals: int) -> Decimal:
    """A number rounded half up to so many decimals; exact, no binary fraction comes near it."""
    scaled = 10**decimals * value
    return Decimal((2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)).scaleb(-decimals)


def percent_text(share: Fraction | None, decimals: int = 2, nothing: str = "–") -> str:
    """A share as people read it, without the sign: "99.95"; `nothing` for None.

    Rounded half up, but never to a lie: "100.00" only when it is all, "0.00" only when it is none.
    """
    if share is None:
        return nothing
    smallest = Decimal(1).scaleb(-decimals)
    shown = percent(share, decimals)
    if share < 1:
        shown = min(shown, 100 - smallest)
    if share > 0:
        shown = max(shown, smallest)
    return str(shown)


def _share(part: int, whole: int) -> Fraction | None:
    return Fraction(part, whole) if whole else None

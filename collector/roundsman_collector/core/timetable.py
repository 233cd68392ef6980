"""Working time under calendars that change: which instants count, when a target is due, how much has been worked. Pure.

    Timetable([(from_ms, calendar), ...])           versions of a calendar, each until the next; the first held always
    timetable.working(from_ms, to_ms) -> Intervals  the working time in between
    due(hours, start_ms, minutes, pauses)           the instant by which the minutes have been worked
    dues(hours, start_ms, targets_ms, pauses)       the same for several targets, ascending; None where there is none
    elapsed(hours, start_ms, end_ms, pauses)        working milliseconds between two instants
    close_of_day(hours, start_ms, 3)                when the third working day after that day closes

`hours` is a timetable, or one calendar for ever.

    versions         |---- 09:00-18:00 ----|---- 09:00-17:30, closed on the 8th ------------->
                                           from_ms: when the change was made

An instant is working time by the version that was in force at that instant. So whoever edits a calendar changes what is
ahead, and never what was.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from zoneinfo import ZoneInfo

from roundsman_collector.core.calendar import (
    DAY_MINUTES,
    EPOCH,
    MILLISECOND,
    MINUTE_MS,
    SEARCH_DAYS,
    Calendar,
    CalendarError,
    NoWorkingTime,
    instant,
    zone,
)
from roundsman_collector.core.intervals import Intervals, Pair, intersect, normal, subtract, total

ALL_DAY = ((0, DAY_MINUTES),)
BEFORE_ALL = -(2**62)
LAST_MS = (datetime(9999, 12, 1, tzinfo=UTC) - EPOCH) // MILLISECOND  # behind it there is no date to speak of
LONGEST_SEARCH_MS = SEARCH_DAYS * 86_400_000


class Timetable:
    """Versions of a calendar. Values of the same versions answer the same; what a day has is worked out once."""

    __slots__ = ("_parts", "_starts", "is_always")

    def __init__(self, versions: Iterable[tuple[int, Calendar]]) -> None:
        """The versions in the order of their times; CalendarError if there is none, or two of one time."""
        told = sorted(versions, key=lambda version: version[0])
        if not told:
            raise CalendarError("a timetable without a calendar: expected at least one version")
        if any(first[0] == second[0] for first, second in pairwise(told)):
            raise CalendarError(
                "a timetable with two calendars from the same instant on: nobody could say which counts"
            )
        self._parts = tuple(_Part(calendar) for _, calendar in told)
        self._starts = (BEFORE_ALL, *(from_ms for from_ms, _ in told[1:]))
        self.is_always = all(part.is_always for part in self._parts)

    def working(self, from_ms: int, to_ms: int) -> Intervals:
        """The working time in ``[from_ms, to_ms)``."""
        if self.is_always:
            return ((from_ms, to_ms),) if from_ms < to_ms else ()
        pieces = [part.working(begin, end) for part, begin, end in self._over(from_ms, to_ms)]
        return pieces[0] if len(pieces) == 1 else normal(pair for piece in pieces for pair in piece)

    def ahead(self, start_ms: int) -> Iterator[Pair]:
        """The working time from an instant on, ascending, ten years of it."""
        for part, begin, end in self._over(start_ms, min(start_ms + LONGEST_SEARCH_MS, LAST_MS)):
            yield from part.ahead(begin, end)

    def days_after(self, at_ms: int) -> Iterator[Intervals]:
        """The working time of each local day after the one of an instant, by the version in force as it begins."""
        part = self._part_at(at_ms)
        day = part.date_of(at_ms)
        for _ in range(SEARCH_DAYS):
            day += timedelta(days=1)
            yield self._part_at(part.midnight(day)).day(day)

    def _part_at(self, at_ms: int) -> "_Part":
        return self._parts[bisect_right(self._starts, at_ms) - 1]

    def _over(self, from_ms: int, to_ms: int) -> Iterator[tuple["_Part", int, int]]:
        if to_ms <= from_ms:
            return
        first = bisect_right(self._starts, from_ms) - 1
        for at in range(first, len(self._parts)):
            begin = max(from_ms, self._starts[at])
            end = min(to_ms, self._starts[at + 1]) if at + 1 < len(self._parts) else to_ms
            if begin >= to_ms:
                return
            yield self._parts[at], begin, end


class _Part:
    """A calendar, and the days of it that were looked at."""

    __slots__ = ("_calendar", "_days", "_zone", "is_always")

    def __init__(self, calendar: Calendar) -> None:
        self._calendar = calendar
        self._zone: ZoneInfo = zone(calendar.tz)
        self._days: dict[date, Intervals] = {}
        self.is_always = _is_always(calendar)

    def working(self, from_ms: int, to_ms: int) -> Intervals:
        window = ((from_ms, to_ms),)
        if self.is_always:
            return window
        first = self.date_of(from_ms)
        # A day before: its night may last until today. A day after: a clock set back over midnight shows yesterday's
        # date again, in what is today's time already.
        count = (self.date_of(to_ms) - first).days + 2
        days = (self.day(first + timedelta(days=offset)) for offset in range(-1, count))
        return intersect(normal(pair for day in days for pair in day), window)

    def ahead(self, from_ms: int, to_ms: int) -> Iterator[Pair]:
        if self.is_always:
            yield from_ms, to_ms
            return
        first = self.date_of(from_ms)
        reached = from_ms
        for offset in range(-1, (self.date_of(to_ms) - first).days + 2):
            # What the night before covers already begins where it ends.
            today = self.day(first + timedelta(days=offset))
            for begin, end in today:
                if reached < end and begin < to_ms:
                    yield max(begin, reached), min(end, to_ms)
            if today:
                reached = max(reached, today[-1][1])

    def day(self, day: date) -> Intervals:
        """The working time that begins on a local day."""
        found = self._days.get(day)
        if found is None:
            ranges = self._calendar.hours_on(day)
            found = normal((instant(day, begin, self._zone), instant(day, end, self._zone)) for begin, end in ranges)
            self._days[day] = found
        return found

    def date_of(self, at_ms: int) -> date:
        return (EPOCH + at_ms * MILLISECOND).astimezone(self._zone).date()

    def midnight(self, day: date) -> int:
        return instant(day, 0, self._zone)


Times = Timetable | Calendar


def due(hours: Times, start_ms: int, minutes: int | Fraction, pauses: Iterable[Pair] = ()) -> int:
    """The earliest instant by which `minutes` of working time have passed since `start_ms`, pauses not counted.

    It may be the instant of closing: an hour that begins at 17:00 is due at 18:00 sharp, not the next morning; and a
    target of nothing is due at once. Raises :class:`NoWorkingTime` when ten years do not suffice.
    """
    if minutes < 0:
        raise CalendarError(f"target of {minutes} minutes: expected 0 or more")
    (found,) = dues(hours, start_ms, [math.ceil(minutes * MINUTE_MS)], pauses)
    if found is None:
        raise NoWorkingTime(
            f"{minutes} minutes of working time are not to be found within ten years of "
            f"{EPOCH + start_ms * MILLISECOND:%Y-%m-%d}; give the calendar hours, end the pauses or lower the target"
        )
    return found


def dues(hours: Times, start_ms: int, targets_ms: Sequence[int], pauses: Iterable[Pair] = ()) -> tuple[int | None, ...]:
    """By when each of these targets, in ascending order, has been worked; None: not within ten years."""
    found: list[int | None] = []
    paused = normal(pauses)
    times = timetable_of(hours)
    if times.is_always and not paused:
        return tuple(start_ms + max(0, target_ms) for target_ms in targets_ms)
    worked = 0
    wanted = iter(targets_ms)
    target = next(wanted, None)
    while target is not None and target <= 0:
        found.append(start_ms)
        target = next(wanted, None)
    if target is not None:
        for pair in times.ahead(start_ms):
            for begin, end in subtract((pair,), paused):
                while target is not None and target - worked <= end - begin:
                    found.append(begin + target - worked)
                    target = next(wanted, None)
                worked += end - begin
            if target is None:
                break
    return (*found, *(None for _ in range(len(targets_ms) - len(found))))


def elapsed(hours: Times, start_ms: int, end_ms: int, pauses: Iterable[Pair] = ()) -> int:
    """The working milliseconds from `start_ms` to `end_ms` outside the pauses; 0 when the end is not after the start.

    The pauses may overlap.
    """
    if end_ms <= start_ms:
        return 0
    return total(subtract(timetable_of(hours).working(start_ms, end_ms), normal(pauses)))


def close_of_day(hours: Times, start_ms: int, days: int) -> int | None:
    """When the n-th working day after the local day of an instant closes; None: not within ten years.

    The day of the instant is not counted, however early it was (as 民法典 第二百零一条 and 第二百零三条 count days).
    """
    if days < 1:
        raise CalendarError(f"target of {days} working days: expected 1 or more")
    for day in timetable_of(hours).days_after(start_ms):
        if day:
            days -= 1
            if days == 0:
                return day[-1][1]
    return None


def timetable_of(hours: Times) -> Timetable:
    """A timetable; of a calendar, the one that always has it."""
    return hours if isinstance(hours, Timetable) else Timetable([(0, hours)])


def _is_always(calendar: Calendar) -> bool:
    """Whether every instant is working time."""
    week = all(normal(calendar.hours.get(weekday, ())) == ALL_DAY for weekday in range(1, 8))
    free = calendar.holidays - calendar.shifts.keys()
    return week and not free and all(normal(hours) == ALL_DAY for hours in calendar.shifts.values())

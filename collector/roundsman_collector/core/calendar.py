"""Working time: which instants a calendar counts. When a target is due is asked of core/timetable.py.

    working_intervals(calendar, from_ms, to_ms) -> Intervals

A day's hours, the first that applies:

    1. shifts[day]      its hours replace the day's: an adjusted working day (调休), a short day; () is a day off
    2. holidays         no hours
    3. hours[weekday]   the week's, by ISO weekday (1 = Monday); a weekday that is not named has none

Hours are wall times of the calendar's zone, in minutes from midnight; 24:00 is the next day's 00:00. A wall time stands
for the first instant at which the clock has reached it:

    shown twice (autumn)    the first of the two
    never shown (spring)    the instant of the jump; hours that lie wholly inside the jump are empty

So ranges that touch on the wall touch in time too, and a 24 x 7 calendar has spring days of 23 hours and autumn days
of 25. Hours that end at or before the time they begin run over midnight, 22:00-06:00, and belong to the day they begin
on, whose holiday or shift decides over all of them; where they overlap the next day's hours, time counts once.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from roundsman_collector.core.intervals import Intervals, Pair, intersect, normal

DAY_MINUTES = 24 * 60
MINUTE_MS = 60_000
SEARCH_DAYS = 3653  # ten years: who asks for more has a calendar or a target that is a mistake

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
CLOCK_TIME = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::00)?")

Hours = tuple[Pair, ...]


class CalendarError(ValueError):
    """The calendar cannot be used as it is written."""


class NoWorkingTime(CalendarError):
    """The calendar does not hold the working time asked for within ten years."""


@dataclass(frozen=True, kw_only=True)
class Calendar:
    """The hours that count: by ISO weekday, without holidays, with shifts that replace a day's hours.

    tz        IANA name, "Asia/Shanghai"
    hours     weekday 1..7 -> ranges of minutes from local midnight: {1: ((540, 720), (840, 1080))}; a range that runs
              over the next midnight ends beyond 1440: 22:00-06:00 is (1320, 1800)
    holidays  local dates without hours
    shifts    local date -> that day's hours, also when it is a holiday
    """

    tz: str
    hours: Mapping[int, Hours]
    holidays: frozenset[date] = frozenset()
    shifts: Mapping[date, Hours] = field(default_factory=dict)

    def __post_init__(self) -> None:
        zone(self.tz)
        for weekday, ranges in self.hours.items():
            if weekday not in range(1, 8):
                raise CalendarError(f"hours: weekday {weekday!r} is unknown; expected 1 (Monday) to 7 (Sunday)")
            _check(f"hours of weekday {weekday}", ranges)
        for day, ranges in self.shifts.items():
            _check(f"shift of {day}", ranges)

    def hours_on(self, day: date) -> Hours:
        """The wall-time ranges that begin on a local day; () when it is free."""
        if day in self.shifts:
            return self.shifts[day]
        if day in self.holidays:
            return ()
        return self.hours.get(day.isoweekday(), ())


def working_intervals(calendar: Calendar, from_ms: int, to_ms: int) -> Intervals:
    """The working time inside ``[from_ms, to_ms)``, UTC milliseconds."""
    if to_ms <= from_ms:
        return ()
    local = zone(calendar.tz)
    first = _local_date(from_ms, local)
    # A day before: its night may last until today. A day after: a clock set back over midnight shows yesterday's date
    # again, in what is today's time already.
    days = (_local_date(to_ms, local) - first).days + 2
    pairs = (pair for offset in range(-1, days) for pair in _day(calendar, first + timedelta(days=offset), local))
    return intersect(normal(pairs), ((from_ms, to_ms),))


def zone(tz: str) -> ZoneInfo:
    """The time zone of that IANA name."""
    try:
        return ZoneInfo(tz)
    except (OSError, ValueError, LookupError) as error:
        raise CalendarError(f"tz: there is no time zone {tz!r}; expected an IANA name such as Asia/Shanghai") from error


def instant(day: date, minute: int, local: ZoneInfo) -> int:
    """The first instant, UTC milliseconds, at which the zone's clock has reached a wall time (1440: next midnight)."""
    wall = datetime(day.year, day.month, day.day, tzinfo=local) + timedelta(minutes=minute)
    moment = wall.astimezone(UTC)
    if moment.astimezone(local) != wall:  # of one zone, so compared as they read: this wall time is never shown
        moment = _jump(wall, local)
    return (moment - EPOCH) // MILLISECOND


def calendar_from(document: Mapping[str, object]) -> Calendar:
    """A calendar as it is written in YAML or JSON; errors name the key.

    tz        "Asia/Shanghai"
    hours     {"1": [["09:00", "12:00"], ["14:00", "24:00"]], "6": [["22:00", "06:00"]]}
    holidays  ["2026-02-17"]
    shifts    {"2026-02-14": [["09:00", "18:00"]]}, or only dates, ["2026-02-14"], which then have the hours of the
              first weekday that has any
    """
    for key in document:
        if key not in ("tz", "hours", "holidays", "shifts"):
            raise CalendarError(f"{key}: unknown key; expected tz, hours, holidays, shifts")
    tz = document.get("tz")
    if not isinstance(tz, str):
        raise CalendarError(f"tz: expected an IANA name such as Asia/Shanghai, not {tz!r}")
    hours = {
        _weekday(weekday): _hours(ranges, f"hours.{weekday}")
        for weekday, ranges in _mapping(document.get("hours", {}), "hours").items()
    }
    holidays = frozenset(_date(text, "holidays") for text in _list(document.get("holidays", []), "holidays"))
    return Calendar(tz=tz, hours=hours, holidays=holidays, shifts=_shifts(document.get("shifts", {}), hours))


def _day(calendar: Calendar, day: date, local: ZoneInfo) -> Intervals:
    return normal((instant(day, begin, local), instant(day, end, local)) for begin, end in calendar.hours_on(day))


def _local_date(at_ms: int, local: ZoneInfo) -> date:
    return (EPOCH + at_ms * MILLISECOND).astimezone(local).date()


def _jump(wall: datetime, local: ZoneInfo) -> datetime:
    """The instant at which the clock leaps over `wall`.

    Read with the offset after the leap, such a wall time lies before it; read with the offset before, at it or behind.
    Between the two we halve until the second at which the offset changes is left.
    """
    before = wall.replace(fold=1).astimezone(UTC)
    behind = wall.astimezone(UTC)
    old = before.astimezone(local).utcoffset()
    while behind - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(behind - before) // timedelta(seconds=2))
        if middle.astimezone(local).utcoffset() == old:
            before = middle
        else:
            behind = middle
    return behind


def _check(where: str, ranges: Hours) -> None:
    for begin, end in ranges:
        if not 0 <= begin < DAY_MINUTES or not begin < end <= begin + DAY_MINUTES:
            raise CalendarError(
                f"{where}: {_clock(begin)}-{_clock(end)} is no range of hours; expected two times from 00:00 to 24:00 "
                "(09:00-18:00; 22:00-06:00 runs over midnight; 00:00-24:00 is all day)"
            )


def _clock(minute: int) -> str:
    """A minute of the day as people write it; beyond 24:00, of the next day."""
    if minute > DAY_MINUTES:
        minute -= DAY_MINUTES
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _shifts(written: object, hours: Mapping[int, Hours]) -> dict[date, Hours]:
    if isinstance(written, Mapping):
        return {_date(day, "shifts"): _hours(ranges, f"shifts.{day}") for day, ranges in written.items()}
    days = [_date(text, "shifts") for text in _list(written, "shifts")]
    usual = next((hours[weekday] for weekday in sorted(hours) if hours[weekday]), ())
    if days and not usual:
        raise CalendarError("shifts: dates without hours take them from the week, but no weekday has any; write hours")
    return dict.fromkeys(days, usual)


def _hours(ranges: object, key: str) -> Hours:
    return tuple(_range(pair, key) for pair in _list(ranges, key))


def _range(pair: object, key: str) -> Pair:
    ends = _list(pair, key)
    if len(ends) != 2:
        raise CalendarError(f'{key}: expected ["from", "to"] such as ["09:00", "18:00"], not {pair!r}')
    begin, end = _minute(ends[0], key), _minute(ends[1], key)
    return begin, end + DAY_MINUTES if end < begin else end


def _minute(text: object, key: str) -> int:
    match = CLOCK_TIME.fullmatch(text) if isinstance(text, str) else None
    if match is None or int(match[2]) > 59 or int(match[1]) * 60 + int(match[2]) > DAY_MINUTES:
        raise CalendarError(f'{key}: expected a time of day from "00:00" to "24:00", not {text!r}')
    return int(match[1]) * 60 + int(match[2])


def _weekday(text: object) -> int:
    if str(text) not in ("1", "2", "3", "4", "5", "6", "7"):
        raise CalendarError(f"hours: weekday {text!r} is unknown; expected 1 (Monday) to 7 (Sunday)")
    return int(str(text))


def _date(text: object, key: str) -> date:
    if isinstance(text, date) and not isinstance(text, datetime):  # YAML reads a bare date as one
        return text
    try:
        return date.fromisoformat(text if isinstance(text, str) else "")
    except ValueError:
        raise CalendarError(f"{key}: expected a date such as 2026-02-14, not {text!r}") from None


def _mapping(value: object, key: str) -> Mapping[object, object]:
    if not isinstance(value, Mapping):
        raise CalendarError(f"{key}: expected a mapping, not {value!r}")
    return value


def _list(value: object, key: str) -> list[object]:
    if not isinstance(value, list | tuple):
        raise CalendarError(f"{key}: expected a list, not {value!r}")
    return list(value)

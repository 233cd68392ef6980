"""When a way is told: at once, not in its quiet hours, once a day, or only of what nobody answers. Pure.

quiet           hours in which nothing is told: 22:00-07:00 (as core/hours.py reads them, in `time_zone`); what waits
                is told when they end. `urgent_passes`: what is urgent is told all the same
daily           HH:MM: what happened is told once a day at that time, in one digest; a day without news tells nothing
after_minutes   a ticket that opens, comes back, is late or given to somebody is told only if nobody has answered by
                then; of the rest only what concerns a ticket that was told
repeat_minutes  it is told again until somebody answers, at most REPEATS times
backup_minutes  of somebody's own way: on backup duty they are told what has to be answered if nobody has by then

quiet_until(timing, now)    when the quiet ends; None: it is not quiet
daily_before(timing, now)   the last time at which it was told by the day; daily_after: the next
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from roundsman_collector.core import hours
from roundsman_collector.core.calendar import Calendar, CalendarError, instant, working_intervals, zone
from roundsman_collector.store.errors import StoreError, conflict

ZONE = "Asia/Shanghai"
REPEATS = 5
LONGEST_MINUTES = 12 * 60
LEAST_REPEAT_MINUTES = 5
BACKUP_MINUTES = 15
WEEK_MS = 8 * 86_400_000
"""A week and a night that begins in it."""
EVERY_DAY = "1-7 "
CLOCK_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
A_MONDAY_MS = 345_600_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """See the module; all of it empty: at once, whenever it is. `quiet` is kept as core/hours.py keeps hours."""

    time_zone: str = ZONE
    quiet: str = ""
    urgent_passes: bool = False
    daily: str = ""
    after_minutes: int = 0
    repeat_minutes: int = 0
    backup_minutes: int = BACKUP_MINUTES

    @property
    def quiet_hours(self) -> str:
        """The quiet hours as short as people write them."""
        return hours.short(self.quiet).removeprefix(EVERY_DAY) if self.quiet else ""

    @property
    def escalates(self) -> bool:
        """Whether it matters that somebody answers."""
        return bool(self.after_minutes or self.repeat_minutes)


def timing_of(said: Mapping[str, Any]) -> Timing:
    """A timing from its JSON; StoreError says what is wrong with it."""
    unknown = set(said) - {field.name for field in fields(Timing)}
    if unknown:
        raise _wrong(f"field {min(unknown)}", "one of " + ", ".join(field.name for field in fields(Timing)))
    made = Timing(**{**said, "quiet": _kept(str(said.get("quiet", "")), str(said.get("time_zone", ZONE)))})
    if made.daily and not CLOCK_TIME.fullmatch(made.daily):
        raise _wrong("time of the day", "HH:MM, such as 08:30")
    if not 0 <= made.after_minutes <= LONGEST_MINUTES:
        raise _wrong("after_minutes", f"0 to {LONGEST_MINUTES}")
    if not 0 <= made.backup_minutes <= LONGEST_MINUTES:
        raise _wrong("backup_minutes", f"0 to {LONGEST_MINUTES}")
    if made.repeat_minutes and not LEAST_REPEAT_MINUTES <= made.repeat_minutes <= LONGEST_MINUTES:
        raise _wrong("repeat_minutes", f"0, or {LEAST_REPEAT_MINUTES} to {LONGEST_MINUTES}")
    if made.daily and (made.quiet or made.escalates):
        raise _wrong("time of the day", "no quiet hours and nothing to be told again beside it: it is told once a day")
    return made


def _kept(quiet: str, time_zone: str) -> str:
    """Quiet hours as they are kept. Around the clock they would be a way that is never told."""
    try:
        zone(time_zone)
        if not quiet.strip():
            return ""
        kept = hours.kept(quiet)
        calendar = hours.calendar_of(kept, time_zone)
    except CalendarError as error:
        raise _wrong("quiet hours", f"hours such as 22:00-07:00; {error}") from error
    if working_intervals(calendar, A_MONDAY_MS, A_MONDAY_MS + WEEK_MS) == ((A_MONDAY_MS, A_MONDAY_MS + WEEK_MS),):
        raise _wrong("quiet hours", "an hour in which something may be told; a way for nobody is switched off")
    return kept


def _wrong(what: str, expected: str) -> StoreError:
    return conflict(f"the {what} of when it is told cannot be used", "way", f"expected {expected}")


def quiet_until(timing: Timing, now_ms: int) -> int | None:
    """When the quiet hours end that it is now; None: it is not quiet."""
    if not timing.quiet:
        return None
    found = working_intervals(_calendar(timing.quiet, timing.time_zone), now_ms, now_ms + WEEK_MS)
    return found[0][1] if found and found[0][0] == now_ms else None


@lru_cache(maxsize=256)
def _calendar(quiet: str, time_zone: str) -> Calendar:
    return hours.calendar_of(quiet, time_zone)


def daily_before(timing: Timing, now_ms: int) -> int:
    """The last time at which it was time to tell what happened: at or before now."""
    return max(one for one in _edges(timing, now_ms) if one <= now_ms)


def daily_after(timing: Timing, now_ms: int) -> int:
    """The next time at which it is time to tell what happened: after now."""
    return min(one for one in _edges(timing, now_ms) if one > now_ms)


def _edges(timing: Timing, now_ms: int) -> list[int]:
    """The times of the day around a moment, as the clocks of the zone show them."""
    local = zone(timing.time_zone)
    today = (EPOCH + timedelta(milliseconds=now_ms)).astimezone(local).date()
    hour, _, minute = timing.daily.partition(":")
    return [instant(today + timedelta(days=n), 60 * int(hour) + int(minute), local) for n in (-2, -1, 0, 1, 2)]

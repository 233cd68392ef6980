"""The duty rota (值班): who is on duty when, and how a weekly pattern fills a run of days. Pure.

    on_duty(shifts, at_ms)                             who is on duty at an instant, the primary one first
    filled(pattern, days, first, last, zone)           the turns that a weekly pattern makes of days
    laid_out(turns, held, first_ms, last_ms, now_ms)   what has to be added, taken back and left out for that

A shift is one person's in [from_ms, to_ms) and is never rewritten: who takes it back writes when (`void_ms`), and from
then on it counts no more. A swap takes two shifts back and makes two new ones, so that the rota of any day of the past
can be told as it was lived.

                made            void_ms (swapped, removed)
    ............|===============|................  counts
                from_ms                    to_ms

A day off (倒休) is kept beside the duties: somebody who is off is on no duty and is sent nowhere.

A pattern has lines: on which days, from when to when, which kind, whose turn. Of a day, the calendar is asked first:

    holiday             the lines of HOLIDAY, if the pattern has any (节假日值班); else those of Sunday
    worked (调休)       the lines of the weekday that it stands for; a day with hours of its own is like a Monday
    anything else       the lines of its weekday

Turns of a line go round its people, a day or a week each, counted from the day on which the pattern begins: so the next
month goes on where this one ends.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal, NamedTuple, get_args
from zoneinfo import ZoneInfo

from roundsman_collector.core.calendar import DAY_MINUTES, instant
from roundsman_collector.core.days import NONE, SUNDAY, Day
from roundsman_collector.core.hours import DAYS, HOLIDAYS, SPANS

ShiftKind = Literal["primary", "backup", "off"]
Origin = Literal["person", "pattern", "swap"]
Turns = Literal["day", "week"]
SwapState = Literal["asked", "agreed", "refused", "withdrawn", "set"]
Why = Literal["off", "busy", "taken"]

SHIFT_KINDS: Mapping[ShiftKind, tuple[str, str]] = {
    "primary": ("主班", "primary"),
    "backup": ("备班", "backup"),
    "off": ("倒休", "day off"),
}
SWAP_STATES: Mapping[SwapState, tuple[str, str]] = {
    "asked": ("待对方同意", "asked"),
    "agreed": ("已同意", "agreed"),
    "refused": ("已拒绝", "refused"),
    "withdrawn": ("已撤回", "withdrawn"),
    "set": ("调度指定", "set by a dispatcher"),
}
WHYS: Mapping[Why, tuple[str, str]] = {
    "off": ("当时倒休", "is off then"),
    "busy": ("当时另有值班", "has another duty then"),
    "taken": ("该时段已另行安排", "somebody was entered by hand then"),
}
ORDER: tuple[ShiftKind, ...] = get_args(ShiftKind)
HOLIDAY = 8
"""Stands behind the weekdays 1 to 7 in the days of a line."""
MONDAY = 1
LINES_LIMIT = 10
PEOPLE_LIMIT = 50
LONGEST_FILL_DAYS = 366
LONGEST_COUNT_DAYS = 3660
"""A pattern that began earlier is to be begun anew: its turns are counted day by day."""
LONGEST_SHIFT_MS = 31 * 86_400_000

_TIMES = re.compile(r"([0-9]{1,2}):([0-9]{2})\s*-\s*([0-9]{1,2}):([0-9]{2})")
_PLAIN = str.maketrans(
    {"\N{FULLWIDTH COLON}": ":", "\N{EN DASH}": "-", "\N{EM DASH}": "-", "~": "-", "至": "-", "到": "-"}
)
_WEEKDAY = re.compile(r"weekday:([1-7])")


class DutyError(ValueError):
    """A pattern that cannot be used. `field` is what is wrong with it."""

    def __init__(self, field: str, what: str, expected: str) -> None:
        super().__init__(f"{field}: {what}; expected {expected}")
        self.field = field
        self.what = what
        self.expected = expected


@dataclass(frozen=True, kw_only=True, slots=True)
class Shift:
    """One person's duty, or day off, in [from_ms, to_ms). `point` empty: of the whole group."""

    id: int
    group: str
    point: str
    person: str
    kind: ShiftKind
    from_ms: int
    to_ms: int
    note: str = ""
    origin: Origin = "person"
    made_ms: int = 0
    made_by: str = ""
    swap: int | None = None
    """The swap that made it."""
    void_ms: int | None = None
    void_by: str = ""

    @property
    def until_ms(self) -> int:
        """Up to when it counted, or will count."""
        return self.to_ms if self.void_ms is None else max(self.from_ms, min(self.to_ms, self.void_ms))

    @property
    def counts(self) -> bool:
        """Whether it ever counted, or will: one that was taken back before it began did not."""
        return self.until_ms > self.from_ms

    def holds_at(self, at_ms: int) -> bool:
        """Whether it counts at an instant."""
        return self.from_ms <= at_ms < self.until_ms

    def meets(self, from_ms: int, to_ms: int) -> bool:
        """Whether it counts at some instant of [from_ms, to_ms)."""
        return self.counts and self.from_ms < to_ms and self.until_ms > from_ms


def on_duty(shifts: Iterable[Shift], at_ms: int) -> tuple[Shift, ...]:
    """The duties that count at an instant, the primary ones first; of nobody who is off then."""
    held = [one for one in shifts if one.holds_at(at_ms)]
    off = {one.person for one in held if one.kind == "off"}
    mine = [one for one in held if one.kind != "off" and one.person not in off]
    return tuple(sorted(mine, key=lambda one: (ORDER.index(one.kind), one.from_ms, one.person, one.id)))


def clash(
    held: Iterable[Shift], *, group: str, point: str, person: str, kind: ShiftKind, from_ms: int, to_ms: int
) -> Shift | None:
    """What somebody has already that such a shift cannot stand beside; None: nothing.

    A day off and a duty of one person never meet, wherever; nor do two duties in the same rota.
    """
    for one in sorted(held, key=lambda one: (one.from_ms, one.id)):
        if one.person != person or not one.meets(from_ms, to_ms):
            continue
        if "off" in (one.kind, kind) or (one.group, one.point) == (group, point):
            return one
    return None


# --- patterns --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """On these days (1 Monday … 7 Sunday, 8 HOLIDAY), from minute to minute, one of the people by turns."""

    days: frozenset[int]
    begin: int
    end: int
    kind: ShiftKind
    people: tuple[str, ...]
    turns: Turns = "day"


@dataclass(frozen=True, kw_only=True, slots=True)
class Pattern:
    """How the weeks of a rota look. Turns are counted from `from_day`; `calendar` says which days are holidays."""

    from_day: date
    calendar: str
    lines: tuple[Line, ...]


class Turn(NamedTuple):
    """A duty that a pattern makes: of a day, whose, and when."""

    day: date
    person: str
    kind: ShiftKind
    from_ms: int
    to_ms: int


def pattern_from(document: Mapping[str, Any]) -> Pattern:
    """A pattern as it is written; DutyError names the field, lines as `lines.0.days`.

    {"from_day": "2026-11-23", "calendar": "cn", "lines": [
        {"days": "1-5", "times": "18:00-08:00", "kind": "primary", "people": ["li.na", "wang"], "turns": "week"}]}
    """
    try:
        from_day = date.fromisoformat(str(document.get("from_day", "")).strip())
    except ValueError as error:
        raise DutyError("from_day", "there is no such day", "a day such as 2026-11-23") from error
    said = document.get("lines")
    if not isinstance(said, list | tuple) or not 1 <= len(said) <= LINES_LIMIT:
        raise DutyError("lines", "the pattern has none, or too many", f"1 to {LINES_LIMIT} lines")
    lines = tuple(_line(one, f"lines.{at}") for at, one in enumerate(said))
    return Pattern(from_day=from_day, calendar=str(document.get("calendar", "")).strip(), lines=lines)


def written(pattern: Pattern) -> dict[str, Any]:
    """A pattern as pattern_from() reads it."""
    return {
        "from_day": pattern.from_day.isoformat(),
        "calendar": pattern.calendar,
        "lines": [
            {
                "days": days_written(one.days),
                "times": times_written(one.begin, one.end),
                "kind": one.kind,
                "people": list(one.people),
                "turns": one.turns,
            }
            for one in pattern.lines
        ],
    }


def _line(said: Any, where: str) -> Line:
    if not isinstance(said, Mapping):
        raise DutyError(where, "this is no line", "days, times, kind, people, turns")
    kind, turns = said.get("kind", "primary"), said.get("turns", "day")
    if kind not in ("primary", "backup"):
        raise DutyError(f"{where}.kind", f"{str(kind)[:40]!r} is unknown", "primary or backup")
    if turns not in get_args(Turns):
        raise DutyError(f"{where}.turns", f"{str(turns)[:40]!r} is unknown", "day or week")
    people = said.get("people")
    names = tuple(str(one).strip().lower() for one in people) if isinstance(people, list | tuple) else ()
    if not names or len(names) > PEOPLE_LIMIT or not all(names):
        raise DutyError(f"{where}.people", "nobody is named, or too many", f"1 to {PEOPLE_LIMIT} login names")
    begin, end = times_of(str(said.get("times", "")), f"{where}.times")
    days = days_of(str(said.get("days", "")), f"{where}.days")
    return Line(days=days, begin=begin, end=end, kind=kind, people=names, turns=turns)


def days_of(text: str, where: str = "days") -> frozenset[int]:
    """Days as people write them: `1-5`, `Mon-Fri`, `周六、周日`, `weekends, holidays`."""
    found: set[int] = set()
    plain = text.lower().translate(_PLAIN)
    for piece in (one for one in re.split(r"[,;\s\N{IDEOGRAPHIC COMMA}\N{FULLWIDTH COMMA}]+", plain) if one):
        begin, dash, end = piece.partition("-")
        if piece in HOLIDAYS:
            found.add(HOLIDAY)
        elif piece in SPANS:
            found.update(range(SPANS[piece][0], SPANS[piece][1] + 1))
        elif begin in DAYS and (not dash or (end in DAYS and DAYS[begin] <= DAYS[end])):
            found.update(range(DAYS[begin], (DAYS[end] if dash else DAYS[begin]) + 1))
        else:
            raise DutyError(where, f"{piece[:40]!r} is no day", "days such as 1-5, Sat, 周日, holidays")
    if not found:
        raise DutyError(where, "no day is named", "days such as 1-5, Sat, 周日, holidays")
    return frozenset(found)


def days_written(days: frozenset[int]) -> str:
    """The shortest way to write days that days_of() reads."""
    pieces: list[str] = []
    rest = sorted(days - {HOLIDAY})
    while rest:
        run = [rest.pop(0)]
        while rest and rest[0] == run[-1] + 1:
            run.append(rest.pop(0))
        pieces.append(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}")
    return ", ".join([*pieces, *(["holidays"] if HOLIDAY in days else [])])


def times_of(text: str, where: str = "times") -> tuple[int, int]:
    """From when to when, in minutes: `18:00-08:00` ends on the next day, `08:00-08:00` lasts 24 hours."""
    found = _TIMES.fullmatch(text.strip().translate(_PLAIN))
    expected = "two times such as 18:00-08:00"
    if found is None or int(found[2]) > 59 or int(found[4]) > 59:
        raise DutyError(where, f"{text[:40]!r} is no such time", expected)
    begin, end = int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])
    if begin >= DAY_MINUTES or end > DAY_MINUTES:
        raise DutyError(where, f"{text[:40]!r} is beyond 24:00", expected)
    return begin, end if end > begin else end + DAY_MINUTES


def times_written(begin: int, end: int) -> str:
    """Minutes as times_of() reads them."""
    end = end - DAY_MINUTES if end > DAY_MINUTES else end
    return f"{begin // 60:02d}:{begin % 60:02d}-{end // 60:02d}:{end % 60:02d}"


def day_kind(day: date, said: Day | None, *, has_holidays: bool) -> int:
    """Which lines a day has: those of a weekday, or of HOLIDAY, if the pattern has any."""
    if said is None or said.kind == "usual":
        return day.isoweekday()
    if said.kind == "holiday" or said.hours == NONE:
        return HOLIDAY if has_holidays else SUNDAY
    named = _WEEKDAY.fullmatch(said.hours)
    return int(named[1]) if named is not None else MONDAY


def filled(pattern: Pattern, days: Mapping[date, Day], first: date, last: date, zone: ZoneInfo) -> tuple[Turn, ...]:
    """The turns that a pattern makes from one day to another, both included, by the calendar's days.

    Raises DutyError for days before the pattern begins, and for more of them than anybody plans.
    """
    if first < pattern.from_day:
        raise DutyError("first", f"{first} lies before the pattern begins", f"{pattern.from_day} or later")
    if not 0 <= (last - first).days < LONGEST_FILL_DAYS:
        raise DutyError("last", f"{first} to {last} cannot be filled at once", f"1 to {LONGEST_FILL_DAYS} days")
    length = (last - pattern.from_day).days + 1
    if length > LONGEST_COUNT_DAYS:
        raise DutyError("from_day", "the pattern began too long ago", "a pattern that is begun anew")
    has_holidays = any(HOLIDAY in one.days for one in pattern.lines)
    monday = pattern.from_day - timedelta(days=pattern.from_day.weekday())
    counts = [0] * len(pattern.lines)
    found: list[Turn] = []
    for day in (pattern.from_day + timedelta(days=offset) for offset in range(length)):
        kind = day_kind(day, days.get(day), has_holidays=has_holidays)
        for at, line in enumerate(pattern.lines):
            if kind not in line.days:
                continue
            number = counts[at] if line.turns == "day" else (day - monday).days // 7
            counts[at] += 1
            if day >= first:
                begin, end = instant(day, line.begin, zone), instant(day, line.end, zone)
                found.append(Turn(day, line.people[number % len(line.people)], line.kind, begin, end))
    return tuple(sorted((one for one in found if one.to_ms > one.from_ms), key=lambda one: (one.from_ms, one.kind)))


class LeftOut(NamedTuple):
    """A turn that cannot be: why, and beside which shift (None: no shift)."""

    turn: Turn
    why: Why
    beside: Shift | None


class Plan(NamedTuple):
    """What filling days does: turns to add, ids of shifts to take back, what stays so, what is left out."""

    add: tuple[Turn, ...]
    void: tuple[int, ...]
    same: int
    left_out: tuple[LeftOut, ...]


def laid_out(
    turns: Sequence[Turn], held: Sequence[Shift], *, group: str, point: str, from_ms: int, to_ms: int, now_ms: int
) -> Plan:
    """What has to happen so that a rota is as a pattern says in [from_ms, to_ms), from now on.

    `held`: the shifts of the rota, and whatever its people have elsewhere. What people entered by hand, or swapped,
    stays; what an earlier filling made and has not begun gives way; what has begun is left alone. A turn that somebody
    cannot take is left out: a dispatcher sees the gap, and nobody is put there by a program.
    """
    mine = [one for one in held if (one.group, one.point) == (group, point) and one.counts]
    old = [
        one
        for one in mine
        if one.origin == "pattern" and one.kind != "off" and from_ms <= one.from_ms < to_ms and one.from_ms >= now_ms
    ]
    wanted = {(one.person, one.kind, one.from_ms, one.to_ms) for one in turns}
    same = {one.id for one in old if (one.person, one.kind, one.from_ms, one.to_ms) in wanted}
    kept_turns = {(one.person, one.kind, one.from_ms, one.to_ms) for one in old if one.id in same}
    void = tuple(one.id for one in old if one.id not in same)
    rest = [one for one in held if one.id not in void]
    add: list[Turn] = []
    left_out: list[LeftOut] = []
    for turn in turns:
        if turn.from_ms < now_ms or (turn.person, turn.kind, turn.from_ms, turn.to_ms) in kept_turns:
            continue
        found = _obstacle(turn, rest, add, group=group, point=point)
        if found is None:
            add.append(turn)
        else:
            left_out.append(found)
    return Plan(tuple(add), void, len(same), tuple(left_out))


def _obstacle(turn: Turn, held: Sequence[Shift], added: Sequence[Turn], *, group: str, point: str) -> LeftOut | None:
    """Why a turn cannot be; None: it can."""
    for one in held:
        is_rival = one.origin != "pattern" and one.kind == turn.kind and one.person != turn.person
        if is_rival and (one.group, one.point) == (group, point) and one.meets(turn.from_ms, turn.to_ms):
            return LeftOut(turn, "taken", one)
    beside = clash(
        held, group=group, point=point, person=turn.person, kind=turn.kind, from_ms=turn.from_ms, to_ms=turn.to_ms
    )
    if beside is not None:
        return LeftOut(turn, "off" if beside.kind == "off" else "busy", beside)
    meets = any(one.person == turn.person and one.from_ms < turn.to_ms and one.to_ms > turn.from_ms for one in added)
    return LeftOut(turn, "busy", None) if meets else None

"""Single days of a calendar: holidays, adjusted working days (调休), days that are ordinary after all. Pure.

    Day(kind="shift", hours="weekday:1", name_zh="国庆节调休上班", name_en="…", status="confirmed")
    hours_on(day, week, rest) -> the hours of a site with these weekly hours on such a day; None: those of its weekday

A day replaces what the week says of its date:

    holiday   a day of rest: the hours that the site has on holidays, if it says so, else those of its Sunday. So an
              office that is open from Monday to Friday is closed, and a kiosk that runs around the clock runs on
    shift     a working day: the hours of a named weekday (`weekday:1`, Monday), hours of its own, or `none`
    usual     nothing special: it takes back what the calendar said before

A day is *confirmed* where the authority has announced it, and *provisional* where it is only expected.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from roundsman_collector.core.calendar import CalendarError, Hours, calendar_from

DayKind = Literal["holiday", "shift", "usual"]
Status = Literal["confirmed", "provisional"]

DAY_KINDS: tuple[DayKind, ...] = get_args(DayKind)
STATUSES: tuple[Status, ...] = get_args(Status)
SUNDAY = 7
NONE = "none"
"""The hours of a shift on which nobody works."""
NAME_LIMIT = 100
HOURS_EXPECTED = "weekday:1 to weekday:7, hours such as 09:00-12:00,14:00-18:00, or none"

_WEEKDAY = re.compile(r"weekday:([1-7])")
_RANGE = re.compile(r"([0-9]{1,2}:[0-9]{2})\s*-\s*([0-9]{1,2}:[0-9]{2})")
_WORDS: Mapping[str, int] = {
    **{word: day for day, word in enumerate(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), 1)},
    **{f"周{word}": day for day, word in enumerate("一二三四五六日", 1)},
    **{f"星期{word}": day for day, word in enumerate("一二三四五六日", 1)},
    "周天": 7,
    "星期天": 7,
}
_NO_HOURS = frozenset({NONE, "休", "休息", "无", "closed"})
_PLAIN = str.maketrans(
    {
        "\N{FULLWIDTH COLON}": ":",
        "\N{FULLWIDTH COMMA}": ",",
        "\N{IDEOGRAPHIC COMMA}": ",",
        "\N{FULLWIDTH TILDE}": "-",
        "\N{EM DASH}": "-",
        "\N{EN DASH}": "-",
        "~": "-",
        "至": "-",
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Day:
    """What a calendar says of a local date. `hours`: of a shift, as shift_hours() writes them; empty otherwise."""

    kind: DayKind
    hours: str = ""
    name_zh: str = ""
    name_en: str = ""
    status: Status = "confirmed"

    def __post_init__(self) -> None:
        if self.kind not in DAY_KINDS:
            raise CalendarError(f"kind: {self.kind!r} is unknown; expected {', '.join(DAY_KINDS)}")
        if self.status not in STATUSES:
            raise CalendarError(f"status: {self.status!r} is unknown; expected {' or '.join(STATUSES)}")
        for name, text in (("name_zh", self.name_zh), ("name_en", self.name_en)):
            if len(text) > NAME_LIMIT or not (text.isprintable() or not text):
                raise CalendarError(f"{name}: expected at most {NAME_LIMIT} characters on one line")
        if self.kind == "shift":
            if self.hours != shift_hours(self.hours):
                raise CalendarError(f"hours: {self.hours!r} is not as it is kept; expected {shift_hours(self.hours)!r}")
        elif self.hours:
            raise CalendarError(
                f"hours: a day of kind {self.kind} has none of its own; expected nothing, or kind shift"
            )


def shift_hours(text: str) -> str:
    """The hours of a shift as they are kept: `weekday:1`, `09:00-12:00,14:00-18:00` or `none`; CalendarError."""
    said = text.strip().lower().translate(_PLAIN)
    if said in _NO_HOURS:
        return NONE
    if said in _WORDS:
        return f"weekday:{_WORDS[said]}"
    if _WEEKDAY.fullmatch(said):
        return said
    kept = []
    for piece in said.split(","):
        found = _RANGE.fullmatch(piece.strip())
        if found is None:
            raise CalendarError(f"hours: {text.strip()[:80]!r} cannot be read; expected {HOURS_EXPECTED}")
        kept.append((found[1].zfill(5), found[2].zfill(5)))
    _ranges(kept)
    return ",".join(f"{begin}-{end}" for begin, end in sorted(kept))


def hours_on(day: Day, week: Mapping[int, Hours], rest: Hours | None = None) -> Hours | None:
    """The hours on such a day of a site with these weekly hours; None: what the weekday has.

    `rest`: the hours that the site says it has on holidays; None: it does not say.
    """
    if day.kind == "usual":
        return None
    if day.kind == "holiday":
        return week.get(SUNDAY, ()) if rest is None else rest
    if day.hours == NONE:
        return ()
    named = _WEEKDAY.fullmatch(day.hours)
    if named is not None:
        return week.get(int(named[1]), ())
    return _ranges([tuple(piece.split("-")) for piece in day.hours.split(",")])


def _ranges(pairs: object) -> Hours:
    """Ranges of times of day, checked as a weekday's are."""
    return calendar_from({"tz": "UTC", "hours": {"1": pairs}}).hours[1]

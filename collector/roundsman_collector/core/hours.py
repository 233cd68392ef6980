"""Service hours (应运行时间) as people write them and as they are kept: the hours in which a place must be up. Pure.

    kept("24x7") == AROUND_THE_CLOCK        the JSON of a calendar document without its `tz` (core/calendar.py)
    kept("1-5 09:00-18:00; 6 09:00-12:00")  also 周一至周五 09:00-18:00, Mon-Fri 09:00-18:00, 每天 08:00-20:00
    kept('{"hours": {...}, "holidays": [...], "shifts": {...}}')
    short(text)                             the shortest way to write it again; kept(short(text)) == text
    calendar_of(text, "Asia/Shanghai")      the Calendar

Weekdays are ISO: 1 is Monday. Ranges of a day are parted by commas, days by semicolons. What runs over midnight,
18:00-02:00, belongs to the day it begins on. A day that is not named has no service hours.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from itertools import groupby
from types import MappingProxyType
from typing import Any

from roundsman_collector.core.calendar import Calendar, CalendarError, Hours, calendar_from
from roundsman_collector.core.days import Day, hours_on

DAYS: dict[str, int] = {
    **{str(day): day for day in range(1, 8)},
    **{word: day for day, word in enumerate(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), 1)},
    **{f"周{word}": day for day, word in enumerate("一二三四五六日", 1)},
    **{f"星期{word}": day for day, word in enumerate("一二三四五六日", 1)},
    "周天": 7,
    "星期天": 7,
}
SPANS: dict[str, tuple[int, int]] = {
    "daily": (1, 7),
    "每天": (1, 7),
    "每日": (1, 7),
    "工作日": (1, 5),
    "workdays": (1, 5),
    "周末": (6, 7),
    "weekends": (6, 7),
}
HOLIDAYS = frozenset({"holidays", "holiday", "节假日", "法定节假日", "节日"})
CLOSED = frozenset({"none", "closed", "休", "休息", "不营业"})
NO_DAYS: Mapping[date, Day] = MappingProxyType({})
ALWAYS = frozenset({"24x7", "7x24", "24/7", "全天", "全年无休", "always"})
EXPECTED = "24x7, or days and times such as 1-5 09:00-18:00; 6 09:00-12:00 (周一至周五 09:00-18:00 works too)"
LIMIT = 8000

# Full-width signs as Chinese keyboards write them, and what people put between two days or times.
_PLAIN = str.maketrans(
    {
        "\N{FULLWIDTH COLON}": ":",
        "\N{FULLWIDTH SEMICOLON}": ";",
        "\N{FULLWIDTH COMMA}": ",",
        "\N{IDEOGRAPHIC COMMA}": ",",
        "\N{IDEOGRAPHIC SPACE}": " ",
        "\N{FULLWIDTH TILDE}": "-",
        "\N{EM DASH}": "-",
        "\N{EN DASH}": "-",
        "~": "-",
        "至": "-",
        "到": "-",
    }
)
_TIMES = re.compile(r"([0-9]{1,2}:[0-9]{2})\s*-\s*([0-9]{1,2}:[0-9]{2})")
_PART = re.compile(r"(?P<days>[^:]*?)[\s]*(?P<times>[0-9]{1,2}:[0-9]{2}\s*-.*)")


def _written(document: Mapping[str, Any]) -> str:
    return json.dumps(document, separators=(",", ":"), sort_keys=True, ensure_ascii=False)


AROUND_THE_CLOCK = _written({"hours": {str(day): [["00:00", "24:00"]] for day in range(1, 8)}})


def kept(text: str) -> str:
    """What is kept for service hours as somebody wrote them; CalendarError names what cannot be read."""
    if len(text) > LIMIT:
        raise CalendarError(f"service hours of {len(text)} characters; expected at most {LIMIT}")
    said = text.strip()
    if not said:
        return AROUND_THE_CLOCK
    document = _document(said) if said.startswith("{") else _week(said)
    calendar, _ = _read(document, "UTC")
    if not any(calendar.hours.values()) and not any(calendar.shifts.values()):
        raise CalendarError(f"service hours without a single hour: nothing could ever be due; expected {EXPECTED}")
    return _written(document)


def calendar_of(text: str, time_zone: str, days: Mapping[date, Day] = NO_DAYS) -> Calendar:
    """The calendar of kept service hours in a time zone, with the days of a calendar laid over it; CalendarError."""
    week, rest = _read(_document(text if text.startswith("{") else kept(text)), time_zone)
    laid = {day: hours_on(said, week.hours, rest) for day, said in days.items() if day not in week.holidays}
    shifts = {day: hours for day, hours in laid.items() if hours is not None}
    return replace(week, shifts={**shifts, **week.shifts})


def short(text: str) -> str:
    """Kept service hours in the shortest way that kept() reads; with dates of their own only JSON says it."""
    if text == AROUND_THE_CLOCK:
        return "24x7"
    document: dict[str, Any] = json.loads(text)
    if not {"hours"} <= set(document) <= {"hours", "holiday"} or not document["hours"]:
        return text
    rows = [(int(day), ", ".join(f"{a}-{b}" for a, b in ranges)) for day, ranges in sorted(document["hours"].items())]
    told = [
        f"{_days([day for day, _ in same])} {times}"
        for (times, _), group in groupby(enumerate(rows), key=lambda one: (one[1][1], one[1][0] - one[0]))
        for same in [[row for _, row in group]]
    ]
    if "holiday" in document:
        told.append("holidays " + (", ".join(f"{a}-{b}" for a, b in document["holiday"]) or "none"))
    return "; ".join(told) if kept_or_none("; ".join(told)) == text else text


def kept_or_none(text: str) -> str | None:
    """As kept(); None for what cannot be read."""
    try:
        return kept(text)
    except CalendarError:
        return None


def _days(days: list[int]) -> str:
    return str(days[0]) if len(days) == 1 else f"{days[0]}-{days[-1]}"


def _read(document: Mapping[str, Any], time_zone: str) -> tuple[Calendar, Hours | None]:
    """The calendar of a document, and the hours that it says holidays have; None: it does not say."""
    week = calendar_from({"tz": time_zone, **{key: value for key, value in document.items() if key != "holiday"}})
    if "holiday" not in document:
        return week, None
    return week, calendar_from({"tz": time_zone, "hours": {"7": document["holiday"]}}).hours[7]


def _document(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CalendarError(f"service hours begin like JSON and are not: {error}") from error
    if not isinstance(document, dict) or "tz" in document:
        raise CalendarError(
            "service hours: expected hours, holiday, holidays and shifts; the time zone is a field of its own"
        )
    return document


def _week(text: str) -> dict[str, Any]:
    said = text.lower().translate(_PLAIN).replace("×", "x").replace("*", "x")
    week: dict[str, list[list[str]]] = {}
    document: dict[str, Any] = {}
    for part in filter(None, (one.strip() for one in said.split(";"))):
        word, _, rest = part.partition(" ")
        if part.replace(" ", "") in ALWAYS:
            week.update({str(day): [["00:00", "24:00"]] for day in range(1, 8)})
        elif word in HOLIDAYS:
            document["holiday"] = [] if rest.strip() in CLOSED else _times(rest)
        else:
            _add(week, part)
    return {"hours": dict(sorted(week.items())), **document}


def _add(week: dict[str, list[list[str]]], part: str) -> None:
    match = _PART.fullmatch(part)
    if match is None:
        raise CalendarError(f"service hours: {part!r} has no times; expected {EXPECTED}")
    times = _times(match["times"])
    for day in _span(match["days"].strip()):
        week.setdefault(str(day), []).extend(times)


def _times(text: str) -> list[list[str]]:
    found = []
    for piece in text.split(","):
        times = _TIMES.fullmatch(piece.strip())
        if times is None:
            raise CalendarError(f"service hours: {piece.strip()!r} is no range of times; expected {EXPECTED}")
        found.append([_padded(times[1]), _padded(times[2])])
    return found


def _span(text: str) -> list[int]:
    if not text:
        return list(range(1, 8))
    found: list[int] = []
    for piece in text.split(","):
        first, _, last = (one.strip() for one in piece.partition("-"))
        if not last and first in SPANS:
            begin, end = SPANS[first]
        elif first in DAYS and (last in DAYS or not last):
            begin, end = DAYS[first], DAYS[last or first]
        else:
            raise CalendarError(f"service hours: {piece.strip()!r} names no weekday; expected {EXPECTED}")
        if end < begin:
            raise CalendarError(f"service hours: {piece.strip()!r} runs over Sunday; write it as two spans")
        found += range(begin, end + 1)
    return found


def _padded(clock: str) -> str:
    return clock.zfill(5)

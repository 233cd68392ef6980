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
from itertools import groupby
from typing import Any

from roundsman_collector.core.calendar import Calendar, CalendarError, calendar_from

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
    document = _document(said) if said.startswith("{") else {"hours": _week(said)}
    calendar_from({"tz": "UTC", **document})
    return _written(document)


def calendar_of(text: str, time_zone: str) -> Calendar:
    """The calendar of kept service hours in a time zone."""
    return calendar_from({"tz": time_zone, **json.loads(text)})


def short(text: str) -> str:
    """Kept service hours in the shortest way that kept() reads; with holidays or shifts only JSON says it."""
    if text == AROUND_THE_CLOCK:
        return "24x7"
    document: dict[str, Any] = json.loads(text)
    if set(document) != {"hours"} or not document["hours"]:
        return text
    rows = [(int(day), ", ".join(f"{a}-{b}" for a, b in ranges)) for day, ranges in sorted(document["hours"].items())]
    told = [
        f"{_days([day for day, _ in same])} {times}"
        for (times, _), group in groupby(enumerate(rows), key=lambda one: (one[1][1], one[1][0] - one[0]))
        for same in [[row for _, row in group]]
    ]
    return "; ".join(told) if kept_or_none("; ".join(told)) == text else text


def kept_or_none(text: str) -> str | None:
    """As kept(); None for what cannot be read."""
    try:
        return kept(text)
    except CalendarError:
        return None


def _days(days: list[int]) -> str:
    return str(days[0]) if len(days) == 1 else f"{days[0]}-{days[-1]}"


def _document(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CalendarError(f"service hours begin like JSON and are not: {error}") from error
    if not isinstance(document, dict) or "tz" in document:
        raise CalendarError("service hours: expected hours, holidays and shifts; the time zone is a field of its own")
    return document


def _week(text: str) -> dict[str, list[list[str]]]:
    said = text.lower().translate(_PLAIN).replace("×", "x").replace("*", "x")
    if said.replace(" ", "") in ALWAYS:
        return {str(day): [["00:00", "24:00"]] for day in range(1, 8)}
    week: dict[str, list[list[str]]] = {}
    for part in said.split(";"):
        if part.strip():
            _add(week, part.strip())
    return dict(sorted(week.items()))


def _add(week: dict[str, list[list[str]]], part: str) -> None:
    match = _PART.fullmatch(part)
    if match is None:
        raise CalendarError(f"service hours: {part!r} has no times; expected {EXPECTED}")
    days = _span(match["days"].strip())
    for piece in match["times"].split(","):
        times = _TIMES.fullmatch(piece.strip())
        if times is None:
            raise CalendarError(f"service hours: {piece.strip()!r} is no range of times; expected {EXPECTED}")
        for day in days:
            week.setdefault(str(day), []).append([_padded(times[1]), _padded(times[2])])


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

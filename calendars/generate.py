"""The calendar of China that travels with the program: `python -m calendars.generate` makes it, `--check` compares.

    collector/roundsman_collector/rules/calendars/cn.yaml

Two sources that must agree, or nothing is written: the notices of the State Council as they are typed below
(国务院办公厅关于部分节假日安排的通知), and the library `holidays` (MIT; a tool of developers, never imported by the
program). A notice says from when to when everybody is off; the library says for which day off an adjusted working day
is worked, which is whose hours it has. Years without a notice come from the library alone and are provisional.

When the notice of a year is out (in November of the year before): type it in below, let the library follow
(requirements/dev.in), run this, read the difference. Databases take the new days as new versions where people have not
changed them (store/calendars.py).
"""

import argparse
import re
import sys
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

import holidays

from roundsman_collector.core.days import Day, Status
from roundsman_collector.rules.calendars import CalendarFile, calendar_from, yaml_of

TARGET = Path(__file__).parents[1] / "collector/roundsman_collector/rules/calendars/cn.yaml"
PROVISIONAL = (2027,)
SUBSTITUTED = re.compile(r"\(substituted from (\d\d)/(\d\d)/(\d{4})\)")
OBSERVED = "（补假）"
FESTIVALS: Mapping[str, tuple[str, str]] = {
    "元旦": ("元旦", "New Year's Day"),
    "春节": ("春节", "Spring Festival"),
    "农历除夕": ("春节", "Spring Festival"),
    "清明节": ("清明节", "Qingming Festival"),
    "劳动节": ("劳动节", "Labour Day"),
    "端午节": ("端午节", "Dragon Boat Festival"),
    "中秋节": ("中秋节", "Mid-Autumn Festival"),
    "国庆节": ("国庆节", "National Day"),
    "国庆节、中秋节": ("国庆节、中秋节", "National Day and Mid-Autumn Festival"),
}


class Holiday(NamedTuple):
    """What a notice says of one festival: its name, the first and the last day off, the days worked instead."""

    festival: str
    first: str
    last: str
    worked: tuple[str, ...] = ()


NOTICES: Mapping[int, tuple[Holiday, ...]] = {
    2024: (  # 国办发明电〔2023〕7号
        Holiday("元旦", "01-01", "01-01"),
        Holiday("春节", "02-10", "02-17", ("02-04", "02-18")),
        Holiday("清明节", "04-04", "04-06", ("04-07",)),
        Holiday("劳动节", "05-01", "05-05", ("04-28", "05-11")),
        Holiday("端午节", "06-10", "06-10"),
        Holiday("中秋节", "09-15", "09-17", ("09-14",)),
        Holiday("国庆节", "10-01", "10-07", ("09-29", "10-12")),
    ),
    2025: (  # 国办发明电〔2024〕12号
        Holiday("元旦", "01-01", "01-01"),
        Holiday("春节", "01-28", "02-04", ("01-26", "02-08")),
        Holiday("清明节", "04-04", "04-06"),
        Holiday("劳动节", "05-01", "05-05", ("04-27",)),
        Holiday("端午节", "05-31", "06-02"),
        Holiday("国庆节、中秋节", "10-01", "10-08", ("09-28", "10-11")),
    ),
    2026: (  # 国办发明电〔2025〕7号
        Holiday("元旦", "01-01", "01-03", ("01-04",)),
        Holiday("春节", "02-15", "02-23", ("02-14", "02-28")),
        Holiday("清明节", "04-04", "04-06"),
        Holiday("劳动节", "05-01", "05-05", ("05-09",)),
        Holiday("端午节", "06-19", "06-21"),
        Holiday("中秋节", "09-25", "09-27"),
        Holiday("国庆节", "10-01", "10-07", ("09-20", "10-10")),
    ),
}


def made() -> CalendarFile:
    """The calendar, from both sources."""
    days: dict[date, Day] = {}
    for year, notice in NOTICES.items():
        days.update(_announced(year, notice))
    for year in PROVISIONAL:
        days.update(_expected(year))
    return CalendarFile(
        calendar="cn",
        name_zh="中国法定节假日（含调休）",
        name_en="China: public holidays, adjusted working days",
        days=days,
    )


def _announced(year: int, notice: tuple[Holiday, ...]) -> dict[date, Day]:
    """A year with its notice, compared with the library day by day."""
    china = holidays.China(years=year, language="en_US")
    off, worked = _instead_of(china), {day for day in china.weekend_workdays if day.year == year}
    days = dict(_days_of(year, notice, off))
    said = {day for day, one in days.items() if one.kind == "holiday"}
    told = {day for day in china if day.year == year}
    weekend = {day for day in said if day.isoweekday() > 5}
    shifts = {day for day, one in days.items() if one.kind == "shift"}
    if told - said or said - told - weekend or shifts != worked or shifts != set(off):
        differing = sorted((told - said) | (said - told - weekend) | (shifts ^ worked) | (shifts ^ set(off)))
        raise SystemExit(f"{year}: notice and library differ at {', '.join(map(str, differing))}; look both up")
    return days


def _days_of(year: int, notice: tuple[Holiday, ...], off: Mapping[date, date]) -> Iterator[tuple[date, Day]]:
    for holiday in notice:
        zh, en = FESTIVALS[holiday.festival]
        day, last = date.fromisoformat(f"{year}-{holiday.first}"), date.fromisoformat(f"{year}-{holiday.last}")
        while day <= last:
            yield day, _holiday(zh, en, "confirmed")
            day += timedelta(days=1)
        for text in holiday.worked:
            worked = date.fromisoformat(f"{year}-{text}")
            hours = f"weekday:{off[worked].isoweekday()}" if worked in off else "none"
            yield worked, Day(kind="shift", hours=hours, name_zh=f"{zh}调休上班", name_en=f"{en}: working day")


def _instead_of(china: holidays.HolidayBase) -> dict[date, date]:
    """For each adjusted working day the day off that it is worked for."""
    found = {}
    for day, name in china.items():
        match = SUBSTITUTED.search(name)
        if match is not None:
            found[date(int(match[3]), int(match[1]), int(match[2]))] = day
    return found


def _expected(year: int) -> dict[date, Day]:
    """A year that is not announced: the festivals by law, without adjusted working days."""
    china = holidays.China(years=year, language="zh_CN")
    return {
        day: _holiday(*FESTIVALS[name.removesuffix(OBSERVED)], "provisional")
        for day, name in sorted(china.items())
        if day.year == year
    }


def _holiday(zh: str, en: str, status: Status) -> Day:
    return Day(kind="holiday", name_zh=zh, name_en=en, status=status)


def text() -> str:
    """The file, with where it comes from."""
    file = made()
    told = (
        "# Made by `python -m calendars.generate`: notices of the State Council, compared with the library holidays.\n"
        f"# {min(NOTICES)}-{max(NOTICES)} confirmed; {', '.join(map(str, PROVISIONAL))} provisional.\n" + yaml_of(file)
    )
    assert calendar_from(told, source=TARGET.name) == file, "what is written reads back as it was made"
    return told


def main() -> None:
    """Write the file, or only look whether it is so."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the file would change")
    if not parser.parse_args().check:
        TARGET.write_text(text(), "utf-8")
    elif not TARGET.is_file() or TARGET.read_text("utf-8") != text():
        print(f"{TARGET.name} is not what the sources say: run python -m calendars.generate", file=sys.stderr)
        raise SystemExit(1)


if __name__ == "__main__":
    main()

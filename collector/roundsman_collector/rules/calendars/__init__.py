"""Calendar files: text -> a calendar's id, names and days, YAML or CSV. Pure; whoever calls this has read the file.

    file = calendar_from(text, source="cn.yaml")          CalendarFile; RulesError tells everything that is wrong
    file = calendar_read(body, source="days.csv")         the same from bytes
    csv_of(days), yaml_of(file)                            the same form, to be read again

    calendar: cn                                   day,to,kind,hours,name_zh,name_en,status
    zh: 中国法定节假日                                2025-10-01,2025-10-08,holiday,,国庆节,National Day,confirmed
    en: Public holidays in China                   2025-09-28,,shift,weekday:2,国庆节调休,National Day,confirmed
    days:
      - {day: 2025-10-01, to: 2025-10-08, kind: holiday, zh: 国庆节, en: National Day}
      - {day: 2025-09-28, kind: shift, hours: "weekday:2", zh: 国庆节调休, en: "National Day, working day"}

`to` is the last day of a run, itself included. `status` is confirmed where it is not said. CSV has no names of the
calendar: it is imported into one that is there.

cn.yaml travels with the program. It is generated (calendars/generate.py); nothing here asks a library of holidays.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated

import yaml
from pydantic import BeforeValidator, ConfigDict, Field, ValidationError

from roundsman_collector.core.calendar import CalendarError
from roundsman_collector.core.days import DAY_KINDS, NAME_LIMIT, STATUSES, Day, shift_hours
from roundsman_collector.rules.shape import RulesError, Strict
from roundsman_collector.wording import got, nearest, wanted
from roundsman_wire.topics import is_id

SEEDED = "cn"
"""The calendar that travels with the program, and its file here."""
BYTES_LIMIT = 1_000_000
DAYS_LIMIT = 20_000
RUN_LIMIT = 366
FIRST, LAST = date(1970, 1, 1), date(2199, 12, 31)

HEADERS: tuple[str, ...] = ("day", "to", "kind", "hours", "name_zh", "name_en", "status")
TITLES: Mapping[str, str] = {
    **{name: name for name in HEADERS},
    **{"日期": "day", "至": "to", "结束日期": "to", "类型": "kind", "时段": "hours", "名称": "name_zh"},
    **{"中文名称": "name_zh", "英文名称": "name_en", "状态": "status", "date": "day", "until": "to"},
}
WORDS: Mapping[str, str] = {
    **{"节假日": "holiday", "放假": "holiday", "调休": "shift", "上班": "shift", "平日": "usual"},
    **{"已公布": "confirmed", "预计": "provisional"},
}


def _written(value: object) -> object:
    """A date as YAML reads it, or as text; a number is none, though it could be taken for seconds."""
    return value if isinstance(value, date) else date.fromisoformat(str(value))


Written = Annotated[date, BeforeValidator(_written)]
Text = Annotated[str, Field(max_length=NAME_LIMIT)]


class DayRow(Strict):
    """A day, or a run of days, as it is written."""

    model_config = ConfigDict(strict=False)

    day: Written
    to: Written | None = None
    kind: str
    hours: str = ""
    zh: Text = ""
    en: Text = ""
    status: str = "confirmed"


class File(Strict):
    """The whole file."""

    calendar: str
    zh: Annotated[str, Field(min_length=1, max_length=NAME_LIMIT)]
    en: Annotated[str, Field(min_length=1, max_length=NAME_LIMIT)]
    days: Annotated[list[DayRow], Field(max_length=DAYS_LIMIT)]


@dataclass(frozen=True, kw_only=True, slots=True)
class CalendarFile:
    """A calendar as a file tells it. `calendar`, `name_zh` and `name_en` are empty for CSV, which does not say."""

    calendar: str
    name_zh: str
    name_en: str
    days: Mapping[date, Day]


def calendar_from(text: str, *, source: str) -> CalendarFile:
    """A file read, YAML or CSV by its first line; RulesError with a line for everything that is wrong."""
    first = text.lstrip("\ufeff \r\n").partition("\n")[0]
    if "," in first and ":" not in first:
        return _from_csv(text, source)
    return _from_yaml(text, source)


def calendar_read(body: bytes, *, source: str) -> CalendarFile:
    """A file as it comes from a disk or a browser: UTF-8, or GB18030 as spreadsheets in China write CSV; RulesError."""
    if len(body) > BYTES_LIMIT:
        raise RulesError([f"{source}: {len(body)} bytes; expected at most {BYTES_LIMIT}"])
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return calendar_from(body.decode(encoding), source=source)
        except UnicodeDecodeError:
            continue
    raise RulesError([f"{source}: is no text in UTF-8 or GB18030"])


def csv_of(days: Mapping[date, Day]) -> str:
    """Days as CSV, runs of equal days as one row."""
    written = io.StringIO(newline="")
    out = csv.writer(written, lineterminator="\r\n")
    out.writerow(HEADERS)
    for begin, end, day in runs(days):
        until = end.isoformat() if end != begin else ""
        out.writerow((begin.isoformat(), until, day.kind, day.hours, day.name_zh, day.name_en, day.status))
    return written.getvalue()


def yaml_of(file: CalendarFile) -> str:
    """A calendar as YAML, a row per run of equal days."""
    rows = [
        {
            "day": begin.isoformat(),
            **({"to": end.isoformat()} if end != begin else {}),
            "kind": day.kind,
            **({"hours": day.hours} if day.hours else {}),
            "zh": day.name_zh,
            "en": day.name_en,
            "status": day.status,
        }
        for begin, end, day in runs(file.days)
    ]
    head = {"calendar": file.calendar, "zh": file.name_zh, "en": file.name_en}
    told: str = yaml.safe_dump(head, allow_unicode=True, sort_keys=False, width=1000)
    lines = [
        yaml.safe_dump(row, allow_unicode=True, sort_keys=False, default_flow_style=True, width=1000) for row in rows
    ]
    return told + ("days:\n" if rows else "days: []\n") + "".join(f"  - {line}" for line in lines)


def runs(days: Mapping[date, Day]) -> Iterator[tuple[date, date, Day]]:
    """Runs of days of which the calendar says the same: first, last, what."""
    first: date | None = None
    last: date | None = None
    for day in sorted(days):
        if first is not None and last is not None:
            if day == last + timedelta(days=1) and days[day] == days[first]:
                last = day
                continue
            yield first, last, days[first]
        first = last = day
    if first is not None and last is not None:
        yield first, last, days[first]


# --- reading ---------------------------------------------------------------------------------------------------------


def _from_yaml(text: str, source: str) -> CalendarFile:
    try:
        file = File.model_validate(yaml.safe_load(text))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise RulesError(_problems(error, source)) from error
    problems = [] if is_id(file.calendar) else [f"{source}: calendar: {file.calendar[:80]!r} is no id"]
    named = [(f"days[{index}] ({row.day})", row) for index, row in enumerate(file.days)]
    days = _days(named, source, problems)
    return CalendarFile(calendar=file.calendar, name_zh=file.zh, name_en=file.en, days=days)


def _problems(error: Exception, source: str) -> list[str]:
    if isinstance(error, ValidationError):
        return [
            f"{source}: {'.'.join(map(str, one['loc'])) or 'the file'}: expected {wanted(one)}, got {got(one)}"
            for one in error.errors()
        ]
    return [f"{source}: is no YAML: {str(error).splitlines()[0] if str(error) else type(error).__name__}"]


def _from_csv(text: str, source: str) -> CalendarFile:
    try:
        lines = list(csv.reader(io.StringIO(text.lstrip("\ufeff"), newline=""), strict=True))
    except csv.Error as error:
        raise RulesError([f"{source}: is no CSV: {error}"]) from error
    titles = [TITLES.get(title.strip().lower(), "") for title in lines[0]] if lines else []
    unknown = [title for title, name in zip(lines[0] if lines else [], titles, strict=True) if not name]
    if unknown or not {"day", "kind"} <= set(titles) or len(set(titles)) != len(titles):
        told = f"; {unknown[0][:40]!r} is none of them{nearest(unknown[0], TITLES)}" if unknown else ""
        raise RulesError([f"{source}, line 1: expected the columns {', '.join(HEADERS)}, each once{told}"])
    problems: list[str] = []
    rows: list[tuple[str, DayRow]] = []
    for number, cells in enumerate(lines[1:], 2):
        said = {name: cell.strip() for name, cell in zip(titles, cells, strict=False) if cell.strip()}
        if not said:
            continue
        if any(cell.strip() for cell in cells[len(titles) :]):
            problems.append(f"{source}, line {number}: {len(cells)} cells; expected {len(titles)} (quote a comma)")
            continue
        try:
            rows.append((f"line {number}", DayRow.model_validate(_renamed(said))))
        except ValidationError as error:
            problems += _problems(error, f"{source}, line {number}")
    return CalendarFile(calendar="", name_zh="", name_en="", days=_days(rows, source, problems))


def _renamed(said: Mapping[str, str]) -> dict[str, str]:
    return {{"name_zh": "zh", "name_en": "en"}.get(name, name): value for name, value in said.items()}


def _days(rows: Sequence[tuple[str, DayRow]], source: str, problems: list[str]) -> dict[date, Day]:
    """The days of all rows; raises with what was wrong before and what is wrong here."""
    days: dict[date, Day] = {}
    for where, row in rows:
        try:
            said = _day(row)
            for day in _run(row):
                if day in days:
                    raise CalendarError(f"day: {day} is told twice")
                days[day] = said
            if len(days) > DAYS_LIMIT:
                raise CalendarError(f"day: more than {DAYS_LIMIT} days")
        except CalendarError as error:
            problems.append(f"{source}, {where}: {error}")
    if problems:
        raise RulesError(problems)
    return days


def _day(row: DayRow) -> Day:
    kind, status = WORDS.get(row.kind, row.kind), WORDS.get(row.status, row.status)
    if kind not in DAY_KINDS:
        raise CalendarError(
            f"kind: {kind[:40]!r} is unknown{nearest(kind, DAY_KINDS)}; expected {', '.join(DAY_KINDS)}"
        )
    if status not in STATUSES:
        raise CalendarError(f"status: {status[:40]!r} is unknown; expected {' or '.join(STATUSES)}")
    hours = shift_hours(row.hours) if kind == "shift" else row.hours
    return Day(kind=kind, hours=hours, name_zh=row.zh, name_en=row.en, status=status)


def _run(row: DayRow) -> Iterator[date]:
    last = row.day if row.to is None else row.to
    if not FIRST <= row.day <= last <= LAST:
        raise CalendarError(f"day: expected days from {FIRST} to {LAST}, the first before the last")
    if (last - row.day).days >= RUN_LIMIT:
        raise CalendarError(f"to: {last} lies more than a year after {row.day}")
    for offset in range((last - row.day).days + 1):
        yield row.day + timedelta(days=offset)

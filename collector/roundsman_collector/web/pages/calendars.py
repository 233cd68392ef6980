"""Calendars: which days are holidays, which are worked instead (调休), and how far each year is announced.

    /calendars                     all that you see, and a form for another one
    /calendars/cn?year=2026        a year as twelve months, its special days, a form to say what a day is
    /calendars/cn?day=2026-10-01   the same, with everything that was ever said of that day

Whoever has not the right `place`, or not the scope of everything, sees the same without forms.
"""

from calendar import Calendar as Weeks
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse, Response

from roundsman_collector.api.access import Place, See, deed_of
from roundsman_collector.api.calendars import day_from, known_calendar, years_of
from roundsman_collector.api.desk import desk_of
from roundsman_collector.api.entries import DEFAULT_ZONE, problem_of
from roundsman_collector.core.calendar import CalendarError
from roundsman_collector.core.contract import local_day
from roundsman_collector.core.days import Day
from roundsman_collector.roles import Who
from roundsman_collector.rules.calendars import FIRST, LAST, RUN_LIMIT, runs
from roundsman_collector.store import EntryError, Version
from roundsman_collector.store.entry_kinds import ALWAYS_THERE, NO_CALENDAR
from roundsman_collector.web.forms import form
from roundsman_collector.web.page import page, saying_of
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.words import N_

router = APIRouter()

LIMIT = 500
KIND_NAMES: Mapping[str, str] = {
    "holiday": N_("holiday"),
    "shift": N_("worked"),
    "usual": N_("as usual"),
}
MARKS: Mapping[str, str] = {"holiday": N_("rest"), "shift": N_("work")}
"""As wall calendars mark them, in a corner of the day."""
STATUS_NAMES: Mapping[str, str] = {"confirmed": N_("announced"), "provisional": N_("expected, not announced")}
WEEKDAYS: tuple[str, ...] = (
    N_("Monday"),
    N_("Tuesday"),
    N_("Wednesday"),
    N_("Thursday"),
    N_("Friday"),
    N_("Saturday"),
    N_("Sunday"),
)
SHORT_WEEKDAYS: tuple[str, ...] = (N_("Mo"), N_("Tu"), N_("We"), N_("Th"), N_("Fr"), N_("Sa"), N_("Su"))
MONTHS: tuple[str, ...] = (
    *(N_("January"), N_("February"), N_("March"), N_("April"), N_("May"), N_("June")),
    *(N_("July"), N_("August"), N_("September"), N_("October"), N_("November"), N_("December")),
)
WRONG: Mapping[str, str] = {
    "id": N_("1 to 63 of a-z 0-9 _ -, and not there already."),
    "name_zh": N_("A name of 1 to 100 characters."),
    "name_en": N_("A name of 1 to 100 characters."),
    "day": N_("Write a day such as 2026-10-01."),
    "to": N_("Write the last day, at most a year behind the first one."),
    "hours": N_("Write weekday:1, or hours such as 09:00-12:00,14:00-18:00, or none."),
    "end": N_("Sites have this calendar. Give them another one first."),
    "kept": N_("This calendar came with the program, and new sites have it: it cannot end."),
}

Fields = Annotated[dict[str, str], Depends(form)]


# --- addresses -------------------------------------------------------------------------------------------------------


@router.get("/calendars")
def calendars_page(request: Request, who: See) -> Response:
    """All calendars that somebody sees."""
    return _list(request, who)


@router.post("/calendars")
def add(request: Request, who: Place, fields: Fields) -> Response:
    """Make a calendar without days."""
    desk = desk_of(request)
    entry = fields.get("id", "").strip()
    if desk.view.entry("calendar", entry) is not None:
        return _list(request, who, written=fields, wrong="id")
    try:
        desk.office.put_entry("calendar", entry, _names(fields), deed=deed_of(request, who), scope=who.scope)
    except EntryError as error:
        return _list(request, who, written=fields, wrong=_field(error))
    return RedirectResponse(f"/calendars/{entry}", 303)


@router.get("/calendars/{entry}")
def calendar_page(
    request: Request,
    who: See,
    entry: str,
    year: Annotated[int | None, Query(ge=FIRST.year, le=LAST.year)] = None,
    day: date | None = None,
) -> Response:
    """A year of a calendar."""
    return _calendar(request, who, entry, year=year, day=day)


@router.post("/calendars/{entry}")
def rename(request: Request, who: Place, entry: str, fields: Fields) -> Response:
    """Give a calendar other names."""
    desk = desk_of(request)
    known_calendar(desk, who, entry)
    try:
        desk.office.put_entry("calendar", entry, _names(fields), deed=deed_of(request, who), scope=who.scope)
    except EntryError as error:
        return _calendar(request, who, entry, written=fields, wrong=_field(error), status=422)
    return RedirectResponse(f"/calendars/{entry}", 303)


@router.post("/calendars/{entry}/days")
def say(request: Request, who: Place, entry: str, fields: Fields) -> Response:
    """Say what a day is, or what each day of a run is."""
    desk = desk_of(request)
    known_calendar(desk, who, entry)
    try:
        days = _days(fields)
        desk.office.put_calendar_days(entry, days, deed=deed_of(request, who), scope=who.scope)
    except (CalendarError, EntryError) as error:
        wrong = _field(error) if isinstance(error, EntryError) else str(error).partition(":")[0]
        return _calendar(request, who, entry, written=fields, wrong=wrong, status=422)
    first = min(days)
    return RedirectResponse(f"/calendars/{entry}?year={first.year}&day={first}", 303)


@router.post("/calendars/{entry}/end")
def end(request: Request, who: Place, entry: str) -> Response:
    """Let a calendar end that no site names."""
    desk = desk_of(request)
    known_calendar(desk, who, entry)
    try:
        desk.office.end_entry("calendar", entry, deed=deed_of(request, who), scope=who.scope)
    except EntryError as error:
        _field(error)
        wrong = "kept" if entry in ALWAYS_THERE else "end"
        return _calendar(request, who, entry, wrong=wrong, status=409)
    return RedirectResponse("/calendars", 303)


# --- what was written ------------------------------------------------------------------------------------------------


def _field(error: EntryError) -> str:
    """The field that is wrong; whoever may not write at all is told so."""
    if error.cause == "closed":
        raise problem_of(error) from error
    return error.field


def _names(fields: Mapping[str, str]) -> dict[str, object]:
    return {name: fields.get(name, "") for name in ("name_zh", "name_en")}


def _days(fields: Mapping[str, str]) -> dict[date, Day]:
    """The days of a form; CalendarError begins with the field that is wrong."""
    first = _day(fields.get("day", ""), "day")
    last = _day(fields["to"], "to") if fields.get("to", "").strip() else first
    if not 0 <= (last - first).days < RUN_LIMIT:
        raise CalendarError("to: expected a day up to a year behind the first")
    said = day_from(
        kind=fields.get("kind", ""),  # type: ignore[arg-type]
        hours=fields.get("hours", "") if fields.get("kind") == "shift" else "",
        name_zh=fields.get("name_zh", ""),
        name_en=fields.get("name_en", ""),
        status=fields.get("status", ""),  # type: ignore[arg-type]
    )
    return {first + timedelta(days=n): said for n in range((last - first).days + 1)}


def _day(text: str, field: str) -> date:
    try:
        found = date.fromisoformat(text.strip())
    except ValueError as error:
        raise CalendarError(f"{field}: {text[:40]!r} is no day; expected one such as 2026-10-01") from error
    if not FIRST <= found <= LAST:
        raise CalendarError(f"{field}: {found} lies too far away")
    return found


# --- pages -----------------------------------------------------------------------------------------------------------


def _list(request: Request, who: Who, *, written: Mapping[str, str] | None = None, wrong: str = "") -> Response:
    desk, saying = desk_of(request), saying_of(request)
    rows = desk.view.entries("calendar", scope=who.scope, limit=LIMIT)
    shown = {
        "calendars": [
            {
                "id": one.id,
                "name": _name(saying, one),
                "years": _years(saying, desk.view.calendar_days(one.id)),
                "is_empty_by_purpose": one.id == NO_CALENDAR,
            }
            for one in rows
        ],
        "may_write": _may_write(who),
        "written": {name: (written or {}).get(name, "") for name in ("id", "name_zh", "name_en")},
        "wrong": {name: saying(WRONG[name]) if wrong == name else "" for name in ("id", "name_zh", "name_en")},
        "is_wrong": bool(wrong),
    }
    return page(request, who, "calendars.html", shown, status=422 if wrong else 200)


def _calendar(
    request: Request,
    who: Who,
    entry: str,
    *,
    year: int | None = None,
    day: date | None = None,
    written: Mapping[str, str] | None = None,
    wrong: str = "",
    status: int = 200,
) -> Response:
    desk, saying = desk_of(request), saying_of(request)
    one = known_calendar(desk, who, entry)
    said = desk.view.calendar_days(entry)
    today = local_day(desk.now_ms(), DEFAULT_ZONE)
    year = year or (day or today).year
    of_year = {at: told for at, told in said.items() if at.year == year}
    written = written or _as_said(day, None if day is None else said.get(day), today)
    is_of_day = "day" in written  # the form of a day, not of the calendar's names
    shown = {
        "one": one,
        "name": _name(saying, one),
        "year": year,
        "years": _years(saying, said),
        "is_known": bool(of_year) or entry == NO_CALENDAR,
        "is_provisional": any(told.status == "provisional" for told in of_year.values()),
        "months": [_month(saying, year, month, of_year, today) for month in range(1, 13)],
        "weekdays": [(saying(short), saying(full)) for short, full in zip(SHORT_WEEKDAYS, WEEKDAYS, strict=True)],
        "runs": [
            _run(saying, *run) for run in runs({at: told for at, told in of_year.items() if told.kind != "usual"})
        ],
        "day": day,
        "history": []
        if day is None
        else [
            {**_run(saying, told.day, told.day, told.said), **told._asdict()}
            for told in reversed(desk.view.calendar_day_history(entry, day))
        ],
        "may_write": _may_write(who),
        "may_have_days": entry != NO_CALENDAR,
        "may_end": entry not in ALWAYS_THERE,
        "written": written,
        "names": one.fields if is_of_day else written,
        "wrong_names": {name: "" if is_of_day or wrong != name else saying(WRONG[name]) for name in _names({})},
        "kinds": [(key, saying(name)) for key, name in KIND_NAMES.items()],
        "statuses": [(key, saying(name)) for key, name in STATUS_NAMES.items()],
        "wrong": {name: saying(text) if is_of_day and wrong == name else "" for name, text in WRONG.items()},
        "is_wrong": bool(wrong),
        "wrong_told": saying(WRONG[wrong]) if wrong in ("end", "kept") else "",
    }
    return page(request, who, "calendar.html", shown, status=status)


def _may_write(who: Who) -> bool:
    """Whether somebody may say what holds for the sites of everybody."""
    return who.may("place") and who.scope.everything


def _name(saying: Saying, one: Version) -> str:
    return str(one.fields["name_zh" if saying.language == "zh" else "name_en"])


def _years(saying: Saying, said: Mapping[date, Day]) -> list[dict[str, Any]]:
    """How far each year is known, in words."""
    told = {status: saying(name) for status, name in STATUS_NAMES.items()}
    return [
        {**one, "is_provisional": one["status"] == "provisional", "told": told[one["status"]]} for one in years_of(said)
    ]


def _as_said(day: date | None, said: Day | None, today: date) -> dict[str, str]:
    """What the form shows of a day that was chosen, or of none."""
    if said is None:
        return {"day": str(day or ""), "kind": "holiday", "status": "confirmed"}
    return {
        "day": str(day),
        "kind": said.kind,
        "hours": said.hours,
        "name_zh": said.name_zh,
        "name_en": said.name_en,
        "status": said.status,
    }


def _month(saying: Saying, year: int, month: int, said: Mapping[date, Day], today: date) -> dict[str, Any]:
    """A month as weeks of days; a cell of another month is None."""
    weeks = Weeks().monthdatescalendar(year, month)
    return {
        "name": saying(MONTHS[month - 1]),
        "weeks": [
            [_cell(saying, at, said.get(at), today) if at.month == month else None for at in week] for week in weeks
        ],
    }


def _cell(saying: Saying, at: date, said: Day | None, today: date) -> dict[str, Any]:
    kind = "" if said is None or said.kind == "usual" else said.kind
    name = "" if said is None else _named(saying, said)
    is_expected = kind != "" and said is not None and said.status == "provisional"
    kind_name, expected = KIND_NAMES.get(kind, ""), STATUS_NAMES["provisional"]
    facts = [str(at), *([saying(kind_name)] if kind else []), *([name] if name else [])]
    return {
        "number": at.day,
        "date": at,
        "kind": kind,
        "mark": saying(MARKS[kind]) if kind else "",
        "told": " · ".join([*facts, *([saying(expected)] if is_expected else [])]),
        "is_expected": is_expected,
        "is_weekend": at.isoweekday() > 5,
        "is_today": at == today,
    }


def _run(saying: Saying, first: date, last: date, said: Day) -> dict[str, Any]:
    weekday = saying(WEEKDAYS[first.weekday()])
    return {
        "first": first,
        "last": last,
        "length": (last - first).days + 1,
        "weekday": weekday,
        "kind": said.kind,
        "kind_told": saying(KIND_NAMES[said.kind]),
        "name": _named(saying, said),
        "hours": _hours(saying, said),
        "status": said.status,
        "status_told": saying(STATUS_NAMES[said.status]),
    }


def _named(saying: Saying, said: Day) -> str:
    return said.name_zh or said.name_en if saying.language == "zh" else said.name_en or said.name_zh


def _hours(saying: Saying, said: Day) -> str:
    """The hours of a shift in words."""
    if said.kind != "shift":
        return ""
    if said.hours.startswith("weekday:"):
        return saying(N_("hours of a %(weekday)s"), weekday=saying(WEEKDAYS[int(said.hours[-1]) - 1]))
    return saying(N_("no hours")) if said.hours == "none" else said.hours

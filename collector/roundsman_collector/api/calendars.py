"""/calendars/{id}/days: which days a calendar takes for holidays, and which are worked instead (调休).

GET  /calendars/cn/days?year=2026&known=…    what it says, as known now or at a time
PUT  /calendars/cn/days/2026-10-01           it says this of a day from now on
GET  /calendars/cn/days/2026-10-01/history   everything it ever said of it
POST /calendars/cn/import?dry_run=true       a file, CSV or YAML, as the body itself
GET  /calendars/cn/export.csv                the same form; also export.yaml

Calendars themselves, with their names, are entries like sites (entries.py). Whoever may see a calendar sees its days;
to write them needs the right `place` and a scope of everything, because anybody's sites may have the calendar.
"""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from roundsman_collector.api.access import Place, See, deed_of
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.entries import EntryId, no_entry, problem_of
from roundsman_collector.api.moments import EXPECTED, read, stamped
from roundsman_collector.api.problem import Problem, bad_parameter
from roundsman_collector.api.telling import ROOT
from roundsman_collector.core.calendar import CalendarError
from roundsman_collector.core.days import NAME_LIMIT, Day, DayKind, Status, shift_hours
from roundsman_collector.roles import Who
from roundsman_collector.rules.calendars import BYTES_LIMIT, CalendarFile, calendar_read, csv_of, yaml_of
from roundsman_collector.rules.shape import RulesError
from roundsman_collector.store import EntryError, Version
from roundsman_collector.store.calendars import changes

SHOWN_LIMIT = 1000
TYPES = {"csv": "text/csv; charset=utf-8", "yaml": "application/yaml; charset=utf-8"}

DayOf = Annotated[date, Path(description="A local date, such as 2026-10-01.")]
Year = Annotated[int | None, Query(description="Of this year only.", ge=1970, le=2199)]
Known = Annotated[
    str | None, Query(description=f"As it was known at this time; now, if not given: {EXPECTED}.", max_length=40)
]

router = APIRouter(prefix="/calendars", tags=["register"])


class SaidShape(BaseModel):
    """What a calendar says of a day."""

    model_config = ConfigDict(extra="forbid")

    kind: DayKind = Field(description="holiday: a day of rest; shift: worked instead; usual: nothing special")
    hours: str = Field("", description="of a shift: weekday:1 to weekday:7, 09:00-12:00,14:00-18:00, or none")
    name_zh: str = Field("", max_length=NAME_LIMIT)
    name_en: str = Field("", max_length=NAME_LIMIT)
    status: Status = Field("confirmed", description="provisional: expected, not announced")


class DayShape(SaidShape):
    """A day and what a calendar says of it."""

    day: date


class YearShape(BaseModel):
    """How far a year is known."""

    year: int
    status: Status
    holidays: int
    shifts: int


class DaysShape(BaseModel):
    """The days that are special, by date. A year that is not among `years` has no holidays entered."""

    calendar: str
    days: list[DayShape]
    years: list[YearShape]
    links: dict[str, str]


class SaidOnceShape(DayShape):
    """What was said of a day, known in [from, to)."""

    from_ms: int
    from_: str | None = Field(alias="from")
    to_ms: int | None
    to: str | None
    made_by: str


class DayHistoryShape(BaseModel):
    """Everything that was ever said of a day, the oldest first."""

    versions: list[SaidOnceShape]


class FileShape(BaseModel):
    """What a calendar file would change, or did. `days` holds the first 1000; `changed` counts all."""

    dry_run: bool
    changed: int
    days: list[DayShape]


@router.get("/{entry}/days", response_model=DaysShape, summary="The special days of a calendar")
def days(request: Request, who: See, entry: EntryId, year: Year = None, known: Known = None) -> dict[str, Any]:
    """Holidays, days that are worked instead, and days that a person took back, by date."""
    desk = desk_of(request)
    known_calendar(desk, who, entry)
    known_ms = None if known is None else read(known, "known")
    said = desk.view.calendar_days(entry, known_ms)
    of_year = said if year is None else {day: one for day, one in said.items() if day.year == year}
    at = f"{ROOT}/calendars/{entry}"
    return {
        "calendar": entry,
        "days": [told(day, one) for day, one in sorted(of_year.items())],
        "years": years_of(said),
        "links": {"self": f"{at}/days", "calendar": at, "csv": f"{at}/export.csv", "yaml": f"{at}/export.yaml"},
    }


@router.put("/{entry}/days/{day}", response_model=DayShape, summary="Say what a day is")
def put_day(
    request: Request, who: Place, entry: EntryId, day: DayOf, said: Annotated[SaidShape, Body()]
) -> dict[str, Any]:
    """It says this of the day from now on; what it said before stays known as it was. `usual` takes it back."""
    desk = desk_of(request)
    known_calendar(desk, who, entry)
    try:
        wanted = day_from(**said.model_dump())
        desk.office.put_calendar_days(entry, {day: wanted}, deed=deed_of(request, who), scope=who.scope)
    except CalendarError as error:
        raise bad_parameter("body", str(error), "a day as GET tells it") from error
    except EntryError as error:
        raise problem_of(error) from error
    return told(day, wanted)


@router.get("/{entry}/days/{day}/history", response_model=DayHistoryShape, summary="All words about a day")
def day_history(request: Request, who: See, entry: EntryId, day: DayOf) -> dict[str, Any]:
    """What was said of the day, by whom, and from when to when it was known so."""
    desk = desk_of(request)
    known_calendar(desk, who, entry)
    return {
        "versions": [
            {
                **told(day, one.said),
                **stamped("from", one.from_ms),
                **stamped("to", one.to_ms),
                "made_by": one.made_by,
            }
            for one in desk.view.calendar_day_history(entry, day)
        ]
    }


@router.post(
    "/{entry}/import",
    response_model=FileShape,
    summary="Enter a calendar file",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {one: {"schema": {"type": "string"}} for one in ("text/csv", "application/yaml")},
        }
    },
)
async def import_days(
    request: Request,
    who: Place,
    entry: EntryId,
    dry_run: Annotated[bool, Query(description="Only tell what it would do.")] = False,
    whole_years: Annotated[
        bool, Query(description="Other days of the same years become usual: the file is all there is.")
    ] = False,
) -> dict[str, Any]:
    """All of it or nothing; everything that is wrong is told at once."""
    body = await _body(request)
    return await run_in_threadpool(_imported, request, who, entry, body, dry_run=dry_run, whole_years=whole_years)


def _imported(
    request: Request, who: Who, entry: str, body: bytes, *, dry_run: bool, whole_years: bool
) -> dict[str, Any]:
    desk = desk_of(request)
    known_calendar(desk, who, entry)
    file = read_file(body, entry)
    changed = changes(desk.view.calendar_days(entry), file.days, whole_years=whole_years)
    if not dry_run:
        deed = deed_of(request, who)
        try:
            desk.office.put_calendar_days(entry, file.days, deed=deed, scope=who.scope, whole_years=whole_years)
        except EntryError as error:
            raise problem_of(error) from error
    shown = sorted(changed.items())[:SHOWN_LIMIT]
    return {"dry_run": dry_run, "changed": len(changed), "days": [told(day, one) for day, one in shown]}


@router.get(
    "/{entry}/export.{form}",
    response_class=Response,
    responses={200: {"content": {one: {} for one in TYPES.values()}}},
    summary="A calendar as a file, csv or yaml",
)
def export(request: Request, who: See, entry: EntryId, form: Literal["csv", "yaml"]) -> Response:
    """Its special days in the form that the import reads."""
    desk = desk_of(request)
    one = known_calendar(desk, who, entry)
    file = file_of(one, desk.view.calendar_days(entry))
    text = csv_of(file.days) if form == "csv" else yaml_of(file)
    body = b"\xef\xbb\xbf" + text.encode() if form == "csv" else text.encode()  # Excel needs the mark to see Chinese
    named = {"Content-Disposition": f'attachment; filename="roundsman-calendar-{entry}.{form}"'}
    return Response(body, media_type=TYPES[form], headers=named)


# --- what pages and the command line use too -------------------------------------------------------------------------


def known_calendar(desk: Desk, who: Who, entry: str) -> Version:
    """A calendar that somebody sees; Problem otherwise."""
    found = desk.view.entry("calendar", entry, scope=who.scope)
    if found is None:
        raise no_entry("calendar", "calendars", entry)
    return found


def day_from(*, kind: DayKind, hours: str, name_zh: str, name_en: str, status: Status) -> Day:
    """A day as somebody wrote it; CalendarError says what is wrong."""
    kept = shift_hours(hours) if kind == "shift" else hours.strip()
    return Day(kind=kind, hours=kept, name_zh=name_zh.strip(), name_en=name_en.strip(), status=status)


def file_of(one: Version, said: Mapping[date, Day]) -> CalendarFile:
    """A calendar as a file."""
    return CalendarFile(calendar=one.id, name_zh=one.fields["name_zh"], name_en=one.fields["name_en"], days=said)


def read_file(body: bytes, entry: str) -> CalendarFile:
    """A file that somebody sent for a calendar; Problem for one that cannot be used."""
    try:
        file = calendar_read(body, source="body")
    except RulesError as error:
        raise Problem(
            422,
            "bad_calendar",
            what="; ".join(error.problems[:20]),
            where="body",
            expected="a calendar file, CSV or YAML, as GET export.csv and export.yaml write it",
            do="mend what is told and send it again; nothing was entered",
        ) from error
    if file.calendar not in ("", entry):
        raise bad_parameter("body", f"the file is of calendar {file.calendar}", f"a file of calendar {entry}")
    return file


def years_of(said: Mapping[date, Day]) -> list[dict[str, Any]]:
    """How far each year is known: confirmed, or provisional where any of its days is."""
    years: dict[int, list[Day]] = {}
    for day, one in said.items():
        years.setdefault(day.year, []).append(one)
    return [
        {
            "year": year,
            "status": "provisional" if any(one.status == "provisional" for one in some) else "confirmed",
            "holidays": sum(one.kind == "holiday" for one in some),
            "shifts": sum(one.kind == "shift" for one in some),
        }
        for year, some in sorted(years.items())
    ]


def told(day: date, said: Day) -> dict[str, Any]:
    """A day as the API says it."""
    return {
        "day": day,
        "kind": said.kind,
        "hours": said.hours,
        "name_zh": said.name_zh,
        "name_en": said.name_en,
        "status": said.status,
    }


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BYTES_LIMIT:
            raise Problem(
                413,
                "too_large",
                what="the file is too large",
                where="body",
                expected=f"at most {BYTES_LIMIT} bytes",
                do="send fewer years at once",
            )
    return bytes(body)

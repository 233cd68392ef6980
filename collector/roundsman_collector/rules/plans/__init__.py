"""Kinds of plans as files: text -> what the core plans by. Pure; whoever calls this has read the file.

    kinds_from(text, source="kiosk.yaml")       (core.plan_kinds.PlanKind, ...); RulesError tells all that is wrong
    file = file_from(text, source=...)          its shape, as the console and the API say it: a PlanFile
    kinds_of(file), kind_of(entry, file)        the PlanKinds
    changed(file, "kiosk-phone", {"report": {"by": 3}}, source="plan 7")    a kind as one plan has it
    body_of(file)                               the text that is kept of it
    text_of(file, "kiosk-phone", {...})         the same of one kind as a plan has it; kind_of_text() reads it
    PRESETS                                     the files that travel with the program

    plans: kiosk
    zh: 自助终端服务部
    en: Self-service terminals
    kinds:
      - {kind: kiosk-phone, zh: 电话巡检, en: Inspection by phone, mode: phone, every: month, window: {days: 3},
         paper: inspection, report: {before: 3}, source: S4-25}

`PlanFile` and its rows are the one model behind files, console and API. docs/plans.md explains each key.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, TypeAdapter, ValidationError, model_validator
from pydantic_core import ErrorDetails

from roundsman_collector.core.hours import kept
from roundsman_collector.core.level import Week
from roundsman_collector.core.periods import CYCLES, Cycle, times_a_year
from roundsman_collector.core.plan_kinds import After, Part, PlanKind, Report, Window
from roundsman_collector.rules.levels import WeekRow
from roundsman_collector.rules.shape import RulesError, Sentence, Strict, path_of, read, told
from roundsman_collector.wording import key, nearest
from roundsman_wire.codec import canonical
from roundsman_wire.topics import ID_PATTERN

PRESETS: tuple[str, ...] = ("security", "huajun", "tianyi", "decoration", "vehicle", "kiosk")
"""The kinds of plans that travel with the program: `plans/<name>.yaml`, a file for each regulation."""
LEAST_DAYS_OF_MONTH = 28
WEEK_DAYS = 7

Id = Annotated[str, Field(pattern=ID_PATTERN)]
Mode = Literal["remote", "phone", "visit", "call", "report", "desk"]
Every = Literal["week", "month", "quarter", "half_year", "year"]
MonthDay = Annotated[int, Field(ge=1, le=31)]
Month = Annotated[int, Field(ge=1, le=12)]
Lead = Annotated[int, Field(ge=1, le=60)]


class WindowRow(Strict):
    """In which days of its period the work is to be done."""

    days: Annotated[int, Field(ge=1, le=366)] | None = Field(
        None, description="so many days: from `day` on; without it after the day the work begins, which is not counted"
    )
    day: MonthDay | None = Field(
        None, description="the first of these days: of the period's first month; of a week the weekday, 1 is Monday"
    )
    around: MonthDay | None = Field(None, description="or around this day ...")
    give_or_take: Annotated[int, Field(ge=0, le=31)] | None = Field(
        None, description="... so many days sooner or later"
    )
    month: Month = Field(1, description="of the month with this number in the period, if not of the first")

    @model_validator(mode="after")
    def _is_one_of_three(self) -> "WindowRow":
        if self.around is None and self.days is None:
            raise ValueError("days, or around")
        if self.around is not None and (self.days is not None or self.day is not None):
            raise ValueError("around without days and day: it is a window of its own")
        if (self.around is None) != (self.give_or_take is None):
            raise ValueError("around and give_or_take, both or neither")
        if self.day is None and self.around is None and self.month != 1:
            raise ValueError("month beside day or around only")
        return self


class ReportRow(Strict):
    """By when the report is due."""

    before: MonthDay | None = Field(
        None, description="before this day of the next period's first month: the day before is the last in time"
    )
    by: MonthDay | None = Field(None, description="or by this day, which is still in time")
    month: Month = Field(1, description="of the month with this number in the next period, if not of the first")
    working_days: Annotated[int, Field(ge=1, le=250)] | None = Field(
        None, description="or so many working days after the day the work ended (of a report: the period), not counted"
    )
    danger_days: Lead = Field(2, description="in danger when so many working days are left, the last among them")

    @model_validator(mode="after")
    def _has_one_day(self) -> "ReportRow":
        if sum(one is not None for one in (self.before, self.by, self.working_days)) != 1:
            raise ValueError("exactly one of before, by, working_days")
        if self.working_days is not None and self.month != 1:
            raise ValueError("month beside before or by only")
        return self


class AfterRow(Strict):
    """Follows each task of another kind of this file."""

    kind: Id = Field(description="the kind that it follows")
    working_days: Annotated[int, Field(ge=1, le=250)] = Field(
        description="due so many working days after the day that one ended, which is not counted"
    )


class PartRow(Strict):
    """A part of the work."""

    part: Id
    zh: Sentence
    en: Sentence


class KindEntry(Strict):
    """A kind of plan: what is done, how often, and by when."""

    kind: Id = Field(description="its id; plans name it")
    zh: Sentence
    en: Sentence
    mode: Mode = Field(description="how the work is done; a report is done when its paper is issued")
    also_by: list[Mode] = Field([], description="other modes in which a round does as well")
    per: Literal["site", "contract", "company"] = Field("site", description="for each of which there is a task")
    every: Every | None = Field(None, description="how often")
    times_a_year: Annotated[int, Field(ge=1, le=12)] | None = Field(
        None, description="or so often a year, in parts of whole months"
    )
    after: AfterRow | None = Field(None, description="or after each task of another kind")
    counted_from: Literal["calendar", "installed", "accepted"] = Field(
        "calendar",
        description="calendar: months and quarters as the calendar has them; else counted from the day of installation "
        "or of acceptance",
    )
    window: WindowRow | None = Field(None, description="in which days of the period; in all of them, if not given")
    paper: Id | None = Field(None, description="the kind of report that is handed in; of mode report, that is the work")
    report: ReportRow | None = Field(None, description="by when that report is due; on no day of its own, if not given")
    agreement: bool = Field(False, description="the customer agrees before it is carried out (甲方确认)")
    acceptance: bool = Field(False, description="somebody accepts it at the end, by name")
    phases: list[Literal["before_acceptance", "warranty", "maintenance", "expired"]] = Field(
        [], description="of the contract in which it counts; in all, if not given"
    )
    free_a_year: Annotated[int, Field(ge=0, le=366)] | None = Field(
        None, description="so many visits of a year are free, and one more is chargeable; nobody counts, if not given"
    )
    least_days: Annotated[int, Field(ge=1, le=366)] = Field(
        1, description="a period of which fewer days are covered asks for nothing"
    )
    coming_days: Annotated[int, Field(ge=0, le=90)] = Field(7, description="announced so many days before it opens")
    danger_days: Lead = Field(3, description="in danger when so many working days are left, the last among them")
    parts: Annotated[list[PartRow], Field(max_length=50)] = Field([], description="what the work consists of")
    source: Annotated[str, Field(max_length=160)] = Field("", description="where it was promised")

    @property
    def cycle(self) -> Cycle | None:
        """How often, as the core says it."""
        if self.every is not None:
            return CYCLES[self.every]
        return None if self.times_a_year is None else times_a_year(self.times_a_year)

    @model_validator(mode="after")
    def _fits_together(self) -> "KindEntry":
        for wrong in _contradictions(self):
            raise ValueError(wrong)
        return self


class PlanFile(Strict):
    """The kinds of plans of a regulation."""

    plans: Id = Field(description="its id")
    zh: Sentence
    en: Sentence
    source: Annotated[str, Field(max_length=400)] = Field("", description="where they were promised")
    workdays: WeekRow = Field(
        WeekRow(hours=kept("1-5 09:00-18:00"), holidays="cn"),
        description="what working days are: those on which there are hours",
    )
    kinds: Annotated[list[KindEntry], Field(min_length=1, max_length=100)]


PLANS: TypeAdapter[PlanFile] = TypeAdapter(PlanFile)
"""Reads kinds of plans as the console and the API say them; flaws() tells what is wrong beyond their shape."""


def _contradictions(entry: KindEntry) -> Iterator[str]:
    """What cannot be said together of one kind, as what was expected."""
    if sum(one is not None for one in (entry.every, entry.times_a_year, entry.after)) != 1:
        yield "exactly one of every, times_a_year, after"
    if entry.mode in entry.also_by:
        yield "also_by without the mode itself"
    if entry.paper is None and (entry.report is not None or entry.mode == "report"):
        yield "paper: which kind of report it is"
    if entry.mode == "report" and entry.after is None and (entry.report is None or entry.window is not None):
        yield "report, by when it is due, and no window: a report about a period is made when that is over"
    if entry.after is not None:
        said = [name for name in ("window", "report", "phases") if getattr(entry, name)]
        if said or entry.counted_from != "calendar" or entry.least_days != 1:
            yield "after without window, report, phases, counted_from and least_days: those are of the kind it follows"
        return
    yield from _days_beyond(entry)


def _days_beyond(entry: KindEntry) -> Iterator[str]:
    """Days that a period does not have."""
    cycle = entry.cycle
    if cycle is None:
        return
    shortest = cycle.months * LEAST_DAYS_OF_MONTH or WEEK_DAYS
    if entry.least_days > shortest:
        yield f"least_days of at most {shortest}: no period is sure to have more"
    window, report = entry.window, entry.report
    if window is not None and window.days is not None and window.days > shortest:
        yield f"a window of at most {shortest} days: no period is sure to have more"
    dated: list[tuple[str, int, int | None]] = []
    if window is not None:
        dated.append(("window", window.month, window.day or window.around))
    if report is not None:
        dated.append(("report", report.month, report.before or report.by))
    for name, month, day in dated:
        if day is None:
            continue
        if entry.counted_from != "calendar":
            yield f"{name} without a day of the month: periods that are counted from a day have none"
        elif month > (cycle.months or 1):
            yield f"{name}, month of at most {cycle.months or 1}"
        elif not cycle.a_year and day > WEEK_DAYS:
            yield f"{name}, a weekday from 1 to 7"


def kinds_from(text: str, *, source: str) -> tuple[PlanKind, ...]:
    """The kinds of plans of a file; RulesError with a line for everything that is wrong."""
    return kinds_of(file_from(text, source=source))


def file_from(text: str, *, source: str) -> PlanFile:
    """A file's content, checked; RulesError with a line for each thing that is wrong: file, row, key, expected."""
    file = read(text, PlanFile, source=source, problem=_problem)
    found = flaws(file)
    if found:
        raise RulesError([f"{source}, {flaw}" for flaw in found])
    return file


def flaws(file: PlanFile) -> list[str]:
    """What is wrong with kinds of plans beyond the shape of their rows."""
    names = [entry.kind for entry in file.kinds]
    leads = [entry.kind for entry in file.kinds if entry.after is None]
    found = []
    for at, entry in enumerate(file.kinds):
        first = names.index(entry.kind)
        if first != at:
            found.append(f"{_named(at, entry.kind)}, kind: stands in kinds[{first}] already; expected another id")
        if entry.after is not None and entry.after.kind not in leads:
            found.append(
                f"{_named(at, entry.kind)}, after.kind: expected a kind of this file that follows no other: "
                f"{', '.join(leads) or 'there is none'}, got {entry.after.kind!r}{nearest(entry.after.kind, leads)}"
            )
        parts = [part.part for part in entry.parts]
        if len(set(parts)) != len(parts):
            found.append(f"{_named(at, entry.kind)}, parts: expected each part once, got {', '.join(parts)}")
    return found


def kinds_of(file: PlanFile) -> tuple[PlanKind, ...]:
    """What the core plans by."""
    return tuple(kind_of(entry, file) for entry in file.kinds)


def kind_of(entry: KindEntry, file: PlanFile) -> PlanKind:
    """The same of one kind."""
    return PlanKind(
        id=entry.kind,
        also_by=frozenset(entry.also_by),
        cycle=entry.cycle,
        after=None if entry.after is None else After(entry.after.kind, entry.after.working_days),
        window=None if entry.window is None else _window(entry.window),
        paper=entry.paper or "",
        report=None if entry.report is None else _report(entry.report),
        phases=frozenset(entry.phases),
        week=Week(hours=file.workdays.hours, holidays=file.workdays.holidays),
        parts=tuple(Part(one.part, one.zh, one.en) for one in entry.parts),
        **{name: getattr(entry, name) for name in _SAME},
    )


_SAME = (
    *("zh", "en", "mode", "per", "counted_from", "agreement", "acceptance", "free_a_year"),
    *("least_days", "coming_days", "danger_days", "source"),
)
"""What stands in both as it is."""


def _window(row: WindowRow) -> Window:
    if row.around is None:
        return Window(days=row.days, day=row.day, month=row.month)
    return Window(day=row.around, month=row.month, give_or_take=row.give_or_take or 0)


def _report(row: ReportRow) -> Report:
    return Report(
        day=row.before if row.by is None else row.by,
        month=row.month,
        is_inclusive=row.by is not None,
        working_days=row.working_days,
        danger_days=row.danger_days,
    )


def changed(file: PlanFile, kind: str, changes: Mapping[str, Any], *, source: str) -> PlanKind:
    """A kind as one plan has it: each key that is said replaces the kind's, null unsays it; RulesError."""
    names = [one.kind for one in file.kinds]
    if kind not in names:
        raise RulesError([f"{source}: expected a kind of {file.plans}: {', '.join(names)}, got {kind!r}"])
    if "kind" in changes:
        raise RulesError([f"{source}, kind: a plan changes what its kind says, not which it is; expected no such key"])
    entry = _laid_over(file.kinds[names.index(kind)], changes, source)
    whole = file.model_copy(update={"kinds": [entry if one.kind == kind else one for one in file.kinds]})
    found = flaws(whole)
    if found:
        raise RulesError([f"{source}: {flaw}" for flaw in found])
    return kind_of(entry, whole)


def text_of(file: PlanFile, kind: str, changes: Mapping[str, Any], *, source: str) -> str:
    """A kind as one plan has it, with its working days, as a text that kind_of_text() reads; RulesError."""
    changed(file, kind, changes, source=source)
    entry = _laid_over(next(one for one in file.kinds if one.kind == kind), changes, source)
    return body_of(file.model_copy(update={"kinds": [entry]}))


def kind_of_text(text: str, *, source: str) -> PlanKind:
    """The kind of a text of text_of()."""
    file = read(text, PlanFile, source=source, problem=_problem)
    return kind_of(file.kinds[0], file)


def _laid_over(entry: KindEntry, changes: Mapping[str, Any], source: str) -> KindEntry:
    said = {**entry.model_dump(mode="json", exclude_unset=True), **changes}
    document = {name: value for name, value in said.items() if value is not None}
    try:
        return KindEntry.model_validate_json(json.dumps(document))
    except ValidationError as error:
        errors = error.errors(include_url=False, include_context=False)
        raise RulesError([*dict.fromkeys(_told(one, one["loc"], KindEntry, source) for one in errors)]) from None


def body_of(file: PlanFile) -> str:
    """The text that is kept of a file: equal ones have equal texts, and file_from() reads it."""
    return canonical(file.model_dump(mode="json", exclude_none=True)).decode()


# --- errors in words -------------------------------------------------------------------------------------------------

_ROWS: dict[str, type[BaseModel]] = {
    "window": WindowRow,
    "report": ReportRow,
    "after": AfterRow,
    "parts": PartRow,
    "workdays": WeekRow,
}


def _problem(error: ErrorDetails, document: Any, source: str) -> str:
    steps = error["loc"]
    if len(steps) > 1 and steps[0] == "kinds":
        where = f"{source}, {_named(steps[1], _kind_of(document, steps[1]))}"
        return _told(error, steps[2:], KindEntry, where)
    return _told(error, steps, PlanFile, source)


def _told(error: ErrorDetails, steps: tuple[int | str, ...], model: type[BaseModel], where: str) -> str:
    path = path_of(steps)
    model = _ROWS.get(str(steps[0]), model) if len(steps) > 1 else model
    return told(error, f"{where}{', ' + path if path else ''}", list(model.model_fields))


def _kind_of(document: Any, which: object) -> str:
    """The kind of a row of a file that may hold anything."""
    try:
        said = document["kinds"][which].get("kind")
    except (AttributeError, IndexError, KeyError, TypeError):
        return ""
    return said if isinstance(said, str) else ""


def _named(which: object, kind: str = "") -> str:
    """How a row is called: `kinds[3] (kiosk-visit)`."""
    place = f"kinds[{which}]"
    return f"{place} ({key(kind)})" if kind else place

"""Service levels as files: text -> what the core reads clocks by. Pure; whoever calls this has read the file.

    level_from(text, source="kiosk.yaml")       core.level.ServiceLevel; RulesError tells everything that is wrong
    file = file_from(text, source=...)          its shape, as the console and the API say it: a LevelFile
    level_of(file)                              the ServiceLevel
    body_of(file), digest(body)                 the text that is kept of it, and the name of that text
    PRESETS                                     the files that travel with the program

    level: kiosk
    zh: 自助终端
    en: Self-service terminals
    calendars:
      office: {hours: "1-5 09:00-18:00", holidays: cn}
    clocks:
      - {clock: solution, from: reported, until: planned, minutes: 40}
      - {clock: arrive, from: reported, until: arrived, minutes: 240, promised_minutes: 120, zone: [urban]}
      - {clock: repair, from: reported, until: fixed, working_days: 3, calendar: office, pauses: [customer_absent]}

`LevelFile` and its rows are the one model behind files, console and API. docs/service-levels.md explains each key.
"""

import hashlib
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, TypeAdapter, model_validator
from pydantic_core import ErrorDetails

from roundsman_collector.core.calendar import MINUTE_MS, CalendarError
from roundsman_collector.core.hours import kept
from roundsman_collector.core.level import (
    ATS,
    CLOCKS,
    FACTS,
    MARKS,
    PAUSES,
    ClockRow,
    Escalation,
    Kind,
    ServiceLevel,
    Told,
    Week,
    ties,
)
from roundsman_collector.rules.shape import RulesError, Sentence, ServiceClass, Strict, path_of, read, told
from roundsman_collector.wording import key, nearest
from roundsman_wire.codec import canonical
from roundsman_wire.topics import ID_PATTERN

PRESETS: tuple[str, ...] = ("security", "huajun", "bidder", "tianyi", "decoration", "tender", "vehicle", "kiosk")
"""The service levels that travel with the program: `levels/<name>.yaml`."""
ALWAYS = "always"
"""The calendar of a row that names none."""
HASH_DIGITS = 16
LONGEST_MINUTES = 366 * 24 * 60
LONGEST_DAYS = 250

Id = Annotated[str, Field(pattern=ID_PATTERN)]
Minutes = Annotated[int, Field(ge=0, le=LONGEST_MINUTES)]
Urgency = Literal["urgent", "major", "minor"]
Zone = Literal["urban", "suburban", "elsewhere", "remote"]
Mode = Literal["phone", "remote", "visit", "supply"]
Reached = Literal[50, 80, "promised", "breach"]
Category = Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")]


def _hours(said: str) -> str:
    try:
        return kept(said)
    except CalendarError as error:
        raise ValueError(str(error)) from None


def _clock(said: str) -> str:
    if said not in CLOCKS:
        raise ValueError(f"one of {', '.join(CLOCKS)}{nearest(said, CLOCKS)}")
    return said


def _mark(said: str) -> str:
    if said not in MARKS:
        raise ValueError(f"one of {', '.join(MARKS)}{nearest(said, MARKS)}")
    return said


def _pause(said: str) -> str:
    if said not in PAUSES:
        raise ValueError(f"one of {', '.join(PAUSES)}{nearest(said, PAUSES)}")
    return said


Clock = Annotated[str, AfterValidator(_clock), Field(json_schema_extra={"enum": list(CLOCKS)})]
Mark = Annotated[str, AfterValidator(_mark), Field(json_schema_extra={"enum": list(MARKS)})]
Pause = Annotated[str, AfterValidator(_pause), Field(json_schema_extra={"enum": list(PAUSES)})]


class WeekRow(Strict):
    """Hours of work."""

    hours: Annotated[str, AfterValidator(_hours)] = Field(
        description="24x7, or days and times: 1-5 09:00-18:00; 6 09:00-12:00"
    )
    holidays: Id = Field(
        "none",
        description="the calendar whose holidays and days worked instead are laid over them: cn, none",
    )


class ClockEntry(Strict):
    """What a clock promises, and to which tickets."""

    clock: Clock = Field(description="which clock it is")
    from_: Mark = Field(alias="from", description="what it runs from")
    until: Mark = Field(description="what it runs until")
    minutes: Minutes | None = Field(None, description="the target: minutes of working time; what the contract asks for")
    working_days: Annotated[int, Field(ge=1, le=LONGEST_DAYS)] | None = Field(
        None, description="or days: due at the close of the n-th working day after the day it began on"
    )
    appointment: Literal[True] | None = Field(None, description="or the arrival that was promised to the customer")
    promised_minutes: Minutes | None = Field(
        None, description="a stricter promise beside the target: warnings go by it, a breach by the target"
    )
    calendar: Id = Field(ALWAYS, description="which of the calendars above it runs in")
    kind: Kind = Field("limit", description="limit: each ticket keeps it. mean: the mean of a period's tickets does")
    pauses: list[Pause] = Field([], description="the reasons of waiting that stop it; none, if not given")
    service_class: list[ServiceClass] = Field([], description="only for faults that these mend")
    severity: list[Urgency] = Field([], description="only for faults this bad")
    zone: list[Zone] = Field([], description="only for sites in these zones")
    priority: list[Urgency] = Field([], description="only where the customer says that it is this urgent")
    mode: list[Mode] = Field([], description="only where this solution was named")
    category: list[Category] = Field([], description="only for faults about this, as the fault catalogue has it")
    source: Annotated[str, Field(max_length=160)] = Field("", description="where it was promised")

    @model_validator(mode="after")
    def _has_one_target(self) -> "ClockEntry":
        targets = [self.minutes is not None, self.working_days is not None, self.appointment is not None]
        if sum(targets) != 1:
            raise ValueError("exactly one of minutes, working_days, appointment")
        if self.promised_minutes is not None and (self.minutes is None or self.promised_minutes > self.minutes):
            raise ValueError("promised_minutes beside minutes, and not more of them: the promise is the stricter one")
        if self.appointment and (self.from_, self.until) != ("promised", "arrived"):
            raise ValueError("an appointment from promised until arrived")
        if self.appointment and (self.pauses or self.kind == "mean" or self.calendar != ALWAYS):
            raise ValueError(
                "an appointment without pauses, calendar and mean: who needs longer agrees on another time"
            )
        if self.kind == "mean" and self.promised_minutes is not None:
            raise ValueError("a mean without promised_minutes: nobody is warned of a mean")
        if self.from_ == self.until:
            raise ValueError("until something else than from: such a clock would never run")
        return self


class EscalationRow(Strict):
    """Who is told when a clock has got so far."""

    at: Reached = Field(description="50, 80: percent of the time; promised: the stricter promise has passed; breach")
    tell: Annotated[list[Told], Field(min_length=1)] = Field(description="engineer, dispatcher, manager")
    clocks: list[Clock] = Field([], description="of which clocks; of all, if not given")


def _usual_escalation() -> list[EscalationRow]:
    chain: list[tuple[Reached, list[Told]]] = [
        (50, ["engineer"]),
        (80, ["engineer", "dispatcher"]),
        ("promised", ["engineer", "dispatcher"]),
        ("breach", ["engineer", "dispatcher", "manager"]),
    ]
    return [EscalationRow(at=at, tell=tell, clocks=[]) for at, tell in chain]


class LevelFile(Strict):
    """A service level: what a contract promises."""

    level: Id = Field(description="its id; contracts name it")
    zh: Sentence
    en: Sentence
    source: Annotated[str, Field(max_length=400)] = Field("", description="where it was promised")
    calendars: Annotated[dict[Id, WeekRow], Field(max_length=20)] = Field(
        {}, description="hours of work by name; `always`, around the clock, is there in any case"
    )
    clocks: Annotated[list[ClockEntry], Field(min_length=1, max_length=200)]
    escalation: Annotated[list[EscalationRow], Field(max_length=100)] = Field(
        default_factory=_usual_escalation, description="who is told when a clock has got how far"
    )
    auto_close: bool = Field(
        True, description="a fault that is over closes a ticket that nobody was sent for; if not, people close it"
    )
    reopen_hours: Annotated[int, Field(ge=0, le=8784)] = Field(
        72, description="hours in which a fault that comes back reopens its ticket instead of opening another"
    )
    call_back_minutes: Annotated[int, Field(ge=0, le=10_080)] = Field(
        120, description="minutes after which a customer who was helped by phone is called back; 0: never"
    )
    both_signatures: bool = Field(True, description="a visit is closed only with both signatures")
    report: bool = Field(True, description="a visit is closed with its service report alone")
    follow_up: bool = Field(True, description="a visit is closed after the customer was followed up alone")
    delay_analysis: bool = Field(True, description="who leaves without having mended it says why (延时原因分析表)")
    loan_unit: bool = Field(True, description="what is taken to the workshop is replaced by a loan unit")
    consent: bool = Field(True, description="remote work needs the customer's consent")
    arrival_promised: bool = Field(
        False, description="who replies that somebody comes, or sends somebody, tells the customer when they arrive"
    )
    examined_first: bool = Field(
        False, description="nobody is sent before it was looked into by readings, by phone or remotely"
    )
    sent_at_once: list[Urgency] = Field(
        [], description="faults so bad that somebody is sent at once, while others work on them remotely"
    )
    spare_along: bool = Field(
        False,
        description="nobody leaves without the spare that the solution takes: kept for the ticket, or issued to it",
    )
    take_away_agreed: bool = Field(False, description="nothing is taken along without the customer's consent")
    transfer_agreed: bool = Field(False, description="both sides agree before another ticket goes on (转单)")
    hand_over_agreed: bool = Field(
        False, description="what was handed over (转交) is closed when the customer agrees with what came of it"
    )
    review: bool = Field(False, description="what people worked on is closed after a review (审核) by who may overrule")
    replacement_after_repairs: Annotated[int, Field(ge=0, le=20)] = Field(
        2, description="repairs of a part after which it is replaced and not repaired again; 0: no such rule"
    )
    replacement_without_spare_days: Annotated[int, Field(ge=0, le=366)] = Field(
        30, description="days without a spare part after which the device is replaced; 0: no such rule"
    )
    forms: Annotated[list[Id], Field(max_length=20)] = Field(
        ["work_order"], description="the forms that are handed in after a visit; the clock `forms` runs until the last"
    )


LEVEL: TypeAdapter[LevelFile] = TypeAdapter(LevelFile)
"""Reads a service level as the console and the API say it; flaws() tells what is wrong beyond its shape."""


def level_from(text: str, *, source: str) -> ServiceLevel:
    """The service level of a file; RulesError with a line for everything that is wrong."""
    return level_of(file_from(text, source=source))


def file_from(text: str, *, source: str) -> LevelFile:
    """A file's content, checked; RulesError with a line for each thing that is wrong: file, row, key, expected."""
    file = read(text, LevelFile, source=source, problem=_problem)
    found = flaws(file)
    if found:
        raise RulesError([f"{source}, {flaw}" for flaw in found])
    return file


def flaws(file: LevelFile) -> list[str]:
    """What is wrong with a service level beyond the shape of its rows."""
    calendars = [ALWAYS, *file.calendars]
    found = (
        [f"calendars.{ALWAYS}: is around the clock already; expected another name"] if ALWAYS in file.calendars else []
    )
    found += [
        f"{_named(at, row.clock)}, calendar: expected one of {', '.join(dict.fromkeys(calendars))}, "
        f"got {row.calendar!r}{nearest(row.calendar, calendars)}"
        for at, row in enumerate(file.clocks)
        if row.calendar not in calendars
    ]
    rows = [_row(entry) for entry in file.clocks]
    for one, other in ties(rows):
        first, second = (next(at for at, row in enumerate(rows) if row is which) for which in (one, other))
        found.append(
            f"{_named(second, other.clock)}: for some tickets nobody could say whether it or clocks[{first}] counts; "
            f"expected one of them to ask for more ({', '.join(FACTS)})"
        )
    return found


def level_of(file: LevelFile) -> ServiceLevel:
    """What the core reads clocks by."""
    calendars = {name: Week(hours=week.hours, holidays=week.holidays) for name, week in file.calendars.items()}
    rules = file.model_dump(include=_RULES)
    return ServiceLevel(
        id=file.level,
        calendars={ALWAYS: Week(hours=kept("24x7")), **calendars},
        clocks=tuple(map(_row, file.clocks)),
        escalation=tuple(
            Escalation(at=next(at for at in ATS if at == str(one.at)), tell=tuple(one.tell), clocks=tuple(one.clocks))
            for one in file.escalation
        ),
        forms=tuple(file.forms),
        sent_at_once=tuple(file.sent_at_once),
        **rules,
    )


def body_of(file: LevelFile) -> str:
    """The text that is kept of a service level: equal ones have equal texts, and file_from() reads it."""
    return canonical(file.model_dump(mode="json", by_alias=True, exclude_none=True)).decode()


def digest(body: str) -> str:
    """The name of a text."""
    return hashlib.sha256(body.encode()).hexdigest()[:HASH_DIGITS]


_RULES = set(ServiceLevel.__slots__) & set(LevelFile.model_fields) - {
    "calendars",
    "clocks",
    "escalation",
    "forms",
    "sent_at_once",
}
"""What stands in both as it is."""


def _row(entry: ClockEntry) -> ClockRow:
    return ClockRow(
        clock=entry.clock,
        from_=entry.from_,
        until=entry.until,
        target_ms=None if entry.minutes is None else entry.minutes * MINUTE_MS,
        working_days=entry.working_days,
        promised_ms=None if entry.promised_minutes is None else entry.promised_minutes * MINUTE_MS,
        calendar=entry.calendar,
        kind=entry.kind,
        pauses=frozenset(entry.pauses),
        only={fact: frozenset(said) for fact in FACTS if (said := getattr(entry, fact))},
        source=entry.source,
    )


# --- errors in words -------------------------------------------------------------------------------------------------

_ROWS: dict[str, type[BaseModel]] = {"clocks": ClockEntry, "escalation": EscalationRow, "calendars": WeekRow}


def _problem(error: ErrorDetails, document: Any, source: str) -> str:
    steps = list(error["loc"])
    model: type[BaseModel] = LevelFile
    where = ""
    if len(steps) > 1 and steps[0] in _ROWS:
        section, which, *steps = steps
        model = _ROWS[str(section)]
        where = f", {_named(which, _clock_of(document, section, which), str(section))}"
    path = path_of(steps)
    known = [field.alias or name for name, field in model.model_fields.items()]
    return told(error, f"{source}{where}{', ' + path if path else ''}", known)


def _clock_of(document: Any, section: object, which: object) -> str:
    """The clock of a row of a file that may hold anything."""
    try:
        said = document[section][which].get("clock")
    except (AttributeError, IndexError, KeyError, TypeError):
        return ""
    return said if isinstance(said, str) else ""


def _named(which: object, clock: str = "", section: str = "clocks") -> str:
    """How a row is called: `clocks[3] (arrive)`, `calendars.office`."""
    place = f"{section}[{which}]" if isinstance(which, int) else f"{section}.{key(which)}"
    return f"{place} ({key(clock)})" if clock else place

"""/reports/schedules: which reports are made by themselves, of what, how often, and to whom they go.

    POST /reports/schedules {"kind": "sla", "scope": "contract:*", "cycle": "month", "recipients": ["q@metro.cn"]}
    DELETE /reports/schedules/3                             no more of it from now on; what was made stays

`contract:*` is each contract that there is. Only whoever reaches everything schedules: recipients get what they are
sent.
"""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from roundsman_collector.api.access import Overrule, deed_of
from roundsman_collector.api.desk import desk_of
from roundsman_collector.api.issued import refused
from roundsman_collector.api.moments import stamped
from roundsman_collector.api.problem import Problem, bad_parameter
from roundsman_collector.api.reports import told_as_problem
from roundsman_collector.issuing.about import SCOPES, about
from roundsman_collector.issuing.kinds import kind_of
from roundsman_collector.roles import Who
from roundsman_collector.store import StoreError
from roundsman_collector.store.report_mails import EACH, NewSchedule, ScheduleRow
from roundsman_collector.wording import short

router = APIRouter(prefix="/reports/schedules", tags=["reports"])

Cycle = Literal["week", "month", "quarter", "half_year", "year"]
Recipient = Annotated[str, Field(pattern=r"^[^@\s,;<>]{1,64}@[^@\s,;<>]{1,190}$")]


class ScheduleWish(BaseModel):
    """What is to be reported, how often, to whom."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    kind: str = Field(max_length=40)
    scope: str = Field(max_length=120, description="such as contract:metro-c, or contract:* for each")
    cycle: Cycle
    recipients: list[Recipient] = Field(default_factory=list, max_length=50)
    language: Literal["zh", "en"] = "zh"
    auto_issue: bool = Field(default=False, description="issued by itself when it is final")


class ScheduleShape(BaseModel):
    """A schedule that goes on."""

    model_config = ConfigDict(extra="allow")

    id: int
    kind: str
    scope: str
    cycle: Cycle
    recipients: list[str]
    language: Literal["zh", "en"]
    auto_issue: bool
    made_ms: int
    made_by: str


class SchedulesShape(BaseModel):
    """All that go on."""

    schedules: list[ScheduleShape]


@router.get("", response_model=SchedulesShape, summary="Which reports are made by themselves")
def schedules(request: Request, who: Overrule) -> dict[str, Any]:
    """The schedules that go on."""
    for_everything(who)
    return {"schedules": [told(one) for one in desk_of(request).view.report_schedules()]}


@router.post("", response_model=ScheduleShape, status_code=201, summary="Have reports made by themselves")
def add(request: Request, who: Overrule, wish: ScheduleWish) -> dict[str, Any]:
    """From now on: of each period that ends after this, one."""
    return told(added(request, who, wish))


def added(request: Request, who: Who, wish: ScheduleWish) -> ScheduleRow:
    """A schedule that somebody wants; Problem for what cannot be reported so."""
    for_everything(who)
    desk, deed = desk_of(request), deed_of(request, who)
    word, _, name = wish.scope.partition(":")
    with told_as_problem():
        kind = kind_of(wish.kind)
        scope = next((one for one in SCOPES if one == word and one in kind.scopes), None)
        if scope is None:
            raise bad_parameter(
                "scope", f"{short(wish.scope)} cannot be used", " or ".join(kind.scopes) + ", and an id"
            )
        if wish.cycle not in kind.cycles:
            raise bad_parameter("cycle", f"there is no report {kind.id} for one {wish.cycle}", " or ".join(kind.cycles))
        if name != EACH:
            about(desk.view, scope, name)
    new = NewSchedule(
        kind=kind.id,
        scope=scope,
        about=name,
        cycle=wish.cycle,
        recipients=tuple(dict.fromkeys(wish.recipients)),
        language=wish.language,
        auto_issue=wish.auto_issue,
        from_ms=deed.at_ms,
    )
    number = desk.office.reports.put_schedule(new, deed=deed)
    return next(one for one in desk.view.report_schedules() if one.id == number)


@router.delete("/{schedule}", status_code=204, summary="End a schedule")
def end(request: Request, who: Overrule, schedule: Annotated[int, Path(ge=1, le=2**53)]) -> None:
    """What was made stays, and is still restated when late truth comes."""
    ended(request, who, schedule)


def ended(request: Request, who: Who, schedule: int) -> None:
    """End a schedule; Problem where there is none that goes on."""
    for_everything(who)
    try:
        desk_of(request).office.reports.end_schedule(schedule, deed=deed_of(request, who))
    except StoreError as error:
        raise refused(error) from error


def for_everything(who: Who) -> None:
    """Refuse whoever does not reach everything."""
    if not who.scope.everything:
        raise Problem(
            403,
            "not_yours",
            what="your scope is not everything",
            where="path",
            expected="somebody who reaches everything: a schedule sends reports of others",
            do="ask a manager whose scope is everything",
        )


def told(one: ScheduleRow) -> dict[str, Any]:
    """A schedule as it is told."""
    return {
        "id": one.id,
        "kind": one.kind,
        "scope": f"{one.scope}:{one.about}",
        "cycle": one.cycle,
        "recipients": list(one.recipients),
        "language": one.language,
        "auto_issue": one.auto_issue,
        **stamped("made", one.made_ms),
        "made_by": one.made_by,
    }

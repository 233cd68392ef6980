"""/tasks: what plans ask for, site by site, with due dates and how they were reckoned, and a person's word on it.

    GET /tasks?mark=danger,overdue · /tasks?quarter=2026-Q4       as far as somebody reaches
    POST /tasks/12/begin   ->   200 the task · 409 the engine says no · 412 somebody was faster · 202 not answered yet
    POST /tasks/12/link    ->   an address by which the customer agrees or declines, once, without an account

A task has a version, its ETag, as tickets have (api/tickets.py).
"""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal, cast

from fastapi import APIRouter, Body, Header, Path, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from roundsman_collector.api import links
from roundsman_collector.api.access import Act, See, deed_of
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.moments import stamped
from roundsman_collector.api.problem import Problem, bad_parameter
from roundsman_collector.api.task_steps import said as checked
from roundsman_collector.api.telling import ROOT
from roundsman_collector.api.tickets import asked, awaited, judged, version_of
from roundsman_collector.core import sla
from roundsman_collector.core.fulfilment import FreeCount, free_count
from roundsman_collector.core.periods import Workdays
from roundsman_collector.core.plan_kinds import PlanKind
from roundsman_collector.core.plans import day_begins_ms, workdays_by
from roundsman_collector.core.postings import USUAL_ZONE
from roundsman_collector.core.tasks import STATES, STEPS, offered
from roundsman_collector.core.worries import ABOUT, MARKS, Worry, worries
from roundsman_collector.roles import Who
from roundsman_collector.store import CommandRow, Deed
from roundsman_collector.store.commands import KEY_LIMIT
from roundsman_collector.store.plan_files import kind_from
from roundsman_collector.store.task_lists import TaskFilter
from roundsman_collector.store.tasks import TEXT_LIMIT, TaskFound, TaskRow

PAGE_LIMIT = 500
AGREE = "agree"
"""What a customer's link of a task is for."""
AGREE_PATH = "/agree/"
QUARTERS = r"^[0-9]{4}-Q[1-4]$"

router = APIRouter(prefix="/tasks", tags=["plans"])

TaskId = Annotated[int, Path(alias="task", description="A task's id.", ge=1, le=2**53)]
Key = Annotated[
    str | None, Header(alias="Idempotency-Key", description="The same key is the same step.", max_length=KEY_LIMIT)
]
Match = Annotated[str | None, Header(alias="If-Match", description="The version that was seen.", max_length=40)]
Quarter = Annotated[str, Query(description="What may be worked on in a quarter: 2026-Q4.", pattern=r"^$|" + QUARTERS)]


class Words(BaseModel):
    """What a person says with a step."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    text: str = Field(default="", max_length=TEXT_LIMIT, description="in the person's own words")
    data: dict[str, Any] = Field(default_factory=dict, description="what the step says beside: docs/tasks.md")


class For(BaseModel):
    """For whom a customer's link is."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    name: str = Field(default="", max_length=200, description="to whom it will be sent")
    days: int = Field(default=links.GOOD_DAYS, ge=1, le=90, description="so many days it is good")


class TaskShape(BaseModel):
    """A task. Days are the site's; `due_ms` is the first instant that is late."""

    model_config = ConfigDict(extra="forbid")

    id: int
    plan: str
    kind: str
    name_zh: str
    name_en: str
    mode: str
    site: str
    contract: str | None
    period: str
    opens_on: str
    due_on: str = Field(description="as the plan asks; a window that has begun may end sooner: due_ms")
    report_due_on: str | None
    time_zone: str
    opens_ms: int
    opens: str | None
    due_ms: int
    due: str | None
    report_due_ms: int | None
    report_due: str | None
    is_expected: bool = Field(description="the task it follows has not ended: its days are not settled")
    state: str
    state_zh: str
    mark: Literal["", "coming", "open", "danger", "overdue"]
    is_over: bool
    engineer: str
    day: str | None
    version: int
    ticket: int | None
    links: dict[str, str]


class TasksShape(BaseModel):
    """A page of tasks, by opening. `next_after` leads to the next one."""

    tasks: list[TaskShape]
    next_after: int | None


class WorryShape(BaseModel):
    """How the customer's word, the work or the report stands."""

    about: Literal["agreement", "work", "report"]
    about_zh: str
    state: str
    coming_ms: int | None
    open_ms: int | None
    danger_ms: int | None
    due_ms: int | None
    ended_ms: int | None


class FreeShape(BaseModel):
    """The free visits of a year."""

    year: str
    free: int
    used: int
    left: int
    is_next_charged: bool


class TaskFullShape(TaskShape):
    """A task with its log, its due dates, and what can be done."""

    round: str
    report: str
    agreed_by: str
    accepted_by: str
    parts: list[dict[str, str]]
    source: str
    calendar: str = Field(description="the calendar by which working days are counted")
    worries: list[WorryShape]
    free: FreeShape | None
    steps: list[dict[str, str]]
    events: list[dict[str, Any]]


class AskedShape(BaseModel):
    """A step that the engine has not answered yet."""

    command: int
    state: Literal["new"]
    task: int
    do: str


class LinkShape(BaseModel):
    """A customer's link: shown once."""

    link: str
    for_whom: str
    expires_ms: int
    expires: str | None


@router.get("", response_model=TasksShape, summary="Tasks of plans, by the day they open")
def tasks(
    request: Request,
    who: See,
    site: Annotated[str, Query(description="Of one site only.", max_length=64)] = "",
    contract: Annotated[str, Query(description="Of one contract only.", max_length=64)] = "",
    plan: Annotated[str, Query(description="Of one plan only.", max_length=64)] = "",
    kind: Annotated[str, Query(description="Of one kind only.", max_length=64)] = "",
    state: Annotated[str, Query(description="Of these states, by commas.", max_length=200)] = "",
    mark: Annotated[str, Query(description="That have got so far, by commas.", max_length=100)] = "",
    over: Annotated[bool | None, Query(description="Only what is over, or only what is not.")] = None,
    quarter: Quarter = "",
    after: Annotated[int | None, Query(description="The last task of the page before.", ge=1, le=2**53)] = None,
    limit: Annotated[int, Query(description="How many at most.", ge=1, le=PAGE_LIMIT)] = 100,
) -> Any:
    """Those that you reach."""
    from_ms, to_ms = window_of(quarter)
    wanted = TaskFilter(
        site=site,
        contract=contract,
        plan=plan,
        kind=kind,
        states=_named("state", state, STATES),
        marks=_named("mark", mark, dict.fromkeys(MARKS, "")),
        is_over=over,
        from_ms=from_ms,
        to_ms=to_ms,
    )
    rows = desk_of(request).view.tasks(who.scope, wanted, after=after, limit=limit + 1)
    return {
        "tasks": [told(row) for row in rows[:limit]],
        "next_after": rows[limit - 1].id if len(rows) > limit else None,
    }


@router.get("/{task}", response_model=TaskFullShape, summary="One task with its log and due dates")
def task(request: Request, who: See, task: TaskId) -> Any:
    """Its ETag is its version."""
    desk = desk_of(request)
    return _answer(full(desk, who, task_or_404(desk, who, task)), 200)


@router.post(
    "/{task}/link",
    response_model=LinkShape,
    status_code=201,
    summary="A link by which the customer agrees or declines",
)
def link(request: Request, who: Act, task: TaskId, wanted: Annotated[For | None, Body()] = None) -> Any:
    """Good once, without an account; an older one of the task is good no more. The task has to be proposed first."""
    desk = desk_of(request)
    return link_of(desk, task_or_404(desk, who, task), wanted or For(), deed_of(request, who))


@router.post(
    "/{task}/{step}",
    response_model=TaskFullShape,
    responses={202: {"model": AskedShape, "description": "The engine has not answered yet."}},
    summary="Take a step",
)
def act(
    request: Request,
    who: Act,
    task: TaskId,
    step: Annotated[str, Path(description="A step: docs/tasks.md", max_length=20)],
    words: Annotated[Words | None, Body()] = None,
    match: Match = None,
    key: Key = None,
) -> Any:
    """The engine decides whether it may be taken now."""
    desk = desk_of(request)
    said = words or Words()
    answer = ask(desk, who, task, step, said.text, data=said.data, seen=version_of(match), key=key)
    if answer.state == "new":
        do = "it will be done when the collector's engine runs; look at the task again in a while"
        return JSONResponse({"command": answer.id, "state": "new", "task": task, "do": do}, 202)
    return _answer(full(desk, who, task_or_404(desk, who, task)), 200)


def _answer(found: dict[str, Any], status: int) -> JSONResponse:
    return JSONResponse(TaskFullShape(**found).model_dump(), status, headers={"ETag": f'"{found["version"]}"'})


def _named(name: str, said: str, known: Mapping[str, object]) -> tuple[str, ...]:
    found = tuple(one for one in said.split(",") if one)
    if not set(found) <= set(known):
        raise bad_parameter(name, f"there is no {name} {said[:80]!r}", ", ".join(known))
    return found


def window_of(quarter: str) -> tuple[int | None, int | None]:
    """A quarter as a window of instants, by the clock of the headquarters; None and None for none."""
    if not quarter:
        return None, None
    year, number = int(quarter[:4]), int(quarter[-1])
    if not 1970 <= year < 2199:
        raise bad_parameter("quarter", f"there is no quarter {quarter}", "one such as 2026-Q4")
    first = date(year, 3 * number - 2, 1)
    end = date(year + number // 4, 3 * number % 12 + 1, 1)
    return day_begins_ms(first, USUAL_ZONE), day_begins_ms(end, USUAL_ZONE)


# --- steps -----------------------------------------------------------------------------------------------------------


def ask(
    desk: Desk,
    who: Who,
    task: int,
    step: str,
    text: str,
    *,
    data: Mapping[str, Any] | None = None,
    seen: int | None = None,
    key: str | None = None,
) -> CommandRow:
    """Ask the engine for a step; Problem where there is no such task or step, or the engine says no."""
    task_or_404(desk, who, task)
    row = STEPS.get(step)
    if row is None or not row.is_persons:
        known = ", ".join(verb for verb, one in STEPS.items() if one.is_persons)
        raise Problem(
            404, "no_step", what=f"there is no step {step[:40]!r}", where="path", expected=known, do="take one of these"
        )
    if not who.may(row.right):
        raise Problem(
            403,
            "not_allowed",
            what=f"{step} is not yours to do",
            where="role",
            expected=f"the right to {row.right}",
            do="ask a manager",
        )
    args: dict[str, Any] = {"task": task, "step": step, "text": text, "data": checked(step, data or {})}
    if seen is not None:
        args["seen"] = seen
    if who.may("overrule"):
        args["may_overrule"] = True
    return judged(asked(desk, who, "task", args, key), f"task {task}", seen)


INSPECTED_MS = 30 * 86_400_000
"""What a round that is begun for a task looks back on."""


def inspect(desk: Desk, found: TaskFound, deed: Deed) -> CommandRow:
    """Ask for the round that is a task's work; Problem where the engine says no."""
    args = {
        "site": found.row.site,
        "from_ms": deed.at_ms - INSPECTED_MS,
        "to_ms": deed.at_ms,
        "mode": found.task.kind.mode,
        "task": found.row.id,
    }
    return judged(awaited(desk, desk.office.ask_round(args, deed)), f"task {found.row.id}", None)


def link_of(desk: Desk, found: TaskFound, wanted: For, deed: Deed) -> dict[str, Any]:
    """A customer's link for a task that waits for their word."""
    if found.row.state != "proposed":
        raise Problem(
            409,
            "not_proposed",
            what=f"task {found.row.id} is {found.row.state}",
            where=f"task {found.row.id}",
            expected="a task that waits for the customer's word",
            do="propose it first",
        )
    made, row = links.made(
        desk, deed, AGREE, f"task:{found.row.id}", AGREE_PATH, for_whom=wanted.name, days=wanted.days
    )
    return {"link": made, "for_whom": row.for_whom, **stamped("expires", row.expires_ms)}


# --- telling ---------------------------------------------------------------------------------------------------------


def task_or_404(desk: Desk, who: Who, task: int) -> TaskFound:
    """A task with its log; Problem where there is none that they reach."""
    found = desk.view.task(task, who.scope)
    if found is None:
        raise Problem(
            404,
            "no_task",
            what=f"there is no task {task}",
            where="path",
            expected="the id of a task",
            do=f"look it up in GET {ROOT}/tasks",
        )
    return found


def told(row: TaskRow) -> dict[str, Any]:
    """A task as the API says it."""
    kind = kind_from(row.body)
    at = f"{ROOT}/tasks/{row.id}"
    names = ("id", "plan", "kind", "site", "contract", "period", "opens_on", "due_on", "report_due_on", "time_zone")
    more = ("is_expected", "state", "mark", "is_over", "engineer", "day", "version")
    return {
        **{name: getattr(row, name) for name in (*names, *more)},
        "name_zh": kind.zh,
        "name_en": kind.en,
        "mode": kind.mode,
        **stamped("opens", row.opens_ms),
        **stamped("due", row.due_ms),
        **stamped("report_due", row.report_due_ms),
        "state_zh": STATES[row.state][0],
        "ticket": row.ticket_id,
        "links": {"self": at},
    }


def workdays_of(desk: Desk, kind: PlanKind, time_zone: str) -> Workdays:
    """The working days of a kind in a time zone."""
    said = desk.view.days_of([kind.week.holidays])
    versions = sla.versions_of((one.day, one.from_ms, one.to_ms, one.said) for one in said)
    return workdays_by(kind.week, time_zone, versions)


def worries_of(desk: Desk, found: TaskFound) -> tuple[Worry, ...]:
    """How what a task owes stands now."""
    task = found.task
    return worries(task, workdays_of(desk, task.kind, task.due.time_zone), desk.now_ms())


def free_of(desk: Desk, found: TaskFound) -> FreeCount | None:
    """The free visits of the year in which a task begins; None: nobody counts them."""
    task = found.task
    return free_count(task.kind, None, desk.view.visits(found.row), task.due.first_day)


def full(desk: Desk, who: Who, found: TaskFound) -> dict[str, Any]:
    """A task with its log, its due dates, and what somebody can do."""
    task, free = found.task, free_of(desk, found)
    stands = cast(Any, worries_of(desk, found))
    return {
        **told(found.row),
        "round": task.standing.round,
        "report": task.standing.report,
        "agreed_by": task.standing.agreed_by,
        "accepted_by": task.standing.accepted_by,
        "parts": [part._asdict() for part in task.kind.parts],
        "source": task.kind.source,
        "calendar": task.kind.week.holidays,
        "worries": [
            {
                "about": one.about,
                "about_zh": ABOUT[one.about][0],
                **{name: getattr(one, name) for name in ("state", "coming_ms", "open_ms", "danger_ms")},
                "due_ms": one.due_ms,
                "ended_ms": one.ended_ms,
            }
            for one in stands
        ],
        "free": None
        if free is None
        else {
            "year": free.year.id,
            "free": free.free,
            "used": free.used,
            "left": free.left,
            "is_next_charged": free.is_next_charged,
        },
        "steps": steps(who, found),
        "events": [
            {
                "id": event.id,
                **stamped("at", event.at_ms),
                "who": event.who,
                "verb": event.verb,
                "verb_zh": STEPS[event.verb].zh,
                "text": event.text,
                "data": dict(event.data),
            }
            for event in found.log
        ],
    }


def steps(who: Who, found: TaskFound) -> list[dict[str, str]]:
    """What somebody can do with a task, as far as its state, its kind and their role say."""
    task = found.task
    beside = set() if task.kind.agreement else {"propose", "agree", "decline"}
    beside |= set() if task.kind.owes_report else {"report"}
    return [
        {"verb": verb, "name_zh": STEPS[verb].zh, "name_en": STEPS[verb].en}
        for verb in offered(task.standing.state)
        if who.may(STEPS[verb].right) and verb not in beside
    ]

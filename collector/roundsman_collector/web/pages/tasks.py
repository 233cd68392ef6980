"""巡检任务: what plans ask for, first what is late or nearly; a quarter month by month; a task, its steps, its log.

/tasks          what is to be done now; ?look=coming, ?look=over; ?quarter=2026-Q4: the calendar of a quarter;
                &site=, &contract=, &engineer=, &kind=: of those alone
/tasks/12       by when, and why; what can be done; POST /tasks/12/act, /inspect (begins a round), /link
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from roundsman_collector.api import tasks
from roundsman_collector.api.access import Act, Inspect, See, deed_of
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.problem import Problem
from roundsman_collector.api.tasks import QUARTERS, TaskId, task_or_404, window_of
from roundsman_collector.api.tickets import StepProblem
from roundsman_collector.core.contract import local_day
from roundsman_collector.core.postings import USUAL_ZONE
from roundsman_collector.core.tasks import UNDONE
from roundsman_collector.core.worries import MARKS
from roundsman_collector.roles import Who
from roundsman_collector.store.plan_files import kind_from, kinds
from roundsman_collector.store.task_lists import TaskFilter
from roundsman_collector.store.tasks import TaskFound, TaskRow
from roundsman_collector.web.forms import form
from roundsman_collector.web.page import address, page, saying_of
from roundsman_collector.web.pages.login import ours
from roundsman_collector.web.pages.register import name_of
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.task_calendar import GRAVEST, Calendar, Told, calendar_of
from roundsman_collector.web.words import N_

SHOWN = 300
LOOKS: Mapping[str, str] = {"": N_("To be done now"), "coming": N_("Coming"), "over": N_("Done")}
LOOKED_FOR: Mapping[str, TaskFilter] = {
    "": TaskFilter(marks=("overdue", "danger", "open"), is_over=False),
    "coming": TaskFilter(marks=("", "coming"), is_over=False),
    "over": TaskFilter(is_over=True),
}
CALENDAR = N_("Calendar %(quarter)s")
CHOICES = 300
"""A longer list to choose from helps nobody."""
WANTS: Mapping[str, tuple[str, ...]] = {
    "assign": ("engineer", "day"),
    "agree": ("name",),
    "decline": ("text",),
    "report": ("report",),
    "accept": ("name",),
    "reopen": ("text",),
    "cancel": ("text",),
    "note": ("text",),
}
"""What each step's form asks for; others are a button alone."""
LABELS: Mapping[str, str] = {
    "engineer": N_("Engineer"),
    "day": N_("Day"),
    "name": N_("Who said so"),
    "text": N_("In your own words"),
    "report": N_("Report number"),
}
ROUNDS = ("remote", "phone", "visit", "call")
"""Modes whose work is a round."""
NOT_NOW = N_("There is a round of this site that is not finished: go on with that one, or there is nothing to inspect.")

Month = tuple[str, list[dict[str, Any]]]
"""A month, and the rows of its table."""

router = APIRouter()


class Asked(BaseModel):
    """What the address asks for."""

    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True)

    look: str = Field(default="", max_length=20)
    quarter: str = Field(default="", pattern=r"^$|" + QUARTERS)
    site: str = Field(default="", max_length=64)
    contract: str = Field(default="", max_length=64)
    engineer: str = Field(default="", max_length=64)
    kind: str = Field(default="", max_length=64)

    def wanted(self) -> TaskFilter:
        """The same as a filter of tasks."""
        from_ms, to_ms = window_of(self.quarter)
        look = TaskFilter(from_ms=from_ms, to_ms=to_ms) if self.quarter else LOOKED_FOR[self.looked]
        return replace(look, site=self.site, contract=self.contract, engineer=self.engineer, kind=self.kind)

    @property
    def looked(self) -> str:
        """A word of LOOKS; of none, the first."""
        return self.look if self.look in LOOKS else ""

    @property
    def is_narrowed(self) -> bool:
        """Whether anything is left out."""
        return bool(self.site or self.contract or self.engineer or self.kind)


@router.get("/tasks")
def tasks_page(request: Request, who: See, asked: Annotated[Asked, Query()]) -> Response:
    """What is to be done, or a quarter."""
    desk, saying = desk_of(request), saying_of(request)
    rows = desk.view.tasks(who.scope, asked.wanted(), limit=SHOWN + 1)
    listed = rows[:SHOWN]
    if not asked.quarter and not asked.looked:
        listed = sorted(listed, key=lambda row: (GRAVEST.index(row.mark), row.due_ms, row.id))
    today = local_day(desk.now_ms(), USUAL_ZONE)
    narrows = asked.model_dump(include={"site", "contract", "engineer", "kind"})
    shown = {
        "asked": asked,
        "looks": [
            (address("/tasks", {"look": key, **narrows}), saying(text), key == asked.looked and not asked.quarter)
            for key, text in LOOKS.items()
        ],
        "quarters": [
            (
                address("/tasks", {"quarter": one, **narrows}),
                saying("Calendar %(quarter)s", quarter=one),
                one == asked.quarter,
            )
            for one in _quarters(today)
        ],
        "choices": _choices(desk, saying, who),
        "calendar": _calendar(desk, saying, listed, asked.quarter, today) if asked.quarter else None,
        "months": _months(desk, saying, listed, by_month=bool(asked.quarter) or asked.looked == "coming"),
        "counts": dict.fromkeys(MARKS, 0) | desk.view.task_counts(who.scope),
        "has_more": len(rows) > SHOWN,
        "most": SHOWN,
        "has_plans": bool(desk.view.entries("plan", scope=who.scope, limit=1)),
        "may_plan": who.may("place"),
    }
    return page(request, who, "tasks.html", shown)


def _choices(desk: Desk, saying: Saying, who: Who) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """What tasks can be narrowed by: name, label, and what there is."""
    view, known = desk.view, kinds()
    planned = {str(one.fields["kind"]) for one in view.entries("plan", scope=who.scope, limit=CHOICES)}
    said = {entry.kind: saying.pair((entry.zh, entry.en)) for file in known.values() for entry in file.kinds}
    sites = [(one.id, name_of(saying, one)) for one in view.entries("site", scope=who.scope, limit=CHOICES)]
    contracts = view.entries("contract", scope=who.scope, limit=CHOICES)
    engineers = view.engineers(scope=who.scope) if who.may("act") else ()
    found = [
        ("contract", saying(N_("Contract")), [(one.id, name_of(saying, one)) for one in contracts]),
        ("site", saying(N_("Site")), sites),
        ("kind", saying(N_("Kind of plan")), [(kind, said[kind]) for kind in said if kind in planned]),
        ("engineer", saying(N_("Engineer")), [(one.person.id, one.person.name) for one in engineers]),
    ]
    return [one for one in found if one[2]]


def _calendar(desk: Desk, saying: Saying, rows: Sequence[TaskRow], quarter: str, today: date) -> Calendar:
    names = _sites(desk, saying, rows)
    told = []
    for row in rows:
        kind = kind_from(row.body)
        mark = saying.word("task_mark", row.mark) if row.mark in ("danger", "overdue") else ""
        told.append(
            Told(
                id=row.id,
                plan=row.plan,
                name=saying.pair((kind.zh, kind.en)),
                mode=saying.word("plan_mode", kind.mode),
                site=row.site,
                site_name=_where(saying, row, names),
                period=row.period,
                opens=date.fromisoformat(row.opens_on),
                last=local_day(row.due_ms - 1, row.time_zone),
                mark=row.mark,
                is_over=row.is_over,
                text=mark or saying.word("task", row.state),
            )
        )
    return calendar_of(quarter, told, today)


def _where(saying: Saying, row: TaskRow, names: Mapping[str, str]) -> str:
    return names.get(row.site, row.site) or row.contract or saying(N_("whole company"))


def _quarters(today: date) -> list[str]:
    """This quarter and the next."""
    at = (today.month - 1) // 3
    return [f"{today.year + (at + ahead) // 4}-Q{(at + ahead) % 4 + 1}" for ahead in (0, 1)]


def _months(desk: Desk, saying: Saying, rows: Sequence[TaskRow], *, by_month: bool) -> list[Month]:
    """Rows of a table; of a calendar month by month, by the day they open."""
    names, people = _sites(desk, saying, rows), desk.view.people_names()
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row.opens_on[:7] if by_month else "", []).append(_row(saying, row, names, people))
    return list(found.items())


def _sites(desk: Desk, saying: Saying, rows: Sequence[TaskRow]) -> dict[str, str]:
    entries = desk.view.entries_named("site", {row.site for row in rows if row.site})
    return {site: name_of(saying, one) for site, one in entries.items()}


def _row(saying: Saying, row: TaskRow, names: Mapping[str, str], people: Mapping[str, str]) -> dict[str, Any]:
    kind = kind_from(row.body)
    is_work_done = row.state not in UNDONE
    due_ms = row.report_due_ms if is_work_done and row.report_due_ms is not None else row.due_ms
    return {
        "id": row.id,
        "name": saying.pair((kind.zh, kind.en)),
        "mode": saying.word("plan_mode", kind.mode),
        "site": row.site,
        "site_name": _where(saying, row, names),
        "period": row.period,
        "opens_on": row.opens_on,
        "last_day": local_day(due_ms - 1, row.time_zone).isoformat(),
        "is_expected": row.is_expected,
        "state": saying.word("task", row.state),
        "mark": row.mark,
        "mark_word": saying.word("task_mark", row.mark) if row.mark else "",
        "engineer": people.get(row.engineer, row.engineer),
        "day": row.day,
    }


# --- one task --------------------------------------------------------------------------------------------------------


@router.get("/tasks/{task}")
def task_page(request: Request, who: See, task: TaskId, waiting: bool = False) -> Response:
    """A task."""
    return _page(request, who, task, waiting=waiting)


@router.post("/tasks/{task}/act", dependencies=[Depends(ours)])
def act(request: Request, who: Act, task: TaskId, fields: Annotated[dict[str, str], Depends(form)]) -> Response:
    """A step; what the engine refuses comes back with its reason."""
    verb, text = fields.get("verb", ""), fields.get("text", "")
    wanted = [name for name in WANTS.get(verb, ()) if name != "text"]
    data = {name: said for name in wanted if (said := fields.get(name, "").strip())}
    seen = fields.get("seen", "")
    try:
        answer = tasks.ask(
            desk_of(request),
            who,
            task,
            verb,
            text,
            data=data,
            seen=int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 19 else None,
            key=fields.get("key") or None,
        )
    except StepProblem as refused:
        saying = saying_of(request)
        return _page(request, who, task, why=saying.pair((refused.zh, refused.en)) or refused.what, status=409)
    return RedirectResponse(f"/tasks/{task}{'?waiting=true' if answer.state == 'new' else ''}", 303)


@router.post("/tasks/{task}/inspect", dependencies=[Depends(ours)])
def inspect(request: Request, who: Inspect, task: TaskId) -> Response:
    """Begin the round that is its work."""
    desk = desk_of(request)
    found = task_or_404(desk, who, task)
    try:
        answer = tasks.inspect(desk, found, deed_of(request, who))
    except Problem as refused:
        if refused.status != 409:
            raise
        return _page(request, who, task, why=saying_of(request)(NOT_NOW), status=409)
    number = (answer.result or {}).get("round")
    return RedirectResponse(f"/rounds/{number}" if number else f"/tasks/{task}?waiting=true", 303)


@router.post("/tasks/{task}/link", dependencies=[Depends(ours)])
def link(request: Request, who: Act, task: TaskId, fields: Annotated[dict[str, str], Depends(form)]) -> Response:
    """A link for the customer, shown once."""
    desk = desk_of(request)
    wanted = tasks.For(name=fields.get("name", "").strip()[:200])
    made = tasks.link_of(desk, task_or_404(desk, who, task), wanted, deed_of(request, who))
    return _page(request, who, task, link=made["link"])


def _page(
    request: Request,
    who: Who,
    task: int,
    *,
    waiting: bool = False,
    why: str = "",
    link: str = "",
    status: int = 200,
) -> Response:
    desk, saying = desk_of(request), saying_of(request)
    found = task_or_404(desk, who, task)
    row, core = found.row, found.task
    named = desk.view.ticket(row.ticket_id) if row.ticket_id is not None else None
    begins = core.kind.mode in ROUNDS and row.site and who.may("round") and _may_inspect(found)
    may_link = row.state == "proposed" and who.may("act")
    shown = {
        **_row(saying, row, _sites(desk, saying, [row]), desk.view.people_names()),
        "one": core,
        "plan": row.plan,
        "worries": [_worry(saying, one) for one in tasks.worries_of(desk, found)],
        "agreed_by": core.standing.agreed_by,
        "accepted_by": core.standing.accepted_by,
        "round": core.standing.round,
        "report": core.standing.report,
        "ticket": "" if named is None else named[0].number,
        "free": tasks.free_of(desk, found),
        "parts": [saying.pair((part.zh, part.en)) for part in core.kind.parts],
        "steps": [_step(saying, one["verb"]) for one in tasks.steps(who, found)] if who.may("act") else [],
        "labels": LABELS,
        "begins": begins,
        "links": desk.view.links_of(tasks.AGREE, f"task:{row.id}") if may_link else [],
        "may_link": may_link,
        "made_link": link,
        "seen": row.version,
        "key": secrets.token_urlsafe(16),
        "events": [_event(saying, one) for one in reversed(found.log)],
        "waiting": waiting,
        "why": why,
        "is_over": row.is_over,
    }
    return page(request, who, "task.html", shown, status=status)


def _may_inspect(found: TaskFound) -> bool:
    """Whether its round may begin now, as far as its state says."""
    return found.row.state in ("under_way", "agreed" if found.task.kind.agreement else "planned")


def _step(saying: Saying, verb: str) -> dict[str, Any]:
    return {"verb": verb, "name": saying.word("task_step", verb), "wants": WANTS.get(verb, ())}


def _worry(saying: Saying, one: Any) -> dict[str, Any]:
    return {
        "about": saying.word("task_about", one.about),
        "state": one.state,
        "state_word": saying.word("task_mark", one.state),
        "open_ms": one.open_ms,
        "danger_ms": one.danger_ms,
        "last_ms": None if one.due_ms is None else one.due_ms - 1000,
        "ended_ms": one.ended_ms,
    }


def _event(saying: Saying, one: Any) -> dict[str, Any]:
    """A line of the log; what its data says in words."""
    data = one.data
    said = [str(data[key]) for key in ("name", "engineer", "day", "round", "report", "ticket") if data.get(key)]
    if one.verb in ("warn", "breach"):
        mark = saying.word("task_mark", str(data.get("mark", "overdue")))
        said = [saying.word("task_about", str(data.get("about"))), mark]
    if one.verb == "move":
        said = [f"{data.get('opens_on')} – {data.get('due_on')}"]
    return {
        "at_ms": one.at_ms,
        "who": one.who,
        "step": saying.word("task_step", one.verb),
        "said": " · ".join(said),
        "text": one.text,
    }

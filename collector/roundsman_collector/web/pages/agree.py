"""甲方确认: the page behind a customer's link: what is planned, and two buttons. No account; it works once (S0-29).

    /agree/KEY         what work is proposed, where, when; a name, words, 同意 or 不同意
    POST /agree/KEY    the customer's word, as a step of the task; sent twice, it is one

A key that is not known, used or over has one answer; who guesses waits (api/links.py). Every try is in the audit log.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response

from roundsman_collector.api import links, tasks
from roundsman_collector.api.access import address_of
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.problem import Problem
from roundsman_collector.api.tickets import StepProblem
from roundsman_collector.roles import EVERYTHING, Who
from roundsman_collector.store import LinkRow
from roundsman_collector.store.tasks import TaskFound
from roundsman_collector.web.forms import form
from roundsman_collector.web.page import page, saying_of
from roundsman_collector.web.pages.login import ours
from roundsman_collector.web.pages.register import name_of
from roundsman_collector.web.pages.scanned import NOT_INDEXED
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.words import N_

LIMITS: Mapping[str, int] = {"name": 60, "text": 1000}
NO_NAME = N_("Write your name.")
NO_WORDS = N_("Say why not, or what you would prefer.")
NOT_TAKEN = N_("This could not be taken. Please call the service line.")

router = APIRouter()

LinkKey = Annotated[str, Path(max_length=200)]


@router.get("/agree/{key}")
def agree_page(request: Request, key: LinkKey) -> Response:
    """What the customer is asked."""
    try:
        row = links.held(desk_of(request), tasks.AGREE, key, address_of(request))
    except Problem as refused:
        return _none(request, refused)
    return _page(request, key, row)


@router.post("/agree/{key}", dependencies=[Depends(ours)])
def answered(request: Request, key: LinkKey, fields: Annotated[dict[str, str], Depends(form)]) -> Response:
    """The customer's word."""
    desk, saying, address = desk_of(request), saying_of(request), address_of(request)
    try:
        row = links.opened(desk, tasks.AGREE, key, address)
    except Problem as refused:
        return _none(request, refused)
    name, text = (fields.get(one, "").strip()[:limit] for one, limit in LIMITS.items())
    step = "agree" if fields.get("answer") == "agree" else "decline"
    wrong = {"name": saying(NO_NAME)} if not name else {}
    wrong |= {"text": saying(NO_WORDS)} if step == "decline" and not text else {}
    if wrong:
        return _page(request, key, row, given=fields, wrong=wrong, status=422)
    try:
        tasks.ask(desk, _customer(row), _task(row), step, text, data={"name": name}, key=f"{row.author}:{step}")
        links.spent(desk, tasks.AGREE, key, address)
    except StepProblem:
        return _page(request, key, row, given=fields, why=saying(NOT_TAKEN), status=409)
    except Problem as refused:
        return _none(request, refused)
    return _page(request, key, row._replace(used_ms=desk.now_ms()))


def _customer(row: LinkRow) -> Who:
    """Whoever holds the link, as the engine's commands name them. Nobody comes in by it: no address asks for it."""
    return Who(id=row.author, name="", role="engineer", scope=EVERYTHING, is_program=True)


def _task(row: LinkRow) -> int:
    return int(row.subject.partition(":")[2])


def _page(
    request: Request,
    key: str,
    row: LinkRow,
    *,
    given: Mapping[str, str] | None = None,
    wrong: Mapping[str, str] | None = None,
    why: str = "",
    status: int = 200,
) -> Response:
    desk, saying = desk_of(request), saying_of(request)
    found = desk.view.task(_task(row))
    if found is None:
        return _none(request, None)
    shown = {
        **_around(desk, saying),
        **_planned(desk, saying, found),
        "key": key,
        "is_good": row.is_good(desk.now_ms()) and found.row.state == "proposed",
        "is_used": row.used_ms is not None,
        "given": given or {},
        "wrong": wrong or {},
        "why": why,
        "limits": LIMITS,
        "is_sent": request.method == "POST",
    }
    answer = page(request, None, "agree.html", shown, status=status)
    answer.headers.update(NOT_INDEXED)
    return answer


def _planned(desk: Desk, saying: Saying, found: TaskFound) -> dict[str, Any]:
    """What is proposed, in words for the customer."""
    task, row = found.task, found.row
    sites = desk.view.entries_named("site", {row.site} - {""})
    site = sites.get(row.site)
    return {
        "name": saying.pair((task.kind.zh, task.kind.en)),
        "site_name": "" if site is None else name_of(saying, site),
        "period": row.period,
        "opens_on": row.opens_on,
        "due_on": row.due_on,
        "day": row.day,
        "parts": [saying.pair((part.zh, part.en)) for part in task.kind.parts],
        "state": row.state,
    }


def _none(request: Request, refused: Problem | None) -> Response:
    """The page for what leads nowhere."""
    desk, saying = desk_of(request), saying_of(request)
    status = 404 if refused is None else refused.status
    shown = {**_around(desk, saying), "is_flood": status == 429, "is_sent": True}
    answer = page(request, None, "agree_none.html", shown, status=status)
    answer.headers.update(NOT_INDEXED | ({} if refused is None else refused.headers))
    return answer


def _around(desk: Desk, saying: Saying) -> dict[str, str]:
    """Who stands behind the page, and whom to call."""
    return {"company": desk.company.name.of(saying.language), "hotline": desk.company.service_phone}

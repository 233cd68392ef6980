"""The page of one ticket: what is wrong, what to do about it, what happened, the records it stands on, and the buttons.

A form that is refused comes back with what was written in it, and the reason beside.
"""

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse, Response

from roundsman_collector.api import problem, telling, tickets
from roundsman_collector.api.access import Act, See
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.problem import Problem
from roundsman_collector.api.standing import standings
from roundsman_collector.api.tickets import TicketName, full, ticket_or_404
from roundsman_collector.core.lifecycle import STEPS
from roundsman_collector.roles import Who
from roundsman_collector.store import TicketRow
from roundsman_collector.store.tickets import TEXT_LIMIT
from roundsman_collector.web.forms import form
from roundsman_collector.web.page import page, saying_of
from roundsman_collector.web.problems import heading_of
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.shown import component_name, name_of, ticket_row
from roundsman_collector.web.words import N_

READINGS = 12
"""So many readings of a record are shown, those of the ticket's part first."""
BUTTONS: Mapping[str, str] = {
    "acknowledge": N_("Acknowledge"),
    "resolve": N_("Mark as resolved"),
    "note": N_("Add a note"),
}
NOTE_NEEDS_WORDS = N_("A note needs some words.")
TOO_LONG = N_("At most %(count)s characters.")

router = APIRouter()


@router.get("/tickets/{number}")
def ticket_page(request: Request, who: See, number: TicketName, waiting: Annotated[bool, Query()] = False) -> Response:
    """The page of a ticket."""
    return _page(request, who, number, waiting=waiting)


@router.post("/tickets/{number}/act")
def ticket_act(
    request: Request, who: Act, number: TicketName, fields: Annotated[dict[str, str], Depends(form)]
) -> Response:
    """What the buttons do."""
    saying = saying_of(request)
    verb = next((one for one in BUTTONS if one == fields.get("verb")), None)
    text = fields.get("text", "").strip()
    if verb is None:
        raise problem.bad_parameter("body.verb", "there is no such button", " or ".join(BUTTONS))
    if len(text) > TEXT_LIMIT:
        return _page(request, who, number, text=text, wrong=saying(TOO_LONG, count=TEXT_LIMIT), status=422)
    if verb == "note" and not text:
        return _page(request, who, number, wrong=saying(NOTE_NEEDS_WORDS), status=422)
    try:
        answer = tickets.ask(desk_of(request), who, number, verb, text)
    except Problem as refused:
        if refused.status != 409:
            raise
        heading, advice = heading_of(refused)
        return _page(
            request,
            who,
            number,
            text=text,
            wrong=f"{saying(heading)}。{saying(advice)}"
            if saying.language == "zh"
            else f"{saying(heading)}. {saying(advice)}",
            status=409,
        )
    waiting = "?waiting=true" if answer.state == "new" else ""
    return RedirectResponse(f"/tickets/{quote(number, safe='')}{waiting}", 303)


def _page(
    request: Request,
    who: Who,
    number: str,
    *,
    waiting: bool = False,
    text: str = "",
    wrong: str = "",
    status: int = 200,
) -> Response:
    shown = {
        **ticket(desk_of(request), saying_of(request), who, number),
        "waiting": waiting,
        "written": text,
        "wrong": wrong,
        "limit": TEXT_LIMIT,
    }
    live = f"ticket={quote(shown['number'], safe='')}"
    return page(request, who, "ticket.html", shown, status=status, live=live)


def ticket(desk: Desk, saying: Saying, who: Who, number: str) -> dict[str, Any]:
    """What the page of a ticket shows."""
    row, log = ticket_or_404(desk, who, number)
    told = full(desk, who, row, log)
    subject = None if row.subject.startswith("@") else desk.view.device(row.subject)
    card = None if subject is None else desk.view.cards_named([subject.id]).get(subject.id)
    advice = desk.advice.get(row.code)
    stands = None if subject is None else standings(desk.view, [subject], saying.now_ms)[subject.id]
    return {
        **ticket_row(desk, saying, row),
        "told": told,
        "merged_into": told["merged_into"],
        "children": [_child(one, saying) for one in told["children"]],
        "child_count": told["child_count"],
        "row": row,
        "name": "" if subject is None else name_of(subject, saying),
        "word": "unknown" if stands is None else stands.word,
        "card": card,
        "part": component_name(saying, row.component),
        "is_over": row.fault_to_ms is not None,
        "events": told["events"],
        "evidence": [_record(saying, one, row.component) for one in told["evidence"]],
        "causes": [] if advice is None else [one.of(saying.language) for one in advice.causes],
        "parts": [] if advice is None else [one.of(saying.language) for one in advice.parts],
        "remedy": advice.remedy.of(saying.language) if advice is not None and advice.remedy is not None else "",
        "buttons": _buttons(saying, who, row),
    }


def _child(one: dict[str, Any], saying: Saying) -> dict[str, Any]:
    """A fault that the ticket's cause explains."""
    is_agent = one["subject"].startswith("@")
    return {**one, "device": None if is_agent else one["subject"], "fault": one[f"name_{saying.language}"]}


def _buttons(saying: Saying, who: Who, row: TicketRow) -> list[tuple[str, str]]:
    """What somebody can do with a ticket, the likeliest first; who has taken it need not take it again."""
    return [
        (verb, saying(label))
        for verb, label in BUTTONS.items()
        if row.state in STEPS[verb].from_
        and who.may("act")
        and not (verb == "acknowledge" and row.acknowledged_by == who.id)
    ]


def _record(saying: Saying, one: dict[str, Any], component: str) -> dict[str, Any]:
    """A record with its readings as people read them."""
    record = one["record"]
    if record is None:
        return {**one, "readings": [], "failed": []}
    mine = sorted(record["readings"], key=lambda name: not name.startswith(component))
    told = [telling.reading(name, record["readings"][name]) for name in mine[:READINGS]]
    return {
        **one,
        "readings": [{"label": each[f"name_{saying.language}"], "value": saying.value(each)} for each in told],
        "failed": [f"{name}: {': '.join(words)}" for name, words in record["failed"].items()],
    }

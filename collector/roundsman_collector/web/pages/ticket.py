"""The page of one ticket: how far it has got, what it promises, what happened, what to do next, and what it stands on.

/tickets/2026-000007                  the page; ?do=wait opens the form of that step instead of the likeliest
POST /tickets/2026-000007/act         a step without a file
POST /tickets/2026-000007/send        a step with one: a photo, a document, a signature that was drawn

A form says which version of the ticket it was made for, and carries a key of its own: sent twice, it counts once. One
that is refused comes back with what was written in it, the reason, and the ticket as it stands now.
"""

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import UploadFile

from roundsman_collector.api import levels, problem, tickets
from roundsman_collector.api.access import Act, See
from roundsman_collector.api.desk import desk_of
from roundsman_collector.api.problem import Problem
from roundsman_collector.api.standing import standings
from roundsman_collector.api.tickets import StepProblem, TicketName, ticket_or_404
from roundsman_collector.reports.dossier import caller, customer_priority, reported_of
from roundsman_collector.roles import Who
from roundsman_collector.store import StoreError
from roundsman_collector.store.commands import KEY_LIMIT
from roundsman_collector.web import step_forms
from roundsman_collector.web.clocks import of_ticket
from roundsman_collector.web.forms import form
from roundsman_collector.web.page import page, saying_of
from roundsman_collector.web.pages.forms import KINDS, OFFERED
from roundsman_collector.web.problems import heading_of
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.shown import component_name, name_of, ticket_row
from roundsman_collector.web.step_forms import WITH_FILE, Ground
from roundsman_collector.web.ticket_found import Found
from roundsman_collector.web.ticket_ladder import ladder
from roundsman_collector.web.ticket_log import Reader, lines
from roundsman_collector.web.ticket_sides import before, child, record, service
from roundsman_collector.web.ticket_spares import panel
from roundsman_collector.web.ticket_steps import ground_of, steps
from roundsman_collector.web.upload import keep_sent, sent_form
from roundsman_collector.web.words import N_

NO_FILE = N_("Choose a file first.")
SENT_BEFORE = N_(
    "This was sent before, and something else was written since. Look at what happened, then send it again."
)

router = APIRouter()


@router.get("/tickets/{number}")
def ticket_page(
    request: Request,
    who: See,
    number: TicketName,
    waiting: Annotated[bool, Query()] = False,
    joined: Annotated[bool, Query()] = False,
    do: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    """The page of a ticket."""
    return _page(request, who, number, verb=do, waiting=waiting, joined=joined)


@router.post("/tickets/{number}/act")
def ticket_act(
    request: Request, who: Act, number: TicketName, fields: Annotated[dict[str, str], Depends(form)]
) -> Response:
    """Take a step."""
    verb = _verb(fields.get("verb", ""), with_file=False)
    ground = _ground(request, who, number)
    said = step_forms.read(verb, ground, fields)
    if said.wrong:
        return _page(request, who, number, verb=verb, given=fields, wrong=said.wrong, status=422)
    return _asked(request, who, number, verb, said, fields)


@router.post("/tickets/{number}/send")
async def ticket_send(request: Request, who: Act, number: TicketName) -> Response:
    """Take a step that comes with a file."""
    desk = desk_of(request)
    await run_in_threadpool(ticket_or_404, desk, who, number)
    fields: dict[str, str] = {}
    try:
        sent = await sent_form(request, max(desk.file_limits.of(kind) for kind in OFFERED))
        try:
            fields = {name: str(value) for name, value in sent.items() if isinstance(value, str)}
            return await run_in_threadpool(_sent, request, who, number, fields, sent.get("file"))
        finally:
            await sent.close()
    except Problem as refused:
        if refused.status in (403, 404):
            raise
        return await run_in_threadpool(_refused, request, who, number, fields, refused)
    except StoreError as error:
        return await run_in_threadpool(_refused, request, who, number, fields, _when_full(error))


def _sent(request: Request, who: Who, number: str, fields: Mapping[str, str], upload: object) -> Response:
    """Keep the file, then take the step that names it."""
    verb = _verb(fields.get("verb", ""), with_file=True)
    said = step_forms.read(verb, _ground(request, who, number), fields)
    if not isinstance(upload, UploadFile) or not upload.filename:
        said.wrong["file"] = saying_of(request)(NO_FILE)
    if said.wrong or not isinstance(upload, UploadFile):
        return _page(request, who, number, verb=verb, given=fields, wrong=said.wrong, status=422)
    row, _ = ticket_or_404(desk_of(request), who, number)
    chosen = "signature" if verb == "sign" else said.data.pop("kind")
    kind = next(one for one in KINDS if one == chosen)
    kept = keep_sent(request, who, row, upload, kind, _key(fields))
    said.data["file"] = kept.id
    return _asked(request, who, number, verb, said, fields)


def _asked(
    request: Request, who: Who, number: str, verb: str, said: step_forms.Read, fields: Mapping[str, str]
) -> Response:
    """Ask the engine; what it refuses comes back with the form."""
    try:
        answer = tickets.ask(
            desk_of(request), who, number, verb, said.text, data=said.data, seen=_seen(fields), key=_key(fields)
        )
    except Problem as refused:
        if refused.status not in (409, 412, 422):
            raise
        return _refused(request, who, number, fields, refused)
    except StoreError as error:
        return _refused(request, who, number, fields, _when_full(error))
    waiting = "?waiting=true" if answer.state == "new" else ""
    return RedirectResponse(f"/tickets/{quote(number, safe='')}{waiting}", 303)


def _refused(request: Request, who: Who, number: str, fields: Mapping[str, str], refused: Problem) -> Response:
    """The page with what was written, and why it was not done."""
    status = refused.status if refused.status in (422, 507) else 409
    why = _why(saying_of(request), refused)
    return _page(request, who, number, verb=fields.get("verb", ""), given=fields, why=why, status=status)


def _when_full(error: StoreError) -> Problem:
    """What a full disk is told as: the page can be read, and what was written stands there to be sent again."""
    if error.cause != "full":
        raise error
    return problem.of_store(error)


def _why(saying: Saying, refused: Problem) -> str:
    """A refusal in the reader's language: the engine's own words, or those for its kind."""
    if isinstance(refused, StepProblem) and (said := saying.pair((refused.zh, refused.en))):
        return said if refused.code == "newer" else said[0].upper() + said[1:]
    if refused.code == "key_used":
        return saying(SENT_BEFORE)
    heading, advice = heading_of(refused)
    return f"{saying(heading)}{'。' if saying.language == 'zh' else '. '}{saying(advice)}"


def _verb(name: str, *, with_file: bool) -> str:
    """A step that this address takes."""
    if name not in step_forms.FORMS or (name in WITH_FILE) != with_file:
        raise problem.bad_parameter("body.verb", "there is no such button", "one of those on the page")
    return name


def _key(fields: Mapping[str, str]) -> str | None:
    key = fields.get("key", "")
    return key if 8 <= len(key) <= KEY_LIMIT and all("!" <= one <= "~" for one in key) else None


def _seen(fields: Mapping[str, str]) -> int | None:
    seen = fields.get("seen", "")
    return int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 19 else None


# --- what the page shows ---------------------------------------------------------------------------------------------


def _page(
    request: Request,
    who: Who,
    number: str,
    *,
    verb: str = "",
    waiting: bool = False,
    joined: bool = False,
    given: Mapping[str, str] | None = None,
    wrong: Mapping[str, str] | None = None,
    why: str = "",
    status: int = 200,
) -> Response:
    desk, saying = desk_of(request), saying_of(request)
    found = Found(desk, saying, who, number)
    shown = {
        **_told(found),
        **steps(found, verb, given or {}, wrong or {}),
        **panel(found, request.query_params.get("spare", "")),
        "waiting": waiting,
        "joined": joined,
        "why": why,
    }
    return page(request, who, "ticket.html", shown, status=status, live=f"ticket={quote(found.row.number, safe='')}")


def _ground(request: Request, who: Who, number: str) -> Ground:
    return ground_of(Found(desk_of(request), saying_of(request), who, number))


def _level_names(found: Found) -> dict[str, str]:
    """What the service levels are called that the ticket was promised."""
    promised = {str(event.data.get("level") or "") for event in found.log if event.verb == "promise"}
    rows = found.desk.view.newest_levels() if promised - {""} else {}
    said = {name: levels.read(rows[name]) for name in promised & set(rows)}
    return {name: found.saying.pair((one.zh, one.en)) for name, one in said.items()}


def _told(found: Found) -> dict[str, Any]:
    """What the page says of a ticket."""
    desk, saying, row, told = found.desk, found.saying, found.row, found.told
    subject = found.device
    advice = desk.advice.get(row.code)
    stands = None if subject is None else standings(desk.view, [subject], saying.now_ms)[subject.id]
    reader = Reader(
        saying=saying,
        number=row.number,
        people=found.dossier.people,
        files={one.id: one for one in desk.view.files(row.id)},
        levels=_level_names(found),
    )
    called = caller(found.dossier)
    return {
        **ticket_row(desk, saying, row),
        "told": told,
        "merged_into": told["merged_into"],
        "children": [child(one, saying) for one in told["children"]],
        "child_count": told["child_count"],
        "row": row,
        "name": "" if subject is None else name_of(subject, saying),
        "word": "unknown" if stands is None else stands.word,
        "card": found.card,
        "site_name": found.dossier.site.of(saying.language),
        "part": component_name(saying, row.component),
        "is_over": row.fault_to_ms is not None,
        "ladder": ladder(found),
        "clocks": of_ticket(told.get("clocks", ()), saying),
        "waiting_word": saying.word("waiting", row.waiting) if row.waiting else "",
        "engineer": found.dossier.name(row.engineer or ""),
        "taken_by": found.dossier.name(row.acknowledged_by or ""),
        "phase": found.dossier.phase.of(saying.language),
        "warranty_until": found.dossier.warranty_until,
        "wish": reported_of(found.dossier).get("wish", ""),
        "customer_priority": customer_priority(found.dossier),
        "service": service(found),
        "caller": f"{called.name} {called.phone}".strip(),
        "contact": found.dossier.contact,
        "phone": called.phone if found.who.may("act") else "",
        "events": lines(reversed(found.log), reader),
        "evidence": [record(saying, one, row.component) for one in told["evidence"]],
        "causes": [] if advice is None else [one.of(saying.language) for one in advice.causes],
        "parts": [] if advice is None else [one.of(saying.language) for one in advice.parts],
        "remedy": advice.remedy.of(saying.language) if advice is not None and advice.remedy is not None else "",
        **before(found),
    }

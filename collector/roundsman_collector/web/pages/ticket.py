"""The page of one ticket: how far it has got, what it promises, what happened, what to do next, and what it stands on.

/tickets/2026-000007                  the page; ?do=wait opens the form of that step instead of the likeliest
POST /tickets/2026-000007/act         a step without a file
POST /tickets/2026-000007/send        a step with one: a photo, a document, a signature that was drawn

A form says which version of the ticket it was made for, and carries a key of its own: sent twice, it counts once. One
that is refused comes back with what was written in it, the reason, and the ticket as it stands now.
"""

import secrets
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import UploadFile

from roundsman_collector.api import problem, telling, tickets
from roundsman_collector.api.access import Act, See
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.dossiers import dossier
from roundsman_collector.api.entries import DEFAULT_ZONE
from roundsman_collector.api.problem import Problem
from roundsman_collector.api.standing import standings
from roundsman_collector.api.tickets import StepProblem, TicketName, full, ticket_or_404
from roundsman_collector.core.lifecycle import LIVE, OVER, STATES, STEPS, Standing, standing_of
from roundsman_collector.core.ticket_log import Event, happened_ms
from roundsman_collector.reports.dossier import Dossier, caller
from roundsman_collector.reports.forms import sheets
from roundsman_collector.roles import Who
from roundsman_collector.store.commands import KEY_LIMIT
from roundsman_collector.store.loans import BECAME
from roundsman_collector.store.stock_reads import StockRow
from roundsman_collector.store.tickets import TEXT_LIMIT
from roundsman_collector.web import step_forms
from roundsman_collector.web.clocks import of_ticket
from roundsman_collector.web.forms import form
from roundsman_collector.web.next_step import likeliest
from roundsman_collector.web.page import page, saying_of
from roundsman_collector.web.pages.engineers import suggestion_rows
from roundsman_collector.web.pages.forms import ACCEPTED, KINDS, OFFERED
from roundsman_collector.web.problems import heading_of
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.shown import component_name, name_of, ticket_row
from roundsman_collector.web.step_forms import WITH_FILE, Ground
from roundsman_collector.web.ticket_log import RULES, SIDES, Reader, lines
from roundsman_collector.web.upload import keep_sent, sent_form
from roundsman_collector.web.words import COMPONENTS, N_, SEVERITIES

READINGS = 12
"""So many readings of a record are shown, those of the ticket's part first."""
LADDER = (
    "open",
    "acknowledged",
    "planned",
    "dispatched",
    "departed",
    "on_site",
    "fixed",
    "verified",
    "confirmed",
    "followed_up",
    "closed",
)
BEFORE = 5
"""So many earlier tickets of the same fault are shown."""
SPARES = 60
UNSOLVED = (*LIVE, "transferred")
"""How an earlier ticket stands that did not solve the fault."""
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
    waiting = "?waiting=true" if answer.state == "new" else ""
    return RedirectResponse(f"/tickets/{quote(number, safe='')}{waiting}", 303)


def _refused(request: Request, who: Who, number: str, fields: Mapping[str, str], refused: Problem) -> Response:
    """The page with what was written, and why it was not done."""
    status = 422 if refused.status == 422 else 409
    why = _why(saying_of(request), refused)
    return _page(request, who, number, verb=fields.get("verb", ""), given=fields, why=why, status=status)


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
    found = _Found(desk, saying, who, number)
    shown = {
        **_told(found),
        **_steps(found, verb, given or {}, wrong or {}),
        "waiting": waiting,
        "joined": joined,
        "why": why,
    }
    return page(request, who, "ticket.html", shown, status=status, live=f"ticket={quote(found.row.number, safe='')}")


class _Found:
    """A ticket with what its page needs to know of it, read once."""

    def __init__(self, desk: Desk, saying: Saying, who: Who, number: str) -> None:
        self.desk, self.saying, self.who = desk, saying, who
        self.row, self._log = ticket_or_404(desk, who, number)
        self.told = full(desk, who, self.row, self._log)
        self.dossier: Dossier = dossier(desk, who, self.row)
        self.log: tuple[Event, ...] = self.dossier.log
        self.standing: Standing = standing_of(self.log)
        is_device = self.row.subject[0] not in "@#"
        self.device = desk.view.device(self.row.subject) if is_device else None
        self.card = None if self.device is None else desk.view.cards_named([self.device.id]).get(self.device.id)
        self.zone = self.dossier.time_zone or DEFAULT_ZONE

    @property
    def components(self) -> list[tuple[str, str]]:
        """Parts of the device that a step may be about: the ticket's first, then what the device reports, then all."""
        seen = [] if self.device is None else [name.partition(".")[0] for name in self.device.readings or ()]
        names = dict.fromkeys([self.row.component, *seen, *COMPONENTS])
        return [(name, component_name(self.saying, name)) for name in names if name]


def _ground(request: Request, who: Who, number: str) -> Ground:
    return _ground_of(_Found(desk_of(request), saying_of(request), who, number))


def _ground_of(found: _Found) -> Ground:
    """What the forms of this ticket offer."""
    desk, saying, row, standing = found.desk, found.saying, found.row, found.standing
    people = [(one["login"], _named(one)) for one in suggestion_rows(desk, saying, row)]
    known = {login for login, _ in people}
    others = [
        (one.person.id, one.person.name)
        for one in desk.view.engineers(scope=found.who.scope)
        if one.person.id not in known
    ]
    _, _, loans = desk.view.spares_of_ticket(row.id)
    units = [(one.id, f"{one.name or one.unit or one.item or ''} {one.serial}".strip()) for one in loans if one.is_out]
    return Ground(
        saying=saying,
        zone=found.zone,
        lists={
            "engineers": [*people, *others],
            "people": [*people, *others],
            "components": found.components,
            "taken": [(name, component_name(saying, name)) for name in sorted(standing.taken_away)],
            "loans_here": [(str(key), name) for key, name in units if key in standing.loans],
            "spares": _spares(found),
            "sheets": [(one.id, one.title.of(saying.language)) for one in sheets(found.dossier) if one.is_due],
            "sides": [(side, saying(SIDES[side])) for side in sorted(SIDES, key=lambda one: one in standing.signed)],
            "kinds": [(kind, saying(KINDS[kind])) for kind in OFFERED],
            "became": [(key, saying.pair(said)) for key, said in BECAME.items() if key],
            "ratings": [(str(one), "★" * one) for one in range(5, 0, -1)],
            "severities": [(name, saying.word("severity", name)) for name in SEVERITIES],
            "rules": [(rule, saying(word)) for rule, word in RULES.items()],
        },
    )


def _named(one: Mapping[str, Any]) -> str:
    """Somebody in a list of choices: the name, and what speaks for and against them."""
    reasons = " · ".join(part for part in (one["reasons"], one["warnings"]) if part)
    return f"{one['name']} · {reasons}" if reasons else str(one["name"])


def _spares(found: _Found) -> list[tuple[str, str]]:
    """What the stock has and this ticket may use, what fits the part first."""
    kind, model = ("", None) if found.device is None else (found.device.kind, found.device.model)
    rows = [one for one in found.desk.view.stock(scope=found.who.scope) if one.now.shelf > 0]
    rows.sort(key=lambda one: (not one.item.fits(found.row.component, kind, model), one.location, one.item.id))
    return [(f"{one.location}|{one.item.id}", _spare(found.saying, one)) for one in rows[:SPARES]]


def _spare(saying: Saying, one: StockRow) -> str:
    """An item in a list of choices: its name first, which becomes that of the part."""
    said = one.item.fields
    name = said.name_zh if saying.language == "zh" else said.name_en or said.name_zh
    return f"{name} · {one.location} · {one.now.shelf}"


def _steps(found: _Found, verb: str, given: Mapping[str, str], wrong: Mapping[str, str]) -> dict[str, Any]:
    """The form that is open, and the other steps that are offered."""
    if not found.who.may("act"):
        return {"form": None, "others": []}
    offered = [one["verb"] for one in found.told["steps"] if one["verb"] in step_forms.FORMS]
    order = likeliest(found.standing, offered)
    is_kept = bool(given) and verb in step_forms.FORMS
    chosen = verb if verb in order or is_kept else (order[0] if order else "note")
    ground = _ground_of(found)
    values = dict(given) if given else _usual(found, chosen, ground)
    return {
        "form": {
            "verb": chosen,
            "fields": step_forms.shown(chosen, ground, values, wrong),
            "path": "send" if chosen in WITH_FILE else "act",
            "accepted": "image/png,image/jpeg" if chosen == "sign" else ACCEPTED,
            "key": secrets.token_urlsafe(16),
            "seen": found.told["version"],
        },
        "others": [(one, found.saying.word("step", one)) for one in order if one != chosen],
        "suggested": suggestion_rows(found.desk, found.saying, found.row) if chosen == "dispatch" else [],
        "limit": TEXT_LIMIT,
    }


def _usual(found: _Found, verb: str, ground: Ground) -> dict[str, str]:
    """What a form holds before anybody wrote in it."""
    if verb == "dispatch":
        best = [one["login"] for one in suggestion_rows(found.desk, found.saying, found.row) if one["is_best"]]
        return {"engineer": best[0]} if best else {}
    if verb == "sign" and ground.options("sides")[0][0] == "service":
        return {"name": found.who.name}
    if verb == "plan":
        return {"mode": "visit"}
    if verb == "loan_back":
        return {"became": "returned"}
    if verb == "follow_up":
        return {"reached": "yes"}
    if verb in ("part", "take_away"):
        return {"component": found.row.component, "quantity": "1"}
    return {}


def _told(found: _Found) -> dict[str, Any]:
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
    )
    called = caller(found.dossier)
    return {
        **ticket_row(desk, saying, row),
        "told": told,
        "merged_into": told["merged_into"],
        "children": [_child(one, saying) for one in told["children"]],
        "child_count": told["child_count"],
        "row": row,
        "name": "" if subject is None else name_of(subject, saying),
        "word": "unknown" if stands is None else stands.word,
        "card": found.card,
        "site_name": found.dossier.site.of(saying.language),
        "part": component_name(saying, row.component),
        "is_over": row.fault_to_ms is not None,
        "ladder": _ladder(found),
        "clocks": of_ticket(told.get("clocks", ()), saying),
        "waiting_word": saying.word("waiting", row.waiting) if row.waiting else "",
        "engineer": found.dossier.name(row.engineer or ""),
        "caller": f"{called.name} {called.phone}".strip(),
        "phone": called.phone if found.who.may("act") else "",
        "events": lines(reversed(found.log), reader),
        "evidence": [_record(saying, one, row.component) for one in told["evidence"]],
        "causes": [] if advice is None else [one.of(saying.language) for one in advice.causes],
        "parts": [] if advice is None else [one.of(saying.language) for one in advice.parts],
        "remedy": advice.remedy.of(saying.language) if advice is not None and advice.remedy is not None else "",
        **_before(found),
    }


def _ladder(found: _Found) -> list[dict[str, Any]]:
    """How far a ticket has got: each state with when it was reached, the one where it stands, those to come."""
    reached: dict[str, int] = {}
    for event in found.log:
        to = STEPS[event.verb].to if event.verb in STEPS else None
        if event.verb in ("reopen", "leave"):
            reached = {name: at for name, at in reached.items() if name in ("open", "acknowledged")}
        if to is not None:
            reached[to] = happened_ms(event)
    state = found.row.state
    rungs = LADDER if state in LADDER else (*(name for name in LADDER if name in reached), state)
    here = rungs.index(state)
    return [
        {
            "word": found.saying.pair(STATES[name]),
            "at_ms": reached.get(name) if place <= here else None,
            "is": "here" if place == here else "" if place > here else "done" if name in reached else "past",
        }
        for place, name in enumerate(rungs)
    ]


def _before(found: _Found) -> dict[str, Any]:
    """The tickets of the same fault before this one, and what they make of it: first time, came back, not solved."""
    rows = found.desk.view.tickets_before(found.row, limit=BEFORE)
    rows = [one for one in rows if one.state not in ("void", "merged")]
    kind = "first" if not rows else "unsolved" if rows[0].state in UNSOLVED else "again"
    return {
        "before_kind": kind,
        "before": [
            {
                "number": one.number,
                "opened_ms": one.opened_ms,
                "state": one.state,
                "outcome": found.saying.word("outcome", one.outcome) if one.outcome else "",
                "is_over": one.state in OVER,
            }
            for one in rows
        ],
    }


def _child(one: dict[str, Any], saying: Saying) -> dict[str, Any]:
    """A fault that the ticket's cause explains."""
    is_agent = one["subject"].startswith("@")
    return {**one, "device": None if is_agent else one["subject"], "fault": one[f"name_{saying.language}"]}


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

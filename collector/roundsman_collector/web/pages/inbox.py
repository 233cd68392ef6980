"""The inbox: agents and devices that reported and that the register does not know. A person settles each.

    an unknown agent                  entered in its group; its devices knock next
    an unknown device of an agent     entered with its kind and names, and the agent speaks for it
    another agent's device            the agent that knocks speaks for it from now on
    none of it                        dismissed: whoever knocks again stands here again

Nothing of it reaches the ledger before. Somebody sees what is of their groups.
"""

from typing import Annotated, Any, Literal, NamedTuple

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from roundsman_collector.api.access import Place, deed_of
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.problem import bad_parameter
from roundsman_collector.api.tickets import awaited
from roundsman_collector.roles import Who
from roundsman_collector.store import InboxRow
from roundsman_collector.web.forms import form
from roundsman_collector.web.page import page, saying_of
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.words import KINDS, N_
from roundsman_wire.topics import TopicError, checked_id

ROWS = 200
NAME_LIMIT = 80
What = Literal["agent", "device", "other"]
DONE = {"entered": N_("Entered. From its next report on it is in the list."), "dismissed": N_("Dismissed.")}
NOT_AN_ID = N_("An id has 1 to 63 characters of a-z 0-9 _ -, and begins with a letter or digit.")
NO_KIND = N_("Choose what it is.")
REFUSED = N_("The collector refused: %(why)s")
WAITING = N_("Asked; the collector has not answered yet. It stays here until then.")
GONE = N_("This entry is not here any more: somebody has settled it.")

router = APIRouter()


class Knocking(NamedTuple):
    """An entry, what it is, and to whom the device belongs now."""

    row: InboxRow
    what: What
    group: str
    voice: str


@router.get("/inbox")
def inbox_page(request: Request, who: Place, done: str = "") -> Response:
    """Who knocks."""
    return _page(request, who, done=DONE.get(done, ""))


@router.post("/inbox")
def settle(request: Request, who: Place, fields: Annotated[dict[str, str], Depends(form)]) -> Response:
    """Enter it, or dismiss it."""
    desk, saying = desk_of(request), saying_of(request)
    agent, device = fields.get("agent", ""), fields.get("device", "")
    entry = next((one for one in knocking(desk, who) if (one.row.agent, one.row.device) == (agent, device)), None)
    if entry is None:
        return _page(request, who, wrong=saying(GONE), status=409)
    how = fields.get("do", "")
    if how == "enter":
        wrong = _enter(desk, saying, who, entry, fields)
        if wrong:
            return _page(request, who, wrong=wrong, written=fields, status=422)
    elif how != "dismiss":
        raise bad_parameter("body.do", "there is no such button", "enter or dismiss")
    told = "entered" if how == "enter" else "dismissed"
    desk.office.settle_knock(agent, device, how=told, deed=deed_of(request, who))
    return RedirectResponse(f"/inbox?done={told}", 303)


def knocking(desk: Desk, who: Who) -> list[Knocking]:
    """The entries that somebody may know of."""
    rows = desk.view.inbox(ROWS)
    groups = desk.view.agent_groups({row.agent for row in rows})
    cards = desk.view.cards_named([row.device for row in rows if row.device])
    found = []
    for row in rows:
        group = groups.get(row.agent) or str(row.what.get("group", ""))
        card = cards.get(row.device)
        is_foreign = card is not None and not desk.view.reaches(who.scope, row.device)
        if who.scope.holds(group, None) and not is_foreign:
            what: What = "agent" if not row.device else "device" if card is None else "other"
            found.append(Knocking(row, what, group, (card.agent or "") if card else ""))
    return found


def _enter(desk: Desk, saying: Saying, who: Who, entry: Knocking, fields: dict[str, str]) -> str:
    """Ask the engine to enter it; what is wrong, or nothing."""
    row = entry.row
    try:
        checked_id(row.device or row.agent, "the id")
    except TopicError:
        return saying(NOT_AN_ID)
    verb: str
    args: dict[str, Any]
    if entry.what == "agent":
        verb, args = "register", {"agent": row.agent, "group": entry.group, "devices": []}
    elif entry.what == "other":
        verb, args = "assign", {"device": row.device, "agent": row.agent}
    else:
        kind = fields.get("kind", "")
        if kind not in KINDS:
            return saying(NO_KIND)
        card = {
            "id": row.device,
            "kind": kind,
            "model": None,
            "serial": None,
            "name_zh": fields.get("name_zh", "").strip()[:NAME_LIMIT] or row.device,
            "name_en": fields.get("name_en", "").strip()[:NAME_LIMIT] or row.device,
        }
        verb, args = "devices", {"devices": [card], "voices": {row.device: row.agent}, "groups": {}}
    answer = awaited(desk, desk.view.ask(who=who.id, verb=verb, args=args, now_ms=desk.now_ms()))
    if answer.state == "failed":
        return saying(REFUSED, why=(answer.result or {}).get("error", ""))
    return saying(WAITING) if answer.state == "new" else ""


def _page(
    request: Request,
    who: Who,
    *,
    done: str = "",
    wrong: str = "",
    written: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    desk, saying = desk_of(request), saying_of(request)
    shown: dict[str, Any] = {
        "entries": knocking(desk, who),
        "kinds": [(kind, saying.word("kind", kind)) for kind in KINDS],
        "done": saying(done) if done else "",
        "wrong": wrong,
        "written": written or {},
        "name_limit": NAME_LIMIT,
    }
    return page(request, who, "inbox.html", shown, status=status, live="list=inbox")

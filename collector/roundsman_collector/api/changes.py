"""/changes: what is told otherwise now than at a known time: of devices, of tickets, of overlays.

    GET /changes?known=2026-11-01T00:00:00+08:00&customer=metro

For whoever holds a report made at that time: each stretch of the past that it would tell otherwise today, the old state
beside the new one, and why. The past is [from, known); what happened later is no change of it.
"""

from collections.abc import Collection
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from roundsman_collector.api import overlays, telling
from roundsman_collector.api.access import See
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.moments import DAY_MS, EXPECTED, read, stamped
from roundsman_collector.api.overlays import OverlayShape
from roundsman_collector.api.problem import Problem, bad_parameter
from roundsman_collector.core.changes import Changed, Why
from roundsman_collector.core.reckoning import Stretch
from roundsman_collector.roles import Who
from roundsman_collector.store import DeviceChanges, Since, TicketChanged
from roundsman_collector.wording import short

USUAL_DAYS = 92
LONGEST_DAYS = 400
LIMIT = 200
LISTED = 100

router = APIRouter(prefix="/changes", tags=["changes"])

Id = Annotated[str, Query(max_length=63)]


class Moment(BaseModel):
    """Times are told as text beside."""

    model_config = ConfigDict(extra="allow")


class ToldShape(BaseModel):
    """What a stretch is said to have been; `overlay`: what decided it, null: the evidence did.

    `cause` is that of the intervals of a device's reckoning: of an exclusion, its reason.
    """

    state: str
    cause: str
    fault: str
    overlay: int | None
    root: str


class ChangedShape(Moment):
    """A stretch that is told otherwise."""

    from_ms: int
    to_ms: int
    was: ToldShape
    now: ToldShape
    why: Why


class DeviceChangesShape(Moment):
    """A device with what changed of it: `total` stretches, of which the first are listed; the sums are of all."""

    device: str
    changes: list[ChangedShape]
    total: int
    was_ms: dict[str, int] = Field(description="how long each state was told of what changed")
    now_ms: dict[str, int] = Field(description="how long each is told of it now")
    links: dict[str, str]


class TicketChangedShape(Moment):
    """What became of a ticket's facts."""

    number: str
    subject: str
    code: str
    state: str
    outcome: str
    at_ms: int
    who: str
    verb: str
    text: str
    links: dict[str, str]


class ChangesShape(Moment):
    """Changes since `known_ms` of [from_ms, known_ms). `next_after` leads to more devices; null: that was all."""

    known_ms: int
    from_ms: int
    devices: list[DeviceChangesShape]
    looked: int = Field(description="so many devices were looked at for this page")
    next_after: str | None
    tickets: list[TicketChangedShape] = Field(description="on the first page only; the newest first")
    overlays: list[OverlayShape] = Field(description="on the first page only; the newest first")
    more_tickets: bool
    more_overlays: bool


@router.get("", response_model=ChangesShape, summary="What is told otherwise now than at a known time")
def changes(
    request: Request,
    who: See,
    known: Annotated[str, Query(description=f"As it was known then: {EXPECTED}.", max_length=40)],
    from_: Annotated[
        str | None, Query(alias="from", description=f"Of the past since; {USUAL_DAYS} days: {EXPECTED}.", max_length=40)
    ] = None,
    customer: Id = "",
    site: Id = "",
    device: Id = "",
    after: Annotated[str, Query(description="`next_after` of the page before.", max_length=63)] = "",
    limit: Annotated[int, Query(description="How many devices at most.", ge=1, le=LIMIT)] = 50,
) -> dict[str, Any]:
    """Within your scope; of a customer's or a site's devices, or of one."""
    desk = desk_of(request)
    asked = since(desk, known, from_, customer=customer, site=site, device=device)
    return told(desk, who, asked, after=after, limit=limit)


# --- shared with the page --------------------------------------------------------------------------------------------


def since(desk: Desk, known: str, from_: str | None, *, customer: str = "", site: str = "", device: str = "") -> Since:
    """What is asked for; Problem where it cannot be."""
    now_ms = desk.now_ms()
    known_ms = read(known, "known")
    if known_ms > now_ms:
        raise bad_parameter("known", f"nobody knows yet what will be known at {short(known)}", "a time up to now")
    from_ms = max(0, known_ms - USUAL_DAYS * DAY_MS) if from_ is None else read(from_, "from")
    if not from_ms < known_ms:
        raise bad_parameter("from", f"the past [{from_ms}, {known_ms}) holds no time", "`from` before `known`")
    if known_ms - from_ms > LONGEST_DAYS * DAY_MS:
        raise Problem(
            422,
            "window_too_long",
            what=f"the past asked for is {(known_ms - from_ms) / DAY_MS:.1f} days long",
            where="from, known",
            expected=f"at most {LONGEST_DAYS} days",
            do="ask for a later `from`",
        )
    return Since(known_ms=known_ms, now_ms=now_ms, from_ms=from_ms, customer=customer, site=site, device=device)


def told(desk: Desk, who: Who, asked: Since, *, after: str, limit: int) -> dict[str, Any]:
    """A page of changes; tickets and overlays stand on the first one."""
    page = desk.view.changed_devices(asked, who.scope, after=after, limit=limit)
    tickets = [] if after else desk.view.changed_tickets(asked, who.scope, limit=LISTED + 1)
    laid = [] if after else desk.view.changed_overlays(asked, who.scope, limit=LISTED + 1)
    roots = {told.root for one in page.devices for each in one.changes for told in (each.was, each.now)} - {""}
    known_roots = {root for root in roots if desk.view.reaches(who.scope, root)}
    return {
        **stamped("known", asked.known_ms),
        **stamped("from", asked.from_ms),
        "devices": [_device(one, asked, known_roots) for one in page.devices],
        "looked": page.looked,
        "next_after": page.next_after,
        "tickets": [_ticket(one) for one in tickets[:LISTED]],
        "overlays": [overlays.told(row) for row in laid[:LISTED]],
        "more_tickets": len(tickets) > LISTED,
        "more_overlays": len(laid) > LISTED,
    }


def _device(one: DeviceChanges, asked: Since, roots: Collection[str]) -> dict[str, Any]:
    links = telling.device_links(one.device)
    window = f"from={asked.from_ms}&to={asked.known_ms}"
    return {
        "device": one.device,
        "changes": [_changed(each, roots) for each in one.changes],
        "total": one.total,
        "was_ms": one.moved.was,
        "now_ms": one.moved.now,
        "links": {
            "page": links["page"],
            "was": f"{links['intervals']}?{window}&known={asked.known_ms}",
            "now": f"{links['intervals']}?{window}",
        },
    }


def _changed(one: Changed, roots: Collection[str]) -> dict[str, Any]:
    return {
        **stamped("from", one.from_ms),
        **stamped("to", one.to_ms),
        "was": _told(one.was, roots),
        "now": _told(one.now, roots),
        "why": one.why,
    }


def _told(one: Stretch, roots: Collection[str]) -> dict[str, Any]:
    """A root that is somebody else's is not named."""
    root = one.root if one.root in roots else ""
    return {"state": one.state, "cause": one.cause, "fault": one.fault, "overlay": one.overlay, "root": root}


def _ticket(one: TicketChanged) -> dict[str, Any]:
    return {
        "number": one.number,
        "subject": one.subject,
        "code": one.code,
        "state": one.state,
        "outcome": one.outcome,
        **stamped("at", one.at_ms),
        "who": one.who,
        "verb": one.verb,
        "text": one.text,
        "links": {"self": f"{telling.ROOT}/tickets/{one.number}", "page": f"/tickets/{one.number}"},
    }

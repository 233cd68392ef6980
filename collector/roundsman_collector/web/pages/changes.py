"""What changed since a time: for whoever holds a report made then, what it would tell otherwise today, and why.

/changes?known=2026-11-01T00:00&customer=metro      the old state beside the new one, per device, with the sums
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from roundsman_collector.api import changes as changes_api
from roundsman_collector.api.access import See
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.entries import DEFAULT_ZONE
from roundsman_collector.api.problem import Problem
from roundsman_collector.core.changes import Why
from roundsman_collector.roles import Who
from roundsman_collector.store import KindName, Since
from roundsman_collector.web.page import page, saying_of
from roundsman_collector.web.pages.overlays import row_of, zone_of
from roundsman_collector.web.saying import EPOCH, SITE_ZONE, Saying
from roundsman_collector.web.shown import reason
from roundsman_collector.web.words import N_
from roundsman_collector.web.zoned import TimeError, picked, written

DEVICES = 20
STRETCHES = 12
CHOICES = 300
STATES: Mapping[str, str] = {
    "up": N_("up"),
    "down": N_("down"),
    "unknown": N_("unknown"),
    "excluded": N_("excluded"),
}
WHYS: Mapping[Why, str] = {
    "evidence": N_("late evidence"),
    "correction": N_("correction approved"),
    "exclusion": N_("exclusion approved"),
    "maintenance": N_("maintenance entered"),
    "revoked": N_("revoked since"),
    "ended": N_("ended earlier since"),
    "root": N_("another device explains it"),
}
OVERLAID: Mapping[str, str] = {
    "maintenance": N_("by maintenance"),
    "exclusion": N_("by the contract"),
    "correction": N_("as corrected"),
}
"""Causes that name no more than the kind of an overlay; others are told as anywhere: customer_power, off."""

router = APIRouter()


@router.get("/changes")
def changes_page(
    request: Request,
    who: See,
    known: Annotated[str, Query(max_length=40)] = "",
    customer: Annotated[str, Query(max_length=63)] = "",
    site: Annotated[str, Query(max_length=63)] = "",
    device: Annotated[str, Query(max_length=63)] = "",
    after: Annotated[str, Query(max_length=63)] = "",
) -> Response:
    """What changed since; since the begin of the month, if nothing is said."""
    desk, saying = desk_of(request), saying_of(request)
    wrong = ""
    try:
        known_ms = written(known, DEFAULT_ZONE) if known.strip() else _month(saying.now_ms)
        asked = changes_api.since(desk, str(known_ms), None, customer=customer, site=site, device=device.strip())
    except (TimeError, Problem) as error:
        if isinstance(error, Problem) and error.status != 422:
            raise
        wrong = N_("This is no time that is past.")
        asked = changes_api.since(
            desk, str(_month(saying.now_ms)), None, customer=customer, site=site, device=device.strip()
        )
    told = changes_api.told(desk, who, asked, after=after, limit=DEVICES)
    return page(
        request, who, "changes.html", _shown(desk, who, saying, asked, told, after, wrong), status=422 if wrong else 200
    )


def _month(now_ms: int) -> int:
    """The begin of the month, or of the one before on its first day: a report is made of what is over."""
    local = (EPOCH + timedelta(milliseconds=now_ms)).astimezone(SITE_ZONE)
    day = local.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    if local.day == 1:
        day = (day - timedelta(days=1)).replace(day=1)
    return (day - EPOCH) // timedelta(milliseconds=1)


def _shown(
    desk: Desk, who: Who, saying: Saying, asked: Since, told: Mapping[str, Any], after: str, wrong: str
) -> dict[str, Any]:
    overlays = [] if after else desk.view.changed_overlays(asked, who.scope, limit=changes_api.LISTED)
    cards = desk.view.cards_named([one["device"] for one in told["devices"]], scope=who.scope)
    names = {name: (card.name_zh if saying.language == "zh" else card.name_en) or "" for name, card in cards.items()}
    return {
        "asked": asked,
        "known": picked(asked.known_ms, DEFAULT_ZONE),
        "wrong": saying(wrong) if wrong else "",
        "customers": _choices(desk, who, saying, "customer"),
        "sites": _choices(desk, who, saying, "site"),
        "devices": [_device(desk, saying, one, names.get(one["device"], "")) for one in told["devices"]],
        "looked": told["looked"],
        "next_after": told["next_after"] or "",
        "after": after,
        "tickets": [_ticket(desk, saying, one) for one in told["tickets"]],
        "overlays": [
            row_of(saying, row, zone_of(desk, who, row.overlay.scope, row.overlay.target)) for row in overlays
        ],
        "more": told["more_tickets"] or told["more_overlays"],
    }


def _choices(desk: Desk, who: Who, saying: Saying, kind: KindName) -> list[tuple[str, str]]:
    rows = desk.view.entries(kind, scope=who.scope, limit=CHOICES)
    name = "name_zh" if saying.language == "zh" else "name_en"
    return [(row.id, f"{row.fields[name]}{saying.aside(row.id)}") for row in rows]


def _device(desk: Desk, saying: Saying, one: Mapping[str, Any], name: str) -> dict[str, Any]:
    states = [state for state in STATES if state in one["was_ms"] or state in one["now_ms"]]
    return {
        "id": one["device"],
        "name": name,
        "sums": [
            {
                "state": state,
                "word": saying(STATES[state]),
                "was": _span(saying, one["was_ms"].get(state, 0)),
                "now": _span(saying, one["now_ms"].get(state, 0)),
            }
            for state in states
        ],
        "changes": [_change(desk, saying, one["device"], each) for each in one["changes"][:STRETCHES]],
        "more": max(0, one["total"] - STRETCHES),
        "links": one["links"],
    }


def _span(saying: Saying, ms: int) -> str:
    return saying.span(ms) if ms else "0"


def _change(desk: Desk, saying: Saying, device: str, one: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "from_ms": one["from_ms"],
        "to_ms": one["to_ms"],
        "lasted": saying.span(one["to_ms"] - one["from_ms"]),
        "was": _told(desk, saying, one["was"]),
        "now": _told(desk, saying, one["now"]),
        "why": saying(WHYS[one["why"]]),
        "overlay": _deciding(one),
        "samples": f"/devices/{quote(device, safe='')}/samples?at={one['from_ms']}",
    }


def _deciding(one: Mapping[str, Any]) -> int | None:
    """The overlay that the change is put down to."""
    if one["why"] in ("revoked", "ended"):
        return int(one["was"]["overlay"])
    return None if one["why"] in ("evidence", "root") else int(one["now"]["overlay"])


def _told(desk: Desk, saying: Saying, told: Mapping[str, Any]) -> dict[str, str]:
    if told["overlay"] is not None and told["cause"] in OVERLAID:
        said = saying(OVERLAID[told["cause"]])
    else:
        said = reason(desk, saying, told["fault"] or told["cause"])
    root = f" · {told['root']}" if told["root"] else ""
    return {"state": told["state"], "word": saying(STATES[told["state"]]), "cause": f"{said}{root}"}


def _ticket(desk: Desk, saying: Saying, one: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "number": one["number"],
        "subject": one["subject"],
        "fault": desk.fault_name(one["code"], saying.language),
        "at_ms": one["at_ms"],
        "verb": one["verb"],
        "outcome": saying.word("outcome", one["outcome"]) if one["outcome"] else "",
        "text": one["text"],
    }

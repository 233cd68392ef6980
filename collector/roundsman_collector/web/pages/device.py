"""The page of one device: its strip, today beneath it, its parts, what is wrong, its tickets, the ledger."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import Response

from roundsman_collector.api import behind, telling
from roundsman_collector.api.access import See
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.devices import DeviceId, device_or_404
from roundsman_collector.api.moments import DAY_MS
from roundsman_collector.api.standing import standings
from roundsman_collector.api.summary import WINDOWS
from roundsman_collector.roles import Who
from roundsman_collector.store import Card, ConditionRow, DeviceView, Interval
from roundsman_collector.store.present import Run
from roundsman_collector.store.reckon import Frame
from roundsman_collector.web.evidence import Known, recent
from roundsman_collector.web.page import page, saying_of
from roundsman_collector.web.pages.agents import may_command
from roundsman_collector.web.pages.fleet import USUAL, Span
from roundsman_collector.web.pages.forecasts import trend_rows
from roundsman_collector.web.pages.overlays import overlay_rows
from roundsman_collector.web.saying import EPOCH, SITE_ZONE, Saying
from roundsman_collector.web.shown import (
    Past,
    component_name,
    draw,
    figure_of,
    name_of,
    past,
    reason,
    reasons,
    ticket_row,
)

ROWS = 200
"""So many intervals of the window are listed, the latest; the rest is a link away."""
TICKETS = 10
STRIP_HEIGHT = 30
TODAY_HEIGHT = 12
AXIS = 5
NAMED_TODAY = 6
LINKS = ("intervals", "conditions", "availability", "readings")

router = APIRouter()


@router.get("/devices/{device_id}")
def device_page(request: Request, who: See, device_id: DeviceId, window: Span = USUAL) -> Response:
    """The page of a device."""
    shown = device(desk_of(request), saying_of(request), who, device_id, window=window)
    return page(request, who, "device.html", shown, live=f"device={quote(device_id, safe='')}")


def device(desk: Desk, saying: Saying, who: Who, device_id: str, *, window: str) -> dict[str, Any]:
    """What the page of a device shows."""
    one = device_or_404(desk, who, device_id)
    stands = standings(desk.view, [one], saying.now_ms)[one.id]
    longest = saying.now_ms - max(WINDOWS.values())
    ledger = desk.view.intervals(one.id, longest, saying.now_ms)
    frame = Frame(from_ms=longest, to_ms=saying.now_ms, now_ms=saying.now_ms, scope=who.scope)
    served = desk.view.served([one.id], frame).get(one.id, [])
    known = past(served, desk.view.conditions(one.id, longest, saying.now_ms), one.covered_to_ms, saying.now_ms)
    begin = saying.now_ms - WINDOWS[window]
    rows = [row for row in ledger if row.event_to_ms is None or row.event_to_ms > begin]
    tickets = desk.view.tickets(subject=one.id, limit=TICKETS)
    query = f"from={begin}&to={saying.now_ms}"
    links = telling.device_links(one.id)
    return {
        "one": one,
        "name": name_of(one, saying),
        "kind": saying.word("kind", one.kind),
        "word": stands.word,
        "problem": reasons(desk, saying, stands.why, one.conditions),
        "for_ms": None if one.since_ms is None else max(0, saying.now_ms - _since(one, stands.word)),
        "card": _card(saying, desk.view.cards_named([one.id]).get(one.id)),
        "behind": behind.told(desk, who, one.id),
        "window": window,
        "windows": list(WINDOWS),
        "figures": {name: figure_of(known, length, saying.now_ms) for name, length in WINDOWS.items()},
        "strip": draw(saying, known, (begin, saying.now_ms), height=STRIP_HEIGHT, title=saying.word("window", window)),
        "axis": _axis(begin, saying.now_ms, window),
        "today": _today(desk, saying, one, known, ledger),
        "parts": _parts(one, saying),
        "conditions": [_condition(desk, saying, held, one.runs) for held in one.conditions],
        "suspected": [_suspected(desk, saying, row) for row in one.runs if not row.recovering],
        "recent": recent(desk, saying, one.id, Known(ledger, known.conditions, tickets), longest),
        "tickets": [ticket_row(desk, saying, row) for row in tickets],
        "overlays": overlay_rows(desk, saying, who, one.id, begin),
        "intervals": [_interval(desk, saying, one, row, known) for row in reversed(rows[-ROWS:])],
        "is_cut": len(rows) > ROWS,
        "rows": ROWS,
        "may_command": may_command(desk, who, one.agent),
        "trends": trend_rows(desk, saying, one),
        "links": links | {name: f"{links[name]}?{query}" for name in LINKS},
    }


def _since(one: DeviceView, word: str) -> int:
    """Since when a device has the word: what is wrong longest, where it is only a warning."""
    if word == "warning" and one.conditions:
        return min(held.event_from_ms for held in one.conditions)
    return one.since_ms or 0


def _card(saying: Saying, card: Card | None) -> dict[str, Any] | None:
    """Where a device stands, and for whom."""
    if card is None:
        return None

    def of(zh: str | None, en: str | None) -> str:
        return ((zh or en) if saying.language == "zh" else (en or zh)) or ""

    return {
        "site_id": card.site,
        "site": of(card.site_zh, card.site_en),
        "place": of(card.place_zh, card.place_en),
        "customer": of(card.customer_zh, card.customer_en),
        "customer_id": card.customer,
        "address": card.address or "",
        "engineer": card.place_engineer or card.engineer or "",
        "warranty_until": card.warranty_until or "",
        "serial": card.serial or "",
    }


def _axis(begin: int, end: int, window: str) -> list[dict[str, Any]]:
    """The times written under the strip."""
    return [{"ms": begin + (end - begin) * place // (AXIS - 1), "with_date": window == "30d"} for place in range(AXIS)]


def _today(desk: Desk, saying: Saying, one: DeviceView, known: Past, ledger: list[Interval]) -> dict[str, Any]:
    """The site's day so far as a thin strip, and in words what was not as it should be."""
    local = (EPOCH + timedelta(milliseconds=saying.now_ms)).astimezone(SITE_ZONE)
    begin = saying.now_ms - ((local.hour * 60 + local.minute) * 60 + local.second) * 1000 - local.microsecond // 1000
    said: list[dict[str, Any]] = [
        {
            "from_ms": max(row.event_from_ms, begin),
            "to_ms": row.event_to_ms,
            "word": "unknown" if row.state == "unknown" else "fault",
            "text": reason(desk, saying, row.fault or row.cause),
            "interval": row.event_from_ms,
        }
        for row in ledger
        if row.state != "up" and (row.event_to_ms is None or row.event_to_ms > begin)
    ]
    down = {row.fault for row in ledger if row.state == "down"}
    said += [
        {
            "from_ms": max(held.event_from_ms, begin),
            "to_ms": held.event_to_ms,
            "word": "warning",
            "text": desk.fault_name(held.code, saying.language),
            "interval": None,
        }
        for held in known.conditions
        if held.code not in down and (held.event_to_ms is None or held.event_to_ms > begin)
    ]
    said.sort(key=lambda named: named["from_ms"])
    return {
        "strip": draw(saying, known, (begin, begin + DAY_MS), height=TODAY_HEIGHT, title=saying("today")),
        "named": said[-NAMED_TODAY:],
        "more": max(0, len(said) - NAMED_TODAY),
    }


def _parts(one: DeviceView, saying: Saying) -> list[dict[str, Any]]:
    """The newest readings by part, in the order the device gave them, and whether something is wrong with the part."""
    parts: dict[str, list[dict[str, Any]]] = {}
    for name, value in (one.readings or {}).items():
        told = telling.reading(name, value)
        part = name.rpartition(".")[0] or name
        parts.setdefault(part, []).append(
            {
                "name": name,
                "label": told[f"name_{saying.language}"],
                "value": saying.value(told),
                "is_unknown": value is None or value == "unknown",
            }
        )
    wrong = {held.component for held in one.conditions}
    return [
        {
            "part": component_name(saying, part),
            "word": "warning"
            if part in wrong or part.partition("[")[0] in wrong
            else "unknown"
            if all(reading["is_unknown"] for reading in readings)
            else "normal",
            "readings": readings,
        }
        for part, readings in parts.items()
    ]


def _suspected(desk: Desk, saying: Saying, row: Run) -> dict[str, Any]:
    return {
        "fault": desk.fault_name(row.code, saying.language),
        "component": component_name(saying, row.component),
        "lasting": saying.span(max(0, saying.now_ms - row.since_ms)),
    }


def _condition(desk: Desk, saying: Saying, held: ConditionRow, runs: Sequence[Run]) -> dict[str, Any]:
    recovering = [row for row in runs if (row.code, row.component, row.recovering) == (held.code, held.component, True)]
    return {
        "is_flapping": held.flapping,
        "recovering": saying.span(max(0, saying.now_ms - recovering[0].since_ms)) if recovering else "",
        "effect": held.effect,
        "fault": desk.fault_name(held.code, saying.language),
        "code": held.code,
        "component": component_name(saying, held.component),
        "from_ms": held.since_ms,
        "lasting": saying.span(max(0, saying.now_ms - held.since_ms)),
        "refs": _refs(held),
        "device": held.subject,
    }


def _interval(desk: Desk, saying: Saying, one: DeviceView, row: Interval, known: Past) -> dict[str, Any]:
    """A row of the ledger; a fault stands on its condition's records, anything else on the samples around its begin."""
    covered = min(saying.now_ms, one.covered_to_ms or 0)
    end_ms = max(row.event_from_ms, covered) if row.event_to_ms is None else row.event_to_ms
    about = [
        held
        for held in known.conditions
        if held.code == row.fault and held.event_from_ms < end_ms and (held.event_to_ms or end_ms) > row.event_from_ms
    ]
    return {
        "state": row.state,
        "cause": reason(desk, saying, row.fault or row.cause),
        "from_ms": row.event_from_ms,
        "to_ms": row.event_to_ms,
        "end_ms": end_ms,
        "lasted": saying.span(end_ms - row.event_from_ms),
        "refs": [ref for held in about for ref in _refs(held)],
        "samples": _samples_around(one.id, row.event_from_ms),
    }


def _refs(held: ConditionRow) -> list[dict[str, Any]]:
    roles = {"first": held.first, "confirmed": held.confirmed}
    if held.first == held.confirmed:
        del roles["confirmed"]
    return [
        {"role": role, **telling.ref(ref), "link": _samples_around(held.subject, ref.t)} for role, ref in roles.items()
    ]


def _samples_around(device_id: str, ms: int) -> str:
    """Where the samples of a moment are to be found."""
    return f"/devices/{quote(device_id, safe='')}/samples?at={ms}"

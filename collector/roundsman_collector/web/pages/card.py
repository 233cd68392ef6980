"""A device's card: what it is, where it stands, who speaks for it; changed by whoever has the right `place`.

A device that moves leaves its old place at that moment; a unit that is replaced keeps its own history, and so does the
place. The engine writes the card, the office the place: both at once, or neither.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from roundsman_collector.api import behind
from roundsman_collector.api.access import Place, deed_of
from roundsman_collector.api.cards import card_or_404, change, phase_of
from roundsman_collector.api.desk import desk_of
from roundsman_collector.api.problem import Problem
from roundsman_collector.core.causes import Kind
from roundsman_collector.core.contract import PHASES
from roundsman_collector.roles import Who
from roundsman_collector.web.forms import form
from roundsman_collector.web.page import page, saying_of
from roundsman_collector.web.words import N_
from roundsman_wire.topics import is_id

router = APIRouter()

FIELDS: tuple[tuple[str, str, bool], ...] = (
    ("kind", N_("Kind"), True),
    ("name_zh", N_("Chinese name"), True),
    ("name_en", N_("English name"), True),
    ("model", N_("Model"), False),
    ("serial", N_("Serial number"), False),
    ("place", N_("Place"), False),
    ("agent", N_("Agent"), False),
)
BEHIND: tuple[tuple[Kind, str, str], ...] = (
    ("power", N_("Power from"), N_("the id of the device that feeds it, such as a UPS; empty: not known")),
    ("uplink", N_("Uplink through"), N_("the id of the device that carries its traffic; empty: not known")),
)
HINTS: Mapping[str, str] = {
    "kind": N_("kiosk, nvr, camera, vehicle, ups …"),
    "place": N_("the id of a place; empty: it stands nowhere"),
    "agent": N_("which agent speaks for it; empty: none"),
}
REFUSED: Mapping[str, str] = {
    "no_agent": N_("There is no such agent in your groups."),
    "no_device": N_("There is no such device that you could name."),
    "entry_closed": N_("This lies beyond your scope."),
    "entry_conflict": N_("There is no such place."),
    "bad_entry": N_("This cannot be used."),
    "not_allowed": N_("The collector refused: %(why)s"),
}
WAITING = N_("Asked; the collector has not answered yet.")


@router.get("/devices/{device_id}/card")
def card_page(request: Request, who: Place, device_id: str, done: str = "") -> Response:
    """The card, to be changed."""
    return _page(request, who, device_id, done=bool(done))


@router.post("/devices/{device_id}/card")
def put(request: Request, who: Place, device_id: str, fields: Annotated[dict[str, str], Depends(form)]) -> Response:
    """Change what differs."""
    desk = desk_of(request)
    card = card_or_404(desk, who, device_id)
    written = {name: fields.get(name, "").strip() for name, _, _ in FIELDS}
    said = {name: value or None for name, value in written.items() if value != (getattr(card, name) or "")}
    if not is_id(written["kind"]):
        return _page(request, who, device_id, written=written, wrong=REFUSED["bad_entry"], status=422)
    roots = behind.told(desk, who, device_id)
    wired = {kind: fields.get(kind, "").strip() for kind, _, _ in BEHIND if kind in fields}
    linked: dict[Kind, str | None] = {
        kind: wired[kind] or None for kind, _, _ in BEHIND if kind in wired and wired[kind] != (roots[kind] or "")
    }
    written.update({str(kind): value for kind, value in wired.items()})
    try:
        answers = change(desk, who, deed_of(request, who), device_id, said)
        if linked and not answers.errors:
            answers = behind.change(desk, who, deed_of(request, who), device_id, linked)
    except Problem as problem:
        wrong = REFUSED.get(problem.code, REFUSED["bad_entry"])
        return _page(request, who, device_id, written=written, wrong=wrong, status=problem.status)
    if answers.errors:
        why = "; ".join(answers.errors)
        return _page(request, who, device_id, written=written, wrong=REFUSED["not_allowed"], why=why, status=409)
    if answers.waiting:
        return _page(request, who, device_id, written=written, wrong=WAITING, status=202)
    return RedirectResponse(f"/devices/{device_id}/card?done=1", 303)


def _page(
    request: Request,
    who: Who,
    device_id: str,
    *,
    written: Mapping[str, str] | None = None,
    wrong: str = "",
    why: str = "",
    done: bool = False,
    status: int = 200,
) -> Response:
    desk, saying = desk_of(request), saying_of(request)
    card = card_or_404(desk, who, device_id)
    phase = phase_of(card, desk.now_ms())
    roots = behind.told(desk, who, device_id)
    shown: dict[str, Any] = {
        "card": card,
        "fields": FIELDS,
        "hints": HINTS,
        "behind": BEHIND,
        "roots": roots,
        "values": {
            **{name: getattr(card, name) or "" for name, _, _ in FIELDS},
            **{kind: roots[kind] or "" for kind, _, _ in BEHIND},
            **(written or {}),
        },
        "phase": "" if phase is None else PHASES[phase][saying.language != "zh"],
        "stood": desk.view.entry_history("installation", device_id, scope=who.scope)[::-1],
        "wrong": saying(wrong, why=why) if wrong else "",
        "done": done,
    }
    return page(request, who, "card.html", shown, status=status)

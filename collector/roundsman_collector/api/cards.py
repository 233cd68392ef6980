"""/devices/{id}/card: what a device is, where it stands, and who speaks for it.

GET /devices/kiosk-7/card · PUT /devices/kiosk-7/card · GET /devices/kiosk-7/card/history

The card is the engine's to write and the place the office's: a PUT enters the place and asks the engine in one
transaction, and waits a moment for its answer.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from roundsman_collector.api.access import Place, See, deed_of
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.devices import DeviceId
from roundsman_collector.api.entries import DEFAULT_ZONE, problem_of
from roundsman_collector.api.moments import stamped
from roundsman_collector.api.problem import Problem
from roundsman_collector.api.telling import ROOT, device_links
from roundsman_collector.api.whole_numbers import note
from roundsman_collector.core.contract import PHASES, Phase, phase_at
from roundsman_collector.register import entering
from roundsman_collector.register.entering import Answers
from roundsman_collector.reports.dossier import masked
from roundsman_collector.roles import Who
from roundsman_collector.store import Card, Deed, EntryError
from roundsman_collector.store.entry_kinds import dates_of
from roundsman_collector.wording import short
from roundsman_wire.topics import is_id

router = APIRouter(prefix="/devices", tags=["register"])

NAME = 200


class CardFields(BaseModel):
    """What to change of a device; what is not named stays. `place` null: it stands nowhere; `agent` null: no voice."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    kind: str | None = Field(default=None, description="needed for a new device", max_length=63)
    model: str | None = Field(default=None, max_length=NAME)
    serial: str | None = Field(default=None, max_length=NAME)
    vendor: str | None = Field(default=None, description="who made or delivered it", max_length=NAME)
    batch: str | None = Field(default=None, description="the batch in which it came", max_length=NAME)
    name_zh: str | None = Field(default=None, min_length=1, max_length=NAME)
    name_en: str | None = Field(default=None, min_length=1, max_length=NAME)
    place: str | None = Field(default=None, description="the place where it stands from now on", max_length=64)
    agent: str | None = Field(default=None, description="the agent that speaks for it from now on", max_length=64)


PHONES = ("place_contact_phone", "contact_phone")


class CardShape(BaseModel):
    """A device's card, with what stands behind its place."""

    model_config = ConfigDict(extra="forbid")

    device: str
    kind: str
    model: str | None
    serial: str | None
    vendor: str | None
    batch: str | None
    name_zh: str
    name_en: str
    agent: str | None
    agent_group: str | None
    installed_ms: int | None
    installed: str | None
    place: str | None
    place_zh: str | None
    place_en: str | None
    place_engineer: str | None
    site: str | None
    site_zh: str | None
    site_en: str | None
    group: str | None
    address: str | None
    zone: str | None
    time_zone: str | None
    service_hours: str | None
    engineer: str | None
    calendar: str | None
    point: str | None
    customer: str | None
    customer_zh: str | None
    customer_en: str | None
    contract: str | None
    contract_name: str | None
    accepted_on: str | None
    warranty_until: str | None
    maintenance_until: str | None
    service_level: str | None
    labour_until: str | None
    parts_rate: str | None
    place_contact: str | None = Field(
        description="who is on the spot; where the place names nobody, its site's contact"
    )
    place_contact_phone: str | None = Field(description="masked for whoever may not act on tickets")
    contact: str | None
    contact_phone: str | None
    phase: Phase | None
    phase_zh: str | None
    links: dict[str, str]


class WaitingShape(BaseModel):
    """The engine has not answered yet."""

    device: str
    do: str


class InstalledShape(BaseModel):
    """Where a device stood in [from, to)."""

    place: str
    from_ms: int
    from_: str | None = Field(alias="from")
    to_ms: int | None
    to: str | None
    made_by: str


class InstallationsShape(BaseModel):
    """Where a device stood, the oldest first; what you may know of it."""

    device: str
    installations: list[InstalledShape]


@router.get("/{device_id}/card", response_model=CardShape, summary="What a device is and where it stands")
def card(request: Request, who: See, device_id: DeviceId) -> dict[str, Any]:
    """The device's row of the register, with its place, site, customer and contract."""
    return told(desk_of(request), who, card_or_404(desk_of(request), who, device_id))


@router.put(
    "/{device_id}/card",
    response_model=CardShape,
    responses={202: {"model": WaitingShape, "description": "The engine has not answered yet."}},
    summary="Enter or change a device, move it, or let another agent speak for it",
)
def put_card(request: Request, who: Place, device_id: DeviceId, fields: Annotated[CardFields, Body()]) -> Any:
    """Changes what is named. 409: the register or the engine says no, and why."""
    desk = desk_of(request)
    said = {name: getattr(fields, name) for name in fields.model_fields_set}
    answers = change(desk, who, deed_of(request, who), device_id, said)
    if answers.errors:
        raise engine_said_no(device_id, answers)
    if answers.waiting:
        return JSONResponse({"device": device_id, "do": WAIT}, 202)
    return told(desk, who, card_or_404(desk, who, device_id))


@router.get("/{device_id}/card/history", response_model=InstallationsShape, summary="Where a device stood")
def installations(request: Request, who: See, device_id: DeviceId) -> dict[str, Any]:
    """Its installations, as far as they are yours to know."""
    desk = desk_of(request)
    card_or_404(desk, who, device_id)
    found = desk.view.entry_history("installation", device_id, scope=who.scope)
    return {
        "device": device_id,
        "installations": [
            {
                "place": one.fields["place"],
                **stamped("from", one.from_ms),
                **stamped("to", one.to_ms),
                "made_by": one.made_by,
            }
            for one in found
        ],
    }


WAIT = "it will be done when the collector's engine runs; look at the device again in a while"


def card_or_404(desk: Desk, who: Who, device_id: str) -> Card:
    """A device's card; Problem where there is none, or none that they reach: which of the two is not told."""
    found = desk.view.cards_named([device_id], scope=who.scope).get(device_id)
    if found is None:
        raise Problem(
            404,
            "no_device",
            what=f"there is no device {short(device_id)}",
            where="path",
            expected="an id of GET /api/v1/devices",
            do="look it up in the list",
        )
    return found


def told(desk: Desk, who: Who, one: Card) -> dict[str, Any]:
    """A card as the API says it."""
    fields = one._asdict()
    installed_ms = fields.pop("installed_ms")
    phase = phase_of(one, desk.now_ms())
    if not (who.may("act") or who.may("place")):
        fields |= {name: masked(fields[name]) if fields[name] else None for name in PHONES}
    else:
        note(desk, who, f"device:{one.device}", *(fields[name] for name in PHONES))
    return {
        **fields,
        **stamped("installed", installed_ms),
        "phase": phase,
        "phase_zh": None if phase is None else PHASES[phase][0],
        "links": {
            "self": f"{ROOT}/devices/{one.device}/card",
            "history": f"{ROOT}/devices/{one.device}/card/history",
            "device": device_links(one.device)["self"],
        },
    }


def phase_of(one: Card, now_ms: int) -> Phase | None:
    """In which phase the contract of the device's site is, by the site's calendar."""
    if one.contract is None:
        return None
    return phase_at(dates_of(one._asdict(), one.contract), now_ms, one.time_zone or DEFAULT_ZONE)


# --- changing, for the address above and for our pages ---------------------------------------------------------------


def change(desk: Desk, who: Who, deed: Deed, device: str, said: Mapping[str, str | None]) -> Answers:
    """Change what is named of a device, and wait a moment for the engine; Problem where it cannot be."""
    before = _before(desk, who, device, said)
    commands: list[tuple[str, Mapping[str, Any]]] = []
    wanted = _card_fields(device, before, said)
    if wanted is not None:
        commands.append(("device", {**wanted, "address": deed.address}))
    if "agent" in said and said["agent"] != (before.agent if before else None):
        _check_agent(desk, who, said["agent"])
        commands.append(("assign", {"device": device, "agent": said["agent"], "address": deed.address}))
    standing = {device: {"place": said["place"]}} if said.get("place") else {}
    try:
        if "place" in said and not said["place"] and before is not None and before.place is not None:
            desk.office.end_entry("installation", device, deed=deed, scope=who.scope)
        asked = desk.office.enter_all([("installation", standing)], commands, deed=deed, scope=who.scope)
    except EntryError as error:
        raise problem_of(error) from error
    answers = entering.answers(desk.view, asked, wait_s=desk.answer_within_s)
    desk.office.fill_search(1)
    return answers


def _before(desk: Desk, who: Who, device: str, said: Mapping[str, str | None]) -> Card | None:
    """The device as it is; None for a new one that they may enter."""
    if not is_id(device):
        raise Problem(
            422,
            "bad_entry",
            what=f"{short(device)} is not an id",
            where="path",
            expected="1-63 of a-z 0-9 _ -",
            do="choose another id",
        )
    there = desk.view.cards_named([device]).get(device)
    if there is not None:
        return card_or_404(desk, who, device)
    if not who.scope.everything and not said.get("place"):
        raise Problem(
            403,
            "entry_closed",
            what=f"you cannot enter device {device}",
            where="body.place",
            expected="a place of your own groups or customers where it stands",
            do="name its place, or ask an administrator",
        )
    return None


def _card_fields(device: str, before: Card | None, said: Mapping[str, str | None]) -> dict[str, str | None] | None:
    """The whole card for the engine; None where nothing of it changes."""
    names = ("kind", "model", "serial", "vendor", "batch", "name_zh", "name_en")
    kept: dict[str, str | None] = {name: getattr(before, name, None) for name in names}
    wanted = {**kept, **{name: said[name] or None for name in names if name in said}}
    wanted["name_zh"] = wanted["name_zh"] or wanted["name_en"] or device
    wanted["name_en"] = wanted["name_en"] or wanted["name_zh"]
    if wanted["kind"] is None or not is_id(wanted["kind"]):
        raise Problem(
            422,
            "bad_entry",
            what="the kind of the device is missing or no id",
            where="body.kind",
            expected="kiosk, nvr, camera, vehicle, ups …",
            do="name its kind",
        )
    return None if before is not None and wanted == kept else {"id": device, **wanted}


def _check_agent(desk: Desk, who: Who, agent: str | None) -> None:
    if agent is None:
        return
    found = next((one for one in desk.view.agents() if one.id == agent and one.removed_ms is None), None)
    if found is None or not (who.scope.everything or found.group_id in who.scope.groups):
        raise Problem(
            409,
            "no_agent",
            what=f"there is no agent {short(agent)} that you could give a device",
            where="body.agent",
            expected="the id of an agent of your own groups",
            do="let it in first, by roundsman agent add",
        )


def engine_said_no(device: str, answers: Answers) -> Problem:
    """The engine's refusal as an answer."""
    return Problem(
        409,
        "not_allowed",
        what="; ".join(answers.errors),
        where=f"device {device}",
        expected="a change that fits the register as it stands",
        do="look at the device as it stands now",
    )

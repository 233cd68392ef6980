"""/devices/{id}/behind: what a device gets its power and uplink from, and what gets them from it (law 5).

GET /devices/kiosk-8/behind · PUT /devices/kiosk-8/behind {"uplink": "switch-1"} · null: from nobody that is known

A device that you do not reach is not named: `root` is null and `is_hidden` true. The engine writes it, since it decides
by it which faults open a ticket: a PUT asks the engine, and waits a moment for its answer.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from roundsman_collector.api.access import Place, See, deed_of
from roundsman_collector.api.cards import WAIT, WaitingShape, card_or_404, engine_said_no
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.devices import DeviceId
from roundsman_collector.api.moments import read as read_time
from roundsman_collector.api.moments import stamped
from roundsman_collector.api.problem import Problem
from roundsman_collector.core.causes import KINDS, Kind
from roundsman_collector.register import entering
from roundsman_collector.register.entering import Answers
from roundsman_collector.roles import Who
from roundsman_collector.store import Deed
from roundsman_collector.wording import short

router = APIRouter(prefix="/devices", tags=["register"])


class BehindFields(BaseModel):
    """What to change; what is not named stays. null: it gets it from nobody that is known."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    power: str | None = Field(default=None, description="the device that it gets its power from", max_length=63)
    uplink: str | None = Field(default=None, description="the device that carries its traffic", max_length=63)


class LinkShape(BaseModel):
    """A device gets its power or uplink from `root` in [from, to); `to` null: still."""

    model_config = ConfigDict(extra="forbid")

    kind: Kind
    root: str | None
    is_hidden: bool = Field(description="there is a root, and you do not reach it")
    from_ms: int
    from_: str | None = Field(alias="from")
    to_ms: int | None
    to: str | None
    made_ms: int
    made: str | None
    made_by: str


class BelowShape(BaseModel):
    """What gets something from this device now."""

    device: str
    kind: Kind


class BehindShape(BaseModel):
    """What a device stands behind now, all that was ever said of it, and what stands behind it."""

    model_config = ConfigDict(extra="forbid")

    device: str
    power: str | None
    uplink: str | None
    history: list[LinkShape]
    below: list[BelowShape] = Field(description="as far as you reach; a thousand at most")


@router.get("/{device_id}/behind", response_model=BehindShape, summary="What a device stands behind")
def behind(request: Request, who: See, device_id: DeviceId) -> dict[str, Any]:
    """Whose failure explains this device's, and whose failures this one's explains."""
    return told(desk_of(request), who, device_id)


@router.put(
    "/{device_id}/behind",
    response_model=BehindShape,
    responses={202: {"model": WaitingShape, "description": "The engine has not answered yet."}},
    summary="Say what a device gets its power and uplink from",
)
def put_behind(
    request: Request,
    who: Place,
    device_id: DeviceId,
    fields: Annotated[BehindFields, Body()],
    from_: Annotated[str | None, Query(alias="from", description="Since when; now, if it is not given.")] = None,
) -> Any:
    """Changes what is named. 409: it would stand behind itself, or the engine says no otherwise, and why."""
    desk = desk_of(request)
    said = {kind: getattr(fields, kind) for kind in KINDS if kind in fields.model_fields_set}
    from_ms = None if from_ is None else read_time(from_, "from")
    answers = change(desk, who, deed_of(request, who), device_id, said, from_ms)
    if answers.errors:
        raise engine_said_no(device_id, answers)
    if answers.waiting:
        return JSONResponse({"device": device_id, "do": WAIT}, 202)
    return told(desk, who, device_id)


def told(desk: Desk, who: Who, device: str) -> dict[str, Any]:
    """What a device stands behind, as the API says it."""
    card_or_404(desk, who, device)
    rows = desk.view.behind_history(device)
    below = desk.view.children_of(device)
    reached = reached_of(desk, who, {*(row.root for row in rows if row.root), *(link.subject for link in below)})
    now = desk.view.behind_of([device]).get(device, {})
    return {
        "device": device,
        **{kind: root if (root := now.get(kind)) in reached else None for kind in KINDS},
        "history": [
            {
                "kind": row.kind,
                "root": row.root if row.root in reached else None,
                "is_hidden": row.root is not None and row.root not in reached,
                **stamped("from", row.from_ms),
                **stamped("to", row.to_ms),
                **stamped("made", row.made_ms),
                "made_by": row.made_by,
            }
            for row in rows
        ],
        "below": [{"device": link.subject, "kind": link.kind} for link in below if link.subject in reached],
    }


def reached_of(desk: Desk, who: Who, devices: set[str]) -> set[str]:
    """Those of some devices that somebody reaches."""
    return set(desk.view.cards_named(sorted(devices), scope=who.scope))


# --- changing, for the address above and for our pages ---------------------------------------------------------------


def change(
    desk: Desk, who: Who, deed: Deed, device: str, said: Mapping[Kind, str | None], from_ms: int | None = None
) -> Answers:
    """Ask the engine to let a device stand behind these, and wait a moment; Problem where somebody may not."""
    card_or_404(desk, who, device)
    roots = {root for root in said.values() if root}
    unknown = sorted(roots - reached_of(desk, who, roots))
    if unknown:
        raise Problem(
            409,
            "no_device",
            what=f"there is no device {short(unknown[0])} that you could name",
            where="body",
            expected="the id of a device that you reach",
            do="look it up in the list of devices",
        )
    links = [{"subject": device, "kind": kind, "root": root or None, "from_ms": from_ms} for kind, root in said.items()]
    asked = desk.office.enter_all(
        [], [("behind", {"links": links, "address": deed.address})] if links else [], deed=deed
    )
    return entering.answers(desk.view, asked, wait_s=desk.answer_within_s)

"""/ratios/vehicles: 在线率 by monitoring centre, and each vehicle that was not online: why, since when, whose it is.

    GET /ratios/vehicles?from=…&to=…&of=group:north

The counts are those of `vehicles_on_net` and `vehicles_online` of /ratios for the same window; store/vehicles.py says
what online is.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from roundsman_collector.api import ratios, telling
from roundsman_collector.api.access import See
from roundsman_collector.api.desk import desk_of
from roundsman_collector.api.figures import frame_of
from roundsman_collector.api.moments import Window, stamped
from roundsman_collector.core.availability import percent_text
from roundsman_collector.core.ratios import Centre, Vehicle, centre, ranked
from roundsman_collector.store.ratio_facts import NARROWED
from roundsman_collector.store.vehicles import Absent, VehicleOver

ROWS = 5000

router = APIRouter(tags=["availability"])


class CentreShape(BaseModel):
    """Vehicles of a monitoring centre. `place`: 1 is the best share online; equal shares have the same place."""

    model_config = ConfigDict(extra="forbid")

    group: str | None = Field(description="null: of none, or of all")
    place: int | None
    registered: int
    on_net: int = Field(description="were up at least once, ever")
    online: int = Field(description="were up at least once in the window")
    online_of: int = Field(description="on the net and not laid up: what the share is of")
    laid_up: int = Field(description="out of the reckoning all the time: parked, or laid up")
    missing: int = Field(description="neither online nor laid up: those that are listed")
    online_percent: str | None


class MissingShape(BaseModel):
    """A vehicle that was not online in the window. `state`, `cause`, `fault`: what held for most of it."""

    model_config = ConfigDict(extra="forbid")

    device: str
    name_zh: str
    name_en: str
    group: str | None
    site: str | None
    point: str | None = Field(description="the service point that its site names")
    engineer: str | None
    state: str
    cause: str
    fault: str
    last_up_ms: int | None = Field(description="when it was up last before the window; null: never")
    last_up: str | None
    ticket: str | None = Field(description="its newest ticket that is not over")
    link: str


class VehiclesShape(BaseModel):
    """Vehicles over a window, by centre, and those that were not online."""

    model_config = ConfigDict(extra="forbid")

    from_ms: int
    from_: str | None = Field(alias="from")
    to_ms: int
    to: str | None
    known_ms: int | None
    known: str | None
    total: CentreShape
    centres: list[CentreShape]
    is_cut: bool
    missing: list[MissingShape]


@router.get(
    "/ratios/vehicles", response_model=VehiclesShape, summary="Vehicles online by centre, and those that are not"
)
def vehicles(
    request: Request,
    who: See,
    window: Annotated[Window, Depends(ratios.WINDOW)],
    of: Annotated[
        list[str] | None,
        Query(description=f"Only of this: {', '.join(f'{one}:id' for one in NARROWED)}.", max_length=120),
    ] = None,
    limit: Annotated[int, Query(description="So many missing vehicles at most, by id.", ge=0, le=ROWS)] = 500,
) -> dict[str, Any]:
    """Of the vehicles that you reach now, over the window; 30 days up to now, if none is given."""
    view, frame = desk_of(request).view, frame_of(window, who.scope)
    found = view.vehicles(frame, ratios.narrowed(of or ()))
    groups: dict[str | None, list[Vehicle]] = {}
    for one in found:
        groups.setdefault(one.facts.group, []).append(one.counted)
    missing = [one for one in found if one.is_missing]
    absent = view.vehicles_absent(missing[:limit], frame)
    return {
        **stamped("from", window.from_ms),
        **stamped("to", window.to_ms),
        **stamped("known", window.known_ms),
        "total": _centre(centre(None, (one.counted for one in found))),
        "centres": [_centre(one) for one in ranked(groups)],
        "is_cut": len(missing) > limit,
        "missing": [_missing(one, absent) for one in missing[:limit]],
    }


def _centre(one: Centre) -> dict[str, Any]:
    value = one.online.value
    return {
        "group": one.key,
        "place": one.place,
        "registered": one.registered,
        "on_net": int(one.on_net.part),
        "online": int(one.online.part),
        "online_of": int(one.online.whole),
        "laid_up": int(one.online.left_out.get("laid_up", 0)),
        "missing": one.missing,
        "online_percent": None if value is None else percent_text(value, 4),
    }


def _missing(one: VehicleOver, absent: Mapping[str, Absent]) -> dict[str, Any]:
    facts, held = one.facts, absent[one.device]
    state, cause, fault = one.reason or ("", "", "")
    return {
        "device": facts.device,
        "name_zh": facts.name_zh,
        "name_en": facts.name_en,
        "group": facts.group,
        "site": facts.site,
        "point": facts.point,
        "engineer": facts.engineer,
        "state": state,
        "cause": cause,
        "fault": fault,
        **stamped("last_up", held.last_up_ms),
        "ticket": held.ticket or None,
        "link": telling.device_links(facts.device)["self"],
    }

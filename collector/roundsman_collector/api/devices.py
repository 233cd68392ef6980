"""/devices: what there is, how it stands, what it reported, what that means and how available it was."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request

from roundsman_collector.api import figures, telling
from roundsman_collector.api.access import See
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.moments import DAY_MS, HOUR_MS, KnownWindow, PlainWindow, Window, stamped
from roundsman_collector.api.problem import Problem
from roundsman_collector.api.shapes import (
    AvailabilityShape,
    ConditionsShape,
    DevicesShape,
    DeviceWithReadingsShape,
    IntervalsShape,
    SamplesShape,
)
from roundsman_collector.api.standing import standings
from roundsman_collector.roles import Who
from roundsman_collector.store import DeviceView
from roundsman_collector.wording import short

PAGE_LIMIT = 1000
LEDGER_WINDOW = KnownWindow(usual_ms=DAY_MS, longest_ms=366 * DAY_MS)
READINGS_WINDOW = PlainWindow(usual_ms=HOUR_MS, longest_ms=31 * DAY_MS)

router = APIRouter(prefix="/devices", tags=["devices"])

DeviceId = Annotated[str, Path(description="A device's id.", min_length=1, max_length=64)]
Limit = Annotated[int, Query(description="How many at most.", ge=1, le=PAGE_LIMIT)]


def device_or_404(desk: Desk, who: Who, device_id: str) -> DeviceView:
    """The device; Problem where there is none, or none that they reach: which of the two is not told."""
    found = desk.view.device(device_id)
    if found is None or not desk.view.reaches(who.scope, device_id):
        raise Problem(
            404,
            "no_device",
            what=f"there is no device {short(device_id)}",
            where="path",
            expected="an id of GET /api/v1/devices",
            do="look it up in the list; a device that reports but is not in the register stands in the inbox",
        )
    return found


@router.get("", response_model=DevicesShape, summary="Devices with their state words, by id")
def devices(
    request: Request,
    who: See,
    after: Annotated[str, Query(description="The last id of the page before.", max_length=64)] = "",
    limit: Limit = 100,
    group: Annotated[str | None, Query(description="Of one group only.", max_length=64)] = None,
) -> dict[str, Any]:
    """A page of devices. `next_after` leads to the next one."""
    desk = desk_of(request)
    rows = desk.view.devices(after=after, limit=limit + 1, group=group, scope=who.scope)
    page = rows[:limit]
    stand = standings(desk.view, page, desk.now_ms())
    return {
        "devices": [telling.device(desk, one, stand[one.id]) for one in page],
        "next_after": page[-1].id if len(rows) > limit else None,
    }


@router.get("/{device_id}", response_model=DeviceWithReadingsShape, summary="One device with its newest readings")
def device(request: Request, who: See, device_id: DeviceId) -> dict[str, Any]:
    """How a device stands now, what is wrong with it, and its newest readings (they may lag by some seconds)."""
    desk = desk_of(request)
    found = device_or_404(desk, who, device_id)
    return telling.device_with_readings(desk, found, standings(desk.view, [found], desk.now_ms())[found.id])


@router.get("/{device_id}/readings", response_model=SamplesShape, summary="What a device reported, sample by sample")
def readings(
    request: Request,
    who: See,
    device_id: DeviceId,
    window: Annotated[Window, Depends(READINGS_WINDOW)],
    limit: Limit = 100,
    before: Annotated[int | None, Query(description="`next_before` of the page before.", ge=1, le=2**62)] = None,
) -> dict[str, Any]:
    """Samples whose own time lies in the window, newest received first; one hour if no window is given.

    A page holds whole reports: it may have some more than `limit`. It may be empty and still have a `next_before`.
    """
    desk = desk_of(request)
    found = device_or_404(desk, who, device_id)
    page = desk.view.samples(found.id, window.from_ms, window.to_ms, limit=limit, before_seq=before)
    return {
        "device": found.id,
        **stamped("from", window.from_ms),
        **stamped("to", window.to_ms),
        "samples": [telling.sample(row) for row in page.samples],
        "next_before": page.next_seq,
    }


@router.get("/{device_id}/intervals", response_model=IntervalsShape, summary="The ledger of a device")
def intervals(
    request: Request,
    who: See,
    device_id: DeviceId,
    window: Annotated[Window, Depends(LEDGER_WINDOW)],
    limit: Limit = PAGE_LIMIT,
) -> dict[str, Any]:
    """What the ledger says of a window, as known now or at `known`; one day if no window is given."""
    desk = desk_of(request)
    found = device_or_404(desk, who, device_id)
    rows = desk.view.intervals(found.id, window.from_ms, window.to_ms, window.known_ms)
    return {
        "device": found.id,
        **_asked(window),
        **stamped("covered_to", found.covered_to_ms),
        "intervals": [telling.interval(row) for row in rows[:limit]],
        "next_from_ms": rows[limit].event_from_ms if len(rows) > limit else None,
    }


@router.get("/{device_id}/conditions", response_model=ConditionsShape, summary="The faults of a device")
def conditions(
    request: Request,
    who: See,
    device_id: DeviceId,
    window: Annotated[Window, Depends(LEDGER_WINDOW)],
    limit: Limit = PAGE_LIMIT,
    offset: Annotated[int, Query(description="`next_offset` of the page before.", ge=0, le=1_000_000)] = 0,
) -> dict[str, Any]:
    """The faults that held in a window, as known now or at `known`; one day if no window is given."""
    desk = desk_of(request)
    found = device_or_404(desk, who, device_id)
    rows = desk.view.conditions(found.id, window.from_ms, window.to_ms, window.known_ms)
    end = offset + limit
    return {
        "device": found.id,
        **_asked(window),
        "conditions": [telling.condition(desk, row) for row in rows[offset:end]],
        "next_offset": end if len(rows) > end else None,
    }


@router.get("/{device_id}/availability", response_model=AvailabilityShape, summary="How available a device was")
def availability(
    request: Request, who: See, device_id: DeviceId, window: Annotated[Window, Depends(LEDGER_WINDOW)]
) -> dict[str, Any]:
    """Up, down, unknown and excluded time of a window, as known now or at `known`; one day if no window is given.

    Only time in service and within service hours counts. The ledger's open interval counts up to `covered_to` only:
    beyond it is unknown. `GET /devices/{id}/reckoning` has the intervals that a figure is the sum of.
    """
    desk = desk_of(request)
    found = device_or_404(desk, who, device_id)
    links = telling.device_links(found.id)
    return {
        "device": found.id,
        **_asked(window),
        **stamped("covered_to", found.covered_to_ms),
        "settling": found.settling,
        **figures.told(figures.figure_of(desk.view, found.id, window, who.scope)),
        "links": {name: f"{links[name]}?{window.query()}" for name in ("intervals", "conditions")},
    }


def _asked(window: Window) -> dict[str, Any]:
    return {**stamped("from", window.from_ms), **stamped("to", window.to_ms), **stamped("known", window.known_ms)}

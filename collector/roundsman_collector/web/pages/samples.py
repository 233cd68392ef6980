"""What a device reported around a moment: where an interval's evidence is read.

/devices/kiosk-7/samples?at=1763690400000
"""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from roundsman_collector.api import telling
from roundsman_collector.api.access import See
from roundsman_collector.api.desk import desk_of
from roundsman_collector.api.devices import DeviceId, device_or_404
from roundsman_collector.api.moments import LATEST_MS, MINUTE_MS
from roundsman_collector.store import SampleRow
from roundsman_collector.web.page import page, saying_of
from roundsman_collector.web.saying import Saying

AROUND_MS = 2 * MINUTE_MS
SAMPLES = 40

router = APIRouter()


@router.get("/devices/{device_id}/samples")
def samples_page(
    request: Request, who: See, device_id: DeviceId, at: Annotated[int, Query(ge=0, le=LATEST_MS)]
) -> Response:
    """The samples around a moment."""
    desk, saying = desk_of(request), saying_of(request)
    one = device_or_404(desk, who, device_id)
    begin, end = max(0, at - AROUND_MS), at + AROUND_MS + 1
    found = desk.view.samples(one.id, begin, end, limit=SAMPLES)
    shown = {
        "one": one,
        "at_ms": at,
        "begin_ms": begin,
        "end_ms": end,
        "samples": sorted((_told(saying, row, at) for row in found.samples), key=lambda told: told["t_ms"]),
        "is_cut": found.next_seq is not None,
        "json": f"{telling.device_links(one.id)['readings']}?from={begin}&to={end}",
    }
    return page(request, who, "samples.html", shown)


def _told(saying: Saying, row: SampleRow, at_ms: int) -> dict[str, Any]:
    told = telling.sample(row)
    readings = [telling.reading(name, value) for name, value in told["readings"].items()]
    return {
        "n": told["n"],
        "stream": told["stream"],
        "t_ms": told["t_ms"],
        "received_ms": told["received_ms"],
        "as_of_ms": row.as_of_ms,
        "is_it": told["t_ms"] == at_ms,
        "readings": [{"label": one[f"name_{saying.language}"], "value": saying.value(one)} for one in readings],
        "failed": [f"{name}: {': '.join(words)}" for name, words in told["failed"].items()],
    }

"""What gets worse, the soonest first; and what to take along to the next visit.

/forecasts?of=site:metro-a&kind=nvr&watch=disk_full&within=90      part, device, site, when, how sure; a ticket for it
/forecasts/parts?of=site:metro-a&within=90                         隐患配件, by site
trend_rows(...)                                                    the lines on the page of a device
"""

from datetime import date
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from roundsman_collector.api import forecasts
from roundsman_collector.api.access import See
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.ratios import narrowed
from roundsman_collector.config import trends
from roundsman_collector.core.forecast import points_of
from roundsman_collector.core.forecast_words import WHYS, number, sentence
from roundsman_collector.core.local_days import date_of
from roundsman_collector.reports.document import Trend
from roundsman_collector.roles import Who
from roundsman_collector.store import DeviceView
from roundsman_collector.store.foretelling import Foretold
from roundsman_collector.web import charts
from roundsman_collector.web.page import page, saying_of
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.shown import narrowing
from roundsman_collector.web.words import N_
from roundsman_wire.catalogue import Label

PAGE = 200
SOON_DAYS = 14
WITHIN: dict[str, str] = {"30": N_("30 days"), "90": N_("90 days"), "365": N_("a year")}
Within = Literal["30", "90", "365"]

router = APIRouter()


@router.get("/forecasts")
def forecasts_page(
    request: Request,
    who: See,
    of: Annotated[str, Query(max_length=120)] = "",
    watch: Annotated[str, Query(max_length=40)] = "",
    within: Within = "365",
) -> Response:
    """What will cross its limit, of what somebody reaches."""
    desk, saying = desk_of(request), saying_of(request)
    rows = forecasts.asked(
        desk,
        who.scope,
        of=narrowed([of] if of else []),
        watches=forecasts.known_watches([watch] if watch else []),
        within=int(within),
        limit=PAGE + 1,
    )
    found = forecasts.told(desk, rows[:PAGE], who.scope)
    shown = {
        "rows": [_row(saying, who, one) for one in found],
        "has_more": len(rows) > PAGE,
        "most": PAGE,
        "watch": watch,
        "watches": _watches(saying),
        **_around(desk, saying, who, of, within),
    }
    return page(request, who, "forecasts.html", shown)


@router.get("/forecasts/parts")
def parts_page(
    request: Request, who: See, of: Annotated[str, Query(max_length=120)] = "", within: Within = "90"
) -> Response:
    """What to take along, by site."""
    desk, saying = desk_of(request), saying_of(request)
    rows = forecasts.asked(desk, who.scope, of=narrowed([of] if of else []), within=int(within))
    language = saying.language
    shown = {
        "parts": [
            {
                "site": one["site"],
                "site_name": one[f"site_{language}"] or "",
                "part": one[f"part_{language}"],
                "count": saying.count(one["count"]),
                "earliest": one["earliest"],
                "likely": one["likely"],
                "for": [_row(saying, who, each) for each in one["for"]],
            }
            for one in forecasts.needed(forecasts.told(desk, rows, who.scope))
        ],
        **_around(desk, saying, who, of, within),
    }
    return page(request, who, "forecast_parts.html", shown)


def _around(desk: Desk, saying: Saying, who: Who, of: str, within: str) -> dict[str, Any]:
    return {
        "of": of,
        "choices": narrowing(desk, saying, who),
        "within": within,
        "withins": [(key, saying(name), key == within) for key, name in WITHIN.items()],
    }


def _watches(saying: Saying) -> list[tuple[str, str]]:
    named = {one.code: one.zh if saying.language == "zh" else one.en for one in trends().watches}
    return list(named.items())


def _row(saying: Saying, who: Who, one: dict[str, Any]) -> dict[str, Any]:
    language = saying.language
    days = (date.fromisoformat(one["earliest"]) - date_of(saying.now_ms // 86_400_000)).days
    wanted = {"subject": one["device"], "text": one[f"sentence_{language}"]}
    fault = next((watch.fault for watch in trends().watches if watch.code == one["watch"]), "")
    return {
        "device": one["device"],
        "name": one[f"name_{language}"],
        "site": one["site"],
        "where": " · ".join(name for name in (one[f"site_{language}"], one[f"place_{language}"]) if name),
        "watch": one[f"watch_{language}"],
        "reading": one[f"reading_{language}"],
        "part": one[f"part_{language}"],
        "likely": one["likely"],
        "earliest": one["earliest"],
        "latest": one["latest"],
        "is_soon": days <= SOON_DAYS,
        "sentence": one[f"sentence_{language}"],
        "made_of": saying("from %(days)s days", days=one["days"]),
        "tickets": one["tickets"],
        "new": f"/tickets/new?{urlencode(wanted | ({'code': fault} if fault else {}))}" if who.may("act") else "",
    }


# --- the page of a device --------------------------------------------------------------------------------------------


def trend_rows(desk: Desk, saying: Saying, one: DeviceView) -> list[dict[str, Any]]:
    """Each reading of a device that is watched: its line over the days, and what can be said."""
    return [_line(saying, found) for found in forecasts.device_trends(desk, one) if found.days]


def _line(saying: Saying, found: Foretold) -> dict[str, Any]:
    watch, said, language = found.watch, found.said, saying.language
    what = forecasts.what_of(watch, found.reading, language)
    unit = forecasts.unit_of(watch, found.reading, language)
    points = [(date_of(point.day), point.value) for point in points_of(watch, found.days)]
    limit = "" if said.limit is None else saying("limit %(limit)s", limit=number(said.limit, unit))
    ahead = "" if said.likely is None else saying("reached about %(day)s", day=date_of(said.likely).isoformat())
    text = sentence(watch, said, what=what, unit=unit, language=language)
    drawn = Trend(
        title=Label(zh=watch.zh, en=watch.en),
        points=tuple(points),
        limit=said.limit,
        forecast=None if said.likely is None else date_of(said.likely),
    )
    return {
        "name": watch.zh if language == "zh" else watch.en,
        "reading": what,
        "why": saying.pair(WHYS[said.why]) if said.why else "",
        "is_dated": not said.why,
        "sentence": text,
        "chart": charts.trend(drawn, charts.Words(text, limit, ahead)) if len(points) > 1 else "",
    }

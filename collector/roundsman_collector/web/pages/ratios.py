"""The ratios of the trade: points online, recordings, vehicles, links; each with its two numbers.

/ratios?window=30d&of=site:metro-a      the rules are those of api/ratios.py
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from roundsman_collector.api.access import See
from roundsman_collector.api.desk import desk_of
from roundsman_collector.api.figures import frame_of
from roundsman_collector.api.moments import DAY_MS, Window
from roundsman_collector.api.ratios import narrowed
from roundsman_collector.core.ratio_names import Told, Why
from roundsman_collector.store.ratio_facts import NARROWED
from roundsman_collector.web.page import page, saying_of
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.shown import narrowing
from roundsman_collector.web.words import N_

router = APIRouter()

WINDOWS: Mapping[str, int] = {"1d": DAY_MS, "7d": 7 * DAY_MS, "30d": 30 * DAY_MS, "90d": 90 * DAY_MS}
WINDOW_NAMES: Mapping[str, str] = {
    "1d": N_("24 hours"),
    "7d": N_("7 days"),
    "30d": N_("30 days"),
    "90d": N_("90 days"),
}
REASONS: Mapping[str, str] = {
    "not_configured": N_("no camera configured"),
    "excluded": N_("out of the reckoning, or outside service hours"),
    "not_diagnosed": N_("picture not looked at"),
    "not_required": N_("no days required"),
    "never_reported": N_("never reported"),
    "laid_up": N_("laid up"),
}
WHYS: Mapping[Why, str] = {
    "no_source": N_("Nothing reports it yet."),
    "no_devices": N_("There are no such devices here."),
    "nothing_known": N_("Nothing is known of it."),
    "only_now": N_("It can only be asked for now."),
}


@router.get("/ratios")
def ratios_page(
    request: Request,
    who: See,
    window: Literal["1d", "7d", "30d", "90d"] = "30d",
    of: Annotated[str, Query(max_length=120)] = "",
) -> Response:
    """All ratios of what somebody reaches, over a window that ends now."""
    desk, saying = desk_of(request), saying_of(request)
    now_ms = desk.now_ms()
    asked = Window(from_ms=max(0, now_ms - WINDOWS[window]), to_ms=now_ms, known_ms=None, now_ms=now_ms)
    found = desk.view.ratios(frame_of(asked, who.scope), narrowed([of] if of else []))
    shown = {
        "rows": [_row(saying, one) for one in found],
        "window": window,
        "windows": [(key, saying(name), key == window) for key, name in WINDOW_NAMES.items()],
        "of": of,
        "choices": narrowing(desk, saying, who),
        "is_narrowed": bool(of),
        "narrowed_by": list(NARROWED),
    }
    return page(request, who, "ratios.html", shown)


def _row(saying: Saying, one: Told) -> dict[str, Any]:
    zh = saying.language == "zh"
    ratio = one.ratio
    bounds = None if ratio is None or not ratio.unknown else ratio.bounds
    return {
        "name": one.named.zh if zh else one.named.en,
        "how": one.named.how_zh if zh else one.named.how_en,
        "is_instant": one.named.is_instant,
        "percent": "" if ratio is None or ratio.value is None else saying.percent(ratio.value),
        "part": "" if ratio is None else _amount(saying, ratio.part, ratio.unit),
        "whole": "" if ratio is None else _amount(saying, ratio.whole, ratio.unit),
        "unknown": "" if ratio is None or not ratio.unknown else _amount(saying, ratio.unknown, ratio.unit),
        "bounds": "" if bounds is None else f"{saying.percent(bounds[0])} – {saying.percent(bounds[1])}",
        "left_out": []
        if ratio is None
        else [
            (saying(REASONS[reason]), _amount(saying, amount, ratio.unit if reason == "excluded" else "count"))
            for reason, amount in ratio.left_out.items()
        ],
        "why": saying(WHYS[one.why]) if one.why else "",
    }


def _amount(saying: Saying, amount: Fraction, unit: str) -> str:
    """A number of a ratio as people read it."""
    if unit == "ms":
        return saying.span(int(amount))
    if amount.denominator == 1:
        return saying.count(int(amount))
    return f"{float(amount):,.2f}"

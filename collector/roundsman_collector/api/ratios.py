"""/ratios: 点位在线率, 录像完整率, 保存天数达标率, 入网率, 上线率, 连通率 …, each with its two numbers.

    GET /ratios?of=site:metro-a&from=…&to=…&known=…

What they are made of is told by store/ratios.py; what they are called, by core/ratio_names.py.
"""

from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from roundsman_collector.api.access import See
from roundsman_collector.api.desk import desk_of
from roundsman_collector.api.figures import frame_of
from roundsman_collector.api.moments import DAY_MS, KnownWindow, Window, stamped
from roundsman_collector.api.problem import bad_parameter
from roundsman_collector.core.availability import percent_text
from roundsman_collector.core.ratio_names import WHYS, Told, Why
from roundsman_collector.store.ratio_facts import NARROWED
from roundsman_collector.wording import short

WINDOW = KnownWindow(usual_ms=30 * DAY_MS, longest_ms=366 * DAY_MS)

router = APIRouter(tags=["availability"])


class RatioShape(BaseModel):
    """A ratio. Exact: `part`, `whole`, `unknown`, `left_out` are fractions as text, in `unit`."""

    model_config = ConfigDict(extra="forbid")

    code: str
    name_zh: str
    name_en: str
    how_zh: str
    how_en: str
    is_instant: bool = Field(description="of now; otherwise of the window")
    unit: str | None = Field(description="count, ms, percent")
    part: str | None
    whole: str | None
    value: str | None = Field(description="part / whole; null where there is nothing to count, or nobody can say")
    value_percent: str | None
    unknown: str | None = Field(description="in neither part nor whole")
    bounds_percent: list[str] | None = Field(description="the lowest and highest value that the unknown allows")
    left_out: dict[str, str] = Field(description="what is not counted at all, by reason")
    why: Why = Field(description="why there is no value; empty where there is one")
    why_zh: str
    why_en: str


class RatiosShape(BaseModel):
    """The ratios of what the scope reaches, over a window."""

    from_ms: int
    from_: str | None = Field(alias="from")
    to_ms: int
    to: str | None
    known_ms: int | None
    known: str | None
    ratios: list[RatioShape]


@router.get(
    "/ratios", response_model=RatiosShape, summary="The ratios of the trade: points, recordings, vehicles, links"
)
def ratios_of(
    request: Request,
    who: See,
    window: Annotated[Window, Depends(WINDOW)],
    of: Annotated[
        list[str] | None,
        Query(description=f"Only of this: {', '.join(f'{one}:id' for one in NARROWED)}.", max_length=120),
    ] = None,
) -> dict[str, Any]:
    """Of the devices that you reach now, over the window; 30 days up to now, if none is given."""
    found = desk_of(request).view.ratios(frame_of(window, who.scope), narrowed(of or ()))
    return {
        **stamped("from", window.from_ms),
        **stamped("to", window.to_ms),
        **stamped("known", window.known_ms),
        "ratios": [told(one) for one in found],
    }


def narrowed(texts: Iterable[str]) -> dict[str, str]:
    """`site:metro-a` as what to narrow by; Problem for what cannot be."""
    found: dict[str, str] = {}
    for text in texts:
        name, _, key = text.partition(":")
        if name not in NARROWED or not key or name in found:
            expected = " or ".join(f"{one}:id" for one in NARROWED)
            raise bad_parameter("of", f"{short(text)} cannot be used", f"{expected}, each once")
        found[name] = key
    return found


def told(one: Told) -> dict[str, Any]:
    """A ratio as the API says it."""
    ratio, named = one.ratio, one.named
    bounds = None if ratio is None else ratio.bounds
    return {
        "code": named.code,
        "name_zh": named.zh,
        "name_en": named.en,
        "how_zh": named.how_zh,
        "how_en": named.how_en,
        "is_instant": named.is_instant,
        "unit": None if ratio is None else ratio.unit,
        "part": None if ratio is None else str(ratio.part),
        "whole": None if ratio is None else str(ratio.whole),
        "value": None if ratio is None or ratio.value is None else str(ratio.value),
        "value_percent": None if ratio is None or ratio.value is None else percent_text(ratio.value, 4),
        "unknown": None if ratio is None else str(ratio.unknown),
        "bounds_percent": None if bounds is None else [percent_text(edge, 4) for edge in bounds],
        "left_out": {} if ratio is None else {reason: str(amount) for reason, amount in ratio.left_out.items()},
        "why": one.why,
        "why_zh": WHYS[one.why][0],
        "why_en": WHYS[one.why][1],
    }


# --- what they are made of -------------------------------------------------------------------------------------------

"""/forecasts: what gets worse and when it will cross its limit, the soonest first; and what to take along to a visit.

    GET /forecasts?of=site:metro-a&kind=nvr&watch=disk_full&within=90      dates, of what you reach
    GET /forecasts?at=…                                                   as it was told then
    GET /forecasts/parts?of=site:metro-a&within=90                        隐患配件: what will be needed by then, by site
    GET /devices/{id}/trends?days=90                                      the days themselves, and why there is no date

docs/forecasts.md says how dates come about and how far off they are. They are made once a day by the engine and kept,
so that a report, this address and the console say the same; those of a single device are worked out when asked for.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from roundsman_collector.api.access import See
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.devices import DeviceId, device_or_404
from roundsman_collector.api.entries import DEFAULT_ZONE
from roundsman_collector.api.moments import EXPECTED, read, stamped
from roundsman_collector.api.problem import bad_parameter
from roundsman_collector.api.ratios import narrowed
from roundsman_collector.config import trends
from roundsman_collector.core.forecast import WINDOW_DAYS, Forecast, Watch
from roundsman_collector.core.forecast_words import sentence
from roundsman_collector.core.local_days import date_of, day_at
from roundsman_collector.core.rulebook import RuleSet, Traits, resolved
from roundsman_collector.core.trend import Slope
from roundsman_collector.roles import Scope
from roundsman_collector.rules.kept import rule_set_of
from roundsman_collector.store import Card, DeviceView
from roundsman_collector.store.forecasts import ForecastRow, Ticketed
from roundsman_collector.store.foretelling import Foretold, foretold
from roundsman_collector.store.ratio_facts import NARROWED
from roundsman_collector.store.reading_days import KEPT_DAYS
from roundsman_collector.wording import short
from roundsman_wire.catalogue import UNITS, Language, find, label

PAGE_LIMIT = 1000
WITHIN = 365
VISIT_DAYS = 90
"""What will be needed within so many days goes on the list of the next visit."""
OF_TEXT = f"Only of this: {', '.join(f'{one}:id' for one in NARROWED)}."
Of = Annotated[list[str] | None, Query(description=OF_TEXT, max_length=120)]
Kind = Annotated[str | None, Query(description="Only devices of this kind.", min_length=1, max_length=64)]
Within = Annotated[int, Query(description="Only what may cross its limit within so many days.", ge=1, le=1200)]

router = APIRouter(tags=["forecasts"])


class ForecastShape(BaseModel):
    """What will cross its limit, by the site's own days: about `likely`, between `earliest` and `latest` (95 %)."""

    model_config = ConfigDict(extra="forbid")

    device: str
    kind: str
    name_zh: str
    name_en: str
    site: str | None
    site_zh: str | None
    site_en: str | None
    place_zh: str | None
    place_en: str | None
    customer: str | None
    watch: str = Field(description="what is watched: disk_full, battery_runtime …")
    watch_zh: str
    watch_en: str
    reading: str
    reading_zh: str
    reading_en: str
    unit: str
    level: float = Field(description="on the last day")
    limit: float
    per_week: float
    earliest: str
    likely: str
    latest: str
    days: int = Field(description="of so many days it is made")
    first: str = Field(description="the first of them")
    made_ms: int
    made: str | None
    part_zh: str = Field(description="what to take along; empty: nothing")
    part_en: str
    sentence_zh: str
    sentence_en: str
    tickets: list[str] = Field(description="live tickets that are about it already")


class ForecastsShape(BaseModel):
    """Forecasts, the soonest first. `has_more`: there are more than the limit."""

    at_ms: int | None
    at: str | None
    forecasts: list[ForecastShape]
    has_more: bool


class NeededShape(BaseModel):
    """A part that will be needed at a site, for so many devices; the soonest date of each."""

    model_config = ConfigDict(extra="forbid")

    site: str | None
    site_zh: str | None
    site_en: str | None
    part_zh: str
    part_en: str
    count: int
    earliest: str
    likely: str
    for_: list[ForecastShape] = Field(alias="for")


class PartsShape(BaseModel):
    """What to take along, by site and part."""

    within_days: int
    parts: list[NeededShape]


class TrendShape(BaseModel):
    """A reading that is watched: its days, and what can be said. `why` is empty where there is a date."""

    model_config = ConfigDict(extra="forbid")

    watch: str
    watch_zh: str
    watch_en: str
    reading: str
    reading_zh: str
    reading_en: str
    unit: str
    limit: float | None
    why: str = Field(description="silent, no_limit, jump, too_few, reached, no_trend, far; empty: there is a date")
    sentence_zh: str
    sentence_en: str
    earliest: str | None
    likely: str | None
    latest: str | None
    jump: str | None = Field(description="the day on which what is measured was set anew")
    per_week: float | None
    days: list[tuple[str, float, float, float, int]] = Field(description="[day, least, greatest, last, how many]")


class TrendsShape(BaseModel):
    """What is watched of a device."""

    device: str
    trends: list[TrendShape]


# --- addresses -------------------------------------------------------------------------------------------------------


@router.get("/forecasts", response_model=ForecastsShape, summary="What gets worse, and when it will be too much")
def forecasts(
    request: Request,
    who: See,
    of: Of = None,
    kind: Kind = None,
    watch: Annotated[list[str] | None, Query(description="Only of these watches.", max_length=40)] = None,
    within: Within = WITHIN,
    at: Annotated[str | None, Query(description=f"As it was told then: {EXPECTED}.")] = None,
    limit: Annotated[int, Query(description="How many at most.", ge=1, le=PAGE_LIMIT)] = 200,
) -> dict[str, Any]:
    """Of the devices that you reach now, the soonest first."""
    desk = desk_of(request)
    at_ms = None if at is None else read(at, "at")
    rows = asked(
        desk,
        who.scope,
        of=narrowed(of or ()),
        kind=kind,
        watches=known_watches(watch or ()),
        within=within,
        at_ms=at_ms,
        limit=limit + 1,
    )
    return {
        **stamped("at", at_ms),
        "forecasts": told(desk, rows[:limit], who.scope),
        "has_more": len(rows) > limit,
    }


@router.get("/forecasts/parts", response_model=PartsShape, summary="What to take along to the next visit")
def parts(request: Request, who: See, of: Of = None, kind: Kind = None, within: Within = VISIT_DAYS) -> dict[str, Any]:
    """The parts of what may cross its limit within so many days, by site and part."""
    desk = desk_of(request)
    rows = asked(desk, who.scope, of=narrowed(of or ()), kind=kind, within=within)
    return {"within_days": within, "parts": needed(told(desk, rows, who.scope))}


@router.get(
    "/devices/{device_id}/trends", response_model=TrendsShape, summary="What is watched of a device, by the day"
)
def trends_of_device(
    request: Request,
    who: See,
    device_id: DeviceId,
    days: Annotated[int, Query(description="How many days are told.", ge=1, le=KEPT_DAYS)] = WINDOW_DAYS,
) -> dict[str, Any]:
    """Every reading that is watched, worked out now from the days that are over."""
    desk = desk_of(request)
    one = device_or_404(desk, who, device_id)
    return {"device": one.id, "trends": [_trend(found) for found in device_trends(desk, one, days)]}


# --- what is asked ---------------------------------------------------------------------------------------------------


def known_watches(names: Iterable[str]) -> list[str]:
    """Names of watches; Problem for one that there is not."""
    known = {one.code for one in trends().watches}
    for name in names:
        if name not in known:
            raise bad_parameter("watch", f"nothing is watched as {short(name)}", ", ".join(sorted(known)))
    return sorted(set(names))


def asked(
    desk: Desk,
    scope: Scope,
    *,
    of: Mapping[str, str],
    kind: str | None = None,
    watches: Sequence[str] = (),
    within: int = WITHIN,
    at_ms: int | None = None,
    limit: int = 100_000,
) -> list[ForecastRow]:
    """The forecasts of what a scope reaches whose earliest day lies within so many days, the soonest first."""
    until = day_at(desk.now_ms() if at_ms is None else at_ms, DEFAULT_ZONE) + within
    return desk.view.forecasts_of(scope, at_ms, of=of, kind=kind, watches=watches, before_day=until, limit=limit)


def device_trends(desk: Desk, one: DeviceView, days: int = WINDOW_DAYS) -> list[Foretold]:
    """What can be said of each reading of a device that is watched; `days`: so many are shown, not reckoned with."""
    now_ms = desk.now_ms()
    card = desk.view.cards_named([one.id]).get(one.id)
    time_zone = DEFAULT_ZONE if card is None else card.time_zone or DEFAULT_ZONE
    today = day_at(now_ms, time_zone)
    series = desk.view.trend_series([one.id], None, today - max(days, WINDOW_DAYS), today)
    row = desk.view.rules_at()
    rules = RuleSet(rules=()) if row is None else _rules(row.body, row.hash)
    traits = Traits(one.kind, one.model or "", "" if card is None else card.site or "")
    policy = resolved(rules, traits, one.id)
    found = foretold(series, trends(), lambda _: policy, {one.id: time_zone}, now_ms)
    return [each._replace(days=[day for day in each.days if day.day >= today - days]) for each in found]


@lru_cache(maxsize=4)
def _rules(body: str, hash_: str) -> RuleSet:
    return rule_set_of(body, hash_=hash_, valid_from_ms=0)


# --- answers ---------------------------------------------------------------------------------------------------------


def told(desk: Desk, rows: Sequence[ForecastRow], scope: Scope) -> list[dict[str, Any]]:
    """Forecasts as the API and the console say them."""
    devices = list(dict.fromkeys(row.device for row in rows))
    cards = desk.view.cards_named(devices, scope=scope)
    tickets: dict[str, list[Ticketed]] = {}
    for ticket in desk.view.ticketed(devices):
        tickets.setdefault(ticket.device, []).append(ticket)
    watches = {(one.code, one.reading): one for one in trends().watches}
    found = []
    for row in rows:
        point = find(row.reading)
        watch = None if point is None else watches.get((row.watch, point.name))
        card = cards.get(row.device)
        if watch is not None and card is not None:  # else: no longer watched, or gone since
            found.append(_forecast(row, watch, card, tickets.get(row.device, ())))
    return found


def _forecast(row: ForecastRow, watch: Watch, card: Card, tickets: Sequence[Ticketed]) -> dict[str, Any]:
    part = row.reading.rpartition(".")[0]
    slope = Slope(row.per_day, row.low, row.high, row.level, 0.0, row.likely_day, row.days)
    said = Forecast("", slope, row.limit, row.first_day, None, row.earliest_day, row.likely_day, row.latest_day)
    return {
        "device": row.device,
        "kind": card.kind,
        **{name: getattr(card, name) for name in ("name_zh", "name_en", "site", "site_zh", "site_en")},
        **{name: getattr(card, name) for name in ("place_zh", "place_en", "customer")},
        **_named(watch, row.reading),
        "level": row.level,
        "limit": row.limit,
        "per_week": row.per_day * 7,
        "earliest": date_of(row.earliest_day).isoformat(),
        "likely": date_of(row.likely_day).isoformat(),
        "latest": date_of(row.latest_day).isoformat(),
        "days": row.days,
        "first": date_of(row.first_day).isoformat(),
        **stamped("made", row.from_ms),
        "part_zh": watch.part_zh,
        "part_en": watch.part_en,
        **_sentences(watch, said, row.reading),
        "tickets": [one.number for one in tickets if part == one.component or one.code == (watch.fault or None)],
    }


def _trend(one: Foretold) -> dict[str, Any]:
    said = one.said
    days = {name: getattr(said, name) for name in ("earliest", "likely", "latest", "jump")}
    return {
        **_named(one.watch, one.reading),
        "limit": said.limit,
        "why": said.why,
        **_sentences(one.watch, said, one.reading),
        **{name: None if day is None else date_of(day).isoformat() for name, day in days.items()},
        "per_week": None if said.slope is None else said.slope.per_day * 7,
        "days": [(date_of(day.day).isoformat(), day.least, day.greatest, day.last, day.looks) for day in one.days],
    }


def _named(watch: Watch, reading: str) -> dict[str, str]:
    """What is watched, and the reading, by their names."""
    point = find(reading)
    return {
        "watch": watch.code,
        "watch_zh": watch.zh,
        "watch_en": watch.en,
        "reading": reading,
        "reading_zh": label(reading, "zh"),
        "reading_en": label(reading, "en"),
        "unit": "days" if watch.of == "restarts" or point is None else point.unit,
    }


def _sentences(watch: Watch, said: Forecast, reading: str) -> dict[str, str]:
    """The sentence in both languages."""
    languages: tuple[Language, ...] = ("zh", "en")
    return {f"sentence_{one}": _sentence(watch, said, reading, one) for one in languages}


def _sentence(watch: Watch, said: Forecast, reading: str, language: Language) -> str:
    what, unit = what_of(watch, reading, language), unit_of(watch, reading, language)
    return sentence(watch, said, what=what, unit=unit, language=language)


def what_of(watch: Watch, reading: str, language: Language) -> str:
    """What a sentence calls a reading; of restarts it is not the uptime that counts."""
    if watch.of == "restarts":
        return "每周发生重启的天数" if language == "zh" else "the number of days a week with a restart"
    return label(reading, language)


def unit_of(watch: Watch, reading: str, language: Language) -> str:
    """The sign behind its numbers."""
    if watch.of == "restarts":
        return "天" if language == "zh" else "days"
    point = find(reading)
    return "" if point is None else UNITS[point.unit].of(language)


def needed(found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What is needed, by site and part: each part of a device once, the soonest site first."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for one in found:
        if one["part_en"]:
            groups.setdefault((one["site"] or "", one["part_en"]), []).append(one)
    return [
        {
            **{name: of[0][name] for name in ("site", "site_zh", "site_en", "part_zh", "part_en")},
            "count": len({(one["device"], one["reading"].rpartition(".")[0].partition("[")[0]) for one in of}),
            "earliest": min(one["earliest"] for one in of),
            "likely": min(one["likely"] for one in of),
            "for": list(of),
        }
        for of in groups.values()
    ]

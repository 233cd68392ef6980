"""统计: faults counted by class, cause, model, site …; failure rates per installed device-month.

    /statistics/faults?period=month&by=class               a Pareto; what was done, the causes, the parts
    /statistics/faults/tickets?period=month&by=class&key=printer      the tickets of a row
    /statistics/failure-rates?period=year&by=vendor        faults per device-month, with an exact interval
    /statistics/faults.csv?…, .xlsx                        the same as a file

Periods are days, months … of Beijing time; a fault belongs to the one in which it began.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from roundsman_collector.api.access import See
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.moments import Window
from roundsman_collector.api.statistics import (
    behind_of,
    decimal,
    fault_table,
    faults_of,
    left_out_of,
    names_of,
    rate_name,
    rate_table,
    rates_of,
)
from roundsman_collector.core.failure_rates import VERDICTS, Rate, RateBy
from roundsman_collector.core.fault_counts import LEFT_OUT, By, Group, pareto, parts_of
from roundsman_collector.roles import Who
from roundsman_collector.store.entry_kinds import KindName
from roundsman_collector.store.fault_counts import Found
from roundsman_collector.web.page import page, saying_of
from roundsman_collector.web.pages.availability import PERIODS, window_of
from roundsman_collector.web.pages.availability import Wanted as Period
from roundsman_collector.web.pages.tickets import rows_of
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.words import N_

ROWS = 50
FEW = 10
CHOICES = 500
PAGE = 50
SHORT: tuple[str, ...] = ("10m", "1h")
"""Periods that are too short for faults."""
BY_WORDS: Mapping[By, str] = {
    "class": N_("Class of fault"),
    "fault": N_("Fault"),
    "component": N_("Component"),
    "cause": N_("Cause"),
    "done": N_("How it was dealt with"),
    "kind": N_("Kind"),
    "model": N_("Model"),
    "vendor": N_("Vendor"),
    "batch": N_("Batch"),
    "customer": N_("Customer"),
    "contract": N_("Contract"),
    "site": N_("Site"),
    "device": N_("Device"),
}
RATE_WORDS: Mapping[RateBy, str] = {
    "model": N_("Model"),
    "vendor": N_("Vendor"),
    "batch": N_("Batch"),
    "kind": N_("Kind"),
}
CHOSEN: tuple[KindName, ...] = ("customer", "contract", "site")

router = APIRouter(prefix="/statistics")


class Wanted(BaseModel):
    """What the page is asked for."""

    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True)

    period: str = Field("month", max_length=20)
    begin: str = Field("", max_length=10)
    end: str = Field("", max_length=10)
    customer: str = Field("", max_length=80)
    contract: str = Field("", max_length=80)
    site: str = Field("", max_length=80)
    device: str = Field("", max_length=80)

    def only(self) -> dict[str, str]:
        """Of what; empty: of everything."""
        return {name: said for name in (*CHOSEN, "device") if (said := getattr(self, name))}

    def query(self, **more: str) -> str:
        """The same question, and more, as an address."""
        said = {name: getattr(self, name) for name in ("period", "begin", "end", *CHOSEN, "device")}
        return urlencode({name: value for name, value in said.items() if value} | more)

    def window(self, now_ms: int) -> Window:
        """Its time."""
        return window_of(Period.model_validate({"period": self.period, "begin": self.begin, "end": self.end}), now_ms)


class WantedFaults(Wanted):
    """... by which grouping."""

    by: By = "class"


class WantedTickets(Wanted):
    """... of which row the tickets are wanted."""

    by: By | None = None
    key: str = Field("", max_length=200)
    left_out: Literal["", "void", "merged", "transferred", "false_alarm", "excluded"] = ""
    after: int = Field(default=0, ge=0)


class WantedRates(Wanted):
    """... rates of what."""

    by: RateBy = "model"
    period: str = Field("year", max_length=20)


@router.get("")
def statistics_page(_: See) -> Response:
    """Faults come first."""
    return RedirectResponse("/statistics/faults", 303)


@router.get("/faults")
def faults_page(request: Request, who: See, wanted: Annotated[WantedFaults, Query()]) -> Response:
    """Faults by a grouping."""
    desk, saying = desk_of(request), saying_of(request)
    found = faults_of(desk, who.scope, wanted.window(saying.now_ms), wanted.only())
    return page(
        request, who, "faults.html", {**_around(desk, saying, who, wanted), **_faults(desk, saying, wanted, found)}
    )


@router.get("/faults.{form}")
def faults_file(request: Request, who: See, wanted: Annotated[WantedFaults, Query()], form: str) -> Response:
    """The table of the page as a file."""
    desk, saying = desk_of(request), saying_of(request)
    found = faults_of(desk, who.scope, wanted.window(saying.now_ms), wanted.only())
    return fault_table(desk, found, wanted.by, form, saying.language)


@router.get("/faults/tickets")
def fault_tickets_page(request: Request, who: See, wanted: Annotated[WantedTickets, Query()]) -> Response:
    """The tickets behind a number."""
    return page(request, who, "fault_tickets.html", _tickets(desk_of(request), saying_of(request), who, wanted))


@router.get("/failure-rates")
def rates_page(request: Request, who: See, wanted: Annotated[WantedRates, Query()]) -> Response:
    """Failure rates by model, vendor, batch or kind."""
    desk, saying = desk_of(request), saying_of(request)
    found = rates_of(desk, who.scope, wanted.window(saying.now_ms), wanted.by, wanted.only())
    return page(
        request, who, "failure_rates.html", {**_around(desk, saying, who, wanted), **_rates(saying, wanted, *found)}
    )


@router.get("/failure-rates.{form}")
def rates_file(request: Request, who: See, wanted: Annotated[WantedRates, Query()], form: str) -> Response:
    """The table of the page as a file."""
    desk, saying = desk_of(request), saying_of(request)
    found = rates_of(desk, who.scope, wanted.window(saying.now_ms), wanted.by, wanted.only())
    return rate_table(found, wanted.by, form, saying.language)


def _around(desk: Desk, saying: Saying, who: Who, wanted: Wanted) -> dict[str, Any]:
    """What there is to choose from."""
    return {
        "wanted": wanted,
        "window": wanted.window(saying.now_ms),
        "periods": [(key, saying(word)) for key, word in PERIODS.items() if key not in SHORT],
        "choices": {kind: _choices(desk, saying, who, kind) for kind in CHOSEN},
    }


def _choices(desk: Desk, saying: Saying, who: Who, kind: KindName) -> list[tuple[str, str]]:
    found = desk.view.entries(kind, scope=who.scope, limit=CHOICES)
    keys = [one.id for one in found]
    by: By = "customer" if kind == "customer" else "contract" if kind == "contract" else "site"
    names = names_of(desk, by, keys)
    return [("", saying(N_("All"))), *((key, names[key].of(saying.language)) for key in keys)]


# --- faults ----------------------------------------------------------------------------------------------------------


def _faults(desk: Desk, saying: Saying, wanted: WantedFaults, found: Found) -> dict[str, Any]:
    rows = pareto(found.faults, wanted.by)
    window = wanted.window(saying.now_ms)
    asked = urlencode({**wanted.only(), "by": wanted.by})
    return {
        "bys": [(key, saying(word)) for key, word in BY_WORDS.items()],
        "by_word": saying(BY_WORDS[wanted.by]),
        "faults": len(found.faults),
        "rows": _groups(desk, saying, wanted, wanted.by, rows[:ROWS]),
        "found": len(rows),
        "is_cut": len(rows) > ROWS,
        "beside": [
            (saying(BY_WORDS[by]), _groups(desk, saying, wanted, by, pareto(found.faults, by)[:FEW]))
            for by in _beside(wanted.by)
        ],
        "parts": _groups(desk, saying, wanted, None, parts_of(found.faults)[:FEW]),
        "left_out": [
            (saying.pair(LEFT_OUT[why]), count, f"/statistics/faults/tickets?{wanted.query(left_out=why)}")
            for why, count in left_out_of(found.left_out)
        ],
        "files": [(form, f"/statistics/faults.{form}?{wanted.query(by=wanted.by)}") for form in ("csv", "xlsx")],
        "json": f"/api/v1/statistics/faults?{window.query()}&{asked}",
    }


def _beside(by: By) -> list[By]:
    """What is told beside the grouping that was asked for."""
    some: tuple[By, ...] = ("done", "cause", "class")
    return [one for one in some if one != by][:2]


def _groups(desk: Desk, saying: Saying, wanted: Wanted, by: By | None, groups: Sequence[Group]) -> list[dict[str, Any]]:
    """Rows with a bar as long as their share of the longest."""
    most = max((one.amount for one in groups), default=1)
    names = {} if by is None else names_of(desk, by, [one.key for one in groups])
    return [
        {
            "name": one.key if by is None else _name(saying, by, one.key, names[one.key].of(saying.language)),
            "amount": one.amount,
            "share": saying.percent(one.share, 1),
            "running": saying.percent(one.running, 1),
            "width": round(Fraction(100 * one.amount, most)),
            "link": "" if by is None else f"/statistics/faults/tickets?{wanted.query(by=by, key=one.key)}",
        }
        for one in groups
    ]


def _name(saying: Saying, by: By, key: str, name: str) -> str:
    """The page has words for components and kinds, which the API calls by their key."""
    if key and by in ("component", "kind"):
        return saying.word(by, key)
    return name


def _tickets(desk: Desk, saying: Saying, who: Who, wanted: WantedTickets) -> dict[str, Any]:
    window = wanted.window(saying.now_ms)
    found = faults_of(desk, who.scope, window, wanted.only())
    behind = behind_of(found, wanted.by, wanted.key, wanted.left_out)
    numbers = {one.ticket: one.number for one in behind[wanted.after : wanted.after + PAGE]}
    rows = desk.view.tickets_of(list(numbers))
    after = wanted.after + PAGE
    more = {"by": wanted.by or "", "key": wanted.key, "left_out": wanted.left_out}
    return {
        "wanted": wanted,
        "window": window,
        "what": _what(desk, saying, wanted),
        "found": len(behind),
        "tickets": rows_of(desk, saying, rows),
        "older": f"/statistics/faults/tickets?{wanted.query(**more, after=str(after))}" if len(behind) > after else "",
        "back": f"/statistics/faults?{wanted.query(by=wanted.by or 'class')}",
    }


def _what(desk: Desk, saying: Saying, wanted: WantedTickets) -> str:
    """The number in words."""
    if wanted.left_out:
        return saying.pair(LEFT_OUT[wanted.left_out])
    if wanted.by is None:
        return saying(N_("All"))
    name = names_of(desk, wanted.by, [wanted.key])[wanted.key].of(saying.language)
    return f"{saying(BY_WORDS[wanted.by])}: {_name(saying, wanted.by, wanted.key, name)}"


# --- failure rates ---------------------------------------------------------------------------------------------------


def _rates(saying: Saying, wanted: WantedRates, total: Rate, found: Sequence[Rate]) -> dict[str, Any]:
    most = max((one.high or 0 for one in found if one.verdict != "too_few"), default=0)
    window = wanted.window(saying.now_ms)
    asked = urlencode({**wanted.only(), "by": wanted.by})
    return {
        "bys": [(key, saying(word)) for key, word in RATE_WORDS.items()],
        "by_word": saying(RATE_WORDS[wanted.by]),
        "rows": [_rate(saying, wanted, one, most) for one in found[:ROWS]],
        "total": _rate(saying, wanted, total, 0) | {"name": saying(N_("All"))},
        "found": len(found),
        "is_cut": len(found) > ROWS,
        "files": [(form, f"/statistics/failure-rates.{form}?{wanted.query(by=wanted.by)}") for form in ("csv", "xlsx")],
        "json": f"/api/v1/statistics/failure-rates?{window.query()}&{asked}",
    }


def _rate(saying: Saying, wanted: WantedRates, one: Rate, most: float) -> dict[str, Any]:
    name = rate_name(one).of(saying.language)
    return {
        "name": saying.word("kind", one.key) if wanted.by == "kind" and one.key else name,
        "devices": one.devices,
        "months": decimal(one.months, 1),
        "faults": one.faults,
        "rate": "–" if one.per_month is None else decimal(one.per_month),
        "interval": "" if one.low is None or one.high is None else f"{decimal(one.low)} – {decimal(one.high)}",
        "verdict": one.verdict,
        "verdict_word": saying.pair(VERDICTS[one.verdict]),
        "width": round(100 * float(one.per_month) / most) if one.per_month and most and one.verdict != "too_few" else 0,
        "link": f"/statistics/faults/tickets?{wanted.query(by=wanted.by, key=one.key)}",
    }

"""The list of devices: how many stand how, and a row with its strip for each, the worst first; narrowed by the address.

/devices?state=fault&kind=nvr&group=south&customer=metro&site=hall&tickets=1&q=nvr 7&window=24h&page=2
/devices.csv?…       the same list as a file, all of it
"""

import csv
import io
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from roundsman_collector.api.access import See
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.standing import WORDS
from roundsman_collector.api.summary import WINDOWS, Summary
from roundsman_collector.core.availability import Figure
from roundsman_collector.roles import Scope, Who
from roundsman_collector.store import BoardRow, Card, FleetFilter
from roundsman_collector.store.reckon import Frame
from roundsman_collector.web.page import page, saying_of
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.shown import STRIP_HEIGHT, draw, figure_of, name_of, past, reasons
from roundsman_collector.web.words import N_

PAGE = 50
EXPORTED_AT_ONCE = 500
Span = Literal["10m", "1h", "24h", "30d"]
USUAL: Span = "24h"
State = Literal["normal", "warning", "fault", "offline", "maintenance", "unknown"]
CHIPS = 8
"""So many kinds are chips; more are a list to choose from."""
CHOICES = 300
"""A longer list to choose from helps nobody and slows the page: search finds what it names."""
COLUMNS = (
    N_("Id"),
    N_("Name"),
    N_("Kind"),
    N_("Group"),
    N_("Customer"),
    N_("Site"),
    N_("Place"),
    N_("State"),
    N_("Problem"),
    N_("Availability"),
    N_("Coverage"),
    N_("Down (s)"),
    N_("Outages"),
    N_("Tickets"),
)

router = APIRouter()


class Asked(BaseModel):
    """What the address asks for."""

    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True)

    window: Span = USUAL
    q: str = Field(default="", max_length=80)
    state: State | Literal[""] = ""
    kind: str = Field(default="", max_length=64)
    group: str = Field(default="", max_length=64)
    customer: str = Field(default="", max_length=64)
    site: str = Field(default="", max_length=64)
    tickets: Literal["", "1"] = ""
    page: int = Field(default=1, ge=1, le=100_000)

    def wanted(self) -> FleetFilter:
        """The same as a filter of the board."""
        return FleetFilter(
            text=self.q,
            words=(self.state,) if self.state else (),
            kinds=(self.kind,) if self.kind else (),
            groups=(self.group,) if self.group else (),
            customers=(self.customer,) if self.customer else (),
            sites=(self.site,) if self.site else (),
            has_ticket=True if self.tickets else None,
        )

    @property
    def is_narrowed(self) -> bool:
        """Whether anything is left out."""
        return self.wanted() != FleetFilter()


@router.get("/devices")
def devices_page(request: Request, who: See, asked: Annotated[Asked, Query()]) -> Response:
    """The list of devices."""
    desk, saying = desk_of(request), saying_of(request)
    return page(request, who, "fleet.html", fleet(desk, summary_of(request), saying, who, asked), live="list=devices")


@router.get("/devices.csv")
def devices_file(request: Request, who: See, asked: Annotated[Asked, Query()]) -> Response:
    """The same list, all of it, as a file that spreadsheets open."""
    desk, saying = desk_of(request), saying_of(request)
    return StreamingResponse(
        export(desk, summary_of(request), saying, who.scope, asked),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="devices.csv"'},
    )


def summary_of(request: Request) -> Summary:
    """How every device stands, for lists."""
    found: Summary = request.app.state.summary
    return found


def fleet(desk: Desk, summary: Summary, saying: Saying, who: Who, asked: Asked) -> dict[str, Any]:
    """What the page shows."""
    wanted, scope, now_ms = asked.wanted(), who.scope, saying.now_ms
    found = summary.fleet(scope, wanted, now_ms, offset=(asked.page - 1) * PAGE, limit=PAGE)
    without_state = FleetFilter(
        **{name: getattr(wanted, name) for name in wanted.__dataclass_fields__ if name != "words"}
    )
    pooled = summary.pooled(scope, asked.window, now_ms, wanted)
    first = (asked.page - 1) * PAGE
    return {
        "asked": asked,
        "window": asked.window,
        "windows": list(WINDOWS),
        "total": found.total,
        "fleet_total": sum(summary.counts(scope, now_ms).values()),
        "first": first + 1,
        "last": first + len(found.rows),
        "has_more": first + len(found.rows) < found.total,
        "counts": summary.counts(scope, now_ms, without_state),
        "cards": ("normal", *(word for word in WORDS if word != "normal")),
        "pooled": None if pooled is None else pooled.figure,
        "pooled_at_ms": None if pooled is None else pooled.at_ms,
        "figures_of": figures_of(asked),
        "kinds": summary.facets(scope, "kind", now_ms),
        "chips": CHIPS,
        "choices": [
            (
                name,
                label,
                summary.kept((name, scope, saying.language), partial(_choices, desk, saying, scope, summary, name)),
            )
            for name, label in (
                ("group", saying("Group")),
                ("customer", saying("Customer")),
                ("site", saying("Site")),
            )
        ],
        "devices": list(rows(desk, saying, scope, found.rows, asked.window)),
    }


def figures_of(asked: Asked) -> str:
    """The page of figures behind the pooled one, as far as it can be narrowed alike."""
    of = [f"{name}:{key}" for name in ("kind", "group", "customer", "site") if (key := getattr(asked, name))]
    return f"/availability?{urlencode({'by': 'device', 'period': asked.window, 'of': of}, doseq=True)}"


def _choices(desk: Desk, saying: Saying, scope: Scope, summary: Summary, name: str) -> list[tuple[str, str]]:
    """What a list can be narrowed to: ids with their names."""
    ids = summary.facets(scope, name, saying.now_ms)
    if len(ids) > CHOICES:
        return []
    named = desk.view.entries_named(name, list(ids)) if ids else {}  # type: ignore[arg-type]
    return [(one, _entry_name(saying, named[one].fields) if one in named else one) for one in ids]


def _entry_name(saying: Saying, fields: dict[str, Any]) -> str:
    zh, en = str(fields.get("name_zh", "")), str(fields.get("name_en", ""))
    return (zh or en) if saying.language == "zh" else (en or zh)


def rows(
    desk: Desk, saying: Saying, scope: Scope, found: Sequence[BoardRow], window: str, *, with_strip: bool = True
) -> Iterator[dict[str, Any]]:
    """The rows of a list with their past of a window."""
    ids = [one.device for one in found]
    end, begin = saying.now_ms, saying.now_ms - WINDOWS[window]
    pasts = desk.view.served(ids, Frame(from_ms=begin, to_ms=end, now_ms=end, scope=scope))
    held = desk.view.open_conditions(ids)
    cards = desk.view.cards_named(ids, scope=scope)
    covered = {one.id: one.covered_to_ms for one in desk.view.fleet_facts_of(ids)}
    wrong = desk.view.conditions_of(ids, begin, end) if with_strip else {}
    for one in found:
        known = past(pasts.get(one.device, []), wrong.get(one.device, []), covered.get(one.device), end)
        yield {
            "id": one.device,
            "name": name_of(one, saying),
            "kind": saying.word("kind", one.kind),
            "word": one.word,
            "problem": reasons(desk, saying, one.why, tuple(held.get(one.device, ()))),
            "since_ms": one.since_ms,
            "group": one.group,
            **_place(saying, cards.get(one.device)),
            "strip": draw(saying, known, (begin, end), height=STRIP_HEIGHT, title=saying.word("window", window))
            if with_strip
            else "",
            "figure": figure_of(known, WINDOWS[window], end),
            "tickets": one.tickets.split(),
        }


def _place(saying: Saying, card: Card | None) -> dict[str, str]:
    """Where a device stands, and for whom, in the reader's language."""

    def of(zh: str | None, en: str | None) -> str:
        return ((zh or en) if saying.language == "zh" else (en or zh)) or ""

    if card is None:
        return {"place": "", "site": "", "customer": ""}
    return {
        "place": of(card.place_zh, card.place_en),
        "site": of(card.site_zh, card.site_en),
        "customer": of(card.customer_zh, card.customer_en),
    }


# --- as a file -------------------------------------------------------------------------------------------------------


def export(desk: Desk, summary: Summary, saying: Saying, scope: Scope, asked: Asked) -> Iterator[str]:
    """The list as CSV: with a mark that makes spreadsheets read UTF-8, and no cell that one of them would carry out."""
    yield "\ufeff" + line([saying(column) for column in COLUMNS])
    offset = 0
    while found := summary.fleet(scope, asked.wanted(), saying.now_ms, offset=offset, limit=EXPORTED_AT_ONCE).rows:
        for row in rows(desk, saying, scope, found, asked.window, with_strip=False):
            yield line(_cells(saying, row))
        offset += len(found)


def _cells(saying: Saying, row: dict[str, Any]) -> list[str]:
    figure: Figure = row["figure"]
    return [
        row["id"],
        row["name"],
        row["kind"],
        row["group"] or "",
        row["customer"],
        row["site"],
        row["place"],
        saying.word("state", row["word"]),
        row["problem"],
        "" if figure.availability is None else saying.percent(figure.availability),
        "" if figure.coverage is None else saying.percent(figure.coverage),
        str(figure.down_ms // 1000),
        str(figure.outages),
        " ".join(row["tickets"]),
    ]


def line(cells: Sequence[str]) -> str:
    """A line of a file for spreadsheets; none of its cells is a formula."""
    written = io.StringIO()
    csv.writer(written).writerow([_harmless(cell) for cell in cells])
    return written.getvalue()


def _harmless(cell: str) -> str:
    """A spreadsheet takes a cell that begins like this for a formula: devices name themselves."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell

"""Availability: a dimension and a period; from a percentage to its devices, to the intervals, to the evidence.

    /availability?by=site&period=month                    the worst first, with bars; ?bucket=day: day by day, too
    /availability?by=device&of=site:metro-a&period=…      the devices behind a row
    /devices/kiosk-7/reckoning?period=…                   the intervals behind a device's percentage
    /availability.csv?…                                   the same as a file

`known`: as it was known then. Periods are days, months … of Beijing time; buckets are local days of each site.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, Field

from roundsman_collector.api.access import See
from roundsman_collector.api.availability import (
    BY,
    NOT_COUNTED,
    bucket_of,
    dimension,
    function_of,
    names_of,
    narrowed,
    of_device,
    reckoned_by,
)
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.devices import DeviceId, device_or_404
from roundsman_collector.api.moments import DAY_MS, HOUR_MS, MINUTE_MS, Window, window
from roundsman_collector.api.problem import bad_parameter
from roundsman_collector.core.availability import Figure, percent_text
from roundsman_collector.core.reckoning import BUCKETS, KINDS, Reckoned, Stretch, reckoned
from roundsman_collector.roles import Who
from roundsman_collector.store.reckon import Answer, Row
from roundsman_collector.web.drawing import svg
from roundsman_collector.web.page import page, saying_of
from roundsman_collector.web.pages.fleet import line
from roundsman_collector.web.saying import EPOCH, SITE_ZONE, Saying
from roundsman_collector.web.shown import name_of, reason
from roundsman_collector.web.strip import Piece
from roundsman_collector.web.words import N_
from roundsman_collector.web.zoned import TimeError, picked, written

ROWS = 100
FILE_ROWS = 100_000
INTERVALS = 300
LONGEST_MS = 10 * 366 * DAY_MS
BAR_HEIGHT = 14
ZONE = str(SITE_ZONE)
LENGTHS: Mapping[str, int] = {
    "10m": 10 * MINUTE_MS,
    "1h": HOUR_MS,
    "24h": DAY_MS,
    "7d": 7 * DAY_MS,
    "30d": 30 * DAY_MS,
}
PERIODS: Mapping[str, str] = {
    "24h": N_("last 24 hours"),
    "7d": N_("last 7 days"),
    "30d": N_("last 30 days"),
    "month": N_("this month"),
    "last_month": N_("last month"),
    "quarter": N_("this quarter"),
    "last_quarter": N_("last quarter"),
    "year": N_("this year"),
    "custom": N_("from … to"),
    "10m": N_("last 10 minutes"),
    "1h": N_("last hour"),
}
BY_WORDS: Mapping[str, str] = {
    "device": N_("Device"),
    "site": N_("Site"),
    "place": N_("Place"),
    "customer": N_("Customer"),
    "contract": N_("Contract"),
    "engineer": N_("Engineer"),
    "group": N_("Group"),
    "kind": N_("Kind"),
    "model": N_("Model"),
    "function": N_("Function"),
}
BUCKET_WORDS: Mapping[str, str] = {
    "": N_("not divided"),
    "day": N_("by day"),
    "month": N_("by month"),
    "quarter": N_("by quarter"),
    "year": N_("by year"),
}
NOBODY: Mapping[str, str] = {
    "site": N_("not placed yet"),
    "place": N_("not placed yet"),
    "customer": N_("not placed yet"),
    "group": N_("not placed yet"),
    "contract": N_("without a contract"),
    "engineer": N_("nobody"),
    "model": N_("not said"),
}
STATES: Mapping[str, str] = {
    "up": N_("up"),
    "down": N_("down"),
    "unknown": N_("unknown"),
    "excluded": N_("excluded time"),
    NOT_COUNTED: N_("not counted"),
}
MADE_BY: Mapping[str, str] = {
    "": N_("evidence"),
    "cause": N_("explained by"),
    "condition": N_("fault of the function"),
    "correction": N_("correction"),
    "maintenance": N_("maintenance"),
    "exclusion": N_("exclusion"),
}
REST_WORDS: Mapping[str, str] = {
    "unknown": N_("unknown"),
    "maintenance": N_("maintenance"),
    "fault": N_("fault"),
    "network": N_("network"),
    "paused": N_("paused"),
}
COLUMNS = (
    N_("Key"),
    N_("Name"),
    N_("Period"),
    N_("Devices"),
    N_("Base, s"),
    N_("Up, s"),
    N_("Down, s"),
    N_("Unknown, s"),
    N_("Excluded, s"),
    N_("Availability, %%"),
    N_("Mean of devices, %%"),
    N_("Power-on rate, %%"),
    N_("Under contract, %%"),
    N_("Coverage, %%"),
    N_("Outages"),
    N_("Longest outage, s"),
    N_("MTBF, s"),
    N_("MTTR, s"),
)

router = APIRouter()


class Wanted(BaseModel):
    """What the page is asked for."""

    by: str = Field("site", max_length=20)
    period: str = Field("30d", max_length=20)
    begin: str = Field("", max_length=10)
    end: str = Field("", max_length=10)
    bucket: str = Field("", max_length=10)
    of: list[str] = Field(default_factory=list, max_length=50)
    known: str = Field("", max_length=40)
    function: str = Field("", max_length=64)

    def query(self, **changed: object) -> str:
        """The address of the same question, with something else in it."""
        said: dict[str, Any] = {**self.model_dump(), **changed}
        return urlencode({name: value for name, value in said.items() if value}, doseq=True)


@router.get("/availability")
def availability_page(request: Request, who: See, wanted: Annotated[Wanted, Query()]) -> Response:
    """Figures by a dimension."""
    return page(request, who, "availability.html", _availability(desk_of(request), saying_of(request), who, wanted))


@router.get("/availability.csv")
def availability_file(request: Request, who: See, wanted: Annotated[Wanted, Query()]) -> Response:
    """The same as a file that spreadsheets open: a line for each row, and for each row and bucket."""
    desk, saying = desk_of(request), saying_of(request)
    answer = _asked(desk, saying, who, wanted, FILE_ROWS)
    return StreamingResponse(
        _lines(desk, saying, wanted, answer),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="availability.csv"'},
    )


@router.get("/devices/{device_id}/reckoning")
def reckoning_page(
    request: Request,
    who: See,
    device_id: DeviceId,
    wanted: Annotated[Wanted, Query()],
    page_number: Annotated[int, Query(alias="page", ge=1, le=10_000)] = 1,
) -> Response:
    """The intervals behind a device's percentage."""
    desk, saying = desk_of(request), saying_of(request)
    shown = _reckoning(desk, saying, who, device_id, wanted, page_number)
    return page(request, who, "reckoning.html", shown)


# --- the period ------------------------------------------------------------------------------------------------------


def window_of(wanted: Wanted, now_ms: int) -> Window:
    """The window of a period; Problem for what is none."""
    from_ms, to_ms = _period(wanted, now_ms)
    known: str | None = None
    if wanted.known.strip():
        try:
            known = str(written(wanted.known, ZONE))
        except TimeError as error:
            raise bad_parameter("known", str(error), "a time such as 2026-11-22T10:00") from error
    return window(str(from_ms), str(to_ms), known, now_ms, usual_ms=DAY_MS, longest_ms=LONGEST_MS)


def _period(wanted: Wanted, now_ms: int) -> tuple[int, int]:
    if wanted.period in LENGTHS:
        return max(0, now_ms - LENGTHS[wanted.period]), now_ms
    today = (EPOCH + timedelta(milliseconds=now_ms)).astimezone(SITE_ZONE).date()
    this_quarter = today.replace(month=(today.month - 1) // 3 * 3 + 1, day=1)
    match wanted.period:
        case "month":
            return _midnight(today.replace(day=1)), now_ms
        case "last_month":
            return _midnight(_months_before(today.replace(day=1), 1)), _midnight(today.replace(day=1))
        case "quarter":
            return _midnight(this_quarter), now_ms
        case "last_quarter":
            return _midnight(_months_before(this_quarter, 3)), _midnight(this_quarter)
        case "year":
            return _midnight(today.replace(month=1, day=1)), now_ms
        case "custom":
            begin, end = _day(wanted.begin, "begin", today), _day(wanted.end, "end", today)
            return _midnight(begin), min(now_ms, _midnight(end + timedelta(days=1)))
        case _:
            raise bad_parameter("period", f"there is no period {wanted.period[:20]!r}", ", ".join(PERIODS))


def _day(text: str, where: str, usual: date) -> date:
    if not text:
        return usual
    try:
        found = date.fromisoformat(text)
    except ValueError as error:
        raise bad_parameter(where, f"{text[:20]!r} is no day", "a day such as 2026-11-22") from error
    if not 1970 < found.year < 9999:
        raise bad_parameter(where, f"{text[:20]!r} is no day that anything is known of", "a day such as 2026-11-22")
    return found


def _midnight(day: date) -> int:
    return (datetime(day.year, day.month, day.day, tzinfo=SITE_ZONE) - EPOCH) // timedelta(milliseconds=1)


def _months_before(first: date, months: int) -> date:
    place = first.year * 12 + first.month - 1 - months
    return date(place // 12, place % 12 + 1, 1)


# --- many ------------------------------------------------------------------------------------------------------------


def _asked(desk: Desk, saying: Saying, who: Who, wanted: Wanted, limit: int) -> Answer:
    asked = window_of(wanted, saying.now_ms)
    return reckoned_by(
        desk,
        who.scope,
        asked,
        by=dimension(wanted.by),
        of=narrowed(wanted.of),
        bucket=bucket_of(wanted.bucket, asked),
        function=function_of(desk, wanted.function),
        limit=limit,
    )


def _availability(desk: Desk, saying: Saying, who: Who, wanted: Wanted) -> dict[str, Any]:
    answer = _asked(desk, saying, who, wanted, ROWS)
    names = _names(desk, saying, wanted.by, answer)
    asked = window_of(wanted, saying.now_ms)
    total = reckoned(answer.total.whole)
    return {
        **_choices(desk, saying, wanted),
        "window": asked,
        "total": total,
        "target": answer.target,
        "is_provisional": answer.is_provisional,
        "bar": _bar(saying, total),
        "rest": [
            (saying(REST_WORDS[kind]), saying.span(total.power_on.rest[kind]))
            for kind in KINDS
            if total.power_on.rest[kind]
        ],
        "split": [_split(desk, saying, key, ms, total.figure) for key, ms in total.split.items()][:12],
        "buckets": [
            {"name": name, "found": found, "bar": _bar(saying, found)}
            for name, found in ((name, reckoned(one)) for name, one in sorted(answer.total.buckets.items()))
        ],
        "rows": [_row(saying, wanted, names, row) for row in answer.rows],
        "found": answer.found,
        "of": [_chip(desk, saying, wanted, text) for text in wanted.of],
        "file": f"/availability.csv?{wanted.query()}",
        "json": f"/api/v1/availability?{_json(wanted, asked)}",
        "reckoned": None,
    }


def _json(wanted: Wanted, asked: Window) -> str:
    said = {"by": wanted.by, "bucket": wanted.bucket, "function": wanted.function, "of": wanted.of}
    return f"{asked.query()}&{urlencode({name: value for name, value in said.items() if value}, doseq=True)}"


def _choices(desk: Desk, saying: Saying, wanted: Wanted) -> dict[str, Any]:
    """What the form offers."""
    functions = [(name, one.zh if saying.language == "zh" else one.en) for name, one in sorted(desk.functions.items())]
    return {
        "wanted": wanted,
        "bys": [(name, saying(BY_WORDS[name])) for name in BY if name in BY_WORDS],
        "by_word": saying(BY_WORDS.get(wanted.by, N_("All"))),
        "periods": [(name, saying(words)) for name, words in PERIODS.items()],
        "divisions": [(name, saying(BUCKET_WORDS[name])) for name in BUCKETS],
        "functions": functions,
        "latest": picked(saying.now_ms - saying.now_ms % MINUTE_MS, ZONE),
    }


def _names(desk: Desk, saying: Saying, by: str, answer: Answer) -> dict[str | None, str]:
    told = names_of(desk, by, [row.key for row in answer.rows])
    found: dict[str | None, str] = {key: one[f"name_{saying.language}"] for key, one in told.items()}
    if by == "kind":
        found = {row.key: saying.word("kind", row.key) for row in answer.rows}
    found[None] = saying(NOBODY.get(by, N_("not said")))
    return found


def _row(saying: Saying, wanted: Wanted, names: Mapping[str | None, str], row: Row) -> dict[str, Any]:
    found = reckoned(row.whole)
    link = ""
    if row.key is not None and wanted.by == "device":
        link = f"/devices/{row.key}/reckoning?{wanted.query(by='', bucket='', of=[])}"
    elif row.key is not None and wanted.by == "function":
        link = f"/availability?{wanted.query(by='device', function=row.key)}"
    elif row.key is not None:
        link = f"/availability?{wanted.query(by='device', of=[*wanted.of, f'{wanted.by}:{row.key}'])}"
    name = names.get(row.key, "")
    return {
        "key": row.key,
        "name": name if name != row.key else "",
        "found": found,
        "bar": _bar(saying, found),
        "link": link,
    }


def _chip(desk: Desk, saying: Saying, wanted: Wanted, text: str) -> dict[str, str]:
    """What the list is narrowed to, and the address without it."""
    name, _, key = text.partition(":")
    told = names_of(desk, name, [key]).get(key, {})
    shown = saying.word("kind", key) if name == "kind" else told.get(f"name_{saying.language}", key)
    rest = [one for one in wanted.of if one != text]
    return {
        "text": f"{saying(BY_WORDS.get(name, name))}: {shown}",
        "without": f"/availability?{wanted.query(of=rest)}",
    }


def _bar(saying: Saying, found: Reckoned) -> Any:
    """The four parts of the base beside each other: not in the order in which they came."""
    one, base = found.figure, found.figure.base_ms
    parts = (("up", one.up_ms), ("down", one.down_ms), ("unknown", one.unknown_ms), ("maintenance", one.excluded_ms))
    pieces, at = [], 0
    for state, ms in parts:
        if base and ms:
            pieces.append(Piece(at / base, (at + ms) / base, state))  # type: ignore[arg-type]
        at += ms
    text = saying(
        "%(title)s: availability %(share)s, coverage %(coverage)s",
        title=saying("up, down, unknown, excluded time"),
        share=saying.percent(one.availability),
        coverage=saying.percent(one.coverage),
    )
    return svg(pieces, height=BAR_HEIGHT, text=text)


def _split(desk: Desk, saying: Saying, key: tuple[str, str, str], ms: int, figure: Figure) -> dict[str, Any]:
    state, cause, fault = key
    return {
        "state": state,
        "word": saying(STATES[state]),
        "why": _why(desk, saying, cause, fault),
        "lasted": saying.span(ms),
        "share": f"{100 * ms / figure.base_ms:.2f}%" if figure.base_ms else "",
    }


def _why(desk: Desk, saying: Saying, cause: str, fault: str) -> str:
    """A cause in words: with the fault that is behind it, if there is one."""
    if not fault or cause == "fault":
        return reason(desk, saying, fault or cause)
    return f"{saying.word('cause', cause)}{saying.aside(desk.fault_name(fault, saying.language))}"


def _lines(desk: Desk, saying: Saying, wanted: Wanted, answer: Answer) -> Iterator[str]:
    yield "\ufeff" + line([saying(column) for column in COLUMNS])
    names = _names(desk, saying, wanted.by, answer)
    for row in (answer.total._replace(key=saying("All")), *answer.rows):
        name = "" if row is answer.total else names.get(row.key, "")
        yield line(_cells(row.key or "", name, "", reckoned(row.whole)))
        for bucket, one in sorted(row.buckets.items()):
            yield line(_cells(row.key or "", name, bucket, reckoned(one)))


def _cells(key: str, name: str, bucket: str, found: Reckoned) -> list[str]:
    figure = found.figure
    shares = (
        figure.availability,
        found.mean_of_devices,
        found.power_on.rate,
        found.owed.availability,
        figure.coverage,
    )
    times = (figure.base_ms, figure.up_ms, figure.down_ms, figure.unknown_ms, figure.excluded_ms)
    return [
        key,
        name,
        bucket,
        str(found.devices),
        *(_seconds(ms) for ms in times),
        *("" if share is None else percent_text(share, 4) for share in shares),
        str(figure.outages),
        _seconds(figure.longest_ms),
        "" if found.mtbf_ms is None else _seconds(found.mtbf_ms),
        "" if found.mttr_ms is None else _seconds(found.mttr_ms),
    ]


def _seconds(ms: int) -> str:
    """Exact: a file is added up again."""
    return f"{ms // 1000}.{ms % 1000:03d}".removesuffix(".000")


# --- one -------------------------------------------------------------------------------------------------------------


def _reckoning(
    desk: Desk, saying: Saying, who: Who, device_id: str, wanted: Wanted, page_number: int
) -> dict[str, Any]:
    one = device_or_404(desk, who, device_id)
    asked = window_of(wanted, saying.now_ms)
    found = of_device(desk, who.scope, one.id, asked, function_of(desk, wanted.function))
    first = (page_number - 1) * INTERVALS
    part = found.intervals[first : first + INTERVALS]
    more = f"&function={wanted.function}" if wanted.function else ""
    return {
        **_choices(desk, saying, wanted),
        "one": one,
        "name": name_of(one, saying),
        "window": asked,
        "total": found.whole,
        "bar": _bar(saying, found.whole),
        "rest": [
            (saying(REST_WORDS[kind]), saying.span(found.whole.power_on.rest[kind]))
            for kind in KINDS
            if found.whole.power_on.rest[kind]
        ],
        "split": [_split(desk, saying, key, ms, found.figure) for key, ms in found.whole.split.items()][:12],
        "target": None,
        "is_provisional": False,
        "outages": len(found.outages),
        "intervals": [_interval(desk, saying, one.id, each, site) for each, site in part],
        "count": len(found.intervals),
        "first": first + 1,
        "page_number": page_number,
        "has_more": first + len(part) < len(found.intervals),
        "json": f"/api/v1/devices/{one.id}/reckoning?{asked.query()}{more}",
    }


def _interval(desk: Desk, saying: Saying, device: str, one: Stretch, site: str) -> dict[str, Any]:
    link = ""
    if one.root:
        link = f"/devices/{one.root}"
    elif one.overlay is not None:
        link = f"/overlays/{one.overlay}"
    return {
        "state": one.state,
        "word": saying(STATES[one.state]),
        "from_ms": one.from_ms,
        "to_ms": one.to_ms,
        "lasted": saying.span(one.to_ms - one.from_ms),
        "exact": f"{(one.to_ms - one.from_ms) / 1000:,.3f} s",
        "why": _why(desk, saying, one.cause, one.fault) if one.cause or one.fault else "",
        "is_coarse": one.coarse,
        "made_by": "" if one.state == NOT_COUNTED else saying(MADE_BY[one.kind]),
        "key": one.key,
        "link": link,
        "site": site,
        "samples": "" if one.state == NOT_COUNTED else f"/devices/{device}/samples?at={one.from_ms}",
    }

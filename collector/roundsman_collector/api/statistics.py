"""/statistics: faults counted by class, cause, model, site …; failure rates per installed device-month.

    GET /statistics/faults?from=…&to=…&by=class&site=metro-a        Pareto of the faults that began in the window
    GET /statistics/faults/tickets?from=…&to=…&by=class&key=printer      the tickets of a row
    GET /statistics/faults/tickets?from=…&to=…&left_out=void             ... of what is in no count
    GET /statistics/failure-rates?from=…&to=…&by=model              faults per device-month, with an exact interval
    GET /statistics/faults.csv, .xlsx; /statistics/failure-rates.csv, .xlsx        the same tables as files

What counts where: core/fault_counts.py, core/failure_rates.py. Somebody counts what was within their scope then.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response

from roundsman_collector.api import tables
from roundsman_collector.api.access import See
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.moments import DAY_MS, KnownWindow, Window, stamped
from roundsman_collector.api.problem import bad_parameter
from roundsman_collector.api.statistics_shapes import FaultsShape, FaultTicketsShape, RatesShape
from roundsman_collector.api.telling import ROOT
from roundsman_collector.core.availability import percent_text
from roundsman_collector.core.failure_rates import VERDICTS, Installed, Rate, RateBy, rates
from roundsman_collector.core.fault_counts import DONE, LEFT_OUT, NOT_DONE, By, Fault, Group, pareto, parts_of
from roundsman_collector.core.ticket_words import CAUSES
from roundsman_collector.roles import Scope
from roundsman_collector.rules.shape import CATEGORIES
from roundsman_collector.store.entry_kinds import KindName
from roundsman_collector.store.fault_counts import Found, LeftOut
from roundsman_wire.catalogue import Label

T = TypeVar("T")
WINDOW = KnownWindow(usual_ms=30 * DAY_MS, longest_ms=10 * 366 * DAY_MS)
ROWS = 1000
FILE_ROWS = 100_000
PAGE_LIMIT = 500
Language = Literal["zh", "en"]
UNKNOWN = Label(zh="未知", en="not known")
NAMES: Mapping[By, Mapping[str, Label]] = {
    "class": CATEGORIES,
    "cause": {key: Label(zh=zh, en=en) for key, (zh, en) in CAUSES.items()},
    "done": {"": Label(zh=NOT_DONE[0], en=NOT_DONE[1]), **{key: Label(zh=zh, en=en) for key, (zh, en) in DONE.items()}},
}
ENTRIES: Mapping[By, KindName] = {"customer": "customer", "contract": "contract", "site": "site"}
TITLES = (Label(zh="故障统计", en="Faults"), Label(zh="故障率", en="Failure rates"))
FAULT_COLUMNS = (
    Label(zh="编号", en="Key"),
    Label(zh="名称", en="Name"),
    Label(zh="故障数", en="Faults"),
    Label(zh="占比 %", en="Share, %"),
    Label(zh="累计 %", en="Running share, %"),
)
RATE_COLUMNS = (
    Label(zh="名称", en="Name"),
    Label(zh="设备数", en="Devices"),
    Label(zh="台月", en="Device-months"),
    Label(zh="故障数", en="Faults"),
    Label(zh="每台月故障数", en="Faults per device-month"),
    Label(zh="95% 区间下限", en="95% interval from"),
    Label(zh="95% 区间上限", en="95% interval to"),
    Label(zh="判断", en="Verdict"),
)
One = Annotated[str, Query(description="Only of this one.", max_length=80)]

router = APIRouter(prefix="/statistics", tags=["statistics"])


# --- what is asked ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Narrowed:
    """A dependency: of which customer, contract, site, group or device; empty: of all that somebody reaches."""

    customer: One = ""
    contract: One = ""
    site: One = ""
    group: One = ""
    device: One = ""

    def only(self) -> dict[str, str]:
        """What is named."""
        names = ("customer", "contract", "site", "group", "device")
        return {name: said for name in names if (said := getattr(self, name))}


Asked = Annotated[Narrowed, Depends(Narrowed)]
Known = Annotated[Window, Depends(WINDOW)]


def faults_of(desk: Desk, scope: Scope, window: Window, only: Mapping[str, str]) -> Found:
    """The faults of a window; asked again within half a minute, it is the same answer."""

    def make() -> Found:
        return desk.view.faults(scope, (window.from_ms, window.to_ms), window.past_to_ms, only)

    return _made(desk, ("faults", scope, *_moment(window), *sorted(only.items())), make)


def installed_of(desk: Desk, scope: Scope, window: Window, only: Mapping[str, str]) -> list[Installed]:
    """What stood installed in the part of a window that is past."""

    def make() -> list[Installed]:
        return desk.view.installed(scope, (window.from_ms, max(window.from_ms, _past_ms(window))), only)

    return _made(desk, ("installed", scope, *_moment(window), *sorted(only.items())), make)


def rates_of(desk: Desk, scope: Scope, window: Window, by: RateBy, only: Mapping[str, str]) -> tuple[Rate, list[Rate]]:
    """The failure rate of all, and of each model, vendor, batch or kind, the highest first."""
    return rates(faults_of(desk, scope, window, only).faults, installed_of(desk, scope, window, only), by)


def _made(desk: Desk, key: tuple[object, ...], make: Callable[[], T]) -> T:
    return desk.reckonings.made(key, make) if desk.lists_every_s else make()


def _moment(window: Window) -> tuple[object, ...]:
    """What distinguishes windows; one that lasts until now is the same for half a minute."""
    ends_now = window.known_ms is None and window.to_ms >= window.now_ms
    return window.from_ms, 0 if ends_now else window.to_ms, window.known_ms


def _past_ms(window: Window) -> int:
    return min(window.to_ms, window.past_to_ms)


def names_of(desk: Desk, by: By, keys: Iterable[str]) -> dict[str, Label]:
    """What people call the groups, by key; those that have no name of their own are called by their key."""
    wanted = list(keys)
    found: dict[str, Label] = dict(NAMES.get(by, {}))
    if by == "fault":
        found = {key: Label(zh=desk.fault_name(key, "zh"), en=desk.fault_name(key, "en")) for key in wanted}
    elif by in ENTRIES:
        entries = desk.view.entries_named(ENTRIES[by], [key for key in wanted if key])
        found = {key: _entry_name(key, one.fields) for key, one in entries.items()}
    elif by == "device":
        cards = desk.view.cards_named([key for key in wanted if key])
        found = {key: Label(zh=one.name_zh, en=one.name_en) for key, one in cards.items()}
    return {key: found.get(key) or (Label(zh=key, en=key) if key else UNKNOWN) for key in wanted}


def _entry_name(key: str, fields: Mapping[str, Any]) -> Label:
    name = str(fields.get("name") or "")
    zh, en = str(fields.get("name_zh") or name), str(fields.get("name_en") or name)
    return Label(zh=zh or en or key, en=en or zh or key)


# --- faults ----------------------------------------------------------------------------------------------------------


@router.get("/faults", response_model=FaultsShape, summary="Faults of a window, counted by a grouping")
def faults(
    request: Request,
    who: See,
    window: Known,
    asked: Asked,
    by: Annotated[By, Query(description="What the rows are.")] = "class",
    limit: Annotated[int, Query(description="So many rows at most.", ge=1, le=ROWS)] = 100,
) -> dict[str, Any]:
    """The faults that began in the window, whenever they were mended. 30 days up to now, if no window is given."""
    desk, only = desk_of(request), asked.only()
    found = faults_of(desk, who.scope, window, only)
    rows = pareto(found.faults, by)
    return {
        **_told(window, by),
        "faults": len(found.faults),
        "found": len(rows),
        "is_cut": len(rows) > limit,
        "rows": _groups(desk, by, rows[:limit], window, only),
        "done": _groups(desk, "done", pareto(found.faults, "done"), window, only),
        "causes": _groups(desk, "cause", pareto(found.faults, "cause"), window, only),
        "parts": _groups(desk, None, parts_of(found.faults)[:limit], window, only),
        "left_out": [
            {
                "why": why,
                "name_zh": LEFT_OUT[why][0],
                "name_en": LEFT_OUT[why][1],
                "tickets": count,
                "link": f"{ROOT}/statistics/faults/tickets?{window.query()}&{urlencode({**only, 'left_out': why})}",
            }
            for why, count in left_out_of(found.left_out)
        ],
    }


def left_out_of(some: Sequence[LeftOut]) -> list[tuple[Any, int]]:
    """How many are left out for each reason, in the order of LEFT_OUT."""
    counts = [(why, sum(one.why == why for one in some)) for why in LEFT_OUT]
    return [(why, count) for why, count in counts if count]


def _told(window: Window, by: str) -> dict[str, Any]:
    return {
        **stamped("from", window.from_ms),
        **stamped("to", window.to_ms),
        **stamped("known", window.past_to_ms),
        "by": by,
    }


def _groups(
    desk: Desk, by: By | None, groups: Sequence[Group], window: Window, only: Mapping[str, str]
) -> list[dict[str, Any]]:
    names = {} if by is None else names_of(desk, by, [one.key for one in groups])
    own = Label(zh="", en="")
    return [
        {
            "key": one.key,
            "name_zh": names.get(one.key, own).zh or one.key,
            "name_en": names.get(one.key, own).en or one.key,
            "faults": one.amount,
            "share_percent": percent_text(one.share, 4),
            "running_percent": percent_text(one.running, 4),
            "link": None
            if by is None
            else f"{ROOT}/statistics/faults/tickets?{window.query()}&{urlencode({**only, 'by': by, 'key': one.key})}",
        }
        for one in groups
    ]


@router.get("/faults/tickets", response_model=FaultTicketsShape, summary="The tickets behind a number of /faults")
def fault_tickets(
    request: Request,
    who: See,
    window: Known,
    asked: Asked,
    by: Annotated[By | None, Query(description="Of a row of this grouping.")] = None,
    key: Annotated[str, Query(description="Which row; empty: those of which nobody knows.", max_length=200)] = "",
    left_out: Annotated[
        Literal["", "void", "merged", "transferred", "false_alarm", "excluded"], Query(description="In no count.")
    ] = "",
    after: Annotated[int, Query(description="`next_after` of the page before.", ge=0)] = 0,
    limit: Annotated[int, Query(description="How many at most.", ge=1, le=PAGE_LIMIT)] = 100,
) -> dict[str, Any]:
    """Without `by` and `left_out`: all that count."""
    found = faults_of(desk_of(request), who.scope, window, asked.only())
    behind = behind_of(found, by, key, left_out)
    page = behind[after : after + limit]
    return {
        "found": len(behind),
        "tickets": [_ticket(one) for one in page],
        "next_after": after + limit if len(behind) > after + limit else None,
    }


def behind_of(found: Found, by: By | None, key: str, left_out: str) -> Sequence[Fault | LeftOut]:
    """The tickets of a row, of all rows, or of what is left out; Problem where both are asked for."""
    if by is not None and left_out:
        raise bad_parameter("by, left_out", "two numbers are asked for at once", "by and key, or left_out")
    if left_out:
        return [one for one in found.left_out if one.why == left_out]
    return found.faults if by is None else [one for one in found.faults if one.of(by) == key]


def _ticket(one: Fault | LeftOut) -> dict[str, Any]:
    names = ("subject", "code", "category", "component", "model", "vendor", "batch", "customer", "contract", "site")
    return {
        "ticket": one.ticket,
        "number": one.number,
        "why": getattr(one, "why", ""),
        **stamped("from", getattr(one, "from_ms", None)),
        **{name: getattr(one, name, "") for name in (*names, "cause", "done")},
    }


# --- failure rates ---------------------------------------------------------------------------------------------------


@router.get("/failure-rates", response_model=RatesShape, summary="Faults per installed device-month")
def failure_rates(
    request: Request,
    who: See,
    window: Known,
    asked: Asked,
    by: Annotated[RateBy, Query(description="What the rows are.")] = "model",
    limit: Annotated[int, Query(description="So many rows at most.", ge=1, le=ROWS)] = 100,
) -> dict[str, Any]:
    """Of devices that stood somewhere, as their installations are dated. 30 days up to now, if no window is given."""
    total, found = rates_of(desk_of(request), who.scope, window, by, asked.only())
    return {
        **_told(window, by),
        "found": len(found),
        "is_cut": len(found) > limit,
        "total": _rate(total, Label(zh="合计", en="all of them")),
        "rows": [_rate(one, rate_name(one)) for one in found[:limit]],
    }


def rate_name(one: Rate) -> Label:
    """What people call what a rate is of."""
    return Label(zh=one.key, en=one.key) if one.key else UNKNOWN


def _rate(one: Rate, name: Label) -> dict[str, Any]:
    zh, en = VERDICTS[one.verdict]
    return {
        "key": one.key,
        "name_zh": name.zh,
        "name_en": name.en,
        "devices": one.devices,
        "device_months": decimal(one.months, 2),
        "faults": one.faults,
        "per_device_month": None if one.per_month is None else decimal(one.per_month),
        "low": None if one.low is None else decimal(one.low),
        "high": None if one.high is None else decimal(one.high),
        "verdict": one.verdict,
        "verdict_zh": zh,
        "verdict_en": en,
    }


def decimal(value: Fraction | float, places: int = 4) -> str:
    """A number with so many decimals."""
    return f"{float(value):.{places}f}"


# --- files -----------------------------------------------------------------------------------------------------------

Form = Annotated[str, Path(description="csv or xlsx", max_length=8)]
Lang = Annotated[Language, Query(description="Of the words in it.")]
FILES: dict[int | str, dict[str, Any]] = {200: {"content": {tables.CSV_TYPE: {}, tables.XLSX_TYPE: {}}}}


@router.get("/faults.{form}", response_class=Response, responses=FILES, summary="Faults of a window as csv or xlsx")
def faults_file(
    request: Request, who: See, window: Known, asked: Asked, form: Form, by: By = "class", lang: Lang = "zh"
) -> Response:
    """All rows of /faults."""
    return fault_table(desk_of(request), faults_of(desk_of(request), who.scope, window, asked.only()), by, form, lang)


def fault_table(desk: Desk, found: Found, by: By, form: str, lang: Language) -> Response:
    """The file."""
    rows = pareto(found.faults, by)
    names = names_of(desk, by, [one.key for one in rows])

    def lines() -> Iterator[Sequence[tables.Cell]]:
        for one in rows[:FILE_ROWS]:
            shares = percent_text(one.share, 4), percent_text(one.running, 4)
            yield one.key, names[one.key].of(lang), one.amount, *shares

    header = [column.of(lang) for column in FAULT_COLUMNS]
    return tables.answer(form, f"faults-by-{by}", TITLES[0].of(lang), header, lines())


@router.get("/failure-rates.{form}", response_class=Response, responses=FILES, summary="Failure rates as csv or xlsx")
def failure_rates_file(
    request: Request, who: See, window: Known, asked: Asked, form: Form, by: RateBy = "model", lang: Lang = "zh"
) -> Response:
    """All rows of /failure-rates, and all of them together."""
    return rate_table(rates_of(desk_of(request), who.scope, window, by, asked.only()), by, form, lang)


def rate_table(found: tuple[Rate, Sequence[Rate]], by: RateBy, form: str, lang: Language) -> Response:
    """The file."""
    total, rows = found
    named = [*((one, rate_name(one)) for one in rows[:FILE_ROWS]), (total, Label(zh="合计", en="all of them"))]

    def lines() -> Iterator[Sequence[tables.Cell]]:
        for one, name in named:
            said = _rate(one, name)
            numbers = [str(said[key] or "") for key in ("per_device_month", "low", "high")]
            yield name.of(lang), one.devices, said["device_months"], one.faults, *numbers, said[f"verdict_{lang}"]

    header = [column.of(lang) for column in RATE_COLUMNS]
    return tables.answer(form, f"failure-rates-by-{by}", TITLES[1].of(lang), header, lines())

"""/kept: how promises were kept by the tickets of a period, and the tickets behind each number.

    GET /kept?from=…&to=…&by=contract                        clocks met, missed, late; figures of after-sales service
    GET /kept?from=…&to=…&by=clock&engineer=li.na            all together, of one engineer
    GET /kept/tickets?from=…&to=…&clock=repair&stands=missed     the tickets of a number: of a clock that stands so,
    GET /kept/tickets?from=…&to=…&count=mended_again             of a count,
    GET /kept/tickets?from=…&to=…&left_out=void                  or of those that are in no figure

A period has the tickets that were opened in it (core/kept.py says how they count). Somebody counts what they reach.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request

from roundsman_collector.api import telling
from roundsman_collector.api.access import See
from roundsman_collector.api.desk import Desk, desk_of
from roundsman_collector.api.moments import DAY_MS, PlainWindow, Window, stamped
from roundsman_collector.api.problem import bad_parameter
from roundsman_collector.api.shapes import KeptShape, TicketsShape
from roundsman_collector.core.availability import percent_text
from roundsman_collector.core.kept import COUNTS, FIGURES, STANDS, Kept, Tally, figure, kept_of
from roundsman_collector.core.level import CLOCKS
from roundsman_collector.core.lifecycle import STATES
from roundsman_collector.reports.words import SOURCES
from roundsman_collector.roles import Scope
from roundsman_collector.store import ZONES, TicketRow
from roundsman_collector.store.kept import NONE, Behind, By, KeptAsked, KeptFound, LeftOut
from roundsman_collector.wording import short

WINDOW = PlainWindow(usual_ms=30 * DAY_MS, longest_ms=10 * 366 * DAY_MS)
PAGE_LIMIT = 500
ROWS = 1000

Grouping = Literal["contract", "engineer", "zone", "source", "clock"]
Group = Annotated[str, Query(description=f"Only of this one; {NONE}: of none.", max_length=80)]

router = APIRouter(prefix="/kept", tags=["kept"])


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A group of tickets: its counts, and how each of its clocks was kept. `key` None: those that belong to none."""

    key: str | None
    counts: Mapping[str, int]
    clocks: tuple[Kept, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """Everything about a period. `found`: how many groups there are, beyond the rows, too."""

    total: Row
    rows: tuple[Row, ...]
    found: int
    left_out: tuple[LeftOut, ...]


# --- what is asked ---------------------------------------------------------------------------------------------------


def asked_of(
    scope: Scope,
    window: Window,
    *,
    by: Grouping = "clock",
    contract: str = "",
    engineer: str = "",
    zone: str = "",
    site: str = "",
    customer: str = "",
    source: str = "",
) -> KeptAsked:
    """The question, as the store takes it."""
    grouped: By = "" if by == "clock" else by
    return KeptAsked(
        scope=scope,
        from_ms=window.from_ms,
        to_ms=window.to_ms,
        now_ms=window.now_ms,
        by=grouped,
        contract=contract,
        engineer=engineer,
        zone=zone,
        site=site,
        customer=customer,
        source=source,
    )


def counted(desk: Desk, asked: KeptAsked, *, limit: int = ROWS) -> Answer:
    """How promises were kept, those that kept fewest first; asked again within half a minute, it is the same answer."""

    def make() -> KeptFound:
        return desk.view.kept(asked)

    key = ("kept", replace(asked, now_ms=0, to_ms=asked.to_ms if asked.to_ms < asked.now_ms else 0))
    found = desk.reckonings.made(key, make) if desk.lists_every_s else make()
    total: Counter[str] = Counter()
    for counts in found.counts.values():
        total.update(counts)
    rows = _rows(found.tallies, found.counts) if asked.by else []
    return Answer(
        total=Row(
            key=None,
            counts=dict(total),
            clocks=tuple(kept_of(one._replace(key=None) for one in found.tallies).values()),
        ),
        rows=tuple(sorted(rows, key=_worst_first)[:limit]),
        found=len(rows),
        left_out=found.left_out,
    )


def _rows(tallies: Iterable[Tally], counts: Mapping[str | None, Mapping[str, int]]) -> list[Row]:
    clocks: dict[str | None, list[Kept]] = {}
    for (key, _), one in kept_of(tallies).items():
        clocks.setdefault(key, []).append(one)
    return [Row(key=key, counts=said, clocks=tuple(clocks.get(key, ()))) for key, said in counts.items()]


def _worst_first(row: Row) -> tuple[int, int, str]:
    late = sum(one.stands.get("missed", 0) + one.stands.get("breached", 0) for one in row.clocks)
    return -late, -row.counts["tickets"], row.key or ""


def behind_of(clock: str, stands: str, count: str, left_out: str) -> Behind:
    """Which number is meant; Problem for none, and for several."""
    if clock and clock not in CLOCKS:
        raise bad_parameter("clock", f"there is no clock {short(clock)}", " or ".join(CLOCKS))
    said = [bool(clock) and bool(stands), bool(count), bool(left_out)]
    if said.count(True) != 1 or bool(clock) != bool(stands):
        raise bad_parameter(
            "clock, stands, count, left_out",
            "it is not said of which number the tickets are wanted",
            "clock and stands, or count, or left_out",
        )
    return Behind(clock=clock, stands=stands, count=count, left_out=left_out)


# --- answers ---------------------------------------------------------------------------------------------------------


@router.get("", response_model=KeptShape, summary="How promises were kept, by contract, engineer, zone or source")
def kept(
    request: Request,
    who: See,
    window: Annotated[Window, Depends(WINDOW)],
    by: Annotated[Grouping, Query(description="What the rows are; clock: no rows, all together.")] = "clock",
    contract: Group = "",
    engineer: Group = "",
    zone: Group = "",
    site: Group = "",
    customer: Group = "",
    source: Group = "",
    limit: Annotated[int, Query(description="So many rows at most, the worst first.", ge=1, le=ROWS)] = 100,
) -> dict[str, Any]:
    """The tickets that were opened in the window. `total` has those of rows beyond the limit, too.

    30 days up to now, if no window is given. What is voided, merged or transferred is in no figure: `left_out`.
    """
    desk = desk_of(request)
    narrowed = {
        "contract": contract,
        "engineer": engineer,
        "zone": zone,
        "site": site,
        "customer": customer,
        "source": source,
    }
    asked = asked_of(who.scope, window, by=by, **narrowed)
    answer = counted(desk, asked, limit=limit)
    names = names_of(desk, by, [row.key for row in answer.rows])
    return {
        **stamped("from", window.from_ms),
        **stamped("to", window.to_ms),
        "by": by,
        "found": answer.found,
        "is_cut": answer.found > len(answer.rows),
        "left_out": [
            {
                "state": one.state,
                "name_zh": STATES[one.state][0],
                "name_en": STATES[one.state][1],
                "tickets": one.tickets,
                "recorded_breaches": one.breached,
                "link": link(window, narrowed, left_out=one.state),
            }
            for one in answer.left_out
        ],
        "total": _told(answer.total, window, narrowed),
        "rows": [
            {
                "key": row.key,
                **names.get(row.key, {"name_zh": row.key or "", "name_en": row.key or ""}),
                **_told(row, window, {**narrowed, by: row.key or NONE}),
            }
            for row in answer.rows
        ],
    }


@router.get("/tickets", response_model=TicketsShape, summary="The tickets behind a number of /kept")
def kept_tickets(
    request: Request,
    who: See,
    window: Annotated[Window, Depends(WINDOW)],
    clock: Annotated[str, Query(description="Of this clock, as `stands` says.", max_length=40)] = "",
    stands: Annotated[
        Literal["", "met", "missed", "breached", "running", "counted", "cancelled", "recorded"],
        Query(description="How the clock stands."),
    ] = "",
    count: Annotated[
        Literal[
            "",
            "tickets",
            "unsolved",
            "unfollowed",
            "followed_up",
            "satisfied",
            "dissatisfied",
            "called_again",
            "mended",
            "mended_again",
            "solved",
            "solved_remotely",
            "appointments_kept",
            "appointments_missed",
            "spares_there",
            "spares_missing",
        ],
        Query(description="Of this count."),
    ] = "",
    left_out: Annotated[
        Literal["", "void", "merged", "transferred"], Query(description="In this state, and in no figure.")
    ] = "",
    contract: Group = "",
    engineer: Group = "",
    zone: Group = "",
    site: Group = "",
    customer: Group = "",
    source: Group = "",
    before: Annotated[int | None, Query(description="`next_before` of the page before.", ge=1, le=2**62)] = None,
    limit: Annotated[int, Query(description="How many at most.", ge=1, le=PAGE_LIMIT)] = 100,
) -> dict[str, Any]:
    """A page of tickets, the newest first. `next_before` leads to older ones."""
    desk = desk_of(request)
    asked = asked_of(
        who.scope,
        window,
        contract=contract,
        engineer=engineer,
        zone=zone,
        site=site,
        customer=customer,
        source=source,
    )
    page, next_before = tickets_behind(desk, asked, behind_of(clock, stands, count, left_out), before, limit)
    agents = desk.view.agent_names(row.agent_no for row in page)
    explained = desk.view.count_children([row.id for row in page], scope=who.scope)
    return {
        "tickets": [telling.ticket(desk, row, agents, explained) for row in page],
        "next_before": next_before,
    }


def tickets_behind(
    desk: Desk, asked: KeptAsked, wanted: Behind, before: int | None, limit: int
) -> tuple[list[TicketRow], int | None]:
    """A page of the tickets behind a number, and where the next one begins."""
    rows = desk.view.kept_behind(asked, wanted, before_id=before, limit=limit + 1)
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None


def names_of(desk: Desk, by: Grouping, keys: Iterable[str | None]) -> dict[str | None, dict[str, str]]:
    """What people call the groups, by key; those without a name of their own are not there."""
    ids = [key for key in keys if key]
    if by == "engineer":
        names = desk.view.people_names()
        return {key: {"name_zh": names[key], "name_en": names[key]} for key in ids if key in names}
    if by == "zone":
        return {key: {"name_zh": ZONES[key][0], "name_en": ZONES[key][1]} for key in ids if key in ZONES}
    if by == "source":
        return {key: {"name_zh": SOURCES[key].zh, "name_en": SOURCES[key].en} for key in ids if key in SOURCES}
    if by == "contract" and ids:
        found = desk.view.entries_named("contract", ids)
        return {key: {"name_zh": name, "name_en": name} for key, one in found.items() if (name := one.fields["name"])}
    return {}


def link(window: Window, narrowed: Mapping[str, str], **number: str) -> str:
    """Where the tickets of a number are."""
    return f"{telling.ROOT}/kept/tickets?{window.query()}&{query(narrowed, **number)}"


def query(narrowed: Mapping[str, str], **number: str) -> str:
    """A number, and what it is narrowed to, as part of an address."""
    return urlencode({name: said for name, said in {**narrowed, **number}.items() if said})


def _told(row: Row, window: Window, narrowed: Mapping[str, str]) -> dict[str, Any]:
    narrowed = {name: said for name, said in narrowed.items() if name != "clock"}
    return {
        "tickets": row.counts.get("tickets", 0),
        "counts": [
            {
                "count": name,
                "name_zh": zh,
                "name_en": en,
                "tickets": row.counts.get(name, 0),
                "link": link(window, narrowed, count=name),
            }
            for name, (zh, en) in COUNTS.items()
        ],
        "figures": [_figure(name, row.counts) for name in FIGURES],
        "clocks": [_clock(one, window, narrowed) for one in row.clocks],
    }


def _figure(name: str, counts: Mapping[str, int]) -> dict[str, Any]:
    measure, found = FIGURES[name], figure(name, counts)
    return {
        "figure": name,
        "name_zh": measure.zh,
        "name_en": measure.en,
        "count": found.count,
        "of": found.of,
        "share_percent": None if found.share is None else percent_text(found.share, 4),
        "aim": measure.aim,
    }


def _clock(one: Kept, window: Window, narrowed: Mapping[str, str]) -> dict[str, Any]:
    zh, en = CLOCKS.get(one.clock, (one.clock, one.clock))
    share = one.share_met
    return {
        "clock": one.clock,
        "name_zh": zh,
        "name_en": en,
        "tickets": one.tickets,
        "share_met_percent": None if share is None else percent_text(share, 4),
        "mean_ms": _whole(one.mean_ms),
        "means": [
            {
                "target_ms": mean.target_ms,
                "tickets": mean.tickets,
                "mean_ms": _whole(mean.mean_ms),
                "is_met": mean.is_met,
            }
            for mean in one.means
        ],
        "stands": [
            {
                "stands": name,
                "name_zh": said[0],
                "name_en": said[1],
                "tickets": one.stands.get(name, 0),
                "link": link(window, narrowed, clock=one.clock, stands=name),
            }
            for name, said in STANDS.items()
        ],
    }


def _whole(ms: Fraction | None) -> int | None:
    """Milliseconds, rounded half up."""
    return None if ms is None else int(ms + Fraction(1, 2))

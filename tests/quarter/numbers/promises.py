"""Numbers of the SLA report and of the performance of engineers, from /kept, /tickets, /availability."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from roundsman_collector.core.ticket_words import PAUSES
from tests.quarter.numbers.ask import Ask
from tests.quarter.numbers.compare import Row, Rows
from tests.quarter.numbers.shared import figure, power_on, promised, share

LATE = ("missed", "breached")
NOBODY = "(nobody)"
ENGINEER = "engineer"
"""Of one, the report has details."""


# --- SLA -------------------------------------------------------------------------------------------------------------


def whole(ask: Ask) -> Rows:
    """Figures of everything together."""
    return {None: {**figure(ask.availability()["total"]), **promised(ask)}}


def by_site(ask: Ask) -> Rows:
    """... and of each site."""
    return {row["name_en"]: figure(row) for row in ask.availability("site")["rows"]}


def late(ask: Ask) -> Rows:
    """Clocks that are late, clock by clock, the oldest ticket first."""
    rows: dict[Any, list[Row]] = defaultdict(list)
    for one in ask.kept()["total"]["clocks"]:
        for stands in (*LATE, "recorded"):
            behind = list(ask.tickets(clock=one["clock"], stands=stands))
            assert len(behind) == next(each["tickets"] for each in one["stands"] if each["stands"] == stands)
            for ticket in reversed(behind):
                clock = next(each for each in ask.ticket(ticket["number"])["clocks"] if each["clock"] == one["clock"])
                row = {"Clock": one["name_en"], "Due": clock["due_ms"], "Ended": clock["ended_ms"]}
                rows[ticket["number"]].append(row)
    return rows


def pauses(ask: Ask) -> Rows:
    """How long clocks of tickets stood still, by reason: of each ticket once, whatever its clocks."""
    tickets: Counter[str] = Counter()
    times: Counter[str] = Counter()
    for one in ask.tickets():
        held: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for clock in ask.ticket(one["number"])["clocks"]:
            for part in clock["segments"]:
                if part["kind"] == "paused":
                    held[part["reason"]].append((part["from_ms"], part["to_ms"]))
        for reason, spans in held.items():
            tickets[reason] += 1
            times[reason] += _together(spans)
    return {PAUSES[reason][1]: {"Tickets": tickets[reason], "Time": times[reason]} for reason in tickets}


def _together(spans: list[tuple[int, int]]) -> int:
    total, until_ms = 0, 0
    for begin_ms, end_ms in sorted(spans):
        total += max(0, end_ms - max(begin_ms, until_ms))
        until_ms = max(until_ms, end_ms)
    return total


# --- engineers -------------------------------------------------------------------------------------------------------


def rate_by_engineer(ask: Ask) -> Rows:
    """The power-on rate of whose devices they were; whoever had a ticket stands there, too."""
    answer = ask.availability("engineer")
    rows = {name: {"Devices": 0} for name in _engineers(ask)}
    rows |= {_engineer(row): power_on(row) for row in answer["rows"]}
    return {**rows, "all": power_on(answer["total"])}


def rate_by_month(ask: Ask) -> Rows:
    """... month by month, where the period has several."""
    told = ask.availability(bucket="month")["total"]["buckets"]
    return {one["bucket"]: power_on(one) for one in told} if len(told) > 1 else {}


def rate_by_device(ask: Ask) -> Rows:
    """... of each device of one engineer, for the days on which it was theirs."""
    if ask.found["scope"] != ENGINEER:
        return {}
    return {row["name_en"]: power_on(row) for row in ask.availability("device")["rows"]}


def by_engineer(ask: Ask) -> Rows:
    """Everything that is counted of their tickets, by the name of the column."""
    answer = ask.kept(by="engineer")
    had = {row["key"] for row in ask.availability("engineer")["rows"]}
    rows = {_engineer(row): _counted(ask, row, [row["key"]]) for row in answer["rows"]}
    nothing = _counted(ask, _none_of(answer["total"]), [])
    rows |= {name: nothing for name in (_named(ask, key) for key in had) if name not in rows}
    return {**rows, "all": _counted(ask, answer["total"], [*{row["key"] for row in answer["rows"]}])}


def _engineers(ask: Ask) -> list[str]:
    return [_engineer(row) for row in ask.kept(by="engineer")["rows"]]


def _engineer(row: Mapping[str, Any]) -> str:
    name: str = row["name_en"]
    return name if row["key"] else NOBODY


def _named(ask: Ask, key: str | None) -> str:
    return next(_engineer(row) for row in ask.availability("engineer")["rows"] if row["key"] == key)


def _none_of(total: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same figures of somebody who had no ticket."""
    return {"tickets": 0, "clocks": [], "figures": [{**one, "count": 0, "of": 0} for one in total["figures"]]}


def _counted(ask: Ask, row: Mapping[str, Any], engineers: list[str | None]) -> Row:
    found: dict[str, Any] = {"Tickets": row["tickets"], "Reports, each a ticket": row["tickets"]}
    arrive = next((one for one in row["clocks"] if one["clock"] == "arrive"), None)
    stands = {} if arrive is None else {one["stands"]: one["tickets"] for one in arrive["stands"]}
    met, missed, breached = (stands.get(name, 0) for name in ("met", *LATE))
    found |= {"In time": met, "Late": missed, "Late, not there yet": breached}
    found["Share in time"] = share(met, met + missed + breached)
    for one in row["figures"]:
        name, is_share = one["name_en"], one["figure"] not in ("unsolved", "unfollowed")
        found |= {f"{name}: count": one["count"], f"{name}: of": one["of"]}
        found[name] = share(one["count"], one["of"]) if is_share else one["count"]
    return {**found, **_marks(ask, engineers)}


def _marks(ask: Ask, engineers: list[str | None]) -> Row:
    """What customers said of their tickets, one by one."""
    given = [
        one["rating"]
        for one in ask("/kept/judgements", **ask.narrow, limit=1000)["judgements"]
        if one["rating"] is not None and one["engineer"] in engineers
    ]
    return {"Marks given": len(given), "Mean mark (1-5)": float(Fraction(sum(given), len(given))) if given else None}


def behind(count: str) -> Any:
    """The tickets behind a count, the newest first."""

    def found(ask: Ask) -> Rows:
        told = ask.tickets(count=count) if ask.found["scope"] == ENGINEER else ()
        return {one["number"]: {"Opened": one["opened_ms"]} for one in told}

    return found


def said(ask: Ask) -> Rows:
    """What the customers of one engineer said."""
    if ask.found["scope"] != ENGINEER:
        return {}
    told = ask("/kept/judgements", **ask.narrow, limit=1000)["judgements"]
    return {one["number"]: {"When": one["at_ms"], "Mark": one["rating"], "Words": one["words"]} for one in told}

"""Numbers of the weekly report, the monthly file, what is handed in: from /conversations, /kept, /records, /slips."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from roundsman_collector.core.slips import KINDS
from roundsman_collector.reports.handed_in import BAD, QUALITY, SERVICE, SHEETS
from roundsman_collector.reports.monthly_file import FILES, STEPS
from tests.collector.engine.people import SHANGHAI
from tests.quarter.numbers.ask import MOST, PAGE, Ask
from tests.quarter.numbers.compare import Row, Rows


def kinds(ask: Ask) -> Rows:
    """How many conversations of each kind."""
    told = ask("/conversations", limit=MOST)
    rows = {one["name_en"]: {"Times": one["conversations"]} for one in told["kinds"]}
    return {**rows, "all": {"Times": told["found"]}}


def talks(ask: Ask) -> Rows:
    """Each conversation, by time."""
    rows: dict[Any, list[Row]] = defaultdict(list)
    for one in ask("/conversations", limit=MOST)["conversations"]:
        rows[one["number"]].append({"When": one["at_ms"], "Words": one["words"]})
    return rows


def sources(ask: Ask) -> Rows:
    """Tickets by the way in which they came."""
    told = ask.kept(by="source")
    rows = {one["name_en"]: _counts(one) for one in told["rows"]}
    return {**rows, "all": _counts(told["total"])}


def _counts(row: Mapping[str, Any]) -> Row:
    return {one["name_en"]: one["tickets"] for one in row["counts"]}


def requests(ask: Ask) -> Rows:
    """Every ticket of the time, those that are in no figure, too."""
    left_out = [one for state in ask.kept()["left_out"] for one in ask.tickets(left_out=state["state"])]
    return {one["number"]: {"Opened": one["opened_ms"]} for one in [*ask.tickets(), *left_out]}


def file_of_all(ask: Ask) -> Rows:
    """What is on file of all tickets of the month."""
    rows = _records(ask)
    accepted = Counter(one["accepted"] for one in rows)
    row = {"Tickets": len(rows), "Reviewed and accepted": accepted[True], "Sent back": accepted[False]}
    row |= {name.en: sum(one["steps"].get(step, 0) for one in rows) for step, name in STEPS.items()}
    row |= {name.en: sum(one["files"].get(kind, 0) for one in rows) for kind, name in FILES.items()}
    return {None: row}


def file_by_ticket(ask: Ask) -> Rows:
    """... of each."""
    return {
        one["number"]: {
            "Opened": one["opened_ms"],
            "Reviewed": one["reviewed_ms"],
            **{name.en: one["steps"].get(step, 0) for step, name in STEPS.items()},
            **{name.en: one["files"].get(kind, 0) for kind, name in FILES.items()},
        }
        for one in _records(ask)
    }


def _records(ask: Ask) -> Any:
    told = ask("/records", limit=MOST)
    assert not told["is_cut"]
    return told["records"]


# --- what is handed in -----------------------------------------------------------------------------------------------


def handed_in(ask: Ask) -> Rows:
    """How much of each."""
    told = {KINDS[kind].title.en: len(_slips(ask, kind)) for kind in SHEETS}
    told |= {SERVICE.en: len(_records(ask)), QUALITY.en: len(quality(ask))}
    return {None: {**told, "Conversations": ask("/conversations", limit=MOST)["found"]}}


def opened(ask: Ask) -> Rows:
    """Each ticket of the time."""
    return {one["number"]: {"Opened": one["opened_ms"]} for one in _records(ask)}


def quality(ask: Ask) -> Rows:
    """Each fault that the product or its installation had caused."""
    rows: dict[Any, Row] = {}
    after: int | None = 0
    while after is not None:
        page = ask("/statistics/faults/tickets", **ask.as_known, after=after, limit=MOST // 2)
        rows |= {one["number"]: {"Began": one["from_ms"]} for one in page["tickets"] if one["cause"] in BAD}
        after = page["next_after"]
    return rows


def slips(kind: str) -> Callable[[Ask], Rows]:
    """Slips of a kind, of the days of the time."""
    return lambda ask: {one["number"]: {"Day": one["day"]} for one in _slips(ask, kind)}


def _slips(ask: Ask, kind: str) -> list[Mapping[str, Any]]:
    first, last = (
        datetime.fromtimestamp(ms / 1000, SHANGHAI).date() for ms in (ask.found["from_ms"], ask.past_to_ms - 1)
    )
    told = ask.of_now("/slips", kind=kind, limit=PAGE, **{"from": first.isoformat(), "to": last.isoformat()})
    assert told["next_before"] is None
    return [one for one in told["slips"] if one["made_ms"] < ask.found["known_ms"]]

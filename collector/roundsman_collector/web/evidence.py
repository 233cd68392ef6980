"""The newest samples of a device as rows of a table: when, which readings tell something, what it was taken for.

    time · record · what changed, or what a fault was seen in · 怀疑, 告警 printer.cover_open → 2026-001284, 正常

The judgement is not made anew: it is looked up in the conditions that the engine keeps with the records they stand on.
"""

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any, NamedTuple
from urllib.parse import quote

from roundsman_collector.api import telling
from roundsman_collector.api.desk import Desk
from roundsman_collector.core.policy import UNREACHABLE
from roundsman_collector.store import ConditionRow, Interval, SampleRow, TicketRow
from roundsman_collector.web.saying import Saying

ROWS = 6
LOOK = 12
"""So many reports are looked through: a page must not walk the past of a gateway for a device that it lost."""
READINGS = 3
"""So many readings of a sample are told; the rest is a link away."""
RESTLESS = ("bytes", "seconds")
"""What counts on is different in every sample and tells nothing."""


class Known(NamedTuple):
    """What is known of a device's past: its ledger, its conditions, its tickets."""

    ledger: Sequence[Interval]
    conditions: Sequence[ConditionRow]
    tickets: Sequence[TicketRow]


class Judged(NamedTuple):
    """What a sample was taken for: one of the state words or "suspected", and the condition, where there is one."""

    word: str
    held: ConditionRow | None


def recent(desk: Desk, saying: Saying, device: str, known: Known, from_ms: int) -> list[dict[str, Any]]:
    """The newest samples, the newest first."""
    found = desk.view.samples(device, from_ms, saying.now_ms + 1, limit=ROWS + 1, look=LOOK).samples
    newest = sorted(found, key=_order, reverse=True)[: ROWS + 1]
    rows = zip_longest(newest, newest[1:])
    return [_row(desk, saying, device, known, one, older) for one, older in rows][:ROWS]


def _order(row: SampleRow) -> tuple[int, int]:
    return (row.sample["t"], row.sample["n"])


def _row(
    desk: Desk, saying: Saying, device: str, known: Known, row: SampleRow, older: SampleRow | None
) -> dict[str, Any]:
    told = telling.sample(row)
    judged = judge(row, known)
    held = judged.held
    component = "" if held is None else held.component
    readings = _telling(told["readings"], None if older is None else older.sample["readings"], component)
    return {
        "t_ms": told["t_ms"],
        "n": told["n"],
        "is_ntp": told["clock"] == "ntp",
        "link": f"/devices/{quote(device, safe='')}/samples?at={told['t_ms']}",
        "is_answered": bool(told["readings"]),
        "readings": [
            f"{one[f'name_{saying.language}']} {saying.value(one)}"
            for one in (telling.reading(name, told["readings"][name]) for name in readings[:READINGS])
        ],
        "more": len(readings) - READINGS,
        "failed": saying.listed(told["failed"]),
        "word": judged.word,
        "fault": "" if held is None else desk.fault_name(held.code, saying.language),
        "code": "" if held is None else held.code,
        "ticket": "" if held is None else _ticket(held, known.tickets),
    }


def judge(row: SampleRow, known: Known) -> Judged:
    """What a sample was taken for. The fault that the ledger counts as down comes before what is only a warning."""
    t = row.sample["t"]
    holding = [held for held in known.conditions if _is_in(t, held.event_from_ms, held.event_to_ms)]
    down = {one.fault for one in known.ledger if one.state == "down" and _is_in(t, one.event_from_ms, one.event_to_ms)}
    confirmed = sorted((held for held in holding if held.confirmed.t <= t), key=lambda held: held.code not in down)
    if confirmed:
        worst = confirmed[0]
        is_down = worst.code in down
        return Judged(("offline" if worst.code == UNREACHABLE else "fault") if is_down else "warning", worst)
    if holding or not row.sample["readings"]:
        return Judged("suspected", holding[0] if holding else None)
    return Judged("normal", None)


def _is_in(t: int, from_ms: int, to_ms: int | None) -> bool:
    return from_ms <= t and (to_ms is None or t < to_ms)


def _telling(readings: dict[str, Any], older: dict[str, Any] | None, component: str) -> list[str]:
    """The names of the readings that tell something: of what is wrong; then what changed, words before numbers."""

    def rank(name: str) -> int:
        if name.rpartition(".")[0] == component:
            return 0
        return 1 if isinstance(readings[name], str) else 2

    def tells(name: str) -> bool:
        if rank(name) == 0:
            return True
        is_restless = telling.reading(name, readings[name])["unit"] in RESTLESS
        return older is not None and not is_restless and older.get(name) != readings[name]

    return sorted((name for name in readings if tells(name)), key=rank)


def _ticket(held: ConditionRow, tickets: Sequence[TicketRow]) -> str:
    """The number of the ticket that was opened for a condition."""
    for one in tickets:
        if (one.code, one.component, one.fault_from_ms) == (held.code, held.component, held.event_from_ms):
            return one.number
    return ""

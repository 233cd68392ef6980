"""The page of one device: its strip, its parts, what is wrong, its tickets, and the ledger with its evidence."""

from typing import Any
from urllib.parse import quote

from roundsman_collector.api import telling
from roundsman_collector.api.desk import Desk
from roundsman_collector.api.devices import device_or_404
from roundsman_collector.api.standing import standings
from roundsman_collector.store import ConditionRow, DeviceView, Interval
from roundsman_collector.web.fleet import (
    WINDOWS,
    Past,
    component_name,
    draw,
    figure_of,
    name_of,
    past,
    problem_of,
    ticket_row,
)
from roundsman_collector.web.saying import Saying

ROWS = 200
"""So many intervals of the window are listed, the latest; the rest is a link away."""
TICKETS = 20
STRIP_HEIGHT = 30
AXIS = 5
LINKS = ("intervals", "conditions", "availability", "readings")


def device(desk: Desk, saying: Saying, device_id: str, *, window: str) -> dict[str, Any]:
    """What the page of a device shows."""
    one = device_or_404(desk, device_id)
    stands = standings(desk.view, [one], saying.now_ms)[one.id]
    known = past(desk, one, saying.now_ms, max(WINDOWS.values()))
    begin = saying.now_ms - WINDOWS[window]
    rows = desk.view.intervals(one.id, begin, saying.now_ms)
    query = f"from={begin}&to={saying.now_ms}"
    links = telling.device_links(one.id)
    return {
        "one": one,
        "name": name_of(one, saying),
        "kind": saying.word("kind", one.kind),
        "word": stands.word,
        "problem": problem_of(desk, saying, one, stands),
        "since_ms": one.since_ms,
        "window": window,
        "windows": list(WINDOWS),
        "figures": {name: figure_of(known, length, saying.now_ms) for name, length in WINDOWS.items()},
        "strip": draw(saying, known, WINDOWS[window], height=STRIP_HEIGHT, title=saying(f"window.{window}")),
        "axis": _axis(begin, saying.now_ms, window),
        "parts": _parts(one, saying),
        "conditions": [_condition(desk, saying, held) for held in one.conditions],
        "tickets": [ticket_row(desk, saying, row) for row in desk.view.tickets(subject=one.id, limit=TICKETS)],
        "intervals": [_interval(desk, saying, one, row, known) for row in reversed(rows[-ROWS:])],
        "is_cut": len(rows) > ROWS,
        "rows": ROWS,
        "links": {name: f"{links[name]}?{query}" for name in LINKS} | {"self": links["self"]},
    }


def _axis(begin: int, end: int, window: str) -> list[dict[str, Any]]:
    """The times written under the strip."""
    return [{"ms": begin + (end - begin) * place // (AXIS - 1), "with_date": window == "30d"} for place in range(AXIS)]


def _parts(one: DeviceView, saying: Saying) -> list[dict[str, Any]]:
    """The newest readings by part, in the order the device gave them."""
    parts: dict[str, list[dict[str, str]]] = {}
    for name, value in (one.readings or {}).items():
        told = telling.reading(name, value)
        part = name.rpartition(".")[0] or name
        parts.setdefault(part, []).append(
            {
                "name": name,
                "label": told[f"name_{saying.language}"],
                "value": saying.value(told),
                "is_unknown": "yes" if value is None or value == "unknown" else "",
            }
        )
    return [{"part": component_name(saying, part), "readings": readings} for part, readings in parts.items()]


def _condition(desk: Desk, saying: Saying, held: ConditionRow) -> dict[str, Any]:
    return {
        "fault": desk.fault_name(held.code, saying.language),
        "code": held.code,
        "component": component_name(saying, held.component),
        "from_ms": held.event_from_ms,
        "lasting": saying.span(max(0, saying.now_ms - held.event_from_ms)),
        "refs": _refs(held),
        "device": held.subject,
    }


def _interval(desk: Desk, saying: Saying, one: DeviceView, row: Interval, known: Past) -> dict[str, Any]:
    """A row of the ledger; a fault stands on its condition's records, anything else on the samples around its begin."""
    covered = min(saying.now_ms, one.covered_to_ms or 0)
    end_ms = max(row.event_from_ms, covered) if row.event_to_ms is None else row.event_to_ms
    about = [
        held
        for held in known.conditions
        if held.code == row.fault and held.event_from_ms < end_ms and (held.event_to_ms or end_ms) > row.event_from_ms
    ]
    return {
        "state": row.state,
        "cause": desk.fault_name(row.fault, saying.language) if row.fault else saying.word("cause", row.cause),
        "from_ms": row.event_from_ms,
        "to_ms": row.event_to_ms,
        "end_ms": end_ms,
        "lasted": saying.span(end_ms - row.event_from_ms),
        "refs": [ref for held in about for ref in _refs(held)],
        "samples": _samples_around(one.id, row.event_from_ms),
    }


def _refs(held: ConditionRow) -> list[dict[str, Any]]:
    roles = {"first": held.first, "confirmed": held.confirmed}
    if held.first == held.confirmed:
        del roles["confirmed"]
    return [
        {"role": role, **telling.ref(ref), "link": _samples_around(held.subject, ref.t)} for role, ref in roles.items()
    ]


def _samples_around(device_id: str, ms: int) -> str:
    """Where the samples of a moment are to be found."""
    begin = max(0, ms - 60_000)
    return f"{telling.ROOT}/devices/{quote(device_id, safe='')}/readings?from={begin}&to={ms + 60_001}"

"""The first page: all devices with their strips, how many stand how, what is open.

fleet(desk, saying, window="24h", after="") -> what templates/fleet.html shows
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from markupsafe import Markup

from roundsman_collector.api.desk import Desk
from roundsman_collector.api.figures import spans
from roundsman_collector.api.moments import DAY_MS, HOUR_MS
from roundsman_collector.api.standing import WORDS, Standing, standings
from roundsman_collector.core.availability import Figure, Span, figure, pool
from roundsman_collector.core.intervals import intersect, normal
from roundsman_collector.store import ConditionRow, DeviceView, TicketRow
from roundsman_collector.web.drawing import svg
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.strip import Stretch, StripState, pieces

WINDOWS = {"1h": HOUR_MS, "24h": DAY_MS, "30d": 30 * DAY_MS}
PAGE = 50
COUNTED = 2000
"""More devices than this are not counted on this page: it must come at once."""
TICKETS = 20
STRIP_HEIGHT = 16
OPEN = ("open", "acknowledged")
STRIP_STATES: dict[str, StripState] = {"up": "up", "down": "down", "unknown": "unknown"}


class Past(NamedTuple):
    """What is known of one device's last thirty days."""

    spans: list[Span]
    conditions: list[ConditionRow]


def fleet(desk: Desk, saying: Saying, *, window: str, after: str) -> dict[str, Any]:
    """What the first page shows."""
    counted = desk.view.devices(limit=COUNTED + 1)
    rows = desk.view.devices(after=after, limit=PAGE + 1) if after else counted[: PAGE + 1]
    page = rows[:PAGE]
    stand = standings(desk.view, counted[:COUNTED], saying.now_ms)
    stand |= standings(desk.view, [one for one in page if one.id not in stand], saying.now_ms)
    pasts = {one.id: past(desk, one, saying.now_ms, max(WINDOWS.values())) for one in page}
    tickets = desk.view.tickets(states=OPEN, limit=TICKETS + 1)
    return {
        "window": window,
        "windows": list(WINDOWS),
        "after": after,
        "next_after": page[-1].id if len(rows) > PAGE else None,
        "count": len(counted[:COUNTED]),
        "is_cut": len(counted) > COUNTED,
        "cards": _cards(counted[:COUNTED], stand),
        "pooled": pool(figure_of(pasts[one.id], WINDOWS[window], saying.now_ms) for one in page),
        "pooled_all": len(page) == len(counted),
        "devices": [_row(desk, saying, one, stand[one.id], pasts[one.id], window) for one in page],
        "tickets": [ticket_row(desk, saying, one) for one in tickets[:TICKETS]],
        "tickets_more": len(tickets) > TICKETS,
    }


def _cards(devices: Sequence[DeviceView], stand: dict[str, Standing]) -> list[dict[str, Any]]:
    counts = Counter(stand[one.id].word for one in devices)
    order = ("normal", *(word for word in WORDS if word not in ("normal",)))
    return [{"word": word, "count": counts[word]} for word in order]


def _row(desk: Desk, saying: Saying, one: DeviceView, stands: Standing, known: Past, window: str) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": name_of(one, saying),
        "kind": saying.word("kind", one.kind),
        "word": stands.word,
        "problem": problem_of(desk, saying, one, stands),
        "settling": one.settling,
        "strip": draw(saying, known, WINDOWS[window], height=STRIP_HEIGHT, title=saying(f"window.{window}")),
        "figures": {name: figure_of(known, length, saying.now_ms) for name, length in WINDOWS.items()},
        "tickets": [row.number for row in desk.view.tickets(states=OPEN, subject=one.id, limit=3)],
    }


# --- shared with the page of one device ------------------------------------------------------------------------------


def past(desk: Desk, one: DeviceView, now_ms: int, length_ms: int) -> Past:
    """A device's ledger and conditions of the last `length_ms`."""
    begin = now_ms - length_ms
    rows = desk.view.intervals(one.id, begin, now_ms)
    return Past(spans(rows, one.covered_to_ms, now_ms), desk.view.conditions(one.id, begin, now_ms))


def figure_of(known: Past, length_ms: int, now_ms: int) -> Figure:
    """The figure of the last `length_ms`."""
    return figure(known.spans, window=(now_ms - length_ms, now_ms), now_ms=now_ms)


def draw(saying: Saying, known: Past, length_ms: int, *, height: int, title: str) -> Markup:
    """The strip of the last `length_ms`, with its figure for who cannot see it."""
    window = (saying.now_ms - length_ms, saying.now_ms)
    found = figure_of(known, length_ms, saying.now_ms)
    text = (
        f"{title}: {saying('availability')} {saying.percent(found.availability)}, "
        f"{saying('coverage')} {saying.percent(found.coverage)}"
    )
    return svg(pieces(stretches(known), window, saying.now_ms), height=height, text=text)


def stretches(known: Past) -> list[Stretch]:
    """What a strip shows: the ledger; where it says up and something is wrong all the same, a warning."""
    shown = [Stretch(one.from_ms, one.to_ms, STRIP_STATES[one.state]) for one in known.spans]
    up = normal((one.from_ms, one.to_ms) for one in known.spans if one.state == "up")
    end_ms = max((one.to_ms for one in known.spans), default=0)
    wrong = normal(
        (one.event_from_ms, max(one.event_from_ms, end_ms if one.event_to_ms is None else one.event_to_ms))
        for one in known.conditions
    )
    return shown + [Stretch(begin, end, "warning") for begin, end in intersect(up, wrong)]


def name_of(one: DeviceView, saying: Saying) -> str:
    """A device's name in the reader's language."""
    return one.name_zh if saying.language == "zh" else one.name_en


def problem_of(desk: Desk, saying: Saying, one: DeviceView, stands: Standing) -> str:
    """What is wrong with a device now, in words: empty when nothing is."""
    if not stands.why:
        return ""
    codes = list(dict.fromkeys([stands.why, *(held.code for held in one.conditions)]))
    names = [
        desk.fault_name(code, saying.language) if code in desk.faults else saying.word("cause", code) for code in codes
    ]
    return (";" if saying.language == "zh" else "; ").join(names)


def ticket_row(desk: Desk, saying: Saying, row: TicketRow) -> dict[str, Any]:
    """A ticket in a list."""
    end_ms = saying.now_ms if row.fault_to_ms is None else row.fault_to_ms
    return {
        "number": row.number,
        "subject": row.subject,
        "device": None if row.subject.startswith("@") else row.subject,
        "fault": desk.fault_name(row.code, saying.language),
        "severity": row.severity,
        "state": row.state,
        "from_ms": row.fault_from_ms,
        "lasting": saying.span(max(0, end_ms - row.fault_from_ms)),
        "component": component_name(saying, row.component),
    }


def component_name(saying: Saying, component: str) -> str:
    """`disk[/]` as people say it: 磁盘 /."""
    kind, bracket, instance = component.partition("[")
    named = saying.word("component", kind)
    return f"{named} {instance.removesuffix(']')}" if bracket else named

"""What pages show of devices, tickets and the ledger, in the reader's words; shared by pages/."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from markupsafe import Markup

from roundsman_collector.api.desk import Desk
from roundsman_collector.api.figures import stretches_of
from roundsman_collector.api.standing import OVERDUE_MS
from roundsman_collector.core import reckoning
from roundsman_collector.core.availability import Figure
from roundsman_collector.core.intervals import intersect, normal, subtract
from roundsman_collector.core.overlay import EXCLUDED, REASONS
from roundsman_collector.core.reckoning import Stretch as Told
from roundsman_collector.roles import Who
from roundsman_collector.store import ConditionRow, TicketRow
from roundsman_collector.store.entry_kinds import ZONES, KindName
from roundsman_collector.store.reckon import Served
from roundsman_collector.web.drawing import svg
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.strip import Stretch, StripState, pieces
from roundsman_collector.web.words import N_

STRIP_HEIGHT = 16
CHOICES = 500
"""A longer list to choose from helps nobody."""
WHOLE = "device"
"""The component of a fault that nobody could place yet."""
STRIP_STATES: dict[str, StripState] = {"up": "up", "down": "down", "unknown": "unknown", EXCLUDED: "maintenance"}


class Named(Protocol):
    """Whatever has a name in both languages."""

    @property
    def name_zh(self) -> str: ...
    @property
    def name_en(self) -> str: ...


class Past(NamedTuple):
    """What is known of a device's past: its time that counts, what was wrong with it, and up to when that is told.

    `told_to_ms` is now, or a little before: what the newest report does not cover yet is not called unknown at once.
    """

    stretches: list[Told]
    conditions: list[ConditionRow]
    told_to_ms: int


def past(where: Sequence[Served], conditions: list[ConditionRow], covered_to_ms: int | None, now_ms: int) -> Past:
    """A past from where a device served, up to where evidence ends."""
    is_late = covered_to_ms is None or now_ms - covered_to_ms > OVERDUE_MS
    told_to_ms = now_ms if covered_to_ms is None or is_late else min(now_ms, covered_to_ms)
    return Past(stretches_of(where), conditions, told_to_ms)


def figure_of(known: Past, length_ms: int, now_ms: int) -> Figure:
    """The figure of the last `length_ms`."""
    return reckoning.figure_of(reckoning.cut(known.stretches, (now_ms - length_ms, now_ms)))


def draw(saying: Saying, known: Past, window: tuple[int, int], *, height: int, title: str) -> Markup:
    """The strip of a window, with its figure for who cannot see it."""
    found = reckoning.figure_of(reckoning.cut(known.stretches, window))
    text = saying(
        "%(title)s: availability %(share)s, coverage %(coverage)s",
        title=title,
        share=saying.percent(found.availability),
        coverage=saying.percent(found.coverage),
    )
    return svg(pieces(strip_of(known, window), window, known.told_to_ms), height=height, text=text)


def strip_of(known: Past, window: tuple[int, int]) -> list[Stretch]:
    """What a strip shows: the time that counts; where it is up and something is wrong all the same, a warning."""
    told = reckoning.cut(known.stretches, window)
    shown = [Stretch(one.from_ms, one.to_ms, STRIP_STATES[one.state]) for one in told]
    up = normal((one.from_ms, one.to_ms) for one in told if one.state == "up")
    end_ms = max((one.to_ms for one in told), default=0)
    wrong = normal(
        (one.event_from_ms, max(one.event_from_ms, end_ms if one.event_to_ms is None else one.event_to_ms))
        for one in known.conditions
    )
    closed = subtract(((window[0], window[1]),), normal((one.from_ms, one.to_ms) for one in told))
    return [
        *shown,
        *(Stretch(begin, end, "closed") for begin, end in closed),
        *(Stretch(begin, end, "warning") for begin, end in intersect(up, wrong)),
    ]


def name_of(one: Named, saying: Saying) -> str:
    """A name in the reader's language; the other one where it has none."""
    first, second = (one.name_zh, one.name_en) if saying.language == "zh" else (one.name_en, one.name_zh)
    return first or second


def reason(desk: Desk, saying: Saying, code: str) -> str:
    """Why a device is not up, in words: the name of a fault, the reason of an overlay, or a cause of the ledger."""
    if code in REASONS:
        return REASONS[code].zh if saying.language == "zh" else REASONS[code].en
    return desk.fault_name(code, saying.language) if code in desk.faults else saying.word("cause", code)


def reasons(desk: Desk, saying: Saying, why: str, conditions: tuple[ConditionRow, ...]) -> str:
    """What is wrong with a device now, in words: empty when nothing is."""
    if not why:
        return ""
    codes = dict.fromkeys([why, *(held.code for held in conditions)])
    return ("；" if saying.language == "zh" else "; ").join(reason(desk, saying, code) for code in codes)


def ticket_row(desk: Desk, saying: Saying, row: TicketRow) -> dict[str, Any]:
    """A ticket in a list."""
    end_ms = saying.now_ms if row.fault_to_ms is None else row.fault_to_ms
    return {
        "number": row.number,
        "subject": row.subject,
        "device": None if row.subject[0] in "@#" else row.subject,
        "fault": desk.fault_name(row.code, saying.language),
        "severity": row.severity,
        "state": row.state,
        "from_ms": row.fault_from_ms,
        "lasting": saying.span(max(0, end_ms - row.fault_from_ms)),
        "component": component_name(saying, row.component),
        "acknowledged_by": row.acknowledged_by,
        "engineer": row.engineer or "",
        "waiting": saying.word("waiting", row.waiting) if row.waiting else "",
        "zone": "" if row.zone not in ZONES else saying.pair(ZONES[row.zone]),
        "source": row.source,
    }


def narrowing(desk: Desk, saying: Saying, who: Who) -> list[tuple[str, str]]:
    """Customers and sites by which a list may be narrowed, as `customer:metro`, with their names."""
    kinds: tuple[KindName, ...] = ("customer", "site")
    return [
        (f"{kind}:{one.id}", str(one.fields[f"name_{saying.language}"]))
        for kind in kinds
        for one in desk.view.entries(kind, scope=who.scope, limit=CHOICES)
    ]


def component_name(saying: Saying, component: str) -> str:
    """`disk[/]` as people say it: 磁盘 /."""
    if component == WHOLE:
        return saying(N_("whole device"))
    kind, bracket, instance = component.partition("[")
    named = saying.word("component", kind)
    return f"{named} {instance.removesuffix(']')}" if bracket else named

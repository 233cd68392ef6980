"""The clocks of a ticket as people read them: due when, how much is left, how far, and the proof behind it.

    of_ticket(told["clocks"], saying) -> [{...}]         every clock, with its segments
    next_due(rows, warned, now_ms) -> NextDue | None     the clock that a list shows: of those that run, due first

A mark has an icon, a word and a colour: fine, half (50 %), soon (80 %), late; paused and over have none.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from roundsman_collector.store.ticket_clocks import ClockRow
from roundsman_collector.store.ticket_lists import ON_THEIR_WAY
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.words import N_

Mark = Literal["fine", "half", "soon", "late", "paused", "over", ""]
HALF, SOON = 50, 80
MARKS: Mapping[str, tuple[str, str]] = {
    "fine": ("normal", N_("in time")),
    "half": ("warning", N_("half used up")),
    "soon": ("warning", N_("soon due")),
    "late": ("fault", N_("overdue")),
    "paused": ("maintenance", N_("paused")),
    "over": ("", ""),
    "": ("", ""),
}
"""For each mark the shape of its icon (parts.html) and its word."""


class NextDue(NamedTuple):
    """The clock that comes next."""

    clock: str
    due_ms: int
    mark: Mark


def next_due(rows: Sequence[ClockRow], warned: Mapping[str, int], now_ms: int) -> NextDue | None:
    """Of the clocks that have begun and not ended, the one that is due first. `warned`: percent, by clock."""
    running = [one for one in rows if one.state in ON_THEIR_WAY and one.due_ms is not None]
    if not running:
        return None
    first = min(running, key=lambda one: (one.state == "paused", one.due_ms or 0))
    due_ms = first.due_ms or 0
    if first.state == "paused":
        mark: Mark = "paused"
    elif first.state == "breached" or due_ms <= now_ms:
        mark = "late"
    else:
        mark = _mark(warned.get(first.clock, 0))
    return NextDue(first.clock, due_ms, mark)


def _mark(percent: int) -> Mark:
    return "soon" if percent >= SOON else "half" if percent >= HALF else "fine"


def of_ticket(told: Sequence[Mapping[str, Any]], saying: Saying) -> list[dict[str, Any]]:
    """Every clock that a ticket has, as its page shows it."""
    return [_clock(one, saying) for one in told]


def _clock(one: Mapping[str, Any], saying: Saying) -> dict[str, Any]:
    state, remaining = one["state"], one.get("remaining_ms")
    mark = _mark_of(state, one.get("elapsed_ms") or 0, remaining)
    icon, word = MARKS[mark]
    return {
        "clock": one["clock"],
        "name": one[f"name_{saying.language}"],
        "state": state,
        "mark": mark,
        "icon": icon,
        "word": saying.word("clock_state", state) if mark in ("over", "", "late", "paused") else saying(word),
        "start_ms": one.get("start_ms"),
        "due_ms": one.get("due_ms"),
        "promised_due_ms": one.get("promised_due_ms"),
        "ended_ms": one.get("ended_ms"),
        "elapsed": saying.span(one.get("elapsed_ms") or 0),
        "remaining": "" if remaining is None or remaining < 0 or state not in ON_THEIR_WAY else saying.span(remaining),
        "late_by": saying.span(-remaining) if remaining is not None and remaining < 0 else "",
        "segments": [
            {
                "from_ms": part["from_ms"],
                "to_ms": part["to_ms"],
                "kind": part["kind"],
                "lasting": saying.span(max(0, part["to_ms"] - part["from_ms"])),
                "reason": saying.word("pause", part.get("reason")) if part.get("reason") else "",
            }
            for part in one.get("segments", ())
        ],
    }


def _mark_of(state: str, elapsed_ms: int, remaining_ms: int | None) -> Mark:
    if state == "paused":
        return "paused"
    if state in ("breached", "missed"):
        return "late"
    if state != "running":
        return "over" if state in ("met", "counted", "cancelled") else ""
    if remaining_ms is None:
        return "fine"
    if remaining_ms <= 0:
        return "late"
    return _mark(100 * elapsed_ms // (elapsed_ms + remaining_ms))

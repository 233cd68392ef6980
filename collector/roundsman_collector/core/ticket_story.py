"""What a ticket's log tells that its clocks run by, walked once: marks, waiting, facts, appointments. Pure.

    story_of(log, now_ms) -> Story          the log, in the order of its ids
    see_forms(story, wanted)                mark when the last of the forms was handed in
    carried(log, now_ms) -> dict            what a ticket takes over that goes on for another (转单)

A *mark* is an instant that clocks run from or until (level.MARKS). A step makes its own mark and those before it: who
arrived had departed. Of several steps that make a mark the earliest counts, by when it happened; reopening takes back
what came with the repair. core/sla.py reads clocks off a Story.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from roundsman_collector.core.level import Facts
from roundsman_collector.core.lifecycle import CALLED_BACK
from roundsman_collector.core.ticket_log import ROBOT, Event, happened_ms

MENDED = "mended"
"""Why a clock stood still between a repair that did not hold and the reopening."""
BREACH = 101
"""Beyond all warnings."""

_REPLIES = ("acknowledge", "plan", "dispatch", "depart", "arrive", "fix", "resolve")
_MARKED_BY: Mapping[str, tuple[str, ...]] = {
    "acknowledged": _REPLIES,
    "planned": _REPLIES[1:],
    "supported": ("dispatch", "depart", "arrive", "fix", "resolve"),
    "visit_needed": ("dispatch", "depart", "arrive"),
    "dispatched": ("dispatch", "depart", "arrive"),
    "departed": ("depart", "arrive"),
    "arrived": ("arrive",),
    "handed_over": ("hand_over",),
    "taken_away": ("take_away",),
    "brought_back": ("bring_back",),
    "restored": ("recover", "fix", "resolve"),
    "usable": ("fix", "resolve", "loan"),
    "fixed": ("fix", "resolve"),
    "verified": ("verify", "confirm"),
    "confirmed": ("confirm",),
    "closed": ("close",),
}
"""Which steps make a mark. `reported`, `opened`, `promised`, `forms_in` and `followed_up` have rules of their own."""
_MARKS_OF: Mapping[str, tuple[str, ...]] = {
    verb: tuple(mark for mark, verbs in _MARKED_BY.items() if verb in verbs)
    for verb in dict.fromkeys(verb for verbs in _MARKED_BY.values() for verb in verbs)
}
OF_PEOPLE = frozenset(
    {"acknowledged", "planned", "supported", "visit_needed", "dispatched", "departed", "arrived", "promised"}
)
"""Marks that a fault which went away by itself does not make, and that nobody needs any more once it has."""
OF_VISITS = frozenset({"verified", "confirmed", "forms_in"})
"""Marks that nobody needs of a ticket that is over and had no visit."""
_UNDONE = frozenset({"fixed", "restored", "usable", "verified", "confirmed", "forms_in", "followed_up", "closed"})
"""Marks that reopening takes back."""
_ENDS_WAITING = frozenset(
    {"resume", "wait", "arrive", "fix", "resolve", "reopen", "close", "void", "merge", "transfer"}
)


class Pause(NamedTuple):
    """A stretch that may not count. `end` None: it goes on, and nobody has agreed until when."""

    begin: int
    end: int | None
    reason: str


@dataclass(slots=True)
class Story:
    """What the log tells of a ticket, walked once in the order of its ids."""

    marks: dict[str, int] = field(default_factory=dict)
    waits: list[Pause] = field(default_factory=list)
    gaps: list[Pause] = field(default_factory=list)  # from a repair that did not hold to the reopening
    restored_gaps: list[Pause] = field(default_factory=list)
    facts: list[tuple[int, Facts]] = field(default_factory=lambda: [(0, Facts())])  # from when on; the first always
    is_promised: bool = False
    mode: str = ""
    said_ms: int | None = None  # when the appointment of this visit was first made
    arrival_ms: int | None = None  # ... and for when
    visited_ms: int | None = None  # when this visit began
    reports: list[tuple[int, frozenset[str] | None]] = field(default_factory=list)
    over_ms: int | None = None  # from when on nobody had to come
    cancelled_ms: int | None = None
    helped_ms: int | None = None  # solved by phone
    told: list[tuple[str, int, int | None]] = field(default_factory=list)  # clock, percent, start
    waiting: tuple[int, str, bool] | None = None  # since, why, whether the customer agreed
    agreed_ms: int | None = None  # the arrival that the customer agreed to last
    raised: list[tuple[int, str]] = field(default_factory=list)  # what was said of the priority before a transfer
    now_ms: int = 0


def story_of(log: Iterable[Event], now_ms: int) -> Story:
    """The log, walked once."""
    story = Story(now_ms=now_ms)
    for event in sorted(log, key=_id):
        at_ms = happened_ms(event)
        story.now_ms = max(story.now_ms, event.at_ms)
        if event.verb in _ENDS_WAITING:
            _stop_waiting(story, at_ms)
        _mark(story, event, at_ms)
        heard = _HEARD.get(event.verb)
        if heard is not None:
            heard(story, event, at_ms)
    if story.waiting is not None:
        _stop_waiting(story, None)
    if story.mode:
        story.facts = [(since_ms, replace(facts, mode=story.mode)) for since_ms, facts in story.facts]
    return story


def _id(event: Event) -> int:
    return event.id


def _mark(story: Story, event: Event, at_ms: int) -> None:
    """Set what a step marks; of several, the earliest counts."""
    is_by_itself = event.who == ROBOT
    for mark in _MARKS_OF.get(event.verb, ()):
        if not (is_by_itself and mark in OF_PEOPLE):
            _set(story, mark, at_ms)


def _set(story: Story, mark: str, at_ms: int) -> None:
    story.marks[mark] = min(at_ms, story.marks.get(mark, at_ms))


def _open(story: Story, event: Event, at_ms: int) -> None:
    """What machines report counts from when it was known (law 7), what people report from when they did."""
    data = event.data
    is_told = data.get("source", "monitoring") != "monitoring" or data.get("transferred_from") is not None
    story.marks["reported"] = at_ms if is_told else event.at_ms
    story.marks["opened"] = event.at_ms
    _know(story, event.at_ms, priority=_word(data.get("customer_priority")))
    if isinstance(data.get("carried"), Mapping):
        _take_over(story, data["carried"])


def _take_over(story: Story, said: Mapping[str, Any]) -> None:
    """As carried() wrote it."""
    story.marks |= said["marks"]
    story.waits += [Pause(*one) for one in said["waits"]]
    story.gaps += [Pause(*one) for one in said["gaps"]]
    story.restored_gaps += [Pause(*one) for one in said["restored_gaps"]]
    story.told += [(clock, percent, start_ms) for clock, percent, start_ms in said["told"]]
    story.mode = said["mode"]
    story.said_ms, story.arrival_ms, story.visited_ms = said["said_ms"], said["arrival_ms"], said["visited_ms"]
    (_, first), *story.raised = said.get("priorities") or [(0, said["priority"])]
    _know(story, 0, priority=first)


def _promise(story: Story, event: Event, at_ms: int) -> None:
    names = ("time_zone", "service_class", "severity", "zone", "category")
    _know(story, event.at_ms, **{name: _word(event.data.get(name)) for name in names})
    story.is_promised = True
    for since_ms, priority in story.raised:
        _know(story, since_ms, priority=priority)
    story.raised = []


def _priority(story: Story, event: Event, at_ms: int) -> None:
    _know(story, event.at_ms, priority=_word(event.data.get("priority")))


def _know(story: Story, at_ms: int, **said: str) -> None:
    """From now on this is known; what was known before the first promise was made belongs to it."""
    facts = replace(story.facts[-1][1], **said)
    if not story.is_promised:
        story.facts = [(0, facts)]
    elif facts != story.facts[-1][1]:
        story.facts.append((at_ms, facts))


def _word(said: object) -> str:
    return "" if said is None else str(said)


def _acknowledge(story: Story, event: Event, at_ms: int) -> None:
    if event.data.get("reply") == "visit":
        _somebody_comes(story, at_ms)
    _say_arrival(story, event)


def _plan(story: Story, event: Event, at_ms: int) -> None:
    story.mode = _word(event.data.get("mode"))
    if story.mode == "visit":
        _somebody_comes(story, at_ms)
    _say_arrival(story, event)


def _dispatch(story: Story, event: Event, at_ms: int) -> None:
    story.mode = story.mode or "visit"
    _say_arrival(story, event)


def _somebody_comes(story: Story, at_ms: int) -> None:
    _set(story, "visit_needed", at_ms)
    _set(story, "supported", at_ms)


def _appoint(story: Story, event: Event, at_ms: int) -> None:
    is_agreed = bool(event.data.get("agreed_by"))
    if is_agreed:
        story.agreed_ms = _instant(event.data.get("arrival_ms"))
    _say_arrival(story, event, is_agreed=is_agreed)


def _say_arrival(story: Story, event: Event, *, is_agreed: bool = False) -> None:
    """An arrival was promised. A later one counts where the customer agreed, and only before the first has passed."""
    arrival_ms = _instant(event.data.get("arrival_ms"))
    if arrival_ms is None:
        return
    _set(story, "promised", event.at_ms)
    if story.arrival_ms is None or story.said_ms is None:
        story.said_ms, story.arrival_ms = event.at_ms, arrival_ms
    elif event.at_ms <= story.arrival_ms and (is_agreed or arrival_ms < story.arrival_ms):
        story.arrival_ms = arrival_ms


def _instant(said: object) -> int | None:
    return said if isinstance(said, int) and not isinstance(said, bool) else None


def _arrive(story: Story, event: Event, at_ms: int) -> None:
    story.visited_ms = at_ms if story.visited_ms is None else min(at_ms, story.visited_ms)


def _leave(story: Story, event: Event, at_ms: int) -> None:
    """The next visit has an appointment of its own."""
    next_ms = _instant(event.data.get("next_visit_ms"))
    story.visited_ms = None
    story.said_ms, story.arrival_ms = (None, None) if next_ms is None else (event.at_ms, next_ms)


def _wait(story: Story, event: Event, at_ms: int) -> None:
    story.waiting = at_ms, _word(event.data.get("reason") or "other"), bool(event.data.get("agreed_by"))


def _stop_waiting(story: Story, at_ms: int | None) -> None:
    """The waiting is over, or nobody knows when it will be (None)."""
    if story.waiting is None:
        return
    begin, reason, is_agreed = story.waiting
    end = None if at_ms is None else max(begin, at_ms)
    story.waiting = None
    if reason == "rescheduled":
        until = story.agreed_ms
        if until is not None and until > begin:
            end = until if end is None else min(end, until)
        elif not is_agreed:
            return
    story.waits.append(Pause(begin, end, reason))


def _resolve(story: Story, event: Event, at_ms: int) -> None:
    story.over_ms = at_ms
    story.helped_ms = at_ms if event.who != ROBOT and event.data.get("how") in CALLED_BACK else None


def _reopen(story: Story, event: Event, at_ms: int) -> None:
    ended = [story.marks[mark] for mark in ("fixed", "closed") if mark in story.marks]
    if ended:
        story.gaps.append(Pause(min(ended), max(*ended, at_ms), MENDED))
    _come_back(story, event, at_ms)
    for mark in _UNDONE:
        story.marks.pop(mark, None)
    story.over_ms = story.helped_ms = None
    story.reports = []
    if story.visited_ms is not None:
        story.visited_ms = story.said_ms = story.arrival_ms = None


def _come_back(story: Story, event: Event, at_ms: int) -> None:
    """The fault is there again."""
    since_ms = story.marks.pop("restored", None)
    if since_ms is not None:
        story.restored_gaps.append(Pause(since_ms, max(since_ms, at_ms), MENDED))


def _cancel(story: Story, event: Event, at_ms: int) -> None:
    story.cancelled_ms = at_ms


def _report(story: Story, event: Event, at_ms: int) -> None:
    named = event.data.get("forms")
    story.reports.append((at_ms, frozenset(map(str, named)) if isinstance(named, list | tuple) else None))


def see_forms(story: Story, wanted: frozenset[str]) -> None:
    """Mark when the last form was handed in; a report that names none is whole."""
    left = wanted
    for at_ms, named in story.reports:
        left = frozenset() if named is None else left - named
        if not left:
            story.marks.setdefault("forms_in", at_ms)


def _follow_up(story: Story, event: Event, at_ms: int) -> None:
    """A call that reached nobody is none."""
    if event.data.get("reached", True):
        _set(story, "followed_up", at_ms)


def _tell(story: Story, event: Event, at_ms: int) -> None:
    percent = (_instant(event.data.get("percent")) or 0) if event.verb == "warn" else BREACH
    story.told.append((_word(event.data.get("clock")), percent, _instant(event.data.get("start_ms"))))


_HEARD: Mapping[str, Callable[[Story, Event, int], None]] = {
    "open": _open,
    "promise": _promise,
    "priority": _priority,
    "acknowledge": _acknowledge,
    "plan": _plan,
    "dispatch": _dispatch,
    "appoint": _appoint,
    "arrive": _arrive,
    "leave": _leave,
    "wait": _wait,
    "resolve": _resolve,
    "reopen": _reopen,
    "recur": _come_back,
    "void": _cancel,
    "merge": _cancel,
    "transfer": _cancel,
    "report": _report,
    "follow_up": _follow_up,
    "warn": _tell,
    "breach": _tell,
}


def carried(log: Iterable[Event], now_ms: int) -> dict[str, Any]:
    """What a ticket takes over that goes on for this one: `carried` in the data of its `open`, as plain as JSON."""
    story = story_of(log, now_ms)

    def plain(pauses: Iterable[Pause]) -> list[list[Any]]:
        return [[begin, max(begin, story.now_ms) if end is None else end, reason] for begin, end, reason in pauses]

    return {
        "marks": {mark: at_ms for mark, at_ms in story.marks.items() if mark not in ("opened", "closed")},
        "waits": plain(story.waits),
        "gaps": plain(story.gaps),
        "restored_gaps": plain(story.restored_gaps),
        "told": [list(one) for one in story.told],
        "priorities": [*([since_ms, facts.priority] for since_ms, facts in story.facts), *map(list, story.raised)],
        "mode": story.mode,
        "said_ms": story.said_ms,
        "arrival_ms": story.arrival_ms,
        "visited_ms": story.visited_ms,
    }

"""The clocks of a ticket, read off its log: when each began, when it is due, how it stands, and why. Pure.

    facts_of(log) -> Facts                              what decides which rows count, and the site's time zone
    read(level, log, hours, now_ms) -> (Reading, ...)   a reading for each clock of the level that is for this ticket
    due_to_tell(readings, log, now_ms) -> (Tell, ...)   the warnings and breaches of now that are not in the log yet
    wake_at(readings, log, now_ms) -> int | None        when there is something to tell next, if nothing happens before
    call_back_ms(level, log) -> int | None              when to call back who was helped by phone
    carried(log, now_ms) -> dict                        what a ticket takes over that goes on for another (转单)
    means(readings, from_ms, to_ms) -> (Mean, ...)      how targets that many tickets keep together were kept

`log` is the ticket's events in any order (their ids tell it), `hours` a Timetable for each of the level's calendars in
the ticket's time zone (timetables() makes them), `now_ms` the time at which is read. Nothing is counted up anywhere:
the same log gives the same clocks, whoever reads it, and however often.

    from         until                        known-at for what machines report, told time for what people did
     |-- working --|-- closed --|-- paused --|-- working --|         segments: gapless from the start to the end, or now
                                     50 %        80 %     due        elapsed + remaining = target, always

States of a reading:

    waiting     what it runs from has not happened
    running     not due yet                paused      it runs, and the ticket waits for a reason that stops it
    met         ended in time              missed      ended late
    breached    late, and still running    counted     ended, of a mean: it cannot be missed by one ticket
    cancelled   the ticket was over before it was due: void, merged, transferred, or nobody had to come any more

Rules that are not seen in the drawing:

* A step implies those before it: who arrived had departed, whoever sent somebody had replied.
* Waiting lasts from `wait` to `resume`, the arrival, the repair or the end; one that is not over lasts until now, so
  what is due recedes while the ticket waits. `rescheduled` counts where the customer agreed, and to the time agreed.
* A ticket that is reopened was not mended: what had ended with the repair, or came after it, runs on, and the time in
  between is not counted.
* The facts of the start decide. What is said later (a customer calls it urgent) may bring what is due nearer, but
  counts from when it was said: no clock is born late. What is said after it was due changes nothing.
* An appointment that is broken stays broken: another one agreed on later does not mend it. The next visit has its own.
* A ticket that goes on for another (`carried` in the data of its `open`) has reached what that one had, and has waited
  as it did: a transfer neither starts nor ends a clock.
* A breach that the log records stays recorded, also where later truth shows that the clock was met.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction
from itertools import groupby
from typing import Any, Literal, NamedTuple

from roundsman_collector.core.calendar import MINUTE_MS
from roundsman_collector.core.days import Day
from roundsman_collector.core.hours import calendar_of
from roundsman_collector.core.intervals import Intervals, Pair, normal, subtract, total
from roundsman_collector.core.level import ClockRow, Facts, ServiceLevel, Week
from roundsman_collector.core.lifecycle import CALLED_BACK
from roundsman_collector.core.ticket_log import ROBOT, Event, happened_ms
from roundsman_collector.core.timetable import BEFORE_ALL, Timetable, close_of_day, dues

State = Literal["waiting", "running", "paused", "met", "missed", "breached", "counted", "cancelled"]
SegmentKind = Literal["working", "closed", "paused"]

RUNNING: tuple[State, ...] = ("running", "paused", "breached")
"""A clock that has begun and not ended."""
MENDED = "mended"
"""Why a clock stood still between a repair that did not hold and the reopening."""
PROMISE_PASSED = 100
"""The `percent` of a warning that says: the stricter promise has passed, the floor has not."""
BREACH = 101
"""Beyond all warnings."""
AROUND_THE_CLOCK = Timetable([(0, calendar_of("24x7", "UTC"))])
"""In which appointments are kept."""

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
_OF_PEOPLE = frozenset(
    {"acknowledged", "planned", "supported", "visit_needed", "dispatched", "departed", "arrived", "promised"}
)
"""Marks that a fault which went away by itself does not make, and that nobody needs any more once it has."""
_UNDONE = frozenset({"fixed", "restored", "usable", "verified", "confirmed", "forms_in", "followed_up", "closed"})
"""Marks that reopening takes back."""
_ENDS_WAITING = frozenset(
    {"resume", "wait", "arrive", "fix", "resolve", "reopen", "close", "void", "merge", "transfer"}
)


class Segment(NamedTuple):
    """A stretch of a clock. `reason`: of a pause, why."""

    from_ms: int
    to_ms: int
    kind: SegmentKind
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """How a clock stands. Times are None where they cannot be said: not started, or no working time for ten years.

    due_ms             the floor of the contract; of one that is paused now, as if it went on now
    promised_due_ms    the stricter promise, if there is one
    ended_ms           when it ended, or was stopped
    target_ms, elapsed_ms, remaining_ms    working time; remaining is negative when it is over
    warn_50_ms, warn_80_ms                 when half, and four fifths, of the stricter of the two are worked
    paused_until_ms    of one that is paused: until when, where that was agreed
    recorded_breach    the log records a breach of it
    """

    clock: str
    row: ClockRow
    state: State
    start_ms: int | None = None
    due_ms: int | None = None
    promised_due_ms: int | None = None
    ended_ms: int | None = None
    target_ms: int | None = None
    elapsed_ms: int = 0
    remaining_ms: int | None = None
    warn_50_ms: int | None = None
    warn_80_ms: int | None = None
    paused_until_ms: int | None = None
    recorded_breach: bool = False
    segments: tuple[Segment, ...] = ()


class Tell(NamedTuple):
    """A line that the log now needs: verb `warn` or `breach`, with its data."""

    verb: Literal["warn", "breach"]
    clock: str
    percent: int
    due_ms: int
    start_ms: int

    @property
    def data(self) -> dict[str, Any]:
        """As the log keeps it."""
        told = {"clock": self.clock, "due_ms": self.due_ms, "start_ms": self.start_ms}
        return told if self.verb == "breach" else {**told, "percent": self.percent}


class Mean(NamedTuple):
    """How a mean target was kept: how many tickets ended in the period, and their mean."""

    clock: str
    target_ms: int
    tickets: int
    mean_ms: Fraction
    is_met: bool


class Version(NamedTuple):
    """What a calendar says of days, from when on."""

    from_ms: int
    days: Mapping[date, Day]


class _Pause(NamedTuple):
    """A stretch that may not count. `end` None: it goes on, and nobody has agreed until when."""

    begin: int
    end: int | None
    reason: str


@dataclass(slots=True)
class _Story:
    """What the log tells of a ticket, walked once in the order of its ids."""

    marks: dict[str, int] = field(default_factory=dict)
    waits: list[_Pause] = field(default_factory=list)
    gaps: list[_Pause] = field(default_factory=list)  # from a repair that did not hold to the reopening
    restored_gaps: list[_Pause] = field(default_factory=list)
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
    now_ms: int = 0


# --- reading ---------------------------------------------------------------------------------------------------------


def facts_of(log: Iterable[Event]) -> Facts:
    """What is known of the ticket now, as far as it decides which rows count."""
    return _story_of(log, 0).facts[-1][1]


def read(level: ServiceLevel, log: Iterable[Event], hours: Mapping[str, Timetable], now_ms: int) -> tuple[Reading, ...]:
    """How each clock of a level stands that is for this ticket, in the order of level.CLOCKS.

    A clock that has no row for the ticket is not there. Time does not run back: `now_ms` is at least the last line's.
    """
    story = _story_of(log, now_ms)
    _see_forms(story, frozenset(level.forms))
    found = (_chosen(level, clock, story, hours) for clock in level.names())
    return tuple(reading for reading in found if reading is not None)


def reading_of(row: ClockRow, log: Iterable[Event], hours: Timetable, now_ms: int) -> Reading:
    """How a clock stands by one row, whichever tickets it is for."""
    return _measured(row, _story_of(log, now_ms), {row.calendar: hours})


def timetables(level: ServiceLevel, time_zone: str, versions: Mapping[str, Sequence[Version]]) -> dict[str, Timetable]:
    """The working time of each of a level's calendars in a time zone, given the versions of the days that they name.

    A calendar of days that is not given has none, like `none`.
    """
    return {
        name: _timetable(week, time_zone, versions.get(week.holidays, ())) for name, week in level.calendars.items()
    }


def versions_of(chains: Iterable[tuple[date, int, int | None, Day]]) -> tuple[Version, ...]:
    """The versions of a calendar from what was said of each day: day, known in [from_ms, to_ms), what."""
    rows = list(chains)
    ends = [(to_ms, False, day, said) for day, _, to_ms, said in rows if to_ms is not None]
    begins = [(from_ms, True, day, said) for day, from_ms, _, said in rows]
    days: dict[date, Day] = {}
    found: list[Version] = []
    for at_ms, changes in groupby(sorted([*ends, *begins], key=lambda one: one[:3]), key=lambda one: one[0]):
        for _, is_said, day, said in changes:
            if is_said:
                days[day] = said
            else:
                days.pop(day, None)
        found.append(Version(at_ms, dict(days)))
    return tuple(found)


def _timetable(week: Week, time_zone: str, versions: Sequence[Version]) -> Timetable:
    told = versions or (Version(0, {}),)
    return Timetable((version.from_ms, calendar_of(week.hours, time_zone, version.days)) for version in told)


# --- what there is to tell -------------------------------------------------------------------------------------------


def due_to_tell(readings: Iterable[Reading], log: Iterable[Event], now_ms: int) -> tuple[Tell, ...]:
    """The lines that the log needs now. Of a clock that passed several marks at once, the furthest alone."""
    story = _story_of(log, now_ms)
    found: list[Tell] = []
    for reading in readings:
        found += [tell for at_ms, tell in _untold(reading, story) if at_ms <= story.now_ms][-1:]
    return tuple(found)


def wake_at(readings: Iterable[Reading], log: Iterable[Event], now_ms: int) -> int | None:
    """The next instant at which there is something to tell, `now_ms` at the earliest; None: not without news."""
    story = _story_of(log, now_ms)
    instants = [at_ms for reading in readings for at_ms, _ in _untold(reading, story)]
    return max(now_ms, min(instants)) if instants else None


def _untold(reading: Reading, story: _Story) -> list[tuple[int, Tell]]:
    """What is to be told of a clock and has not been, and from when on, ascending."""
    if reading.start_ms is None or reading.due_ms is None:
        return []
    clock, start_ms, promised_ms = reading.clock, reading.start_ms, reading.promised_due_ms
    nearest_ms = reading.due_ms if promised_ms is None else promised_ms
    steps: list[tuple[int | None, int, int]] = [(reading.due_ms + 1, BREACH, reading.due_ms)]
    if reading.state in RUNNING:
        passed_ms = None if promised_ms is None else promised_ms + 1
        steps = [
            (reading.warn_50_ms, 50, nearest_ms),
            (reading.warn_80_ms, 80, nearest_ms),
            (passed_ms, PROMISE_PASSED, nearest_ms),
            *steps,
        ]
    elif reading.state != "missed":
        return []
    # A start that late truth moved to before is the same clock; one that lies behind what was told is another.
    told = max(
        (percent for name, percent, at in story.told if name == clock and (at is None or at >= start_ms)), default=0
    )
    is_receding = reading.state == "paused" and reading.paused_until_ms is None
    return [
        (at_ms, Tell("breach" if percent == BREACH else "warn", clock, percent, due_ms, start_ms))
        for at_ms, percent, due_ms in steps
        if at_ms is not None and percent > told and not (is_receding and at_ms > story.now_ms)
    ]


def call_back_ms(level: ServiceLevel, log: Iterable[Event]) -> int | None:
    """When to call back a customer who was helped by phone; None: nobody waits for a call."""
    story = _story_of(log, 0)
    if not level.call_back_minutes or story.helped_ms is None or "followed_up" in story.marks:
        return None
    return story.helped_ms + level.call_back_minutes * MINUTE_MS


def carried(log: Iterable[Event], now_ms: int) -> dict[str, Any]:
    """What a ticket takes over that goes on for this one: `carried` in the data of its `open`, as plain as JSON."""
    story = _story_of(log, now_ms)

    def plain(pauses: Iterable[_Pause]) -> list[list[Any]]:
        return [[begin, max(begin, story.now_ms) if end is None else end, reason] for begin, end, reason in pauses]

    return {
        "marks": {mark: at_ms for mark, at_ms in story.marks.items() if mark not in ("opened", "closed")},
        "waits": plain(story.waits),
        "gaps": plain(story.gaps),
        "restored_gaps": plain(story.restored_gaps),
        "told": [list(one) for one in story.told],
        "priority": story.facts[-1][1].priority,
        "mode": story.mode,
        "said_ms": story.said_ms,
        "arrival_ms": story.arrival_ms,
        "visited_ms": story.visited_ms,
    }


def means(readings: Iterable[Reading], from_ms: int, to_ms: int) -> tuple[Mean, ...]:
    """How the mean targets of these readings were kept by those that ended in ``[from_ms, to_ms)``."""
    groups: dict[tuple[str, int], list[int]] = {}
    for one in readings:
        ended_ms = -1 if one.state != "counted" or one.ended_ms is None else one.ended_ms
        if from_ms <= ended_ms < to_ms and one.target_ms is not None:
            groups.setdefault((one.clock, one.target_ms), []).append(one.elapsed_ms)
    return tuple(
        Mean(clock, target_ms, len(times), Fraction(sum(times), len(times)), sum(times) <= target_ms * len(times))
        for (clock, target_ms), times in sorted(groups.items())
    )


# --- one clock -------------------------------------------------------------------------------------------------------


def _chosen(level: ServiceLevel, clock: str, story: _Story, hours: Mapping[str, Timetable]) -> Reading | None:
    """The reading of a clock by the row that counts, as what was known of the ticket changed."""
    current: Reading | None = None
    for at, (since_ms, facts) in enumerate(story.facts):
        row = level.row_of(clock, facts)
        if row is None or (current is not None and row is current.row):
            continue
        whole = _measured(row, story, hours)
        if at == 0 or whole.start_ms is None or since_ms <= whole.start_ms:
            current = whole
        elif current is None or current.start_ms is None:
            current = _measured(row, story, hours, since_ms)
        elif _is_settled(current, since_ms):
            break
        elif _due(whole) >= _due(current):
            current = whole
        else:
            current = min(current, _measured(row, story, hours, since_ms), key=_due)
    return current


def _is_settled(reading: Reading, at_ms: int) -> bool:
    """Whether a clock had ended, or was due, when something else was said."""
    return (reading.ended_ms is not None and reading.ended_ms <= at_ms) or _due(reading) <= at_ms


def _due(reading: Reading) -> float:
    return float("inf") if reading.due_ms is None else reading.due_ms


def _measured(row: ClockRow, story: _Story, hours: Mapping[str, Timetable], not_before_ms: int = BEFORE_ALL) -> Reading:
    """The reading by one row; `not_before_ms`: from when on it counts, if its own start was before that."""
    is_recorded = any(clock == row.clock and percent == BREACH for clock, percent, _ in story.told)
    begun_ms = story.said_ms if row.is_appointment else story.marks.get(row.from_)
    if begun_ms is None:
        state: State = "cancelled" if _is_over(story) else "waiting"
        return Reading(clock=row.clock, row=row, state=state, recorded_breach=is_recorded)
    start_ms = max(begun_ms, not_before_ms)
    times = AROUND_THE_CLOCK if row.is_appointment else hours[row.calendar]
    target_ms = _target_ms(row, story, times, start_ms)
    pauses = _pauses(row, story)
    spans = normal((begin, story.now_ms if end is None else end) for begin, end, _ in pauses)
    half_ms, most_ms, promised_ms, due_ms = _instants(row, times, start_ms, target_ms, spans)
    end_ms, ending = _end(row, story)
    until_ms = max(start_ms, story.now_ms if end_ms is None else end_ms)
    now_paused = None if end_ms is not None else _pause_at(pauses, until_ms)
    segments = _segments(times.working(start_ms, until_ms), pauses, (start_ms, until_ms), story.now_ms)
    elapsed_ms = sum(to_ms - from_ms for from_ms, to_ms, kind, _ in segments if kind == "working")
    return Reading(
        clock=row.clock,
        row=row,
        state=_state(row, ending, until_ms, due_ms, now_paused is not None),
        start_ms=start_ms,
        due_ms=due_ms,
        promised_due_ms=promised_ms if row.promised_ms is not None else None,
        ended_ms=None if end_ms is None else until_ms,
        target_ms=target_ms,
        elapsed_ms=elapsed_ms,
        remaining_ms=None if target_ms is None else target_ms - elapsed_ms,
        warn_50_ms=half_ms,
        warn_80_ms=most_ms,
        paused_until_ms=None if now_paused is None else now_paused.end,
        recorded_breach=is_recorded,
        segments=segments,
    )


def _target_ms(row: ClockRow, story: _Story, times: Timetable, start_ms: int) -> int | None:
    if row.is_appointment:
        return None if story.arrival_ms is None else max(0, story.arrival_ms - start_ms)
    if row.working_days is None:
        return row.target_ms
    close_ms = close_of_day(times, start_ms, row.working_days)
    return None if close_ms is None else total(times.working(start_ms, close_ms))


def _instants(
    row: ClockRow, times: Timetable, start_ms: int, target_ms: int | None, paused: Intervals
) -> tuple[int | None, ...]:
    """Half of the stricter promise, four fifths of it, the promise, the target."""
    if target_ms is None or row.kind == "mean":
        return None, None, None, None
    strict_ms = target_ms if row.promised_ms is None else min(row.promised_ms, target_ms)
    return dues(times, start_ms, (-(-strict_ms // 2), -(-strict_ms * 4 // 5), strict_ms, target_ms), paused)


def _end(row: ClockRow, story: _Story) -> tuple[int | None, Literal["", "ended", "stopped", "cancelled"]]:
    """When a clock ended, and how: by what it runs until, or because nobody needs that any more."""
    end_ms = story.visited_ms if row.is_appointment else story.marks.get(row.until)
    if story.cancelled_ms is not None and (end_ms is None or end_ms > story.cancelled_ms):
        return story.cancelled_ms, "cancelled"
    if end_ms is not None:
        return end_ms, "ended"
    stops = [story.marks.get("closed"), story.over_ms if row.until in _OF_PEOPLE else None]
    stop_ms = min((at_ms for at_ms in stops if at_ms is not None), default=None)
    return stop_ms, "" if stop_ms is None else "stopped"


def _state(row: ClockRow, ending: str, until_ms: int, due_ms: int | None, is_paused: bool) -> State:
    is_late = due_ms is not None and until_ms > due_ms
    if ending == "cancelled" or (ending == "stopped" and not is_late):
        return "cancelled"
    if ending:
        return "counted" if row.kind == "mean" else "missed" if is_late else "met"
    return "breached" if is_late else "paused" if is_paused else "running"


def _is_over(story: _Story) -> bool:
    return story.cancelled_ms is not None or story.over_ms is not None or "closed" in story.marks


def _pauses(row: ClockRow, story: _Story) -> list[_Pause]:
    """What stops a clock, by its begin."""
    if row.is_appointment:
        return []
    waits = [wait for wait in story.waits if wait.reason in row.pauses]
    return sorted([*waits, *(story.restored_gaps if row.until == "restored" else story.gaps)])


def _pause_at(pauses: Iterable[_Pause], at_ms: int) -> _Pause | None:
    return next((one for one in pauses if one.begin <= at_ms and (one.end is None or at_ms < one.end)), None)


def _segments(working: Intervals, pauses: Sequence[_Pause], whole: Pair, now_ms: int) -> tuple[Segment, ...]:
    """The whole, without a gap: what was paused, what was worked, and what was neither."""
    begin_ms, end_ms = whole
    if working == (whole,) and not pauses:
        return (Segment(begin_ms, end_ms, "working"),)
    found: list[Segment] = []
    for begin, end, reason in pauses:
        from_ms = max(begin, found[-1].to_ms if found else begin_ms)
        to_ms = min(end_ms, now_ms if end is None else end)
        if from_ms < to_ms:
            found.append(Segment(from_ms, to_ms, "paused", reason))
    paused = normal((one.from_ms, one.to_ms) for one in found)
    found += [Segment(from_ms, to_ms, "working") for from_ms, to_ms in subtract(working, paused)]
    busy = normal((one.from_ms, one.to_ms) for one in found)
    found += [Segment(from_ms, to_ms, "closed") for from_ms, to_ms in subtract(normal([whole]), busy)]
    return tuple(sorted(found))


# --- the walk --------------------------------------------------------------------------------------------------------


def _story_of(log: Iterable[Event], now_ms: int) -> _Story:
    """The log, walked once."""
    story = _Story(now_ms=now_ms)
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


def _mark(story: _Story, event: Event, at_ms: int) -> None:
    """Set what a step marks; of several, the earliest counts."""
    is_by_itself = event.who == ROBOT
    for mark in _MARKS_OF.get(event.verb, ()):
        if not (is_by_itself and mark in _OF_PEOPLE):
            _set(story, mark, at_ms)


def _set(story: _Story, mark: str, at_ms: int) -> None:
    story.marks[mark] = min(at_ms, story.marks.get(mark, at_ms))


def _open(story: _Story, event: Event, at_ms: int) -> None:
    """What machines report counts from when it was known (law 7), what people report from when they did."""
    data = event.data
    story.marks["reported"] = event.at_ms if data.get("source", "monitoring") == "monitoring" else at_ms
    story.marks["opened"] = event.at_ms
    _know(story, event.at_ms, priority=_word(data.get("customer_priority")))
    if isinstance(data.get("carried"), Mapping):
        _take_over(story, data["carried"])


def _take_over(story: _Story, said: Mapping[str, Any]) -> None:
    """As carried() wrote it."""
    story.marks |= said["marks"]
    story.waits += [_Pause(*one) for one in said["waits"]]
    story.gaps += [_Pause(*one) for one in said["gaps"]]
    story.restored_gaps += [_Pause(*one) for one in said["restored_gaps"]]
    story.told += [(clock, percent, start_ms) for clock, percent, start_ms in said["told"]]
    story.mode = said["mode"]
    story.said_ms, story.arrival_ms, story.visited_ms = said["said_ms"], said["arrival_ms"], said["visited_ms"]
    _know(story, 0, priority=said["priority"])


def _promise(story: _Story, event: Event, at_ms: int) -> None:
    names = ("time_zone", "service_class", "severity", "zone", "category")
    _know(story, event.at_ms, **{name: _word(event.data.get(name)) for name in names})
    story.is_promised = True


def _priority(story: _Story, event: Event, at_ms: int) -> None:
    _know(story, event.at_ms, priority=_word(event.data.get("priority")))


def _know(story: _Story, at_ms: int, **said: str) -> None:
    """From now on this is known; what was known before the first promise was made belongs to it."""
    facts = replace(story.facts[-1][1], **said)
    if not story.is_promised:
        story.facts = [(0, facts)]
    elif facts != story.facts[-1][1]:
        story.facts.append((at_ms, facts))


def _word(said: object) -> str:
    return "" if said is None else str(said)


def _acknowledge(story: _Story, event: Event, at_ms: int) -> None:
    if event.data.get("reply") == "visit":
        _somebody_comes(story, at_ms)
    _say_arrival(story, event)


def _plan(story: _Story, event: Event, at_ms: int) -> None:
    story.mode = _word(event.data.get("mode"))
    if story.mode == "visit":
        _somebody_comes(story, at_ms)
    _say_arrival(story, event)


def _dispatch(story: _Story, event: Event, at_ms: int) -> None:
    story.mode = story.mode or "visit"
    _say_arrival(story, event)


def _somebody_comes(story: _Story, at_ms: int) -> None:
    _set(story, "visit_needed", at_ms)
    _set(story, "supported", at_ms)


def _appoint(story: _Story, event: Event, at_ms: int) -> None:
    is_agreed = bool(event.data.get("agreed_by"))
    if is_agreed:
        story.agreed_ms = _instant(event.data.get("arrival_ms"))
    _say_arrival(story, event, is_agreed=is_agreed)


def _say_arrival(story: _Story, event: Event, *, is_agreed: bool = False) -> None:
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


def _arrive(story: _Story, event: Event, at_ms: int) -> None:
    story.visited_ms = at_ms if story.visited_ms is None else min(at_ms, story.visited_ms)


def _leave(story: _Story, event: Event, at_ms: int) -> None:
    """The next visit has an appointment of its own."""
    next_ms = _instant(event.data.get("next_visit_ms"))
    story.visited_ms = None
    story.said_ms, story.arrival_ms = (None, None) if next_ms is None else (event.at_ms, next_ms)


def _wait(story: _Story, event: Event, at_ms: int) -> None:
    story.waiting = at_ms, _word(event.data.get("reason") or "other"), bool(event.data.get("agreed_by"))


def _stop_waiting(story: _Story, at_ms: int | None) -> None:
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
    story.waits.append(_Pause(begin, end, reason))


def _resolve(story: _Story, event: Event, at_ms: int) -> None:
    story.over_ms = at_ms
    story.helped_ms = at_ms if event.who != ROBOT and event.data.get("how") in CALLED_BACK else None


def _reopen(story: _Story, event: Event, at_ms: int) -> None:
    ended = [story.marks[mark] for mark in ("fixed", "closed") if mark in story.marks]
    if ended:
        story.gaps.append(_Pause(min(ended), max(*ended, at_ms), MENDED))
    _come_back(story, event, at_ms)
    for mark in _UNDONE:
        story.marks.pop(mark, None)
    story.over_ms = story.helped_ms = None
    story.reports = []
    if story.visited_ms is not None:
        story.visited_ms = story.said_ms = story.arrival_ms = None


def _come_back(story: _Story, event: Event, at_ms: int) -> None:
    """The fault is there again."""
    since_ms = story.marks.pop("restored", None)
    if since_ms is not None:
        story.restored_gaps.append(_Pause(since_ms, max(since_ms, at_ms), MENDED))


def _cancel(story: _Story, event: Event, at_ms: int) -> None:
    story.cancelled_ms = at_ms


def _report(story: _Story, event: Event, at_ms: int) -> None:
    named = event.data.get("forms")
    story.reports.append((at_ms, frozenset(map(str, named)) if isinstance(named, list | tuple) else None))


def _see_forms(story: _Story, wanted: frozenset[str]) -> None:
    """Mark when the last form was handed in; a report that names none is whole."""
    left = wanted
    for at_ms, named in story.reports:
        left = frozenset() if named is None else left - named
        if not left:
            story.marks.setdefault("forms_in", at_ms)


def _follow_up(story: _Story, event: Event, at_ms: int) -> None:
    """A call that reached nobody is none."""
    if event.data.get("reached", True):
        _set(story, "followed_up", at_ms)


def _tell(story: _Story, event: Event, at_ms: int) -> None:
    percent = (_instant(event.data.get("percent")) or 0) if event.verb == "warn" else BREACH
    story.told.append((_word(event.data.get("clock")), percent, _instant(event.data.get("start_ms"))))


_HEARD: Mapping[str, Callable[[_Story, Event, int], None]] = {
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

"""The clocks of a ticket, read off its log: when each began, when it is due, how it stands, and why. Pure.

    facts_of(log) -> Facts                              what decides which rows count, and the site's time zone
    read(level, log, hours, now_ms) -> (Reading, ...)   a reading for each clock of the level that is for this ticket
    due_to_tell(readings, log, now_ms) -> (Tell, ...)   the warnings and breaches of now that are not in the log yet
    telling(readings, log, now_ms)                      both: what is to be told now, and when there is something next
    wake_at(readings, log, now_ms) -> int | None        when there is something to tell next, if nothing happens before
    call_back_ms(level, log) -> int | None              when to call back who was helped by phone
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
  counts from when it was said: no clock is born late. What is said after it was due changes nothing. Who calls it more
  urgent never has to wait longer, whatever the rows say.
* An appointment that is broken stays broken: another one agreed on later does not mend it. The next visit has its own.
* A ticket that goes on for another (ticket_story.carried() in the data of its `open`) has reached what that one had
  and has waited as it did: a transfer neither starts nor ends a clock.
* A breach that the log records stays recorded, also where later truth shows that the clock was met.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from itertools import groupby
from typing import Any, Literal, NamedTuple

from roundsman_collector.core.calendar import MINUTE_MS
from roundsman_collector.core.days import Day
from roundsman_collector.core.hours import calendar_of
from roundsman_collector.core.intervals import Intervals, Pair, normal, subtract, total
from roundsman_collector.core.level import ClockRow, Facts, ServiceLevel, Week
from roundsman_collector.core.ticket_log import Event
from roundsman_collector.core.ticket_story import BREACH, OF_PEOPLE, OF_VISITS, Pause, Story, see_forms, story_of
from roundsman_collector.core.timetable import BEFORE_ALL, Timetable, close_of_day, dues

State = Literal["waiting", "running", "paused", "met", "missed", "breached", "counted", "cancelled"]
SegmentKind = Literal["working", "closed", "paused"]

RUNNING: tuple[State, ...] = ("running", "paused", "breached")
"""A clock that has begun and not ended."""
URGENCY: Mapping[str, int] = {"minor": 0, "": 1, "major": 1, "urgent": 2}
"""How urgent a customer calls it; who says nothing calls it common."""
PROMISE_PASSED = 100
"""The `percent` of a warning that says: the stricter promise has passed, the floor has not."""
AROUND_THE_CLOCK = Timetable([(0, calendar_of("24x7", "UTC"))])
"""In which appointments are kept."""


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


# --- reading ---------------------------------------------------------------------------------------------------------


def facts_of(log: Iterable[Event]) -> Facts:
    """What is known of the ticket now, as far as it decides which rows count."""
    return story_of(log, 0).facts[-1][1]


def read(level: ServiceLevel, log: Iterable[Event], hours: Mapping[str, Timetable], now_ms: int) -> tuple[Reading, ...]:
    """How each clock of a level stands that is for this ticket, in the order of level.CLOCKS.

    A clock that has no row for the ticket is not there. Time does not run back: `now_ms` is at least the last line's.
    """
    return _readings(level, story_of(log, now_ms), hours)


def look(
    level: ServiceLevel, log: Iterable[Event], hours: Mapping[str, Timetable], now_ms: int
) -> tuple[tuple[Reading, ...], tuple[Tell, ...], int | None]:
    """read(), due_to_tell(), and wake_at() once that is told: in one walk of the log."""
    story = story_of(log, now_ms)
    readings = _readings(level, story, hours)
    found: list[Tell] = []
    instants: list[int] = []
    for reading in readings:
        untold = _untold(reading, story)
        found += [tell for at_ms, tell in untold if at_ms <= story.now_ms][-1:]
        instants += [at_ms for at_ms, _ in untold if at_ms > story.now_ms]
    return readings, tuple(found), min(instants, default=None)


def _readings(level: ServiceLevel, story: Story, hours: Mapping[str, Timetable]) -> tuple[Reading, ...]:
    see_forms(story, frozenset(level.forms))
    found = (_chosen(level, clock, story, hours) for clock in level.names())
    return tuple(reading for reading in found if reading is not None)


def reading_of(row: ClockRow, log: Iterable[Event], hours: Timetable, now_ms: int) -> Reading:
    """How a clock stands by one row, whichever tickets it is for."""
    return _measured(row, story_of(log, now_ms), {row.calendar: hours})


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
    story = story_of(log, now_ms)
    found: list[Tell] = []
    for reading in readings:
        found += [tell for at_ms, tell in _untold(reading, story) if at_ms <= story.now_ms][-1:]
    return tuple(found)


def wake_at(readings: Iterable[Reading], log: Iterable[Event], now_ms: int) -> int | None:
    """The next instant at which there is something to tell, `now_ms` at the earliest; None: not without news."""
    story = story_of(log, now_ms)
    instants = [at_ms for reading in readings for at_ms, _ in _untold(reading, story)]
    return max(now_ms, min(instants)) if instants else None


def _untold(reading: Reading, story: Story) -> list[tuple[int, Tell]]:
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
    story = story_of(log, 0)
    if not level.call_back_minutes or story.helped_ms is None or "followed_up" in story.marks:
        return None
    return story.helped_ms + level.call_back_minutes * MINUTE_MS


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


def _chosen(level: ServiceLevel, clock: str, story: Story, hours: Mapping[str, Timetable]) -> Reading | None:
    """The reading of a clock by the row that counts, as what was known of the ticket changed."""
    current: Reading | None = None
    before = story.facts[0][1].priority
    for at, (since_ms, facts) in enumerate(story.facts):
        is_raised = URGENCY.get(facts.priority, 1) > URGENCY.get(before, 1)
        before = facts.priority
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
            current = current if is_raised else whole
        else:
            current = min(current, _measured(row, story, hours, since_ms), key=_due)
    return current


def _is_settled(reading: Reading, at_ms: int) -> bool:
    """Whether a clock had ended, or was due, when something else was said."""
    return (reading.ended_ms is not None and reading.ended_ms <= at_ms) or _due(reading) <= at_ms


def _due(reading: Reading) -> float:
    return float("inf") if reading.due_ms is None else reading.due_ms


def _measured(row: ClockRow, story: Story, hours: Mapping[str, Timetable], not_before_ms: int = BEFORE_ALL) -> Reading:
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


def _target_ms(row: ClockRow, story: Story, times: Timetable, start_ms: int) -> int | None:
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


def _end(row: ClockRow, story: Story) -> tuple[int | None, Literal["", "ended", "stopped", "cancelled"]]:
    """When a clock ended, and how: by what it runs until, or because nobody needs that any more."""
    end_ms = story.visited_ms if row.is_appointment else story.marks.get(row.until)
    if story.cancelled_ms is not None and (end_ms is None or end_ms > story.cancelled_ms):
        return story.cancelled_ms, "cancelled"
    if end_ms is not None:
        return end_ms, "ended"
    is_needless = row.until in OF_PEOPLE or (row.until in OF_VISITS and "arrived" not in story.marks)
    stops = [story.marks.get("closed"), story.over_ms if is_needless else None]
    stop_ms = min((at_ms for at_ms in stops if at_ms is not None), default=None)
    return stop_ms, "" if stop_ms is None else "stopped"


def _state(row: ClockRow, ending: str, until_ms: int, due_ms: int | None, is_paused: bool) -> State:
    is_late = due_ms is not None and until_ms > due_ms
    if ending == "cancelled" or (ending == "stopped" and not is_late):
        return "cancelled"
    if ending:
        return "counted" if row.kind == "mean" else "missed" if is_late else "met"
    return "breached" if is_late else "paused" if is_paused else "running"


def _is_over(story: Story) -> bool:
    return story.cancelled_ms is not None or story.over_ms is not None or "closed" in story.marks


def _pauses(row: ClockRow, story: Story) -> list[Pause]:
    """What stops a clock, by its begin."""
    if row.is_appointment or not (story.waits or story.gaps or story.restored_gaps):
        return []
    waits = [wait for wait in story.waits if wait.reason in row.pauses]
    return sorted([*waits, *(story.restored_gaps if row.until == "restored" else story.gaps)], key=_begin)


def _begin(pause: Pause) -> int:
    return pause.begin


def _pause_at(pauses: Iterable[Pause], at_ms: int) -> Pause | None:
    return next((one for one in pauses if one.begin <= at_ms and (one.end is None or at_ms < one.end)), None)


def _segments(working: Intervals, pauses: Sequence[Pause], whole: Pair, now_ms: int) -> tuple[Segment, ...]:
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

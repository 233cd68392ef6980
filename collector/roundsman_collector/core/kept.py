"""How promises are kept: tickets and their clocks of a period, counted. Pure.

    counts_of(log, known, now_ms) -> {"tickets": 1, "mended": 1, ...}      what one ticket adds to the figures
    kept_of(tallies) -> {(key, clock): Kept}                               how clocks were kept, by group and clock
    figure(name, counts) -> Figure                                         a figure of FIGURES, and what it is made of

A period has the tickets that were opened in it, whenever they end. Voided, merged and transferred ones are in no
figure: they are listed by their number. A breach that a log records stays recorded: where later truth shows that the
clock was met, it counts as met, and as `recorded`.

    the clock says    met, missed         ended in time, ended late
                      breached            late, and still running
                      running             neither due nor ended: paused ones, too
                      counted             ended, of a mean: one ticket cannot miss it
                      cancelled           nobody had to keep it any more
    share met         met / (met + missed + breached): what runs is not judged yet
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal, NamedTuple

from roundsman_collector.core.calendar import MINUTE_MS
from roundsman_collector.core.level import CLOCKS, Facts, ServiceLevel
from roundsman_collector.core.lifecycle import CALLED_BACK, MENDED, NOT_SEEN, TO_MEND
from roundsman_collector.core.sla import Mean
from roundsman_collector.core.ticket_log import ROBOT, Event, happened_ms
from roundsman_collector.core.ticket_words import TASK_LATE

LEFT_OUT = ("void", "merged", "transferred")
"""States of tickets that are in no figure."""
OUR_WORK = (TASK_LATE, NOT_SEEN)
"""Codes of tickets about work that we owe: nobody reported them, nothing is broken, and they are in no figure."""
SOLVING = ("repair", "total", "restore")
"""Clocks that say by when a fault must be mended."""
FOLLOW_UP = "follow_up"
AGAIN_MS = 30 * 24 * 60 * MINUTE_MS
"""A repair of the same part within so long is a second one."""
BY_HAND = ("phone", "remote", "misuse", "other")
"""Endings that people brought about: not false alarms, and not what went away by itself."""
FROM_AFAR = ("phone", "remote")

STANDS: Mapping[str, tuple[str, str]] = {
    "met": ("按时", "in time"),
    "missed": ("超时完成", "late"),
    "breached": ("超时未完成", "late, still running"),
    "running": ("计时中", "running"),
    "counted": ("计入平均", "in the mean"),
    "cancelled": ("已取消", "not needed"),
    "recorded": ("曾记超时", "breach on record"),
}
"""How the clocks of a period stand, in the order in which people are shown it."""
COUNTS: Mapping[str, tuple[str, str]] = {
    "tickets": ("工单", "tickets"),
    "unsolved": ("超时未解决", "not solved in time"),
    "unfollowed": ("应回访未回访", "not followed up in time"),
    "followed_up": ("已回访", "followed up"),
    "satisfied": ("客户满意", "satisfied"),
    "dissatisfied": ("客户不满意", "not satisfied"),
    "called_again": ("重复来电", "with repeated calls"),
    "mended": ("现场修复", "mended on site"),
    "mended_again": ("二次返修", "mended again"),
    "solved": ("人工解决", "solved by people"),
    "solved_remotely": ("电话或远程解决", "solved by phone or remotely"),
    "appointments_kept": ("按约到场", "appointments kept"),
    "appointments_missed": ("未按约到场", "appointments missed"),
    "spares_there": ("备件随到", "spare came along"),
    "spares_missing": ("到场缺备件", "spare was missing"),
}
"""What tickets are counted by. A ticket counts once, but for appointments and spares: each visit has its own."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure: the count it is about, the counts it is a share of (none: it is the count itself), what is aimed at."""

    zh: str
    en: str
    count: str
    of: tuple[str, ...]
    aim: Literal["", "none", "all"]


FIGURES: Mapping[str, Measure] = {
    "unsolved": Measure("超时未解决", "Not solved in time", "unsolved", (), "none"),
    "unfollowed": Measure("应回访未回访", "Not followed up in time", "unfollowed", (), "none"),
    "repeat_calls": Measure("重复报修率", "Called more than once", "called_again", ("tickets",), "none"),
    "second_repairs": Measure("二次返修率", "Second repairs", "mended_again", ("mended",), "none"),
    "remote": Measure("远程解决率", "Solved by phone or remotely", "solved_remotely", ("solved",), ""),
    "appointments": Measure(
        "预约准时率",
        "Appointments kept",
        "appointments_kept",
        ("appointments_kept", "appointments_missed"),
        "all",
    ),
    "spares": Measure("人到货到率", "Spare came along", "spares_there", ("spares_there", "spares_missing"), "all"),
    "follow_ups": Measure("回访率", "Follow-ups done", "followed_up", ("followed_up", "unfollowed"), "all"),
    "satisfaction": Measure("客户满意率", "Customers satisfied", "satisfied", ("satisfied", "dissatisfied"), "all"),
}
"""The figures of after-sales service, in the order in which people are shown them."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of a period: how many, of how many. `share` None: there is nothing that it could be a share of."""

    count: int
    of: int
    share: Fraction | None


def figure(name: str, counts: Mapping[str, int]) -> Figure:
    """A figure of FIGURES; one that is no share is told beside the number of tickets."""
    measure = FIGURES[name]
    count = counts.get(measure.count, 0)
    if not measure.of:
        return Figure(count, counts.get("tickets", 0), None)
    of = sum(counts.get(one, 0) for one in measure.of)
    return Figure(count, of, Fraction(count, of) if of else None)


# --- clocks ----------------------------------------------------------------------------------------------------------


class Tally(NamedTuple):
    """So many clocks that stand alike. `key`: of the group, None of none; `target_ms`: of a mean, where it is known."""

    key: str | None
    clock: str
    state: str
    is_breached: bool
    target_ms: int | None
    tickets: int
    elapsed_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """How a clock was kept: STANDS counted. `elapsed_ms`: the working time of those that ended, together."""

    clock: str
    stands: Mapping[str, int]
    elapsed_ms: int = 0
    means: tuple[Mean, ...] = ()

    @property
    def tickets(self) -> int:
        """All that had this clock."""
        return sum(number for name, number in self.stands.items() if name != "recorded")

    @property
    def share_met(self) -> Fraction | None:
        """In time, of those that can be judged."""
        judged = sum(self.stands.get(name, 0) for name in ("met", "missed", "breached"))
        return Fraction(self.stands.get("met", 0), judged) if judged else None

    @property
    def mean_ms(self) -> Fraction | None:
        """The working time that those took that ended."""
        ended = sum(self.stands.get(name, 0) for name in ENDED)
        return Fraction(self.elapsed_ms, ended) if ended else None


ENDED = ("met", "missed", "counted")


def kept_of(tallies: Iterable[Tally]) -> dict[tuple[str | None, str], Kept]:
    """How clocks were kept by group and clock, clocks in the order in which people are shown them."""
    groups: dict[tuple[str | None, str], list[Tally]] = {}
    for one in tallies:
        groups.setdefault((one.key, one.clock), []).append(one)
    order = {clock: place for place, clock in enumerate(CLOCKS)}
    places = sorted(groups, key=lambda at: (at[0] is None, at[0] or "", order.get(at[1], len(order)), at[1]))
    return {place: _kept(place[1], groups[place]) for place in places}


def _kept(clock: str, tallies: Sequence[Tally]) -> Kept:
    stands: Counter[str] = Counter()
    for one in tallies:
        stands["running" if one.state == "paused" else one.state] += one.tickets
        if one.is_breached and one.state not in ("missed", "breached"):
            stands["recorded"] += one.tickets
    elapsed_ms = sum(one.elapsed_ms for one in tallies if one.state in ENDED)
    return Kept(clock=clock, stands=dict(stands), elapsed_ms=elapsed_ms, means=_means(clock, tallies))


def _means(clock: str, tallies: Iterable[Tally]) -> tuple[Mean, ...]:
    """As core/sla.means() says it of single readings."""
    sums: dict[int, tuple[int, int]] = {}
    for one in tallies:
        if one.state == "counted" and one.target_ms is not None:
            tickets, elapsed_ms = sums.get(one.target_ms, (0, 0))
            sums[one.target_ms] = tickets + one.tickets, elapsed_ms + one.elapsed_ms
    return tuple(
        Mean(clock, target_ms, tickets, Fraction(elapsed_ms, tickets), elapsed_ms <= target_ms * tickets)
        for target_ms, (tickets, elapsed_ms) in sorted(sums.items())
    )


def mean_target_ms(level: ServiceLevel, clock: str, facts: Facts) -> int | None:
    """What a level wants of the mean of a clock; None where these facts do not tell which of several it is."""
    targets = {row.target_ms for row in level.clocks if row.clock == clock and row.kind == "mean"}
    if len(targets) == 1:
        return targets.pop()
    row = level.row_of(clock, facts)
    return row.target_ms if row is not None and row.kind == "mean" else None


# --- one ticket ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Asks:
    """What a service level asks for after a repair. `call_back_ms`: how long after help by phone, None: not at all;
    `has_clock`: a clock says by when the follow-up is due."""

    follow_up: bool = True
    call_back_ms: int | None = 0
    has_clock: bool = False


NOTHING_PROMISED = Asks()
"""Of a ticket without a service level: what lifecycle.Terms asks for then."""


def asks_of(level: ServiceLevel) -> Asks:
    """What a service level asks for."""
    minutes = level.call_back_minutes
    return Asks(
        follow_up=level.follow_up,
        call_back_ms=minutes * MINUTE_MS if minutes else None,
        has_clock=FOLLOW_UP in level.names(),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """What is known of a ticket beside its log. `late`: its clocks that are late or were; `mended_ms`: when other
    tickets of the same part were mended."""

    state: str
    opened_ms: int
    asks: Asks = NOTHING_PROMISED
    late: frozenset[str] = frozenset()
    mended_ms: Sequence[int] = ()


@dataclass(slots=True)
class _Course:
    """What a log has told so far."""

    calls: int = 0
    fixes: list[int] = field(default_factory=list)
    came_back: bool = False
    ending: str = ""
    ended_ms: int = 0
    is_followed_up: bool = False
    is_satisfied: bool | None = None
    arrival_ms: int | None = None
    kept: int = 0
    missed: int = 0
    visit: "_Visit | None" = None
    spares_there: int = 0
    spares_missing: int = 0


@dataclass(slots=True)
class _Visit:
    """What a visit took of spares: one was used, one was wanted and not there."""

    used: bool = False
    lacked: bool = False


def counts_of(log: Iterable[Event], known: Known, now_ms: int) -> dict[str, int]:
    """What a ticket adds to COUNTS; the log needs no other lines than those of VERBS. What it adds nothing to is not
    there."""
    course = _Course()
    for event in log:
        heard = _HEARD.get(event.verb)
        if heard is not None:
            heard(course, event, happened_ms(event))
    if course.arrival_ms is not None and course.arrival_ms < now_ms and known.state in TO_MEND:
        course.missed += 1
    _end_visit(course)
    is_owed = _is_follow_up_owed(course, known)
    found = {
        "tickets": 1,
        "unsolved": known.state in TO_MEND and not known.late.isdisjoint(SOLVING),
        "unfollowed": is_owed and not course.is_followed_up and _is_follow_up_due(course, known, now_ms),
        "followed_up": is_owed and course.is_followed_up,
        "satisfied": course.is_satisfied is True,
        "dissatisfied": course.is_satisfied is False,
        "called_again": course.calls > 0,
        "mended": bool(course.fixes),
        "mended_again": course.came_back or _is_again(course, known),
        "solved": course.ending in (VISIT, *BY_HAND),
        "solved_remotely": course.ending in FROM_AFAR,
        "appointments_kept": course.kept,
        "appointments_missed": course.missed,
        "spares_there": course.spares_there,
        "spares_missing": course.spares_missing,
    }
    return {name: int(number) for name, number in found.items() if number}


VISIT = "visit"


def _is_follow_up_owed(course: _Course, known: Known) -> bool:
    if course.ending == VISIT:
        return known.asks.follow_up and known.state in (*MENDED, "closed")
    return known.asks.call_back_ms is not None and course.ending in CALLED_BACK


def _is_follow_up_due(course: _Course, known: Known, now_ms: int) -> bool:
    if course.ending == VISIT:
        return not known.asks.has_clock or FOLLOW_UP in known.late
    return now_ms >= course.ended_ms + (known.asks.call_back_ms or 0)


def _is_again(course: _Course, known: Known) -> bool:
    """Whether the same part had been mended shortly before this was reported."""
    return any(
        other_ms <= known.opened_ms and fixed_ms - other_ms < AGAIN_MS
        for fixed_ms in course.fixes
        for other_ms in known.mended_ms
    )


def _open(course: _Course, event: Event, _: int) -> None:
    """A ticket that goes on for another has its appointment (ticket_story.carried), and was called about as often."""
    course.calls = _instant(event.data.get("calls")) or 0
    carried = event.data.get("carried")
    if isinstance(carried, Mapping) and carried.get("visited_ms") is None:
        course.arrival_ms = _instant(carried.get("arrival_ms"))


def _say_arrival(course: _Course, event: Event, _: int) -> None:
    """A later arrival counts where the customer agreed, and only before the first has passed: as the clock has it."""
    said_ms = _instant(event.data.get("arrival_ms"))
    if said_ms is None:
        return
    is_agreed = event.verb == "appoint" and bool(event.data.get("agreed_by"))
    if course.arrival_ms is None or (event.at_ms <= course.arrival_ms and (is_agreed or said_ms < course.arrival_ms)):
        course.arrival_ms = said_ms


def _arrive(course: _Course, _: Event, at_ms: int) -> None:
    _end_visit(course)
    course.visit = _Visit()
    if course.arrival_ms is not None:
        course.kept += at_ms <= course.arrival_ms
        course.missed += at_ms > course.arrival_ms
    course.arrival_ms = None


def _leave(course: _Course, event: Event, _: int) -> None:
    course.arrival_ms = _instant(event.data.get("next_visit_ms"))
    _lack(course, event, 0)
    _end_visit(course)


def _lack(course: _Course, event: Event, _: int) -> None:
    """Who waits for a part on site, or leaves for want of one, came without it."""
    if course.visit is not None:
        wants = event.data.get("reason") == "parts" or bool(event.data.get("parts_awaited"))
        course.visit.lacked = course.visit.lacked or wants


def _part(course: _Course, _: Event, __: int) -> None:
    if course.visit is not None:
        course.visit.used = True


def _end_visit(course: _Course) -> None:
    """Judges a visit that took a spare (人到货到); one that was fetched meanwhile did not come along."""
    if course.visit is not None:
        course.spares_missing += course.visit.lacked
        course.spares_there += course.visit.used and not course.visit.lacked
    course.visit = None


def _fix(course: _Course, _: Event, at_ms: int) -> None:
    course.fixes.append(at_ms)
    course.ending, course.ended_ms = VISIT, at_ms


def _resolve(course: _Course, event: Event, at_ms: int) -> None:
    """Nobody comes any more: an appointment that had passed by then was missed, one that lay ahead is not counted."""
    if course.arrival_ms is not None and course.arrival_ms < at_ms:
        course.missed += 1
    course.arrival_ms = None
    course.ending = "" if event.who == ROBOT else str(event.data.get("how", "other"))
    course.ended_ms = at_ms


def _reopen(course: _Course, _: Event, __: int) -> None:
    _end_visit(course)
    course.came_back = course.came_back or bool(course.fixes)
    course.ending, course.is_followed_up, course.arrival_ms, course.is_satisfied = "", False, None, None


def _follow_up(course: _Course, event: Event, _: int) -> None:
    """The last call that reached somebody who judged counts; who did not say whether they are satisfied did not."""
    if not event.data.get("reached", True):
        return
    course.is_followed_up = True
    said = event.data.get("satisfied")
    if isinstance(said, bool):
        course.is_satisfied = said


def _call(course: _Course, _: Event, __: int) -> None:
    course.calls += 1


def _instant(said: Any) -> int | None:
    return said if isinstance(said, int) and not isinstance(said, bool) else None


_HEARD: Mapping[str, Callable[[_Course, Event, int], None]] = {
    "open": _open,
    "acknowledge": _say_arrival,
    "plan": _say_arrival,
    "dispatch": _say_arrival,
    "appoint": _say_arrival,
    "arrive": _arrive,
    "leave": _leave,
    "wait": _lack,
    "part": _part,
    "fix": _fix,
    "resolve": _resolve,
    "reopen": _reopen,
    "follow_up": _follow_up,
    "call": _call,
}
VERBS: tuple[str, ...] = tuple(_HEARD)
"""The lines of a log that count here."""

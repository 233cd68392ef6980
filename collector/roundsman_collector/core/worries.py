"""What there is to worry about in a task (到期提醒): whether work, report and the customer's word are in time. Pure.

    worries(task, workdays, now_ms) -> (Worry, ...)    how each stands: coming, open, in danger, overdue, met, missed
    due_to_tell(worries, log, now_ms) -> (Tell, ...)   the reminders of now that are not in the log yet
    wake_at_ms(worries, log, now_ms) -> int | None     when there is something to tell next, if nothing happens before
    needs_ticket(task, worries)                        whether a due date in danger needs a ticket

    coming_ms     open_ms              danger_ms      due_ms
        |  coming    |       open          |  danger     |  overdue        until it is done: met, or missed

Nothing is counted up: the same log tells the same, whoever reads it, and however often. An overdue that the log records
stays recorded. The twin of what core/sla.py tells of tickets.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, NamedTuple

from roundsman_collector.core.level import Told
from roundsman_collector.core.periods import ONE_DAY, Workdays
from roundsman_collector.core.plans import Due, danger_on, day_begins_ms, report_danger_on
from roundsman_collector.core.tasks import Task
from roundsman_collector.core.ticket_log import Event

About = Literal["agreement", "work", "report"]
Mark = Literal["coming", "open", "danger", "overdue"]
State = Literal["waiting", "coming", "open", "danger", "overdue", "met", "missed"]

ABOUT: Mapping[About, tuple[str, str]] = {
    "agreement": ("客户确认", "the customer's word"),
    "work": ("巡检", "the work"),
    "report": ("报告", "the report"),
}
MARKS: tuple[Mark, ...] = ("coming", "open", "danger", "overdue")
TELL: Mapping[Mark, tuple[Told, ...]] = {
    "coming": ("engineer",),
    "open": ("engineer",),
    "danger": ("engineer", "dispatcher"),
    "overdue": ("engineer", "dispatcher", "manager"),
}
"""Who is told when it has got so far."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Worry:
    """How the customer's word, the work or the report stands. Instants are None where they cannot be said.

    coming_ms, open_ms, danger_ms    from when on it is that
    due_ms                           the first instant that is late; of what follows a task that has not ended, None
    ended_ms                         when it was done
    """

    about: About
    state: State
    coming_ms: int | None = None
    open_ms: int | None = None
    danger_ms: int | None = None
    due_ms: int | None = None
    ended_ms: int | None = None

    def at_ms(self, mark: Mark) -> int | None:
        """From when on this mark has been passed; None: it will not be."""
        return {"coming": self.coming_ms, "open": self.open_ms, "danger": self.danger_ms, "overdue": self.due_ms}[mark]


class Tell(NamedTuple):
    """A line that the log now needs: verb `warn` or `breach`, with its data."""

    about: About
    mark: Mark
    due_ms: int

    @property
    def verb(self) -> Literal["warn", "breach"]:
        """As the log calls it."""
        return "breach" if self.mark == "overdue" else "warn"

    @property
    def data(self) -> dict[str, Any]:
        """As the log keeps it."""
        told = {"about": self.about, "due_ms": self.due_ms, "tell": list(TELL[self.mark])}
        return told if self.mark == "overdue" else {**told, "mark": self.mark}


def worries(task: Task, workdays: Workdays, now_ms: int) -> tuple[Worry, ...]:
    """How what a task owes stands at an instant; nothing of one that was cancelled or is not there yet."""
    if task.standing.state in ("", "cancelled"):
        return ()
    due = task.settled(workdays)
    found = [_work(task, due, workdays, now_ms)]
    if task.kind.agreement:
        found.insert(0, _agreement(task, due, now_ms))
    if due.report_due_ms is not None:
        found.append(_report(task, due, due.report_due_ms, workdays, now_ms))
    return tuple(found)


def _agreement(task: Task, due: Due, now_ms: int) -> Worry:
    """The customer's word is wanted by the day on which the work may begin, and useless once that is due."""
    return _judged(
        "agreement", (None, _coming_ms(task, due), due.opens_ms, due.due_ms), task.standing.agreed_ms, now_ms
    )


def _work(task: Task, due: Due, workdays: Workdays, now_ms: int) -> Worry:
    if due.is_expected:
        return _judged("work", (None, None, None, None), task.standing.done_ms, now_ms)
    is_begun = task.standing.begun_ms is not None
    danger_ms = day_begins_ms(danger_on(due, task.kind, workdays, is_begun), due.time_zone)
    instants = (_coming_ms(task, due), due.opens_ms, danger_ms, due.due_ms)
    return _judged("work", instants, task.standing.done_ms, now_ms)


def _report(task: Task, due: Due, due_ms: int, workdays: Workdays, now_ms: int) -> Worry:
    """Nobody is reminded of a report before the work is done; late it is all the same."""
    done_ms = task.standing.done_ms
    danger_day = report_danger_on(due, task.kind, workdays)
    open_ms: int | None = None
    danger_ms: int | None = None
    if done_ms is not None and danger_day is not None:
        is_dated = task.kind.report is not None and task.kind.report.day is not None
        dated_ms = day_begins_ms(due.period.last_day + ONE_DAY, due.time_zone) if is_dated else done_ms
        open_ms = max(done_ms, dated_ms)
        danger_ms = max(done_ms, day_begins_ms(danger_day, due.time_zone))
    return _judged("report", (None, open_ms, danger_ms, due_ms), task.standing.reported_ms, now_ms)


def _coming_ms(task: Task, due: Due) -> int:
    return day_begins_ms(due.opens_on - timedelta(days=task.kind.coming_days), due.time_zone)


def _judged(
    about: About, instants: tuple[int | None, int | None, int | None, int | None], ended_ms: int | None, now_ms: int
) -> Worry:
    coming_ms, open_ms, danger_ms, due_ms = instants
    if ended_ms is not None:
        state: State = "met" if due_ms is None or ended_ms < due_ms else "missed"
    else:
        marks: list[tuple[State, int | None]] = [
            ("overdue", due_ms),
            ("danger", danger_ms),
            ("open", open_ms),
            ("coming", coming_ms),
        ]
        state = next((mark for mark, at_ms in marks if at_ms is not None and at_ms <= now_ms), "waiting")
    return Worry(
        about=about,
        state=state,
        coming_ms=coming_ms,
        open_ms=open_ms,
        danger_ms=danger_ms,
        due_ms=due_ms,
        ended_ms=ended_ms,
    )


def due_to_tell(found: Iterable[Worry], log: Iterable[Event], now_ms: int) -> tuple[Tell, ...]:
    """The lines that the log needs now. Of a worry that passed several marks at once, the furthest alone."""
    told = _told(log)
    tells: list[Tell] = []
    for worry in found:
        tells += [tell for at_ms, tell in _untold(worry, told) if at_ms <= now_ms][-1:]
    return tuple(tells)


def wake_at_ms(found: Iterable[Worry], log: Iterable[Event], now_ms: int) -> int | None:
    """The next instant at which there is something to tell, `now_ms` at the earliest; None: not without news."""
    told = _told(log)
    instants = [at_ms for worry in found for at_ms, _ in _untold(worry, told)]
    return max(now_ms, min(instants)) if instants else None


def _told(log: Iterable[Event]) -> list[tuple[str, Mark, int]]:
    """What reminders and overdues the log holds: about what, which mark, due when."""
    return [
        (str(event.data.get("about")), event.data.get("mark", "overdue"), int(event.data.get("due_ms", 0)))
        for event in log
        if event.verb in ("warn", "breach")
    ]


def _untold(worry: Worry, told: Iterable[tuple[str, Mark, int]]) -> list[tuple[int, Tell]]:
    """What is to be told of a worry and has not been, and from when on, ascending.

    That something comes or is open is told once, whatever becomes of its due date; of another due date it is told anew
    that it is in danger, or over. Without the customer's word the work is overdue: that is told, and nothing beside it.
    """
    ended: Mapping[State, tuple[Mark, ...]] = {"met": (), "missed": ("overdue",)}
    marks = [one for one in ended.get(worry.state, MARKS) if (worry.about, one) != ("agreement", "overdue")]
    reached = [
        MARKS.index(mark)
        for about, mark, due_ms in told
        if about == worry.about and (mark in ("coming", "open") or due_ms == worry.due_ms)
    ]
    furthest = max(reached, default=-1)
    due_ms = worry.due_ms
    if due_ms is None:
        return []
    return [
        (at_ms, Tell(worry.about, mark, due_ms))
        for mark in marks
        if MARKS.index(mark) > furthest and (at_ms := worry.at_ms(mark)) is not None
    ]


def needs_ticket(task: Task, found: Iterable[Worry]) -> bool:
    """Whether the work or its report is in danger, or overdue, and no ticket was opened for that yet."""
    late = [worry.state in ("danger", "overdue") for worry in found if worry.about != "agreement"]
    return task.standing.ticket is None and any(late)

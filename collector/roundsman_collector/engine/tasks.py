"""The tasks that are due for a look: begun, fulfilled, reminded of, late; a commit for each slice of them.

    tasks.step(now_ms)       tasks whose `wake_at_ms` is over

A look reads a task off its log (core/tasks.py) and writes what there is to tell: that a round has begun for it, which
one was its work, what is coming, open, in danger or overdue (core/worries.py); and says when to look next.
The first time that work or report are in danger, a ticket is opened about the site, or the one that is there is named.

A remote task asks for its round by itself, at ten in the morning of the day it opens, and each morning until one has
seen something: a command with a key of task and day, so that it is asked for once, whenever we stop and start.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import structlog

from roundsman_collector.core.calendar import instant, zone
from roundsman_collector.core.contract import local_day
from roundsman_collector.core.fulfilment import ReportSeen, RoundSeen, fulfils, reports
from roundsman_collector.core.periods import ONE_DAY
from roundsman_collector.core.tasks import Task, begins_ms, standing_of
from roundsman_collector.core.ticket_log import ROBOT, Event
from roundsman_collector.core.ticket_words import TASK_LATE
from roundsman_collector.core.worries import MARKS, TELL, Tell, due_to_tell, needs_ticket, wake_at_ms, worries
from roundsman_collector.engine.promises import OURS
from roundsman_collector.engine.tickets import SITE_ZONE
from roundsman_collector.store import batch as stored
from roundsman_collector.store.errors import StoreError
from roundsman_collector.store.issued import ReportRow
from roundsman_collector.store.reminders import Reminder
from roundsman_collector.store.tasks import TaskChange, TaskFound, TaskLine, TaskSettled
from roundsman_collector.store.tickets import TicketChange, TicketNote, TicketOpen, TicketResolve

if TYPE_CHECKING:
    from roundsman_collector.engine.engine import Engine

logger = structlog.get_logger(__name__)

AT_ONCE = 200
HOUR_MS = 3_600_000
BEGIN_MINUTE = 10 * 60
"""Of the day: machines are on by then."""
ANSWER_MS = 5_000
"""So long after a round was asked for it is looked for."""
INSPECTED_MS = 30 * 24 * HOUR_MS
"""What a round that begins by itself looks back on."""
LATE = ("danger", "overdue")
LEADING = ("fulfil", "finish", "reopen", "cancel")
"""Steps by which a task ends, or goes on: what follows it has other days then."""


@dataclass(slots=True)
class _Look:
    """What a look at a task found."""

    found: TaskFound
    task: Task
    log: list[Event]
    lines: list[TaskLine] = field(default_factory=list)
    tells: Sequence[Tell] = ()
    wants_ticket: bool = False
    asks_on: date | None = None
    """The day for which a round is to be asked for now."""
    settled: TaskSettled | None = None

    def write(self, verb: str, now_ms: int, data: dict[str, Any]) -> None:
        """Write a line, and read the task with it."""
        self.lines.append(TaskLine(task=self.task.id, at_ms=now_ms, verb=verb, data=data))
        self.log.append(Event(self.log[-1].id + 1 if self.log else 1, now_ms, ROBOT, verb, "", data))
        self.task = Task(id=self.task.id, kind=self.task.kind, due=self.task.due, standing=standing_of(self.log))


class Tasks:
    """The look at tasks that are due."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine

    def step(self, now_ms: int) -> int:
        """Look at the tasks that are due; return how many."""
        due = self._engine.store.tasks_due(now_ms, AT_ONCE)
        if due:
            self._tell(due, now_ms)
        return len(due)

    def _tell(self, due: Sequence[TaskFound], now_ms: int) -> None:
        """Look at these and write what there is to tell. One that makes that fail is found by halving, and put off."""
        try:
            self._look_at(due, now_ms)
        except Exception as error:
            if isinstance(error, StoreError) and error.again:
                raise
            if len(due) == 1:
                self._put_off(due[0], error, now_ms)
                return
            half = len(due) // 2
            self._tell(due[:half], now_ms)
            self._tell(due[half:], now_ms)

    def _put_off(self, one: TaskFound, error: Exception, now_ms: int) -> None:
        logger.error(
            "a task cannot be looked at; it is tried again in an hour",
            task=one.row.id,
            cause=f"{type(error).__name__}: {error}"[:300],
            exc_info=error,
        )
        row = one.row
        later = TaskSettled(
            task=row.id,
            due_ms=row.due_ms,
            report_due_ms=row.report_due_ms,
            mark=row.mark,
            wake_at_ms=now_ms + HOUR_MS,
        )
        self._engine.store.commit(stored.Batch(now_ms=now_ms, tasks=[later]))

    def _look_at(self, due: Sequence[TaskFound], now_ms: int) -> None:
        sites = {one.row.site for one in due if one.row.site}
        since_ms = min(one.row.opens_ms for one in due)
        rounds: dict[str, list[RoundSeen]] = defaultdict(list)
        for seen in self._engine.store.rounds_at(sites, since_ms):
            rounds[seen.site].append(seen)
        papers = self._papers(due, since_ms)
        looks = [self._look(one, rounds[one.row.site], papers, now_ms) for one in due]
        tickets, lines = self._tickets(looks, now_ms)
        changes: list[TaskChange] = [line for look in looks for line in look.lines]
        changes += [*lines, *(look.settled for look in looks if look.settled is not None)]
        batch = stored.Batch(now_ms=now_ms, tasks=changes, tickets=tickets, reminders=_reminders(looks))
        self._engine.store.commit(batch)
        for kind in sorted({look.task.kind.id for look in looks if any(line.verb in LEADING for line in look.lines)}):
            self._engine.plans.follow(kind)
        for look in looks:
            if look.asks_on is not None:
                self._ask(look.task, look.asks_on, now_ms)

    def _papers(self, due: Sequence[TaskFound], since_ms: int) -> list[ReportRow]:
        """Reports that were issued about what these tasks that owe one are about."""
        owing = [one.row for one in due if one.task.kind.paper]
        scopes = {
            "site": {row.site for row in owing if row.site},
            "contract": {row.contract for row in owing if row.contract},
            "company": {"" for row in owing if not row.site and not row.contract},
        }
        return self._engine.store.reports_about(scopes, since_ms) if owing else []

    # --- one task ----------------------------------------------------------------------------------------------------

    def _look(self, found: TaskFound, rounds: Sequence[RoundSeen], papers: Sequence[ReportRow], now_ms: int) -> _Look:
        """What there is to tell of a task, and when there is next."""
        look = _Look(found, found.task, list(found.log))
        if look.task.is_over:
            look.settled = self._settled(look, "", None)
            return look
        self._follow_rounds(look, rounds, now_ms)
        self._follow_reports(look, papers, now_ms)
        workdays = self._engine.plans.workdays(look.task.kind, look.task.due.time_zone)
        stand = worries(look.task, workdays, now_ms)
        look.tells = due_to_tell(stand, look.log, now_ms)
        for tell in look.tells:
            look.write(tell.verb, now_ms, tell.data)
        look.wants_ticket = needs_ticket(look.task, stand)
        mark = max((one.state for one in stand if one.state in MARKS), key=MARKS.index, default="")
        nexts = [wake_at_ms(stand, look.log, now_ms), self._begin(look, rounds, now_ms)]
        look.settled = self._settled(look, mark, min((at for at in nexts if at is not None), default=None))
        return look

    def _settled(self, look: _Look, mark: str, wake_ms: int | None) -> TaskSettled:
        due = look.task.settled(self._engine.plans.workdays(look.task.kind, look.task.due.time_zone))
        return TaskSettled(
            task=look.task.id,
            due_ms=due.due_ms,
            report_due_ms=due.report_due_ms,
            mark="" if look.task.is_over else mark,
            wake_at_ms=None if look.task.is_over else wake_ms,
        )

    def _follow_rounds(self, look: _Look, rounds: Sequence[RoundSeen], now_ms: int) -> None:
        """Which round has begun for it, and which was its work. One that was sent back does not count again."""
        named = {
            str(event.data["round"])
            for event in look.log
            if event.verb in ("fulfil", "finish") and event.data.get("round")
        }
        fresh = [one for one in rounds if one.id not in named]
        begun = next((one for one in fresh if one.task == look.task.id), None)
        if (
            begun is not None
            and look.task.standing.state == _ready(look.task)
            and begun.asked_ms >= look.task.due.opens_ms
        ):
            look.write("begin", now_ms, {"round": begun.id, "at_ms": begun.asked_ms})
        done = next((one for one in fresh if fulfils(look.task, one)), None)
        if done is not None:
            data = {"round": done.id, "begun_ms": done.asked_ms, "at_ms": done.done_ms}
            look.write("fulfil", now_ms, data)

    def _follow_reports(self, look: _Look, papers: Sequence[ReportRow], now_ms: int) -> None:
        """Which issued report is the one that it owes. One that was sent back does not count again."""
        row = look.found.row
        named = {str(event.data["report"]) for event in look.log if event.data.get("report")}
        about = {"site": row.site, "contract": row.contract, "company": ""}
        for one in papers:
            if one.number in named or one.issued_ms is None or about[one.scope] != one.about:
                continue
            seen = ReportSeen(
                id=one.number,
                kind=one.kind,
                site=row.site,
                first_day=local_day(one.from_ms, row.time_zone),
                last_day=local_day(one.to_ms - 1, row.time_zone),
                issued_ms=one.issued_ms,
            )
            if reports(look.task, seen):
                verb = "fulfil" if look.task.kind.mode == "report" else "report"
                look.write(verb, now_ms, {"report": seen.id, "at_ms": seen.issued_ms})
                return

    def _begin(self, look: _Look, rounds: Sequence[RoundSeen], now_ms: int) -> int | None:
        """When a remote task is to be looked at for its round's sake; says in `look` whether to ask for one now."""
        task = look.task
        is_begun = task.kind.mode == "remote" and task.standing.state == "under_way"
        opens_ms = task.due.opens_ms if is_begun else begins_ms(task)
        if opens_ms is None or any(one.task == task.id and one.done_ms is None for one in rounds):
            return None
        day = max(local_day(now_ms, task.due.time_zone), task.due.opens_on)
        at_ms = instant(day, BEGIN_MINUTE, zone(task.due.time_zone))
        if now_ms < at_ms:
            return at_ms
        answer = self._engine.store.asked(_key(task, day))
        if answer is None:
            look.asks_on = day
        if answer is None or answer.state == "new":
            return now_ms + ANSWER_MS
        return instant(day + ONE_DAY, BEGIN_MINUTE, zone(task.due.time_zone))

    def _ask(self, task: Task, day: date, now_ms: int) -> None:
        args = {
            "site": task.due.site,
            "from_ms": now_ms - INSPECTED_MS,
            "to_ms": now_ms,
            "mode": "remote",
            "task": task.id,
        }
        self._engine.store.ask("round", args, now_ms, _key(task, day))

    # --- tickets -----------------------------------------------------------------------------------------------------

    def _tickets(self, looks: Iterable[_Look], now_ms: int) -> tuple[list[TicketChange], list[TaskLine]]:
        """The tickets that late tasks need, one for each site, and the lines that name them; what is late no more."""
        changes: list[TicketChange] = []
        lines: list[TaskLine] = []
        opened: dict[str, int] = {}
        for look in looks:
            site = look.task.due.site
            if look.wants_ticket and site:
                known = self._engine.store.live_ticket(f"#{site}", TASK_LATE)
                line = TaskLine(task=look.task.id, at_ms=now_ms, verb="ticket")
                if known is not None:
                    changes.append(TicketNote(ticket=known.id, at_ms=now_ms, who=ROBOT, text=_words(look.task)))
                    data = {"number": known.id, "ticket": known.number}
                    lines.append(TaskLine(task=line.task, at_ms=now_ms, verb="ticket", data=data))
                    continue
                if site not in opened:
                    opened[site] = len(opened)
                    changes.append(_open(look.task, now_ms))
                lines.append(TaskLine(task=line.task, at_ms=now_ms, verb="ticket", opens=opened[site]))
            elif look.found.row.mark in LATE and look.settled is not None and look.settled.mark not in LATE:
                changes += self._mended(look, now_ms)
        return changes, lines

    def _mended(self, look: _Look, now_ms: int) -> list[TicketChange]:
        """The ticket of a task that is late no more is over, where no other task has it."""
        number = look.task.standing.ticket
        known = None if number is None else self._engine.store.live_ticket(f"#{look.task.due.site}", TASK_LATE)
        if known is None or known.id != number or known.resolved_ms is not None:
            return []
        if self._engine.store.late_of_ticket(known.id, look.task.id):
            return []
        return [TicketResolve(ticket=known.id, at_ms=now_ms, outcome="recovered", fault_to_ms=now_ms)]


def _ready(task: Task) -> str:
    return "agreed" if task.kind.agreement else "planned"


def _key(task: Task, day: date) -> str:
    return f"task:{task.id}:{day.isoformat()}"


def _words(task: Task) -> str:
    due, kind = task.due, task.kind
    return f"{kind.zh} {due.period.id}，截止 {due.due_on} · {kind.en} {due.period.id}, due on {due.due_on}"


def _open(task: Task, now_ms: int) -> TicketOpen:
    return TicketOpen(
        subject=f"#{task.due.site}",
        agent_no=None,
        component="device",
        code=TASK_LATE,
        severity="minor",
        service_class="maintenance",
        fault_from_ms=now_ms,
        opened_ms=now_ms,
        year=datetime.fromtimestamp(now_ms / 1000, SITE_ZONE).year,
        source=OURS,
        watched=False,
        text=_words(task),
        data={"source": OURS, "task": task.id},
    )


def _reminders(looks: Iterable[_Look]) -> list[Reminder]:
    """What is told of tasks, those of one kind, contract and period together."""
    bundles: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for look in looks:
        row = look.found.row
        for tell in look.tells:
            bundles[row.kind, row.contract, row.period, tell.about, tell.mark].append(row.id)
    return [
        Reminder(about=str(about), mark=str(mark), tell=TELL[mark], tasks=tuple(tasks))  # type: ignore[index]
        for (*_, about, mark), tasks in bundles.items()
    ]

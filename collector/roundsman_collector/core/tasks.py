"""How a task (巡检任务) lives, from its plan to its acceptance; what there is to worry about; what fulfils it. Pure.

    STEPS                                   the table: who may take which step in which states, and where it leads
    standing_of(log) -> Standing            how a task stands after its log; after(standing, event) after one more line
    refusal(task, wish)                     why a person may not take a step now; None: they may
    worries(task, workdays, now_ms)         for agreement, work and report: coming, open, in danger, overdue, and when
    due_to_tell(worries, log, now_ms)       the reminders of now that are not in the log yet
    wake_at_ms(worries, log, now_ms)        when there is something to tell next, if nothing happens before
    begins_ms(task) · needs_ticket(...)     when its round begins by itself; whether a due date in danger needs a ticket
    fulfils(task, round) · reports(...)     whether a finished round is its work, an issued report its report
    free_count(kind, counted_from, visits, day)   how many free visits of a year are used

The twin of core/lifecycle.py: a table, and a fold over the log.

    planned -> proposed -> agreed -> under_way -> done -> reported -> accepted
        \\          \\-> declined -> proposed               (cancelled, with a reason, from any that is not over)
         \\___ begin, where nobody asks the customer first ___^

`proposed` and `agreed` are there only for kinds that ask for the customer's word first (甲方确认). Nothing is counted
up: coming due, in danger and overdue are read off the log and the clock, and an overdue that the log records stays.

    coming_ms     open_ms              danger_ms      due_ms
        |  coming    |       open          |  danger     |  overdue        until it is done: met, or missed
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any, Literal, NamedTuple

from roundsman_collector.core.contract import local_day
from roundsman_collector.core.level import Told
from roundsman_collector.core.lifecycle import Refusal, Wish
from roundsman_collector.core.periods import CYCLES, ONE_DAY, Period, Workdays, periods
from roundsman_collector.core.plans import (
    Due,
    Mode,
    PlanKind,
    danger_on,
    day_begins_ms,
    report_danger_on,
    settled,
)
from roundsman_collector.core.ticket_log import ROBOT, Event, happened_ms

STATES: Mapping[str, tuple[str, str]] = {
    "planned": ("已计划", "planned"),
    "proposed": ("待客户确认", "proposed to the customer"),
    "agreed": ("客户已同意", "agreed to by the customer"),
    "declined": ("客户未同意", "declined by the customer"),
    "under_way": ("执行中", "under way"),
    "done": ("已完成", "done"),
    "reported": ("已提交报告", "reported"),
    "accepted": ("已确认", "accepted"),
    "cancelled": ("已取消", "cancelled"),
}
AHEAD = ("planned", "proposed", "agreed", "declined")
"""The work has not begun."""
UNDONE = (*AHEAD, "under_way")
FINISHED = ("done", "reported")
"""The work is done; there may be a report to hand in, or a signature to get."""
LIVE = (*UNDONE, *FINISHED)
OVER = ("accepted", "cancelled")

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
CODE = "task_late"
"""The code of the ticket that a due date in danger opens."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """How a task stands. `version`: the id of the last line that a person, or a change of state, wrote."""

    state: str = ""
    version: int = 0
    last_ms: int = 0
    """When the last step happened: none may be dated before it."""
    engineer: str = ""
    day: date | None = None
    """The day for which it was fixed."""
    proposed_ms: int | None = None
    agreed_ms: int | None = None
    agreed_by: str = ""
    begun_ms: int | None = None
    done_ms: int | None = None
    reported_ms: int | None = None
    accepted_by: str = ""
    round: str = ""
    """The round that is its work."""
    report: str = ""
    ticket: int | None = None
    """The ticket that its danger opened."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """A task, as its plan asks for it and as it stands."""

    id: int
    kind: PlanKind
    due: Due
    standing: Standing = field(default_factory=Standing)

    @property
    def is_over(self) -> bool:
        """Whether nobody has anything to do any more."""
        state = self.standing.state
        if state in OVER or not state:
            return bool(state)
        is_handed_in = state == "reported" or (state == "done" and not self.kind.owes_report)
        return is_handed_in and not self.kind.acceptance

    def settled(self, workdays: Workdays) -> Due:
        """Its days, counted from when it began and ended."""
        return settled(self.due, self.kind, workdays, self._day(self.standing.begun_ms), self.ended_on)

    @property
    def ended_on(self) -> date | None:
        """The local day on which its work ended."""
        return self._day(self.standing.done_ms)

    def _day(self, at_ms: int | None) -> date | None:
        return None if at_ms is None else local_day(at_ms, self.due.time_zone)


Guard = Callable[[Task, Wish], Refusal | None]


class Step(NamedTuple):
    """A row of the table. `to` None: the state stays. `is_persons`: people take it, by command."""

    zh: str
    en: str
    from_: tuple[str, ...]
    to: str | None = None
    guards: tuple[Guard, ...] = ()
    is_persons: bool = True
    right: Literal["act", "overrule"] = "act"


# --- what forbids a step ---------------------------------------------------------------------------------------------


def _has_words(_: Task, wish: Wish) -> Refusal | None:
    """words that say why, or what"""
    return None if wish.text.strip() else Refusal("no_words", "请写明原因或内容", "say why, or what, in words")


def _may_overrule(_: Task, wish: Wish) -> Refusal | None:
    """the right to overrule"""
    return None if wish.may_overrule else Refusal("not_yours", "须由售后经理办理", "this is for a manager to do")


def _in_order(task: Task, wish: Wish) -> Refusal | None:
    """a time, where one is given, that is not before the last step and not in the future"""
    said = wish.data.get("at_ms")
    if said is None:
        return None
    if said > wish.now_ms:
        return Refusal("future", "时间不能晚于现在", "a time in the future: give the one at which it happened")
    if said < task.standing.last_ms:
        return Refusal("before", "时间早于上一步", "a time before the last step: give a later one")
    return None


def _asks_first(task: Task, _: Wish) -> Refusal | None:
    """a kind of plan that asks for the customer's word first"""
    if task.kind.agreement:
        return None
    return Refusal("not_asked", "该计划无需客户事先确认", "this plan does not ask the customer first: begin it")


def _is_agreed(task: Task, _: Wish) -> Refusal | None:
    """the customer's agreement, where the plan asks for it first (S0-29)"""
    if not task.kind.agreement or task.standing.state == "agreed":
        return None
    return Refusal("not_agreed", "须先经客户确认", "the customer has to agree first: propose it")


def _is_open(task: Task, wish: Wish) -> Refusal | None:
    """a day on which the plan's window is open"""
    if wish.data.get("at_ms", wish.now_ms) >= task.due.opens_ms:
        return None
    day = task.due.opens_on
    return Refusal("too_early", f"{day}起方可开始", f"it opens on {day}: what is done before does not count for it")


def _names_who(_: Task, wish: Wish) -> Refusal | None:
    """who said so, by name"""
    said = wish.data.get("name")
    if isinstance(said, str) and said.strip():
        return None
    return Refusal("no_name", "请写明确认人", "say who it was")


def _names_day_or_engineer(_: Task, wish: Wish) -> Refusal | None:
    """an engineer, a day, or both"""
    if wish.data.get("engineer") or wish.data.get("day"):
        return None
    return Refusal("no_engineer", "请选择工程师或日期", "say who goes, or on which day")


def _has_report(task: Task, _: Wish) -> Refusal | None:
    """a kind of plan that asks for a report"""
    if task.kind.owes_report:
        return None
    return Refusal("no_paper", "该计划无需报告", "this plan asks for no report")


def _is_reported(task: Task, _: Wish) -> Refusal | None:
    """the report, where the plan asks for one"""
    if not task.kind.owes_report or task.standing.state == "reported":
        return None
    return Refusal("no_report", "尚未提交报告", "the report has not been handed in")


# --- the table -------------------------------------------------------------------------------------------------------

STEPS: Mapping[str, Step] = {
    # of people, in the order of a task's life
    "assign": Step("安排", "assign", UNDONE, None, (_names_day_or_engineer,)),
    "propose": Step("提请客户确认", "propose", AHEAD, "proposed", (_asks_first,)),
    "agree": Step("客户同意", "the customer agrees", ("proposed",), "agreed", (_in_order, _names_who)),
    "decline": Step("客户不同意", "the customer declines", ("proposed",), "declined", (_in_order, _has_words)),
    "begin": Step("开始", "begin", ("planned", "proposed", "agreed"), "under_way", (_is_agreed, _in_order, _is_open)),
    "finish": Step("完成", "finish", ("under_way",), "done", (_in_order,)),
    "report": Step("提交报告", "hand in the report", ("done",), "reported", (_has_report, _in_order)),
    "accept": Step("确认签收", "accept", FINISHED, "accepted", (_is_reported, _in_order, _names_who)),
    "reopen": Step("退回重做", "send back", FINISHED, "under_way", (_has_words,)),
    "cancel": Step("取消", "cancel", LIVE, "cancelled", (_may_overrule, _has_words), right="overrule"),
    "note": Step("备注", "note", LIVE, None, (_has_words,)),
    # of the engine
    "plan": Step("列入计划", "plan", ("",), "planned", is_persons=False),
    "move": Step("调整日期", "move", LIVE, is_persons=False),
    "fulfil": Step("由巡检完成", "a round fulfils it", ("planned", "agreed", "under_way"), "done", is_persons=False),
    "warn": Step("提醒", "remind", LIVE, is_persons=False),
    "breach": Step("逾期", "overdue", LIVE, is_persons=False),
    "ticket": Step("转工单", "open a ticket", LIVE, is_persons=False),
}


def is_persons(verb: str) -> bool:
    """Whether people take this step."""
    return verb in STEPS and STEPS[verb].is_persons


def offered(state: str) -> tuple[str, ...]:
    """The steps of people that lead on from a state, in the table's order; what forbids them is not looked at."""
    return tuple(verb for verb, step in STEPS.items() if step.is_persons and state in step.from_)


def refusal(task: Task, wish: Wish) -> Refusal | None:
    """Why a person may not take a step now, or None."""
    step = STEPS.get(wish.verb)
    if step is None or not step.is_persons:
        return Refusal("no_step", "没有这一步", f"there is no step {wish.verb!r}")
    if task.standing.state not in step.from_:
        zh, en = STATES.get(task.standing.state, ("", "not there"))
        return Refusal("state", f"任务{zh}，不能{step.zh}", f"it is {en}: {step.en} works on {_states(step.from_)}")
    return next((why for guard in step.guards if (why := guard(task, wish)) is not None), None)


def _states(names: Collection[str]) -> str:
    return ", ".join(STATES[name][1] for name in names)


# --- the fold --------------------------------------------------------------------------------------------------------


def standing_of(log: Iterable[Event]) -> Standing:
    """How a task stands after its log, which is in the order of its ids."""
    standing = Standing()
    for event in log:
        standing = after(standing, event)
    return standing


def after(standing: Standing, event: Event) -> Standing:
    """How a task stands after one more line. Lines that were allowed once are never refused here."""
    step = STEPS.get(event.verb)
    state = standing.state if step is None or step.to is None else step.to
    is_moved = state != standing.state or (step is not None and step.is_persons and event.who != ROBOT)
    known = replace(standing, state=state, version=event.id if is_moved else standing.version)
    change = _FOLDS.get(event.verb)
    if change is not None:
        known = replace(known, **change(standing, event))
    if step is not None and step.to is not None:
        known = replace(known, last_ms=max(known.last_ms, happened_ms(event)))
    return known


def _assigned(standing: Standing, event: Event) -> dict[str, Any]:
    said = event.data.get("day")
    return {
        "engineer": str(event.data.get("engineer") or standing.engineer),
        "day": date.fromisoformat(said) if isinstance(said, str) and said else standing.day,
    }


def _begun(standing: Standing, event: Event) -> dict[str, Any]:
    return {"begun_ms": happened_ms(event), "round": str(event.data.get("round", standing.round))}


def _done(standing: Standing, event: Event) -> dict[str, Any]:
    said = event.data.get("begun_ms")
    begun_ms = said if isinstance(said, int) and standing.begun_ms is None else standing.begun_ms
    return {
        "begun_ms": begun_ms,
        "done_ms": happened_ms(event),
        "round": str(event.data.get("round", standing.round)),
        "report": str(event.data.get("report", standing.report)),
    }


_FOLDS: Mapping[str, Callable[[Standing, Event], dict[str, Any]]] = {
    "assign": _assigned,
    "propose": lambda standing, event: {
        "proposed_ms": happened_ms(event),
        "agreed_ms": None,
        "agreed_by": "",
    },
    "agree": lambda standing, event: {
        "agreed_ms": happened_ms(event),
        "agreed_by": str(event.data.get("name", "")),
    },
    "begin": _begun,
    "finish": _done,
    "fulfil": _done,
    "report": lambda standing, event: {
        "reported_ms": happened_ms(event),
        "report": str(event.data.get("report", standing.report)),
    },
    "accept": lambda standing, event: {"accepted_by": str(event.data.get("name", ""))},
    "reopen": lambda standing, event: {"done_ms": None, "reported_ms": None, "round": "", "report": ""},
    "ticket": lambda standing, event: {"ticket": event.data.get("number", standing.ticket)},
}


# --- worries ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Worry:
    """How the customer's word, the work or the report stands. Instants are None where they cannot be said.

    coming_ms, open_ms, danger_ms    from when on it is that
    due_ms                           the first instant that is late
    ended_ms                         when it was done
    """

    about: About
    state: State
    coming_ms: int | None = None
    open_ms: int | None = None
    danger_ms: int | None = None
    due_ms: int
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
    about: About, instants: tuple[int | None, int | None, int | None, int], ended_ms: int | None, now_ms: int
) -> Worry:
    coming_ms, open_ms, danger_ms, due_ms = instants
    if ended_ms is not None:
        state: State = "met" if ended_ms < due_ms else "missed"
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
    return [
        (at_ms, Tell(worry.about, mark, worry.due_ms))
        for mark in marks
        if MARKS.index(mark) > furthest and (at_ms := worry.at_ms(mark)) is not None
    ]


def begins_ms(task: Task) -> int | None:
    """When its round begins by itself: a remote one, on the day it opens; None: it does not, or has begun."""
    is_ready = task.standing.state == ("agreed" if task.kind.agreement else "planned")
    return task.due.opens_ms if task.kind.mode == "remote" and is_ready else None


def needs_ticket(task: Task, found: Iterable[Worry]) -> bool:
    """Whether the work or its report is in danger, or overdue, and no ticket was opened for that yet."""
    late = [worry.state in ("danger", "overdue") for worry in found if worry.about != "agreement"]
    return task.standing.ticket is None and any(late)


# --- what fulfils it -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class RoundSeen:
    """A round, as far as it decides whose work it is. `task`: for which it was begun; None: for none in particular.

    done_ms    when it was finished; None: it runs
    reached    how many devices answered it
    """

    id: str
    site: str
    mode: Mode
    asked_ms: int
    done_ms: int | None
    reached: int = 0
    task: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportSeen:
    """A report that was issued: of which kind, for which site (empty: all of the plan), about which days."""

    id: str
    paper: str
    site: str
    first_day: date
    last_day: date
    issued_ms: int
    task: int | None = None


def fulfils(task: Task, done: RoundSeen) -> bool:
    """Whether a finished round is the work of a task: the one it was begun for, or one whose window it was begun in.

    A remote round that reached nothing has seen nothing, and is nobody's work.
    """
    if done.done_ms is None or done.site != task.due.site or not _may_be_done(task):
        return False
    if done.mode != task.kind.mode and done.mode not in task.kind.also_by:
        return False
    if done.mode == "remote" and not done.reached:
        return False
    if done.task is not None:
        return done.task == task.id
    return task.due.opens_ms <= done.asked_ms < task.due.due_ms


def _may_be_done(task: Task) -> bool:
    state = task.standing.state
    return state in STEPS["fulfil"].from_ and not (task.kind.agreement and state == "planned")


def reports(task: Task, issued: ReportSeen) -> bool:
    """Whether an issued report is the one that a task owes: of what was done, or as its work itself (mode `report`)."""
    if task.kind.mode == "report":
        is_owed = _may_be_done(task)
    else:
        is_owed = task.standing.state == "done" and task.kind.owes_report
    if not is_owed or issued.paper != task.kind.paper:
        return False
    if issued.task is not None:
        return issued.task == task.id
    covers = issued.first_day <= task.due.first_day and task.due.last_day <= issued.last_day
    return covers and issued.site == task.due.site


# --- free visits -----------------------------------------------------------------------------------------------------


class FreeCount(NamedTuple):
    """How many visits of a year are free, and were used."""

    year: Period
    free: int
    used: int

    @property
    def left(self) -> int:
        """How many are left."""
        return max(0, self.free - self.used)

    @property
    def is_next_charged(self) -> bool:
        """Whether one more is chargeable."""
        return not self.left


def free_count(kind: PlanKind, counted_from: date | None, visits: Iterable[date], day: date) -> FreeCount | None:
    """The free visits of the year that a day lies in, given the days of all visits; None: nobody counts them.

    `counted_from`: core.plans.anchor_of(), for years that are counted from a day.
    """
    if kind.free_a_year is None or (counted_from is not None and day < counted_from):
        return None
    (year,) = periods(CYCLES["year"], day, day, counted_from)
    used = sum(year.first_day <= visit <= year.last_day for visit in visits)
    return FreeCount(year, kind.free_a_year, used)

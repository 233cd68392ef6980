"""How a task (巡检任务) lives, from its plan to its acceptance: a table of steps, and a fold over its log. Pure.

    STEPS                                   the table: who may take which step in which states, and where it leads
    standing_of(log) -> Standing            how a task stands after its log; after(standing, event) after one more line
    refusal(task, wish)                     why a person may not take a step now; None: they may
    begins_ms(task)                         when its round begins by itself
    replanned(asked, held)                  what becomes of tasks when their plan asks for something else

The twin of core/lifecycle.py. What there is to worry about stands in worries.py, what fulfils a task in fulfilment.py.

    planned -> proposed -> agreed -> under_way -> done -> reported -> accepted
        \\          \\-> declined -> proposed               (cancelled, with a reason, from any that is not over)
         \\___ begin, where nobody asks the customer first ___^

docs/tasks.md has the whole drawing, made from the table.
`proposed` and `agreed` are there only for kinds that ask for the customer's word first (甲方确认). Where neither report
nor acceptance is wanted, a task is over when it is done.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Literal, NamedTuple

from roundsman_collector.core.contract import local_day
from roundsman_collector.core.lifecycle import Refusal, Wish
from roundsman_collector.core.periods import Workdays
from roundsman_collector.core.plan_kinds import PlanKind
from roundsman_collector.core.plans import Due, settled
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
    is_touched: bool = False
    """Somebody did something about it: a change of its plan leaves it as it is."""


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
    said = wish.data.get("day")
    if said and _day_of(said) is None:
        return Refusal("no_day", "日期应如2026-11-10", "a day such as 2026-11-10")
    if wish.data.get("engineer") or said:
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
    is_touched = standing.is_touched or event.verb not in _UNTOUCHING
    known = replace(standing, state=state, version=event.id if is_moved else standing.version, is_touched=is_touched)
    change = _FOLDS.get(event.verb)
    if change is not None:
        known = replace(known, **change(standing, event))
    if step is not None and step.to is not None:
        known = replace(known, last_ms=max(known.last_ms, happened_ms(event)))
    return known


_UNTOUCHING = ("plan", "move", "warn", "breach")
"""What the engine writes about a task of which nobody has done anything."""


def _day_of(said: object) -> date | None:
    """A day as the log keeps it; None for anything else."""
    try:
        return date.fromisoformat(said) if isinstance(said, str) else None
    except ValueError:
        return None


def _assigned(standing: Standing, event: Event) -> dict[str, Any]:
    return {
        "engineer": str(event.data.get("engineer") or standing.engineer),
        "day": _day_of(event.data.get("day")) or standing.day,
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


# --- what becomes of it ----------------------------------------------------------------------------------------------


def begins_ms(task: Task) -> int | None:
    """When its round begins by itself: a remote one, on the day it opens; None: it does not, or has begun."""
    is_ready = task.standing.state == ("agreed" if task.kind.agreement else "planned")
    return task.due.opens_ms if task.kind.mode == "remote" and is_ready else None


class Replanned(NamedTuple):
    """What becomes of tasks when their plan asks for something else."""

    made: tuple[Due, ...]
    moved: tuple[tuple[Task, Due], ...]
    withdrawn: tuple[Task, ...]


def replanned(asked: Iterable[Due], held: Iterable[Task]) -> Replanned:
    """What is to be made of what plans ask for now and is not there; moved, to other days; withdrawn, as not asked for.

    Only tasks that nobody has touched are moved or withdrawn; one that follows another moves with that, until it is
    done. `asked` reaches back to the first day of the period of every task in `held`, or it would be withdrawn.
    """
    wanted = {_key(due): due for due in asked}
    there = {_key(task.due): task for task in held}
    found = [(task, wanted.get(key)) for key, task in there.items()]
    return Replanned(
        made=tuple(due for key, due in wanted.items() if key not in there),
        moved=tuple((task, due) for task, due in found if due is not None and due != task.due and _may_move(task)),
        withdrawn=tuple(task for task, due in found if due is None and not task.standing.is_touched),
    )


def _key(due: Due) -> tuple[str, str, str]:
    return due.plan, due.site, due.period.id


def _may_move(task: Task) -> bool:
    return not task.standing.is_touched or (task.kind.after is not None and task.standing.state in UNDONE)

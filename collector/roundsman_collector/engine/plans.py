"""What plans ask for, as tasks: made 100 days ahead, moved and withdrawn as plans change, a slice of places at a time.

    plans.step(now_ms)          plans that changed, or all of them on a new day: one slice of one plan
    plans.follow(kind, now_ms)  a task of this kind ended, or did not after all: what follows it has other days

Nothing is remembered that a start does not find again: what plans ask for is compared with what there is. A task of a
plan, site and period is made once, whoever asks how often (a key of the database says so). What was due before anybody
knew of it is not asked for.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

import structlog

from roundsman_collector.core import sla
from roundsman_collector.core.calendar import NoWorkingTime
from roundsman_collector.core.contract import local_day
from roundsman_collector.core.level import Week
from roundsman_collector.core.periods import ONE_DAY, Workdays
from roundsman_collector.core.plan_kinds import PlanKind
from roundsman_collector.core.plans import Due, Place, Plan, PlanError, tasks_between, workdays_by
from roundsman_collector.core.postings import USUAL_ZONE
from roundsman_collector.core.sla import Version
from roundsman_collector.core.tasks import Task, replanned
from roundsman_collector.rules.shape import RulesError
from roundsman_collector.store import batch as stored
from roundsman_collector.store import plan_files
from roundsman_collector.store.plans import PlanRow
from roundsman_collector.store.tasks import TaskChange, TaskFound, TaskGone, TaskMade, TaskMoved

if TYPE_CHECKING:
    from roundsman_collector.engine.engine import Engine

log = structlog.get_logger(__name__)

AHEAD = timedelta(days=100)
BACK = timedelta(days=400)
"""So far back a period may have begun that is still due: a year, counted from any day."""
LOOK_EVERY_MS = 60_000
"""So often it is asked whether plans, sites, contracts or calendars have changed."""
PLACES_AT_ONCE = 200


class _Slice(NamedTuple):
    """A plan at some of its places, all of one time zone; of one that has ended there are none."""

    plan: PlanRow
    kind: PlanKind
    places: tuple[Place, ...]


class Plans:
    """What is planned, and what is to be planned anew."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self._known: tuple[str, date] | None = None
        """What plans looked like, and the day, when they were planned last."""
        self._looked_ms: int | None = None
        self._waiting: deque[_Slice] = deque()
        self._ended: deque[str] = deque()
        self._versions: dict[str, tuple[Version, ...]] = {}
        self._workdays: dict[tuple[Week, str], Workdays] = {}

    def workdays(self, kind: PlanKind, time_zone: str) -> Workdays:
        """The working days of a kind in a time zone, by the calendars as they were said when plans were looked at."""
        key = kind.week, time_zone
        if key not in self._workdays:
            calendar = kind.week.holidays
            if calendar not in self._versions:
                said = self._engine.store.days_said([calendar])
                self._versions[calendar] = sla.versions_of((one.day, one.from_ms, one.to_ms, one.said) for one in said)
            self._workdays[key] = workdays_by(kind.week, time_zone, self._versions[calendar])
        return self._workdays[key]

    def step(self, now_ms: int) -> int:
        """Plan a slice; return how many tasks were made, moved or withdrawn."""
        if not self._waiting and not self._ended:
            self._look(now_ms)
        if self._ended:
            return self._end(self._ended.popleft(), now_ms)
        return self._plan(self._waiting.popleft(), now_ms) if self._waiting else 0

    def follow(self, kind: str) -> None:
        """Tasks of this kind have ended, or gone on: plan anew what follows them."""
        self._waiting.extend(
            one
            for one in self._slices(self._engine.store.plans_in_force())
            if one.kind.after and one.kind.after.kind == kind
        )

    def _look(self, now_ms: int) -> None:
        if self._looked_ms is not None and 0 <= now_ms - self._looked_ms < LOOK_EVERY_MS:
            return
        self._looked_ms = now_ms
        seen = self._engine.store.plans_mark(), local_day(now_ms, USUAL_ZONE)
        if seen == self._known:
            return
        self._known = seen
        self._versions.clear()
        self._workdays.clear()
        rows = self._engine.store.plans_in_force()
        self._waiting.extend(self._slices(rows))
        self._ended.extend(self._engine.store.plans_with_tasks([one.id for one in rows]))

    def _slices(self, rows: Sequence[PlanRow]) -> list[_Slice]:
        """What there is to plan; what follows others comes last."""
        kinds = {one.id: kind for one in rows if (kind := _kind(one)) is not None}
        known = [one for one in rows if one.id in kinds]
        per_site = [one.id for one in known if kinds[one.id].per == "site"]
        places = self._engine.store.places_of_plans(known, per_site)
        found = []
        for one in sorted(known, key=lambda row: (kinds[row.id].after is not None, row.id)):
            for zone in sorted({place.time_zone for place in places[one.id]}):
                mine = tuple(place for place in places[one.id] if place.time_zone == zone)
                for at in range(0, len(mine), PLACES_AT_ONCE):
                    found.append(_Slice(one, kinds[one.id], mine[at : at + PLACES_AT_ONCE]))
        return found

    def _end(self, plan: str, now_ms: int) -> int:
        """A plan that holds no more: what nobody has touched goes."""
        gone = [_gone(one) for one in self._engine.store.tasks_of_plan(plan) if _may_go(one, now_ms)]
        self._commit(gone, now_ms)
        return len(gone)

    def _plan(self, one: _Slice, now_ms: int) -> int:
        try:
            changes = self._changes(one, now_ms)
        except (NoWorkingTime, PlanError, RulesError) as error:
            log.error(
                "a plan cannot be planned; it is tried again when it changes, or tomorrow",
                plan=one.plan.id,
                cause=str(error),
            )
            return 0
        self._commit(changes, now_ms)
        return len(changes)

    def _commit(self, changes: Sequence[TaskChange], now_ms: int) -> None:
        if changes:
            self._engine.store.commit(stored.Batch(now_ms=now_ms, tasks=changes))

    def _changes(self, one: _Slice, now_ms: int) -> list[TaskChange]:
        """What is to be made of what a plan asks for at some places."""
        plan, kind = one.plan, one.kind
        zone = one.places[0].time_zone
        today = local_day(now_ms, zone)
        held = {
            found.row.id: found for found in self._engine.store.tasks_of_plan(plan.id, [at.site for at in one.places])
        }
        from_day = min([today - BACK, *(found.row.due.period.first_day for found in held.values())])
        to_day = max([today + AHEAD, *(found.row.due.first_day + ONE_DAY for found in held.values())])
        asked = tasks_between(
            Plan(id=plan.id, first_day=plan.first_day, last_day=plan.last_day, places=one.places),
            kind,
            from_day,
            to_day,
            self.workdays(kind, zone),
            self._led(kind, from_day),
        )
        terms = plan_files.terms_of(plan.kind, plan.changes)
        what = replanned(asked, [found.task for found in held.values()])
        there = self._engine.store.task_keys(plan.id, from_day.isoformat())
        contracts = self._contracts(one)
        made = [
            TaskMade(due=due, terms=terms, contract=contracts.get(due.site, plan.contract), at_ms=now_ms)
            for due in what.made
            if (due.site, due.period.id) not in there and max(due.due_on, due.report_due_on or due.due_on) >= today
        ]
        moved = {task.id: due for task, due in what.moved}
        for task_id, due in self._reworded(held, asked, terms):
            moved.setdefault(task_id, due)
        return [
            *(_gone(held[task.id]) for task in what.withdrawn if _may_go(held[task.id], now_ms)),
            *made,
            *(TaskMoved(task=task, due=due, terms=terms, at_ms=now_ms) for task, due in moved.items()),
        ]

    def _reworded(self, held: Mapping[int, TaskFound], asked: Sequence[Due], terms: str) -> list[tuple[int, Due]]:
        """Tasks that nobody has touched and whose kind says something else now, on the same days."""
        wanted = {(due.site, due.period.id): due for due in asked}
        return [
            (one.row.id, wanted[one.row.site, one.row.period])
            for one in held.values()
            if one.row.body != terms and not one.row.is_touched and (one.row.site, one.row.period) in wanted
        ]

    def _led(self, kind: PlanKind, from_day: date) -> list[tuple[Due, date | None]]:
        """The tasks that this kind follows, as they stand."""
        if kind.after is None:
            return []
        tasks = [one.task for one in self._engine.store.tasks_of_kind(kind.after.kind, from_day.isoformat())]
        return [(self._settled(task), task.ended_on) for task in tasks]

    def _settled(self, task: Task) -> Due:
        return task.settled(self.workdays(task.kind, task.due.time_zone))

    def _contracts(self, one: _Slice) -> dict[str, str | None]:
        """Under which contract a plan's own site stands."""
        if one.plan.site is None:
            return {}
        subject = f"#{one.plan.site}"
        home = self._engine.store.whereabouts([subject]).get(subject)
        return {one.plan.site: None if home is None else home.contract}


def _kind(plan: PlanRow) -> PlanKind | None:
    """The kind of a plan; None, and an error in the log: it cannot be read any more."""
    try:
        return plan_files.kind_of(plan.kind, plan.changes)
    except RulesError as error:
        log.error(
            "a plan asks for a kind that cannot be read; nothing is planned for it", plan=plan.id, cause=str(error)
        )
        return None


def _gone(one: TaskFound) -> TaskGone:
    return TaskGone(task=one.row.id)


def _may_go(one: TaskFound, now_ms: int) -> bool:
    """Whether nobody has touched a task, and it is not overdue: that stays."""
    return not one.row.is_touched and one.row.due_ms > now_ms and not any(event.verb == "breach" for event in one.log)

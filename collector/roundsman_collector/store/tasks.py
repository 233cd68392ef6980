"""Tasks (巡检任务) in the database: made once for a plan, a site and a period; a log that only grows, and what it says.

    change(connection, [TaskMade, TaskMoved, TaskGone, TaskLine, TaskSettled], opened)     in a batch's transaction
    due(connection, now_ms, limit) -> [TaskFound, ...]       to be looked at by now, each with its log
    wake_of_rounds(connection, rounds, now_ms)               rounds began or are over: look at the tasks of their sites
    found(connection, 12) -> TaskFound                       one, with its log; for people see task_lists.py

A row is what its log says (core/tasks.py), written in the same transaction. Who may take which step is decided before.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Connection

from roundsman_collector.core.periods import Period
from roundsman_collector.core.plans import Due
from roundsman_collector.core.tasks import Task, standing_of
from roundsman_collector.core.ticket_log import ROBOT, Event
from roundsman_collector.store.errors import conflict
from roundsman_collector.store.plan_files import kind_from
from roundsman_collector.store.sql import chunks, clean, json_text, many, marks, run

if TYPE_CHECKING:
    from roundsman_collector.store.tickets import TicketOpened

TEXT_LIMIT = 4000


# --- what befalls tasks ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskMade:
    """A task that a plan asks for; one of the same plan, site and period that is there stays as it is."""

    due: Due
    terms: str
    contract: str | None
    at_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskMoved:
    """Its plan asks for it on other days, or otherwise."""

    task: int
    due: Due
    terms: str
    at_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskGone:
    """No plan asks for it any more, and nobody has touched it."""

    task: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskLine:
    """A line of its log. `opens`: which of the tickets that the same batch opened it tells of."""

    task: int
    at_ms: int
    verb: str
    who: str = ROBOT
    text: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    opens: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskSettled:
    """By when it is due as it stands, how far the gravest worry has got, and when it is looked at next."""

    task: int
    due_ms: int
    report_due_ms: int | None
    mark: str
    wake_at_ms: int | None


TaskChange = TaskMade | TaskMoved | TaskGone | TaskLine | TaskSettled


class TaskRow(NamedTuple):
    """A task as it is kept: see schema.task. `body`: its kind as it was made by."""

    id: int
    plan: str
    site: str
    period: str
    kind: str
    contract: str | None
    time_zone: str
    period_first_day: str
    period_last_day: str
    first_day: str
    last_day: str
    opens_on: str
    due_on: str
    report_due_on: str | None
    is_expected: bool
    made_ms: int
    state: str
    is_over: bool
    is_touched: bool
    version: int
    engineer: str
    day: str | None
    done_ms: int | None
    opens_ms: int
    due_ms: int
    report_due_ms: int | None
    mark: str
    ticket_id: int | None
    wake_at_ms: int | None
    body: str

    @property
    def due(self) -> Due:
        """What its plan asked for."""
        return Due(
            plan=self.plan,
            kind=self.kind,
            site=self.site,
            time_zone=self.time_zone,
            period=Period(
                self.period, date.fromisoformat(self.period_first_day), date.fromisoformat(self.period_last_day)
            ),
            first_day=date.fromisoformat(self.first_day),
            last_day=date.fromisoformat(self.last_day),
            opens_on=date.fromisoformat(self.opens_on),
            due_on=date.fromisoformat(self.due_on),
            report_due_on=None if self.report_due_on is None else date.fromisoformat(self.report_due_on),
            is_expected=self.is_expected,
        )


class TaskFound(NamedTuple):
    """A task with its log."""

    row: TaskRow
    log: list[Event]

    @property
    def task(self) -> Task:
        """As the core reads it."""
        row = self.row
        return Task(id=row.id, kind=kind_from(row.body), due=row.due, standing=standing_of(self.log))


COLUMNS = ", ".join(f"task.{name}" for name in TaskRow._fields[:-1]) + ", task_terms.body"
SELECT = f"SELECT {COLUMNS} FROM task JOIN task_terms ON task_terms.hash = task.terms WHERE "
TRUTHS = [at for at, name in enumerate(TaskRow._fields) if name.startswith("is_")]


# --- changing --------------------------------------------------------------------------------------------------------


def change(connection: Connection, changes: Sequence[TaskChange], opened: "Sequence[TicketOpened]" = ()) -> None:
    """Make the changes: what is gone, new and moved first, then lines in their order, then how rows stand."""
    if not changes:
        return
    _keep_terms(connection, {one.terms for one in changes if isinstance(one, TaskMade | TaskMoved)})
    _forget(connection, [one.task for one in changes if isinstance(one, TaskGone)])
    _make(connection, [one for one in changes if isinstance(one, TaskMade)])
    moved = [one for one in changes if isinstance(one, TaskMoved)]
    _move(connection, moved)
    lines = [one for one in changes if isinstance(one, TaskLine)]
    _write(connection, lines, opened)
    _restate(connection, {*(one.task for one in moved), *(one.task for one in lines)})
    settled = [one for one in changes if isinstance(one, TaskSettled)]
    many(
        connection,
        "UPDATE task SET due_ms = ?, report_due_ms = ?, mark = ?, wake_at_ms = ? WHERE id = ?",
        [(one.due_ms, one.report_due_ms, one.mark, one.wake_at_ms, one.task) for one in settled],
    )


def wake_of_rounds(connection: Connection, rounds: Iterable[int], now_ms: int) -> None:
    """These rounds were begun, or are over: let the live tasks of their sites be looked at."""
    many(
        connection,
        "UPDATE task SET wake_at_ms = ? WHERE site = (SELECT site FROM round WHERE id = ? AND kind = 'site') "
        "AND NOT is_over AND (wake_at_ms IS NULL OR wake_at_ms > ?)",
        [(now_ms, one, now_ms) for one in rounds],
    )


def wake_of_report(connection: Connection, scope: str, about: str, now_ms: int) -> None:
    """A report about this was issued: let the live tasks that may owe it be looked at."""
    reached = REPORTED_BY.get(scope)
    if reached is not None:
        named = [about] * reached.count("?")
        sql = (
            f"UPDATE task SET wake_at_ms = ? WHERE {reached} AND NOT is_over AND (wake_at_ms IS NULL OR wake_at_ms > ?)"
        )
        run(connection, sql, now_ms, *named, now_ms)


REPORTED_BY: Mapping[str, str] = {
    "site": "site = ?",
    "contract": "contract = ?",
    "customer": "contract IN (SELECT id FROM contract WHERE customer = ?)",
    "company": "site = '' AND contract IS NULL",
}
"""Of which tasks a report can be the paper, by what it is about."""


def _hash(terms: str) -> str:
    return hashlib.sha256(terms.encode()).hexdigest()


def _keep_terms(connection: Connection, terms: Iterable[str]) -> None:
    rows = [(_hash(one), one) for one in sorted(terms)]
    many(connection, "INSERT INTO task_terms (hash, body) VALUES (?, ?) ON CONFLICT (hash) DO NOTHING", rows)


def _days(due: Due) -> tuple[object, ...]:
    """What a row says of the days that its plan asks for."""
    report = None if due.report_due_on is None else due.report_due_on.isoformat()
    days = (due.period.first_day, due.period.last_day, due.first_day, due.last_day, due.opens_on, due.due_on)
    dues = (due.opens_ms, due.due_ms, due.report_due_ms)
    return (due.time_zone, *(day.isoformat() for day in days), report, due.is_expected, *dues)


DAYS = (
    "time_zone, period_first_day, period_last_day, first_day, last_day, opens_on, due_on, report_due_on, is_expected, "
    "opens_ms, due_ms, report_due_ms"
)


def _make(connection: Connection, made: Sequence[TaskMade]) -> None:
    rows = [
        (
            *(one.due.plan, one.due.site, one.due.period.id, one.due.kind, one.contract, _hash(one.terms)),
            *_days(one.due),
            *(one.at_ms, "planned", False, False, 0, "", "", one.at_ms),
        )
        for one in made
    ]
    names = f"plan, site, period, kind, contract, terms, {DAYS}, made_ms, state, is_over, is_touched, version, engineer"
    many(
        connection,
        f"INSERT INTO task ({names}, mark, wake_at_ms) VALUES ({marks(26)}) "
        "ON CONFLICT (plan, site, period) DO NOTHING",
        rows,
    )
    many(
        connection,
        "INSERT INTO task_event (task_id, at_ms, who, verb, text, data) SELECT id, made_ms, ?, 'plan', '', "
        """'{"due_on": "' || due_on || '", "opens_on": "' || opens_on || '"}' """
        "FROM task WHERE plan = ? AND site = ? AND period = ? AND version = 0",
        [(ROBOT, one.due.plan, one.due.site, one.due.period.id) for one in made],
    )
    if made:
        newest = "(SELECT max(task_event.id) FROM task_event WHERE task_event.task_id = task.id)"
        run(connection, f"UPDATE task SET version = {newest} WHERE version = 0")


def _move(connection: Connection, moved: Sequence[TaskMoved]) -> None:
    many(
        connection,
        f"UPDATE task SET {DAYS.replace(',', ' = ?,')} = ?, terms = ?, wake_at_ms = ? WHERE id = ?",
        [(*_days(one.due), _hash(one.terms), one.at_ms, one.task) for one in moved],
    )
    lines = [
        TaskLine(
            task=one.task,
            at_ms=one.at_ms,
            verb="move",
            data={"opens_on": one.due.opens_on.isoformat(), "due_on": one.due.due_on.isoformat()},
        )
        for one in moved
    ]
    _write(connection, lines, ())


def _forget(connection: Connection, tasks: Sequence[int]) -> None:
    for table, key in (("task_event", "task_id"), ("task", "id")):
        many(connection, f"DELETE FROM {table} WHERE {key} = ?", [(task,) for task in tasks])


def _write(connection: Connection, lines: Sequence[TaskLine], opened: "Sequence[TicketOpened]") -> None:
    rows = []
    for one in lines:
        data = dict(one.data)
        if one.opens is not None:
            data |= {"number": opened[one.opens].id, "ticket": opened[one.opens].number}
        rows.append((one.task, one.at_ms, clean(one.who, 160), one.verb, clean(one.text, TEXT_LIMIT), json_text(data)))
    many(connection, "INSERT INTO task_event (task_id, at_ms, who, verb, text, data) VALUES (?, ?, ?, ?, ?, ?)", rows)


def _restate(connection: Connection, tasks: Iterable[int]) -> None:
    """Let rows say what their logs do."""
    found = with_logs(connection, read(connection, "task.id", tasks))
    rows = []
    for one in found:
        task = one.task
        now = task.standing
        day = None if now.day is None else now.day.isoformat()
        said = (now.state, task.is_over, now.is_touched, now.version, now.engineer, day, now.done_ms, now.ticket)
        rows.append((*said, one.row.id))
    many(
        connection,
        "UPDATE task SET state = ?, is_over = ?, is_touched = ?, version = ?, engineer = ?, day = ?, done_ms = ?, "
        "ticket_id = ? WHERE id = ?",
        rows,
    )


# --- reading, for the engine -----------------------------------------------------------------------------------------


def due(connection: Connection, now_ms: int, limit: int) -> list[TaskFound]:
    """Tasks that are to be looked at by now, the longest due first."""
    rows = _rows(connection, "task.wake_at_ms <= ? ORDER BY task.wake_at_ms, task.id LIMIT ?", now_ms, limit)
    return with_logs(connection, rows)


def of_plan(connection: Connection, plan: str, sites: Iterable[str] | None = None) -> list[TaskFound]:
    """A plan's tasks that are not over, with their logs: all, or those at these sites."""
    where = "task.plan = ? AND NOT task.is_over"
    if sites is None:
        return with_logs(connection, _rows(connection, where, plan))
    rows: list[TaskRow] = []
    for part in chunks(sorted(set(sites))):
        rows += _rows(connection, f"{where} AND task.site IN ({marks(len(part))}) ORDER BY task.id", plan, *part)
    return with_logs(connection, rows)


def keys(connection: Connection, plan: str, from_day: str) -> set[tuple[str, str]]:
    """Site and period of all tasks of a plan that end on this day or later, over or not."""
    found = run(connection, "SELECT site, period FROM task WHERE plan = ? AND last_day >= ?", plan, from_day)
    return {(row[0], row[1]) for row in found}


def planned_without(connection: Connection, plans: Iterable[str]) -> list[str]:
    """Plans that have tasks that are not over, and are not among these: they have ended."""
    found = run(connection, "SELECT DISTINCT plan FROM task WHERE NOT is_over").scalars()
    return sorted(set(found) - set(plans))


def of_kind(connection: Connection, kind: str, from_day: str) -> list[TaskFound]:
    """The tasks of a kind that end on this day or later and were not cancelled."""
    where = "task.kind = ? AND task.last_day >= ? AND task.state <> 'cancelled' ORDER BY task.id"
    return with_logs(connection, _rows(connection, where, kind, from_day))


def of_site(connection: Connection, site: str, first_day: str, last_day: str) -> list[TaskFound]:
    """A site's tasks that are due from the first of these days to the last, those due first first, with their logs."""
    where = "task.site = ? AND task.due_on >= ? AND task.due_on <= ? ORDER BY task.due_on, task.id"
    return with_logs(connection, _rows(connection, where, site, first_day, last_day))


def late_of_ticket(connection: Connection, ticket: int, but: int) -> int:
    """How many tasks beside this one are late, or nearly, and have this ticket."""
    sql = "SELECT count(*) FROM task WHERE ticket_id = ? AND id <> ? AND mark IN ('danger', 'overdue') AND NOT is_over"
    return int(run(connection, sql, ticket, but).scalar_one())


def with_logs(connection: Connection, rows: Sequence[TaskRow]) -> list[TaskFound]:
    """These tasks with their logs."""
    logs: dict[int, list[Event]] = {row.id: [] for row in rows}
    for part in chunks(logs):
        found = run(
            connection,
            "SELECT task_id, id, at_ms, who, verb, text, data FROM task_event "
            f"WHERE task_id IN ({marks(len(part))}) ORDER BY id",
            *part,
        )
        for task, *line, data in found:
            logs[task].append(Event(line[0], line[1], line[2], line[3], line[4], json.loads(data)))
    return [TaskFound(row, logs[row.id]) for row in rows]


def found(connection: Connection, task: int) -> TaskFound:
    """A task with its log; StoreError where there is none."""
    rows = read(connection, "task.id", [task])
    if not rows:
        raise conflict(f"there is no task {task}", "task", "look it up in the list of tasks")
    return with_logs(connection, rows)[0]


def read(connection: Connection, column: str, values: Iterable[object]) -> list[TaskRow]:
    """Tasks by a column of this package's own naming."""
    rows: list[TaskRow] = []
    for part in chunks(sorted(set(values))):  # type: ignore[type-var]
        rows += _rows(connection, f"{column} IN ({marks(len(part))}) ORDER BY task.id", *part)
    return rows


def _rows(connection: Connection, where: str, *values: object) -> list[TaskRow]:
    return [row_of(row) for row in run(connection, SELECT + where, *values)]


def row_of(found: Sequence[Any]) -> TaskRow:
    """A row of the database's, its truth values as Python's."""
    values: list[Any] = [bool(value) if at in TRUTHS else value for at, value in enumerate(found)]
    return TaskRow(*values)

"""Tasks for people, as far as their scope reaches.

    page(connection, scope, TaskFilter(site="mall-1", marks=("danger", "overdue")), after=12, limit=50)     by opening
    one(connection, scope, 12) -> TaskFound | None
    counts(connection, scope) -> {"danger": 3, "overdue": 1, ...}       of tasks that are not over, by how far they got
    visits(connection, row) -> [day, ...]                               on which work of a task's plan ended at its site

A task of a site is reached with the site, where it stands under the customer's contract; one of a contract with its
customer; one of the company by whoever reaches everything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection

from roundsman_collector.core.contract import local_day
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import reach
from roundsman_collector.store.sql import marks, run
from roundsman_collector.store.tasks import SELECT, TaskFound, TaskRow, row_of, with_logs


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskFilter:
    """What of tasks is wanted; nothing said: all. `from_ms`, `to_ms`: that may be worked on in [from, to)."""

    site: str = ""
    contract: str = ""
    plan: str = ""
    kind: str = ""
    engineer: str = ""
    states: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    is_over: bool | None = None
    from_ms: int | None = None
    to_ms: int | None = None


def seen(scope: Scope) -> reach.Condition:
    """The condition under which a task is reached."""
    if scope.everything:
        return reach.ALL, []
    parts: list[str] = []
    values: list[object] = []
    groups, customers = sorted(scope.groups), sorted(scope.customers)
    site = "SELECT site.id FROM site WHERE site.to_ms IS NULL AND site."
    if groups:
        parts.append(f"task.site IN ({site}group_id IN ({marks(len(groups))}))")
        values += groups
    if customers:
        own = f"SELECT contract.id FROM contract WHERE to_ms IS NULL AND customer IN ({marks(len(customers))})"
        mine = f"task.site IN ({site}customer IN ({marks(len(customers))}))"
        parts.append(f"((task.contract IS NULL AND {mine}) OR task.contract IN ({own}))")
        values += [*customers, *customers]
    return (f"({' OR '.join(parts)})", values) if parts else (reach.NONE, [])


def page(
    connection: Connection, scope: Scope, wanted: TaskFilter, *, after: int | None = None, limit: int = 100
) -> list[TaskRow]:
    """Tasks by the day they open, behind the task `after`."""
    condition, values = seen(scope)
    where, bound = [condition], list(values)
    for column in ("site", "contract", "plan", "kind", "engineer"):
        if getattr(wanted, column):
            where.append(f"task.{column} = ?")
            bound.append(getattr(wanted, column))
    for column, several in (("state", wanted.states), ("mark", wanted.marks)):
        if several:
            where.append(f"task.{column} IN ({marks(len(several))})")
            bound += several
    if wanted.is_over is not None:
        where.append("task.is_over" if wanted.is_over else "NOT task.is_over")
    if wanted.to_ms is not None:
        where.append("task.opens_ms < ?")
        bound.append(wanted.to_ms)
    if wanted.from_ms is not None:
        where.append("COALESCE(task.report_due_ms, task.due_ms) > ?")
        bound.append(wanted.from_ms)
    if after is not None:
        last = run(connection, "SELECT opens_ms FROM task WHERE id = ?", after).scalar()
        where.append("(task.opens_ms > ? OR (task.opens_ms = ? AND task.id > ?))")
        bound += [last or 0, last or 0, after]
    sql = f"{SELECT}{' AND '.join(where)} ORDER BY task.opens_ms, task.id LIMIT ?"
    return [row_of(row) for row in run(connection, sql, *bound, limit)]


def one(connection: Connection, task: int, scope: Scope = EVERYTHING) -> TaskFound | None:
    """A task with its log, if the scope reaches it."""
    condition, values = seen(scope)
    rows: Sequence[Any] = run(connection, f"{SELECT}task.id = ? AND {condition}", task, *values).all()
    return with_logs(connection, [row_of(rows[0])])[0] if rows else None


def counts(connection: Connection, scope: Scope) -> dict[str, int]:
    """How many tasks that are not over have got how far."""
    condition, values = seen(scope)
    sql = f"SELECT mark, count(*) FROM task WHERE NOT is_over AND {condition} GROUP BY mark"
    return {str(mark): int(count) for mark, count in run(connection, sql, *values)}


def visits(connection: Connection, row: TaskRow) -> list[date]:
    """The days on which the work of a task's plan ended at its site."""
    done = "SELECT done_ms FROM task WHERE plan = ? AND site = ? AND done_ms IS NOT NULL AND state <> 'cancelled'"
    found = [int(at_ms) for at_ms in run(connection, done, row.plan, row.site).scalars()]
    return sorted(local_day(at_ms, row.time_zone) for at_ms in found)

"""Plans' tasks as people see them (task_lists.py)."""

from collections.abc import Collection
from datetime import date

from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import levels, task_lists
from roundsman_collector.store.levels import DaySaid
from roundsman_collector.store.task_lists import TaskFilter
from roundsman_collector.store.tasks import TaskFound, TaskRow, with_logs
from roundsman_collector.store.views.reading import Reading

MOST = 1_000_000
"""More tasks than anybody has."""


class TaskReads(Reading):
    """What is to be done again and again, where, by when."""

    def tasks(self, scope: Scope, wanted: TaskFilter, *, after: int | None = None, limit: int = 100) -> list[TaskRow]:
        """Tasks that the scope reaches, by the day they open, behind the task `after`."""
        with self._reading("tasks") as connection:
            return task_lists.page(connection, scope, wanted, after=after, limit=limit)

    def tasks_told(self, scope: Scope, wanted: TaskFilter) -> list[TaskFound]:
        """All of them, each with its log."""
        with self._reading("tasks with their logs") as connection:
            return with_logs(connection, task_lists.page(connection, scope, wanted, limit=MOST))

    def task(self, task: int, scope: Scope = EVERYTHING) -> TaskFound | None:
        """A task with its log, if the scope reaches it."""
        with self._reading("a task") as connection:
            return task_lists.one(connection, task, scope)

    def task_counts(self, scope: Scope) -> dict[str, int]:
        """How many tasks that are not over are coming, open, in danger, overdue."""
        with self._reading("how tasks stand") as connection:
            return task_lists.counts(connection, scope)

    def visits(self, row: TaskRow) -> list[date]:
        """The days on which work of a task's plan ended at its site."""
        with self._reading("visits") as connection:
            return task_lists.visits(connection, row)

    def days_of(self, calendars: Collection[str]) -> list[DaySaid]:
        """Everything that was ever said of the days of these calendars."""
        with self._reading("calendars") as connection:
            return levels.days_said(connection, calendars)

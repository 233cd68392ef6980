"""Reminders of tasks (到期提醒): one notice for each way that wants it, of all the tasks that they are about.

    write(connection, [Reminder(about="work", mark="danger", tell=("engineer", "dispatcher"), tasks=(12, 13))], ...)

A way that is nobody's own hears of all that its filter reaches. Somebody's own way hears of what they are sent to (or,
where nobody is, of the sites they answer for) as an engineer, and of what their scope reaches where their role is told.
Nobody is woken: what falls due at midnight is told in the morning, by the clock of the first site.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection

from roundsman_collector.core.calendar import EPOCH, MILLISECOND, zone
from roundsman_collector.core.ticket_log import ROBOT
from roundsman_collector.store import people, tasks, ways
from roundsman_collector.store.notices import INSERT
from roundsman_collector.store.people import PersonRow
from roundsman_collector.store.plan_files import kind_from
from roundsman_collector.store.sql import chunks, json_text, many, marks, run
from roundsman_collector.store.tasks import TaskRow
from roundsman_collector.store.ways import Belonging, WayRow

EVENT: ways.Event = "task_due"
NAMED = 20
"""So many tasks are named in a notice; the others are counted."""
MORNING_HOUR = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Reminder:
    """How tasks of one kind, contract and period stand: about what (core/worries.py), how far, who is to hear."""

    about: str
    mark: str
    tell: tuple[str, ...]
    tasks: tuple[int, ...]


class _Desk:
    """What bears on who hears of it, looked up once."""

    def __init__(self, connection: Connection, rows: Sequence[TaskRow]) -> None:
        self._connection = connection
        self._homes: dict[str, Belonging] = {}
        self._people: dict[str, PersonRow | None] = {}
        self.sites: dict[str, tuple[str, str, str | None]] = {}
        for part in chunks(sorted({row.site for row in rows if row.site})):
            sql = f"SELECT id, name_zh, name_en, engineer FROM site WHERE to_ms IS NULL AND id IN ({marks(len(part))})"
            self.sites.update((row[0], tuple(row[1:])) for row in run(connection, sql, *part))

    def home(self, row: TaskRow) -> Belonging:
        """Where a task belongs; one of a contract or of the company to nobody's groups and customers."""
        if row.site not in self._homes:
            nowhere = Belonging(groups=frozenset(), customers=frozenset(), devices=frozenset())
            self._homes[row.site] = ways.belonging(self._connection, f"#{row.site}") if row.site else nowhere
        return self._homes[row.site]

    def person(self, login: str) -> PersonRow | None:
        """Somebody who may sign in."""
        if login not in self._people:
            found = people.one(self._connection, login)
            self._people[login] = None if found is None or found.disabled_ms is not None else found
        return self._people[login]

    def hears(self, way: WayRow, row: TaskRow, tell: Sequence[str]) -> bool:
        """Whether a way is told of a task."""
        home = self.home(row)
        if not way.filter.reaches(home):
            return False
        if way.person is None:
            return True
        known = self.person(way.person)
        if known is None:
            return False
        mine = row.engineer or self.sites.get(row.site, ("", "", None))[2]
        is_sent = "engineer" in tell and mine == way.person
        scope = known.scope
        is_reached = scope.everything or bool(home.groups & scope.groups) or bool(home.customers & scope.customers)
        return is_sent or (known.role in set(tell) - {"engineer"} and is_reached)


def write(connection: Connection, told: Sequence[Reminder], listeners: Sequence[WayRow], now_ms: int) -> None:
    """Put the reminders into the outbox, in the transaction of the lines that they tell of."""
    hearing = [way for way in listeners if way.filter.wants(EVENT, "minor")]
    if not hearing:
        return
    rows = {row.id: row for row in tasks.read(connection, "task.id", [task for one in told for task in one.tasks])}
    desk = _Desk(connection, list(rows.values()))
    notices: list[tuple[object, ...]] = []
    for one in told:
        for way in hearing:
            mine = [rows[task] for task in one.tasks if desk.hears(way, rows[task], one.tell)]
            if mine:
                due_ms = _due_ms(mine[0], one.about)
                key = f"{EVENT}:{mine[0].id}:{one.about}:{one.mark}:{due_ms}"
                at_ms = _by_day(mine[0].time_zone, now_ms)
                about = (way.id, key, EVENT, "", json_text(_facts(desk, one, mine)), now_ms, at_ms)
                notices.append((*about, None, "", "", at_ms, False))
    many(connection, INSERT, notices)


def _facts(desk: _Desk, one: Reminder, mine: Sequence[TaskRow]) -> dict[str, Any]:
    kind = kind_from(mine[0].body)
    named = []
    for row in mine[:NAMED]:
        zh, en, _ = desk.sites.get(row.site, ("", "", None))
        due_ms = _due_ms(row, one.about)
        where = {"site": row.site, "site_zh": zh, "site_en": en}
        named.append({"id": row.id, **where, "due_ms": due_ms, "time_zone": row.time_zone})
    about: Mapping[str, Any] = {"about": one.about, "mark": one.mark, "kind_zh": kind.zh, "kind_en": kind.en}
    return {
        "reminder": {**about, "period": mine[0].period, "count": len(mine), "tasks": named},
        "who": ROBOT,
        "text": "",
    }


def _due_ms(row: TaskRow, about: str) -> int:
    """By when it is due: the first instant that is late."""
    return row.report_due_ms if about == "report" and row.report_due_ms is not None else row.due_ms


def _by_day(time_zone: str, now_ms: int) -> int:
    """Now, or the morning of a day that has just begun."""
    local = (EPOCH + now_ms * MILLISECOND).astimezone(zone(time_zone))
    morning = local.replace(hour=MORNING_HOUR, minute=0, second=0, microsecond=0)
    return now_ms + max(0, round((morning - local) / timedelta(milliseconds=1)))

"""What recurs in the town: its plans, and the people who do what they ask for each morning, but for what nobody does.

    duties = Duties(quarter)           plans are entered; from then on somebody works at eleven each day

Of what is promised one call is forgotten, and one customer never says whether it agrees to its upkeep.
"""

from roundsman_collector.core.tasks import UNDONE
from roundsman_collector.core.worries import worries
from roundsman_collector.store import Deed
from roundsman_collector.store.round_log import NewLine
from roundsman_collector.store.sql import run
from roundsman_collector.store.tasks import TaskFound, with_logs
from roundsman_collector.store.tasks import _rows as task_rows
from tests.quarter import town
from tests.quarter.papers import OWED
from tests.quarter.quarter import FIRST, HOUR, LAST, MINUTE, Quarter

FORGOTTEN = ("tianyi-call", "school-1", "2026-11")
UNANSWERED = ("security-upkeep", "metro-6", "2026-Q4")
LOOKED_AT = ("phone", "visit")
"""Modes whose work is a round."""


class Duties:
    """The plans of the town, and who does what they ask for."""

    def __init__(self, quarter: Quarter) -> None:
        self.quarter = quarter
        deed = Deed(who="wang", at_ms=quarter.now_ms)
        for client in town.CLIENTS:
            for kind in client.plans:
                about = {"kind": kind, "first_day": "2026-10-01", "contract": client.id}
                quarter.office.put_entry("plan", f"{client.id}-{kind}", about, deed=deed)
        for kind in town.FOR_US:
            quarter.office.put_entry("plan", kind, {"kind": kind, "first_day": "2026-10-01"}, deed=deed)
        for day in range(-1, (LAST - FIRST) // (24 * HOUR) + 19):
            quarter.at(FIRST + day * 24 * HOUR + 11 * HOUR, self._morning)

    def found(self) -> list[TaskFound]:
        """Every task, by opening."""
        with self.quarter.store._read.connect() as connection:
            return with_logs(connection, task_rows(connection, "1 = 1 ORDER BY task.opens_ms, task.id"))

    def _morning(self) -> None:
        for one in self.found():
            about = (one.row.kind, one.row.site, one.row.period)
            if about not in (FORGOTTEN, UNANSWERED):
                self._works(one)
            elif about == UNANSWERED and one.row.state == "planned":
                self._does(one.row.id, "propose", "wang")

    def _works(self, one: TaskFound) -> None:
        """Somebody does today what can be done today."""
        task, row, now_ms = one.task, one.row, self.quarter.now_ms
        if task.is_over:
            return
        if task.kind.agreement and row.state == "planned":
            self._does(row.id, "propose", "wang")
            self._does(row.id, "agree", "wang", name="钱女士")
        elif row.opens_ms > now_ms or row.is_expected:
            return
        elif row.state in UNDONE:
            self._begins(one)
        elif (row.kind, row.site) in OWED and row.state == "done":
            return
        elif row.state == "done" and task.kind.owes_report:
            workdays = self.quarter.engine.plans.workdays(task.kind, row.time_zone)
            stands = {worry.about: worry.state for worry in worries(task, workdays, now_ms)}
            if stands.get("report", "open") != "waiting":
                self._does(row.id, "report", "wang", report=f"report of {row.id}")
        else:
            self._does(row.id, "accept", "wang", name="钱女士")

    def _begins(self, one: TaskFound) -> None:
        row, mode = one.row, one.task.kind.mode
        if mode in LOOKED_AT:
            self._looks(row.id, row.site, mode)
        elif mode != "remote":
            if row.state != "under_way":
                self._does(row.id, "begin", "li")
            self._does(row.id, "finish", "li")

    def _looks(self, task: int, site: str, mode: str) -> None:
        """Somebody begins a round for a task, and has finished it half an hour later."""
        with self.quarter.store._read.connect() as connection:
            unfinished = "SELECT 1 FROM round WHERE site = ? AND state IN ('running', 'open')"
            if run(connection, unfinished, site).first():
                return  # one at a time: the other one tomorrow
        now_ms = self.quarter.now_ms
        said = {"site": site, "from_ms": now_ms - 24 * HOUR, "to_ms": now_ms, "mode": mode, "task": task}
        answer = self.quarter.does("li", "round", **said)
        assert answer.state == "done", answer.result
        number = str((answer.result or {})["round"])
        self.quarter.at(now_ms + 5 * MINUTE, self.quarter.tick)  # agents that are silent are waited for no longer
        self.quarter.at(now_ms + 30 * MINUTE, lambda: self._finishes(number))

    def _finishes(self, number: str) -> None:
        with self.quarter.store._read.connect() as connection:
            round_id = run(connection, "SELECT id FROM round WHERE number = ? AND state = 'open'", number).scalar_one()
        line = NewLine(verb="finish", item="", at_ms=self.quarter.now_ms)
        self.quarter.office.finish_round(int(round_id), line, deed=Deed(who="li", at_ms=self.quarter.now_ms))

    def _does(self, task: int, step: str, who: str, **data: object) -> None:
        answer = self.quarter.does(who, "task", task=task, step=step, text="", data=data, may_overrule=who == "zhao")
        assert answer.state == "done", (task, step, answer.result)

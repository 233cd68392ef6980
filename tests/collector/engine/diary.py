"""Plans at work around a real engine and store, told by the clock on the wall in Shanghai.

    diary = Diary(folder)                                   a customer with a contract, and two malls with a kiosk each
    diary.plans("kiosk-phone")                              the contract promises it from 1 October 2026 on
    diary.until("2026-10-09 09:00")                         what time brings until then
    diary.does(task, "begin", by="li")                      a step of a person, as a command
    diary.inspects("mall-1", "phone")                       somebody begins a round by hand, and finishes it
    diary.issues("weekly", "company", "", "2026-W48")       somebody issues a report

While time passes the engine plans each morning, and looks at tasks when they wake; agents answer errands at once where
`agents_answer` says so.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Self
from zoneinfo import ZoneInfo

from roundsman_collector.config import built_in
from roundsman_collector.core.lifecycle import LIVE
from roundsman_collector.core.periods import period_named
from roundsman_collector.engine import errands, timely
from roundsman_collector.rules.calendars import calendar_from
from roundsman_collector.store import Deed, NoticeRow, Office, ReportDesk, TicketRow
from roundsman_collector.store.batch import Batch
from roundsman_collector.store.commands import CommandRow
from roundsman_collector.store.issued import Made, NewBody, Wish
from roundsman_collector.store.round_log import NewLine
from roundsman_collector.store.rounds import ErrandAnswer
from roundsman_collector.store.sql import run
from roundsman_collector.store.tasks import TaskFound, with_logs
from roundsman_collector.store.tasks import _rows as task_rows
from tests.collector.engine.desk import Collector

SHANGHAI = ZoneInfo("Asia/Shanghai")
DAY_MS = 86_400_000
SITES = ("mall-1", "mall-2")


def instant(said: str) -> int:
    """What the wall shows, as milliseconds."""
    return round(datetime.fromisoformat(said).replace(tzinfo=SHANGHAI).timestamp() * 1000)


def wall(at_ms: int) -> str:
    """An instant as the wall shows it."""
    return f"{datetime.fromtimestamp(at_ms / 1000, SHANGHAI):%m-%d %H:%M}"


class Diary(Collector):
    """A collector with plans, and whoever does what they ask for."""

    def __init__(self, folder: Path, begin: str = "2026-09-20 09:00", dates: Mapping[str, str] | None = None) -> None:
        super().__init__(folder)
        self.now_ms = instant(begin)
        self.agents_answer = True
        self._enter(dates or {"accepted_on": "2026-07-15", "warranty_until": "2028-07-14"})

    def _enter(self, dates: Mapping[str, str]) -> None:
        deed = Deed(who="wang", at_ms=instant("2026-08-01 09:00"))
        with Office.open(self.path) as office:
            office.seed_calendar(calendar_from(built_in("calendars/cn.yaml"), source="cn.yaml"), deed=deed)
            office.put_entry("customer", "bank", {"name_zh": "银行", "name_en": "Bank"}, deed=deed)
            office.put_entry("contract", "c-1", {"customer": "bank", "name": "2026", **dates}, deed=deed)
            for site, device in zip(SITES, ("kiosk-7", "nvr-2"), strict=True):
                names = {"name_zh": f"商场{site[-1]}", "name_en": f"Mall {site[-1]}"}
                about = {"customer": "bank", "group_id": "south", "contract": "c-1", **names}
                office.put_entry("site", site, about, deed=deed)
                office.put_entry("place", f"{site}-hall", {"site": site, **names}, deed=deed)
                office.put_entry("installation", device, {"place": f"{site}-hall"}, deed=deed)

    # --- plans -------------------------------------------------------------------------------------------------------

    def deed(self, who: str = "wang") -> Deed:
        return Deed(who=who, at_ms=self.now_ms)

    def plans(self, kind: str, name: str = "", first_day: str = "2026-10-01", **fields: Any) -> Self:
        """Somebody enters a plan, for the contract where nothing else is said."""
        said = {"contract": "c-1"} if not fields.keys() & {"site", "contract"} else {}
        with Office.open(self.path) as office:
            about = {"kind": kind, "first_day": first_day, **said, **fields}
            office.put_entry("plan", name or kind, about, deed=self.deed())
        return self

    def plan(self) -> Self:
        """What the engine makes of plans, a minute later."""
        self.now_ms += 61_000
        self._steps()
        return self

    def _steps(self) -> None:
        while self.engine.plans.step(self.now_ms) or self.engine.plans._waiting or self.engine.plans._ended:
            pass

    # --- time --------------------------------------------------------------------------------------------------------

    def until(self, said: str) -> Self:
        """Let time pass until then."""
        end_ms = instant(said)
        while self.now_ms < end_ms:
            self.settle()
            morning = (self.now_ms + 8 * 3_600_000) // DAY_MS * DAY_MS + DAY_MS - 8 * 3_600_000
            self.now_ms = min([end_ms, morning, *self._wakes()])
        self.settle()
        return self

    def _wakes(self) -> list[int]:
        with self.store._read.connect() as connection:
            found = run(connection, "SELECT min(wake_at_ms) FROM task").scalar()
        return [] if found is None else [max(int(found), self.now_ms + 1)]

    def settle(self) -> None:
        """Everything that is to be done at this very moment."""
        for _ in range(20):
            self._steps()
            looked = self.engine.tasks.step(self.now_ms)
            commands = self.store.new_commands(100)
            timely.obey(self.engine, commands, self.now_ms)
            ended = self._answer()
            if not looked and not commands and not ended:
                return

    def _answer(self) -> int:
        if self.agents_answer:
            with self.store._read.connect() as connection:
                rows = run(connection, "SELECT id, agent_no FROM errand WHERE state IN ('new', 'sent')").all()
            answers = [ErrandAnswer(row[0], row[1], True, "", self.now_ms) for row in rows]
            if answers:
                self.store.commit(Batch(now_ms=self.now_ms, errand_answers=answers))
        return errands.end_rounds(self.engine, self.now_ms)

    def killed(self) -> Self:
        """A kill -9, and a new start."""
        now_ms = self.now_ms
        self.restart(0)
        self.now_ms = now_ms
        return self

    # --- people ------------------------------------------------------------------------------------------------------

    def asks(self, verb: str, by: str = "li", key: str | None = None, **args: Any) -> CommandRow:
        """What somebody asks for, once it is answered."""
        with self.view() as view:
            number = view.ask(who=by, verb=verb, args=args, now_ms=self.now_ms, key=key)
            timely.obey(self.engine, self.store.new_commands(100), self.now_ms)
            answer = view.command(number)
        assert answer is not None
        return answer

    def does(self, task: int, step: str, /, by: str = "li", text: str = "", **data: Any) -> Self:
        """A step that is taken."""
        answer = self.asks("task", by, task=task, step=step, text=text, data=data, may_overrule=by == "zhao")
        assert answer.state == "done", answer.result
        self.settle()
        return self

    def refused(
        self, task: int, step: str, /, by: str = "li", seen: int | None = None, text: str = "", **data: Any
    ) -> str:
        """Why a step is not taken."""
        answer = self.asks("task", by, task=task, step=step, text=text, data=data, seen=seen)
        assert answer.state == "failed" and answer.result is not None
        return str(answer.result["cause"])

    def inspects(self, site: str, mode: str, task: int | None = None) -> str:
        """Somebody begins a round, looks, and finishes it."""
        said = {"site": site, "from_ms": self.now_ms - DAY_MS, "to_ms": self.now_ms, "mode": mode, "task": task}
        answer = self.asks("round", "li", **said)
        assert answer.state == "done", answer.result
        self._answer()
        number = str((answer.result or {})["round"])
        with self.store._read.connect() as connection:
            round_id, state = run(connection, "SELECT id, state FROM round WHERE number = ?", number).one()
        if state == "open":
            with Office.open(self.path) as office:
                line = NewLine(verb="finish", item="", at_ms=self.now_ms)
                office.finish_round(int(round_id), line, deed=self.deed("li"))
        self.settle()
        return number

    def issues(self, kind: str, scope: str, about: str, period: str) -> Self:
        """Somebody issues a report; what it says does not matter here."""
        named = period_named(period)
        assert named is not None
        wish = Wish(
            kind=kind,
            scope=scope,
            about=about,
            period=period,
            number=f"{kind.upper()}-{period}-{about}",
            from_ms=instant(f"{named[1].first_day} 00:00"),
            to_ms=instant(f"{named[1].last_day} 00:00") + DAY_MS,
        )
        content = b"%PDF-1.7"
        file = NewBody("pdf", hashlib.sha256(content).hexdigest(), content)
        with ReportDesk.open(self.path) as desk:
            desk.ask(wish, deed=self.deed())
            row = desk.claim("maker", self.now_ms)
            assert row is not None
            made = Made(known_ms=self.now_ms, body="[]", digest="d", versions="{}", files=[file])
            assert desk.keep(row, made, state="final", wake_at_ms=None, now_ms=self.now_ms)
            desk.issue(row.id, deed=self.deed())
        self.settle()
        return self

    # --- what there is -----------------------------------------------------------------------------------------------

    def tasks(self, plan: str = "", site: str = "") -> list[TaskFound]:
        """Tasks of a plan and a site, or of all, by opening."""
        where = "(task.plan = ? OR ? = '') AND (task.site = ? OR ? = '') ORDER BY task.opens_ms, task.id"
        with self.store._read.connect() as connection:
            return with_logs(connection, task_rows(connection, where, plan, plan, site, site))

    def task(self, plan: str, site: str, period: str) -> TaskFound:
        return next(one for one in self.tasks(plan, site) if one.row.period == period)

    def told(self, verb: str = "") -> list[tuple[str, str, str, str]]:
        """The lines of one verb of all tasks: when, kind, period, mark or about."""
        return [
            (
                wall(event.at_ms),
                one.row.kind,
                one.row.period,
                str(event.data.get("mark") or event.data.get("about", "")),
            )
            for one in self.tasks()
            for event in one.log
            if event.verb == verb
        ]

    def tickets(self) -> list[TicketRow]:
        """Those that somebody has something to do for."""
        with self.view() as view:
            return view.tickets(states=LIVE, limit=100)

    def notices(self) -> list[NoticeRow]:
        """What people were told, the oldest first."""
        with Office.open(self.path) as office:
            return office.notices(limit=500)[::-1]

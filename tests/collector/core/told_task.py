"""A task told step by step: Tale("kiosk-phone", "2026-11-01").at("2026-11-10 09:00").happens("begin").

While time passes, what is due to be told is told, as the engine does: written into the log.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any, Self

from hypothesis import strategies as st

from roundsman_collector.core.contract import Dates
from roundsman_collector.core.lifecycle import Wish
from roundsman_collector.core.plan_kinds import PlanKind
from roundsman_collector.core.plans import Due, Plan, tasks_between
from roundsman_collector.core.tasks import STEPS, Task, is_persons, refusal, standing_of
from roundsman_collector.core.ticket_log import ROBOT, Event
from roundsman_collector.core.worries import Worry, due_to_tell, wake_at_ms, worries
from tests.collector.core.planned import day, kind, ms, place, plan, workdays
from tests.collector.core.told_ticket import wall

ID = 7
COVERED = plan(place(dates=Dates(accepted_on=day("2026-01-01"), maintenance_until=day("2030-12-31"))))
INSTALLED = plan(place(installed="2026-08-31"))
NAMES = ["kiosk-phone", "kiosk-visit", "security-upkeep", "tianyi-call"]
SAID: dict[str, dict[str, Any]] = {
    "assign": {"engineer": "li", "day": "2026-11-12"},
    "agree": {"name": "Chen"},
    "accept": {"name": "Chen"},
    "fulfil": {"round": "X1"},
    "report": {"report": "P1"},
    "ticket": {"number": 812},
    "warn": {"about": "work", "mark": "open", "due_ms": 5},
    "breach": {"about": "work", "due_ms": 5},
}
verbs = st.lists(st.tuples(st.sampled_from([*STEPS]), st.integers(0, 40)), max_size=12)


class Tale:
    """The log of one task, and the time at which we look at it. `first`: the first day of its period."""

    def __init__(self, name: str, first: str, of: Plan | None = None, **changes: Any) -> None:
        self.kind: PlanKind = replace(kind(name), **changes)
        at = day(first)
        self.due: Due
        (self.due,) = tasks_between(of or plan(), self.kind, at, at + timedelta(days=1), workdays())
        self.now_ms = ms(f"{at - timedelta(days=100)} 00:00")
        self.log: list[Event] = []
        self.told: list[str] = []
        self._write("plan", ROBOT, "", {})

    def at(self, said: str) -> Self:
        """Let time pass until then, "2026-11-10 09:00", and tell on the way what is to be told."""
        until_ms = ms(said)
        while (next_ms := wake_at_ms(self.worries(), self.log, self.now_ms)) is not None and next_ms <= until_ms:
            self.now_ms = next_ms
            for tell in due_to_tell(self.worries(), self.log, next_ms):
                self.told.append(f"{wall(next_ms)} {tell.about} {tell.mark}")
                self._write(tell.verb, ROBOT, "", tell.data)
        self.now_ms = until_ms
        return self

    def happens(self, verb: str, *, who: str = "", text: str = "words", **data: Any) -> Self:
        """A line of the log, now."""
        self._write(verb, who or ("li" if STEPS[verb].is_persons else ROBOT), text, data)
        return self

    def _write(self, verb: str, who: str, text: str, data: dict[str, Any]) -> None:
        self.log.append(Event(len(self.log) + 1, self.now_ms, who, verb, text, data))

    @property
    def task(self) -> Task:
        return Task(id=ID, kind=self.kind, due=self.due, standing=standing_of(self.log))

    @property
    def state(self) -> str:
        return self.task.standing.state

    def worries(self) -> tuple[Worry, ...]:
        return worries(self.task, workdays(), self.now_ms)

    def stands(self) -> dict[str, str]:
        """How what it owes stands."""
        return {worry.about: worry.state for worry in self.worries()}

    def why(self, verb: str, text: str = "words", *, boss: bool = False, **data: Any) -> str:
        """The cause for which a step is refused now; empty: it is not."""
        wish = Wish(verb=verb, now_ms=self.now_ms, who="wang", text=text, data=data, may_overrule=boss)
        refused = refusal(self.task, wish)
        return "" if refused is None else refused.cause


def walked(name: str, steps: list[tuple[str, int]]) -> Tale:
    """A task that people and the engine did what they might with, so many hours after each other."""
    of = COVERED if name.startswith("security") else None
    tale = Tale(name, "2026-10-01" if name in ("kiosk-visit", "security-upkeep") else "2026-11-01", of)
    tale.now_ms = ms("2026-11-08 08:00")
    for verb, hours in steps:
        tale.now_ms += hours * 3_600_000
        is_open = tale.state in STEPS[verb].from_
        if is_open and (not is_persons(verb) or not tale.why(verb, boss=True, **SAID.get(verb, {}))):
            tale.happens(verb, **SAID.get(verb, {}))
    return tale

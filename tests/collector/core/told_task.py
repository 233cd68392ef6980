"""A task told step by step: Tale("kiosk-phone", "2026-11-01").at("2026-11-10 09:00").happens("begin").

While time passes, what is due to be told is told, as the engine does: written into the log.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any, Self

from roundsman_collector.core.lifecycle import Wish
from roundsman_collector.core.plans import Due, Plan, PlanKind, tasks_between
from roundsman_collector.core.tasks import (
    STEPS,
    Task,
    Worry,
    due_to_tell,
    refusal,
    standing_of,
    wake_at_ms,
    worries,
)
from roundsman_collector.core.ticket_log import ROBOT, Event
from tests.collector.core.planned import day, kind, ms, plan, workdays
from tests.collector.core.told_ticket import wall

ID = 7


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

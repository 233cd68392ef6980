"""Agents, what was asked of them and pushed to them, and what was heard of strangers."""

from collections.abc import Iterable

from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import (
    agents_now,
    asked,
    pushed,
    quarantine,
    register,
)
from roundsman_collector.store.agents_now import AgentNow
from roundsman_collector.store.asked import AskedRow
from roundsman_collector.store.pushed import PushRow
from roundsman_collector.store.quarantine import CounterRow, InboxRow, QuarantineRow
from roundsman_collector.store.views.reading import Reading


class AgentReads(Reading):
    """What is known of agents."""

    def agent_now(self, agent: str, *, scope: Scope = EVERYTHING) -> AgentNow | None:
        """An agent with what it says of itself; None where there is none that this scope reaches, all of it."""
        with self._reading("an agent") as connection:
            found = agents_now.one(connection, agent)
            if found is None or not agents_now.reaches_wholly(connection, scope, found):
                return None
            return found

    def agents(self) -> list[register.AgentRow]:
        """All agents ever entered, by number."""
        with self._reading("agents") as connection:
            return register.agents(connection)

    def agent_names(self, numbers: Iterable[int | None]) -> dict[int, str]:
        """The ids of these agents, by number."""
        with self._reading("the names of agents") as connection:
            return register.names(connection, (one for one in numbers if one is not None))

    def agent_groups(self, agents: Iterable[str]) -> dict[str, str]:
        """The groups of these agents, by id."""
        with self._reading("the groups of agents") as connection:
            return register.groups(connection, agents)

    def asked(self, agent: str, *, limit: int, before_ms: int | None = None) -> list[AskedRow]:
        """What people asked of an agent, the newest first."""
        with self._reading("commands") as connection:
            return asked.rows(connection, agent, limit=limit, before_ms=before_ms)

    def asked_one(self, command: str) -> AskedRow | None:
        """One of it, by its id."""
        with self._reading("a command") as connection:
            return asked.one(connection, command)

    def pushes(self, agent: str, *, limit: int, before_id: int | None = None) -> list[PushRow]:
        """The configurations that were pushed to an agent, the newest first."""
        with self._reading("pushed configurations") as connection:
            return pushed.rows(connection, agent, limit=limit, before_id=before_id)

    def push(self, agent: str, push_id: int) -> PushRow | None:
        """One of them."""
        with self._reading("a pushed configuration") as connection:
            return pushed.one(connection, agent, push_id)

    def counters(self) -> list[CounterRow]:
        """What was counted, by name and cause."""
        with self._reading("counters") as connection:
            return quarantine.counters(connection)

    def quarantine(self, limit: int = 100) -> list[QuarantineRow]:
        """What was refused, the newest first."""
        with self._reading("quarantine") as connection:
            return quarantine.quarantined(connection, limit)

    def inbox(self, limit: int = 100) -> list[InboxRow]:
        """Agents and devices that the register does not know, the latest first."""
        with self._reading("the inbox") as connection:
            return quarantine.inbox(connection, limit)

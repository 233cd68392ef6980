"""What agents say of themselves: versions, capabilities and the hash of their configuration, from the newest birth.

    Born(...)                       a birth, as far as it is kept here
    keep(connection, births)        written with the evidence of it
    one(connection, "gw-2")         an agent of the register with what it said; None: there is none

The births themselves are evidence (evidence.py); this is the newest of each, for pages and for what may be asked.
"""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from roundsman_collector.roles import Scope
from roundsman_collector.store import schema
from roundsman_collector.store.sql import clean, json_text, many, run, upsert

TEXT_LIMIT = 200
CAPABILITIES_LIMIT = 200


class Born(NamedTuple):
    """What a birth says of its agent."""

    agent_no: int
    received_ms: int
    session: int
    boot: str
    platform: str
    versions: dict[str, str]
    capabilities: tuple[str, ...]
    config_hash: str


class AgentNow(NamedTuple):
    """An agent and what it said of itself; `born` None: nothing yet. `devices`: whom it speaks for now."""

    no: int
    id: str
    group: str
    devices: tuple[str, ...]
    born: Born | None


def keep(connection: Connection, births: Sequence[Born]) -> None:
    """Write down births."""
    many(
        connection,
        upsert(schema.agent_now),
        [
            (
                one.agent_no,
                one.received_ms,
                one.session,
                clean(one.boot, TEXT_LIMIT),
                clean(one.platform, TEXT_LIMIT),
                json_text(one.versions),
                json_text([clean(name, TEXT_LIMIT) for name in one.capabilities[:CAPABILITIES_LIMIT]]),
                clean(one.config_hash, TEXT_LIMIT),
            )
            for one in births
        ],
    )


NOW = ", ".join(f"agent_now.{name}" for name in Born._fields)


def one(connection: Connection, agent: str) -> AgentNow | None:
    """An agent of the register; one that was removed is not there."""
    found = run(
        connection,
        f"SELECT agent.no, agent.id, agent.group_id, {NOW} FROM agent "
        "LEFT JOIN agent_now ON agent_now.agent_no = agent.no WHERE agent.id = ? AND agent.removed_ms IS NULL",
        agent,
    ).first()
    if found is None:
        return None
    devices = run(
        connection, "SELECT device FROM assignment WHERE agent_no = ? AND to_ms IS NULL ORDER BY device", found[0]
    )
    born = None if found[3] is None else _born(found[3:])
    return AgentNow(found[0], found[1], found[2], tuple(devices.scalars()), born)


def _born(row: Sequence[Any]) -> Born:
    return Born(*row)._replace(versions=json.loads(row[5]), capabilities=tuple(json.loads(row[6])))


def reaches_wholly(connection: Connection, scope: Scope, agent: AgentNow) -> bool:
    """Whether a scope reaches all of an agent: its group, or every device that it speaks for.

    What an agent is told to do concerns everybody whose devices it speaks for: to see one of them is not enough.
    """
    if scope.everything or agent.group in scope.groups:
        return True
    if not agent.devices or not scope.customers:
        return False
    found = run(
        connection,
        "SELECT assignment.device, site.customer FROM assignment "
        "LEFT JOIN installation ON installation.device = assignment.device AND installation.to_ms IS NULL "
        "LEFT JOIN place ON place.id = installation.place AND place.to_ms IS NULL "
        "LEFT JOIN site ON site.id = place.site AND site.to_ms IS NULL "
        "WHERE assignment.agent_no = ? AND assignment.to_ms IS NULL",
        agent.no,
    )
    return all(customer in scope.customers for _, customer in found)

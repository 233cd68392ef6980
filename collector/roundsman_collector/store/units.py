"""The engine's memory on disk: what it knows of each agent, checkpoints to rebuild from, and who is to be woken when.

A unit row may lag behind the evidence: all rows up to `as_of_seq` are in its body, later ones are read at start. That
reading begins at `read_from_seq`, not at the lowest `as_of_seq`: an agent that says nothing stays behind, and has no
rows to be read.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from roundsman_collector.store import schema
from roundsman_collector.store.sql import chunks, many, marks, run, upsert

READ_FROM = "read_from_seq"


class UnitRow(NamedTuple):
    """What is remembered of an agent. `head_seq`: its newest evidence; `dirty_from_ms`: it is to be rebuilt from there,
    and has been so since `dirty_since_ms` (known time). `body` is JSON that only the engine understands. `machine`: the
    device that the agent runs on, if it is one of those it speaks for."""

    agent_no: int
    head_seq: int
    as_of_seq: int
    dirty_from_ms: int | None
    dirty_since_ms: int | None
    body: str
    machine: str | None = None


class Checkpoint(NamedTuple):
    """An agent's memory as it was at event time `t_ms`, with evidence up to `seq` known. `body` as in a unit row."""

    agent_no: int
    t_ms: int
    seq: int
    body: str


class Wake(NamedTuple):
    """An agent to be looked at when the time comes."""

    agent_no: int
    wake_at_ms: int


def keep(connection: Connection, rows: Sequence[UnitRow]) -> None:
    """Remember these units as they are now."""
    many(connection, upsert(schema.unit), rows)


def set_read_from(connection: Connection, seq: int) -> None:
    """Evidence before `seq` is in the rows of all units."""
    run(
        connection,
        "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        READ_FROM,
        str(seq),
    )


def some(connection: Connection, after_no: int, limit: int) -> list[UnitRow]:
    """The next units behind an agent's number."""
    found = run(
        connection,
        "SELECT agent_no, head_seq, as_of_seq, dirty_from_ms, dirty_since_ms, body, machine FROM unit "
        "WHERE agent_no > ? ORDER BY agent_no LIMIT ?",
        after_no,
        limit,
    )
    return [UnitRow(*row) for row in found]


def of(connection: Connection, numbers: Iterable[int]) -> list[UnitRow]:
    """The units of these agents."""
    return [
        UnitRow(*row)
        for part in chunks(numbers)
        for row in run(
            connection,
            "SELECT agent_no, head_seq, as_of_seq, dirty_from_ms, dirty_since_ms, body, machine FROM unit "
            f"WHERE agent_no IN ({marks(len(part))})",
            *part,
        )
    ]


def keep_checkpoints(connection: Connection, void_from: Mapping[int, int], new: Sequence[Checkpoint]) -> None:
    """Take back the checkpoints at or after a time, then add new ones; one of the same time replaces the old."""
    many(connection, "DELETE FROM checkpoint WHERE agent_no = ? AND t_ms >= ?", list(void_from.items()))
    many(connection, upsert(schema.checkpoint), new)


def checkpoint_before(connection: Connection, agent_no: int, t_ms: int) -> Checkpoint | None:
    """An agent's newest checkpoint before `t_ms` (not at it)."""
    found = run(
        connection,
        "SELECT agent_no, t_ms, seq, body FROM checkpoint WHERE agent_no = ? AND t_ms < ? ORDER BY t_ms DESC LIMIT 1",
        agent_no,
        t_ms,
    ).first()
    return None if found is None else Checkpoint(*found)


def set_wakes(connection: Connection, wakes: Mapping[int, int | None]) -> None:
    """Set when agents are to be looked at; None: nothing waits."""
    many(connection, "DELETE FROM wake WHERE agent_no = ?", [(no,) for no, at in wakes.items() if at is None])
    many(connection, upsert(schema.wake), [(no, at) for no, at in wakes.items() if at is not None])


def due_wakes(connection: Connection, now_ms: int, limit: int) -> list[Wake]:
    """Who is due, the longest overdue first."""
    found = run(
        connection,
        "SELECT agent_no, wake_at_ms FROM wake WHERE wake_at_ms <= ? ORDER BY wake_at_ms, agent_no LIMIT ?",
        now_ms,
        limit,
    )
    return [Wake(*row) for row in found]

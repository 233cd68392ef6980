"""The horizon: what stood before the evidence that is kept, an agent's memory where its pruned past ends.

    evidence    ....dropped.... | kept kept kept kept          seq >
                       horizon -+                              one row per agent that has lost evidence
    ledger      told for ever   | told, and retold by late evidence

A rebuild begins at the newest checkpoint before the late evidence, or here, never before: what was told of the time
before stays as it was told, and changes by a correction only (law 8). Unlike a checkpoint, a horizon is not taken back
by late evidence; it only moves on when more is pruned. Its `seq`: all the agent's evidence up to there is in it.
"""

from collections.abc import Sequence

from sqlalchemy import Connection

from roundsman_collector.store import schema
from roundsman_collector.store.evidence import Partition
from roundsman_collector.store.sql import look, many, run, upsert
from roundsman_collector.store.units import Checkpoint


def keep(connection: Connection, rows: Sequence[Checkpoint]) -> None:
    """Move the horizons of agents on, and drop the checkpoints that stand on older evidence."""
    many(connection, upsert(schema.horizon), rows)
    many(connection, "DELETE FROM checkpoint WHERE agent_no = ? AND seq < ?", [(row.agent_no, row.seq) for row in rows])


def of(connection: Connection, agent_no: int) -> Checkpoint | None:
    """An agent's horizon; None while all its evidence is there."""
    found = run(connection, "SELECT agent_no, t_ms, seq, body FROM horizon WHERE agent_no = ?", agent_no).first()
    return None if found is None else Checkpoint(*found)


def checkpoints_after(connection: Connection, numbers: Sequence[int], seq: int) -> dict[int, Checkpoint]:
    """The oldest checkpoint of each of these agents that needs no evidence up to `seq`, where it has one."""
    wanted = "SELECT agent_no, t_ms, seq, body FROM checkpoint WHERE agent_no = ? AND seq >= ? ORDER BY t_ms LIMIT 1"
    return {no: Checkpoint(*row) for no in numbers for row in look(connection, wanted, no, seq)}


def agents_in(connection: Connection, place: Partition, after_seq: int, limit: int) -> tuple[set[int], int | None]:
    """Whose rows are among the next `limit` of a partition, and the last of them; None: there are no more."""
    rows = run(
        connection, f"SELECT seq, agent_no FROM {place.table_name} WHERE seq > ? ORDER BY seq LIMIT ?", after_seq, limit
    ).all()
    return {row[1] for row in rows}, rows[-1][0] if rows else None

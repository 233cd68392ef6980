"""The record that a ticket stands on, however far back: found without walking down from the agent's newest row.

    find(connection, known, agent_no, Ref("kiosk-7-3f9c", 40812, t), where) -> RecordRow | None

    evidence of the agent   o--o--o--o--o--o--o--o--o--o--o--o     newest
    checkpoints                   |        |        |
                                  t is before this one: enter here, walk down to a day before t

A checkpoint is the agent's memory at an event time, with its evidence up to a seq: what comes later for an earlier time
voids it. So a record lies no higher than the first checkpoint that is not before its time; and it cannot have been
received much before it happened. Where that finds nothing (undated records have times of their own), the newest rows
are walked through, LINKS of them at most. Bodies are read where the numbers fit.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from roundsman_collector.core.model import Ref
from roundsman_collector.store import evidence
from roundsman_collector.store.evidence import Partition
from roundsman_collector.store.samples import record_in
from roundsman_collector.store.sql import look

LINKS = 10_000
SLACK_MS = evidence.DAY_MS
"""How much earlier than its own time a record may have been received, whatever its clock showed."""


class RecordRow(NamedTuple):
    """A record as the agent made it, and the evidence row it stands in; `as_of_ms` as in SampleRow."""

    seq: int
    agent_no: int
    stream: str
    received_ms: int
    record: Mapping[str, Any]
    as_of_ms: int | None = None


class _Link(NamedTuple):
    seq: int
    prev_seq: int | None
    agent_no: int
    stream: str
    first_n: int
    last_n: int
    received_ms: int


COLUMNS = ", ".join(_Link._fields)


def find(connection: Connection, known: Sequence[Partition], agent_no: int, ref: Ref) -> RecordRow | None:
    """The record that `ref` names; None where it is pruned, or not to be found."""
    head = evidence.head_of(connection, known, agent_no)
    entry = _entry(connection, known, agent_no, ref.t)
    for begin in (head,) if entry is None else (entry, head):
        for link in _links(connection, known, begin, ref.t - SLACK_MS):
            if link.agent_no == agent_no and link.stream == ref.stream and link.first_n <= ref.n <= link.last_n:
                found = _record(connection, known, link, ref.n)
                if found is not None:
                    return found
    return None


def _entry(connection: Connection, known: Sequence[Partition], agent_no: int, t_ms: int) -> int | None:
    """The row behind the first checkpoint that is not before `t_ms`: it was the agent's own when that was made."""
    rows = look(
        connection, "SELECT seq FROM checkpoint WHERE agent_no = ? AND t_ms >= ? ORDER BY t_ms LIMIT 1", agent_no, t_ms
    )
    if not rows:
        return None
    seq = int(rows[0][0]) + 1
    home = _home(known, seq)
    if home is None:
        return None
    there = look(connection, f"SELECT agent_no FROM {home.table_name} WHERE seq = ?", seq)
    return seq if there == [(agent_no,)] else None


def _links(connection: Connection, known: Sequence[Partition], begin: int, from_ms: int) -> Iterator[_Link]:
    """An agent's rows from `begin` down, without their bodies, as long as they were received from `from_ms` on."""
    seq: int | None = begin
    left = LINKS
    while seq and left > 0:
        home = _home(known, seq)
        if home is None:
            return
        links = _links_in(connection, home, seq, from_ms, left)
        yield from links
        left -= len(links)
        seq = links[-1].prev_seq if links and links[-1].received_ms >= from_ms else None


def _links_in(connection: Connection, home: Partition, seq: int, from_ms: int, limit: int) -> list[_Link]:
    older = ", ".join(f"older.{name}" for name in _Link._fields)
    rows = look(
        connection,
        f"WITH RECURSIVE link ({COLUMNS}, depth) AS ("
        f"SELECT {COLUMNS}, 1 FROM {home.table_name} WHERE seq = ? "
        f"UNION ALL SELECT {older}, link.depth + 1 FROM link CROSS JOIN {home.table_name} older "
        f"WHERE older.seq = link.prev_seq AND link.received_ms >= ? AND link.depth < ?) "
        f"SELECT {COLUMNS} FROM link",
        seq,
        from_ms,
        limit,
    )
    return sorted(map(_Link._make, rows), reverse=True)


def _record(connection: Connection, known: Sequence[Partition], link: _Link, n: int) -> RecordRow | None:
    row = next(evidence.chain(connection, known, link.seq, link.seq, "evidence", 1), None)
    if row is None:
        return None
    found = record_in(row, n)
    return None if found is None else RecordRow(row.seq, row.agent_no, row.stream, row.received_ms, *found)


def _home(known: Sequence[Partition], seq: int) -> Partition | None:
    return next((one for one in reversed(known) if one.first_seq <= seq), None)
